import type { Ticket } from '../../control/admission.ts';
import type { TokenCost } from '../../control/rate-buckets.ts';
import { others, watched } from '../../core/context.ts';
import { TransportError } from '../../core/errors.ts';
import { estimateTokens } from '../../core/estimate.ts';
import type { Health, ProviderHealth } from '../../core/health.ts';
import { failsOver, itinerary } from '../../core/itinerary.ts';
import { now } from '../../core/time.ts';
import type { CompletionRequest, Context, ErrorCode, Outcome } from '../../core/types.ts';
import { ProviderFlow, type ReadLimits } from './provider-flow.ts';
import { roomElsewhere } from './spill.ts';
import { type LinePolicy, type Waiter, WaitingLine } from './waiting-line.ts';

/** A provider that has not answered its first attempts after this is no longer waited for when there is another. */
const coldPatienceMs = 2_000;
/** Milliseconds between two looks for those who have waited too long, or could be elsewhere. */
const lookMs = 250;
/** A wait that is worth going elsewhere for, in milliseconds. */
const longMs = 1_000;
/** Who has less time left than this share of what first content takes would be sent for nothing. */
const hopelessRatio = 0.5;
/** Who comes within so many milliseconds after an outage has waited for its end elsewhere. */
const gatheredMs = 1_000;

/** What a rate limit needs of the transport it is in. */
export interface FlowPlace {
  readonly health: ProviderHealth;
  readonly all: Health;
  readonly readLimits?: ReadLimits;
}

/** What is known of a call that wants a slot. */
export interface Call extends Waiter {
  /** The prompt's tokens, roughly. */
  readonly input: number;
  readonly hasAlternative: boolean;
  /** The names of who could be asked instead. */
  readonly others: readonly string[];
  /** Milliseconds that it may wait for the provider to come back. */
  readonly patienceMs: number;
  /** From when it is sent until what it took has been put right. */
  ticket: Ticket | undefined;
}

const nothing = (): void => {};

/** One provider's slots and line. What it takes is its flow's to say; when to look again, and who leaves, is decided here. */
export class FlowGate implements LinePolicy<Call> {
  readonly #health: ProviderHealth;
  readonly #all: Health;
  readonly #bounds: { readonly calls: number; readonly tokens: number };
  readonly #flow: ProviderFlow;
  readonly #line: WaitingLine<Call>;
  readonly #stopListening: () => void;
  #circuit: ProviderHealth['circuit'] = 'closed';
  #wasDown = false;
  #wasQuarantined = false;
  #ids = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** When it was last back after an outage. */
  #backAt = Number.NEGATIVE_INFINITY;
  #patience: NodeJS.Timeout | undefined;
  #wasSent = false;

  constructor({ health, all, readLimits }: FlowPlace, bounds: { readonly calls: number; readonly tokens: number }) {
    this.#health = health;
    this.#all = all;
    this.#bounds = bounds;
    this.#flow = new ProviderFlow(health, readLimits, (size) => {
      if (!this.#flow.isCold) this.#bePatient();
      this.#line.slots = size;
    });
    this.#line = new WaitingLine(this.#flow.size, this);
    health.estimateWaitMs = () => this.#estimateWaitMs();
    health.forgetFlow = () => this.#flow.forget();
    this.#stopListening = all.onChange(() => this.#onChange());
  }

  call(request: CompletionRequest, context: Context): Call {
    this.#ids += 1;
    const { input } = estimateTokens(request);
    const leftMs = context.deadline - Date.now();
    return {
      id: `${this.#ids}`,
      input,
      cost: this.#flow.expect(input, request.maxOutputTokens),
      enteredAt: now(),
      leftMs,
      hasAlternative: failsOver(context),
      others: context.get(others),
      patienceMs: Math.min(context.get(itinerary).patienceMs, leftMs),
      queueClass: context.priority,
      controller: undefined,
      startedAt: undefined,
      ticket: undefined,
      stop: nothing,
    };
  }

  /** Runs a task in a slot, when its turn has come. Rejects `queue_full`, or with what it was evicted for. */
  async run(call: Call, context: Context, task: () => Promise<void>): Promise<void> {
    try {
      await this.#line.run(call, context.signal, task);
    } finally {
      this.#flow.freed();
    }
  }

  /** While our own network is down, an attempt that is sent is the one that finds out whether it is back. */
  looksForNetwork(): boolean {
    const { network, domain } = this.#health;
    return network?.sent(domain) === true;
  }

  /** The call's turn has come: takes its tokens. Returns how long it waited. */
  sent(call: Call, context: Context): number {
    call.ticket = this.#flow.sent(call.cost, this.#line.pending);
    this.#wasSent = true;
    this.#line.started(call);
    if (this.#flow.isCold) this.#beImpatient();
    const waited = now() - call.enteredAt;
    if (waited >= 1) context.publish({ type: 'queue:wait', provider: this.#health.name, waitMs: waited });
    return waited;
  }

  /** An attempt, listened to: its headers tell of limits, its first content that the provider takes what it is sent. */
  watched(call: Call, attempt: Context): Context {
    return watched(attempt, {
      answered: () => this.#flow.answered(this.#line.pending, attempt),
      received: (facts) => this.#flow.received(facts, call.ticket, attempt),
    });
  }

  /** How a call ended that had its turn: its tokens are put right, and what its end says of the provider is taken in. */
  settle(call: Call, outcome: Outcome, context: Context): void {
    const { ticket } = call;
    if (ticket === undefined) return;
    call.ticket = undefined;
    this.#flow.settled(ticket, call.input, outcome, this.#line.pending, context);
    this.#line.steer();
  }

  close(): void {
    this.#stopListening();
    this.#line.close();
    this.#bePatient();
    for (const call of this.#line.waiters)
      this.#line.evict(call, new TransportError('closed', 'The transport was closed'));
  }

  /** Somebody will have to wait, or is turned away at once. */
  admit(call: Call): void {
    const waitMs = this.#waitOf(call);
    const tokens = this.#line.tokens + call.cost.input + call.cost.output;
    const isFull = this.#line.size >= this.#bounds.calls || tokens > this.#bounds.tokens;
    const isLate = this.#isKnown && waitMs + (this.#health.firstContentMs ?? 0) > call.leftMs;
    if (isFull || isLate) throw this.#full(waitMs);
    if (this.#flow.isCold && this.#wasSent) this.#beImpatient();
  }

  /** Of a window that opens after an outage nobody knows how wide it will be. */
  get #isKnown(): boolean {
    return !this.#flow.isCold && !this.#flow.isRamping;
  }

  #full(waitMs: number): TransportError {
    const { name } = this.#health;
    return new TransportError('queue_full', `${this.#line.size} calls wait for ${name} already; nothing was sent`, {
      provider: name,
      retryAfterMs: Math.max(1_000, Math.round(waitMs)),
    });
  }

  /**
   * Now and then: turns away those whom a standing line would only make late, and those who are late already; sends elsewhere who
   * would be served sooner there.
   */
  look(): void {
    const at = now();
    if (at < this.#lookedAt + lookMs || this.#line.size === 0) return;
    this.#lookedAt = at;
    // Those whom an outage has gathered are no standing line: it will be gone.
    if (!this.#hasBacklog) {
      for (const call of this.#line.overdue) this.#line.evict(call, this.#full(this.#waitOf(call)));
    }
    this.#dismissHopeless(at);
    this.#spill();
  }

  /** Those wait still whom an outage has gathered. */
  get #hasBacklog(): boolean {
    const [first] = this.#line.waiters;
    return first !== undefined && first.enteredAt <= this.#backAt + gatheredMs;
  }

  /** Those who would be sent, and given up before they are answered, take slots from those who can still be in time. */
  #dismissHopeless(at: number): void {
    const { firstContentMs } = this.#health;
    if (firstContentMs === undefined || !this.#isKnown) return;
    for (const call of this.#line.waiters) {
      const leftMs = call.leftMs - (at - call.enteredAt);
      if (leftMs < hopelessRatio * firstContentMs) this.#line.evict(call, this.#full(this.#waitOf(call)));
    }
  }

  /** Milliseconds for which nothing may be sent: 0 or less is none. */
  heldMs(cost: TokenCost): number {
    const { parkedMs, network } = this.#health;
    return Math.max(parkedMs, this.#flow.waitMs(cost), network?.backMs ?? 0);
  }

  /** A provider was parked, quarantined or released, or its circuit changed: who can go elsewhere does, or cannot wait so long. */
  #onChange(): void {
    this.#recover();
    const unavailable = this.#health.unavailable();
    if (this.#line.size === 0) return;
    for (const call of unavailable === undefined ? [] : this.#line.waiters) {
      if (unavailable === 'quarantined') this.#line.evict(call, this.#health.refusal());
      else if (unavailable === 'parked') {
        const inTime = this.#health.parkedMs < call.patienceMs - (now() - call.enteredAt);
        if (call.hasAlternative || !inTime) this.#line.evict(call, this.#left('rate_limited', 'was parked'));
      } else if (call.hasAlternative && unavailable === 'circuit open') {
        this.#line.evict(call, this.#left('circuit_open', 'is failing'));
      }
    }
    this.#line.steer();
  }

  #recover(): void {
    const { circuit, quarantined, network } = this.#health;
    const isDown = network?.isDown === true;
    const isBack = (circuit === 'closed' && this.#circuit !== 'closed') || (this.#wasQuarantined && !quarantined);
    if (isBack || (this.#wasDown && !isDown)) this.#opensAnew();
    this.#circuit = circuit;
    this.#wasQuarantined = quarantined;
    this.#wasDown = isDown;
  }

  /** Those who have waited while nobody was sent are not sent in one tick. */
  #opensAnew(): void {
    this.#backAt = now();
    this.#flow.restart(this.#line.pending);
  }

  /** Those who have long to wait here go where there is room, as many as there is room for; the last in line first. */
  #spill(): void {
    if (this.#estimateWaitMs() < longMs) return;
    const room = roomElsewhere(this.#health, this.#all);
    if (room.size === 0) return;
    for (const call of this.#line.waiters.toReversed()) {
      const there = call.hasAlternative ? call.others.find((name) => (room.get(name) ?? 0) > 0) : undefined;
      if (there === undefined) continue;
      room.set(there, (room.get(there) ?? 0) - 1);
      this.#line.evict(call, this.#left('queue_full', 'has a long line'));
    }
  }

  #left(code: ErrorCode, why: string): TransportError {
    return new TransportError(code, `${this.#health.name} ${why}: left its line; nothing was sent`, {
      provider: this.#health.name,
      retry: 'elsewhere',
      blame: 'transport',
    });
  }

  /** A cold provider that does not answer would keep everybody waiting: who can go elsewhere does, again and again. */
  #beImpatient(): void {
    if (this.#patience !== undefined) return;
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      if (!this.#flow.isCold) return;
      for (const call of this.#line.waiters) {
        if (call.hasAlternative) this.#line.evict(call, this.#left('queue_full', 'has not answered yet'));
      }
      if (this.#line.size === 0) return;
      this.#flow.insist();
      if (this.#line.size > 0) this.#beImpatient();
    }, coldPatienceMs);
    this.#patience.unref();
  }

  #bePatient(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  /** So many wait now. */
  changed(size: number): void {
    this.#health.queued = size;
  }

  /** Milliseconds until one more attempt would be sent, when everybody who waits is before it. */
  #estimateWaitMs(): number {
    return this.#waitBehindMs(this.#line.size, this.#line.nextCost ?? { input: 1, output: 0 });
  }

  /** Milliseconds until this call would be sent, with those of its class and above before it. */
  #waitOf({ queueClass, cost }: Waiter): number {
    return this.#waitBehindMs(this.#line.ahead(queueClass), cost);
  }

  #waitBehindMs(attempts: number, cost: TokenCost): number {
    const tokens = this.#line.size === 0 ? 0 : (this.#line.tokens * attempts) / this.#line.size;
    const ahead = { attempts, tokens, pending: this.#line.pending, turnMs: this.#health.firstContentMs };
    return this.#flow.waitBehindMs(ahead, cost);
  }
}
