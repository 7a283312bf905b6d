import PQueue from 'p-queue';
import { MovingAverage } from '../control/moving-average.ts';
import { QueueDiscipline } from '../control/queue-discipline.ts';
import { RateBuckets, type TokenCost } from '../control/rate-buckets.ts';
import { alternatives, waitedMs, watched } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { estimateTokens } from '../core/estimate.ts';
import type { Health, ProviderHealth } from '../core/health.ts';
import { itinerary } from '../core/itinerary.ts';
import { hold } from '../core/reply.ts';
import { onAbort, reasonOf } from '../core/signals.ts';
import { longestTimerMs, now } from '../core/time.ts';
import type { CompletionRequest, Context, ErrorCode, Middleware, Outcome, RateLimitOptions } from '../core/types.ts';

/** The options that are not given. */
export const rateLimitDefaults: Required<RateLimitOptions> = { maxQueued: 10_000 };
/** Attempts at once at a provider that has not shown yet that it answers. */
const coldWindow = 2;
/** A provider that has not answered its first attempts after this is no longer waited for when there is another. */
const coldPatienceMs = 2_000;
/** Milliseconds of a provider's own estimate when it refuses without saying for how long. */
const parkMs = 1_000;
/** Milliseconds after which the estimate of how long a slot is taken has forgotten most of what it knew. */
const turnDecayMs = 30_000;

/**
 * Sends only what a provider takes: so many at once, so many requests and tokens a minute. Who has to wait waits in a bounded line,
 * by priority. A provider that says "later" is left alone until then. Above the breaker, because waiting is not its fault; the
 * slots and the line are p-queue's, whose task lasts until the call is done.
 */
export function rateLimit(options: RateLimitOptions, health: ProviderHealth, all: Health): Middleware {
  const { maxQueued = rateLimitDefaults.maxQueued } = options;

  return function rateLimit(next, mount) {
    const gate = new FlowGate(health, all, maxQueued);
    mount.onClose(() => gate.close());

    return async (request, context) => {
      const waiter = gate.waiter(request, context);
      const settle = (outcome: Outcome): void => gate.settle(waiter, outcome, context);
      const open = async () => {
        const attempt = context.with(waitedMs.of(gate.sent(waiter, context)));
        try {
          const reply = await next(request, gate.watched(attempt));
          void reply.done.then(settle);
          return reply;
        } catch (error) {
          // In the task, while the slot is still held: what the provider said is known before the next one is sent.
          if (TransportError.is(error)) settle({ ok: false, error });
          throw error;
        }
      };
      // Where nothing is limited there is no slot to hold, and nothing for p-queue to decide.
      return gate.isOpen(waiter, context) ? open() : hold((task) => gate.run(waiter, context, task), open);
    };
  };
}

/** Errors of a provider that has read the request well enough to refuse it. */
const understood: ReadonlySet<ErrorCode> = new Set([
  'invalid_request',
  'content_filtered',
  'unsupported',
  'context_length_exceeded',
]);

/** A call that waits for a slot. */
interface Waiter {
  readonly id: string;
  readonly cost: TokenCost;
  readonly enteredAt: number;
  readonly hasAlternative: boolean;
  /** Milliseconds that it may wait for the provider to come back. */
  readonly patienceMs: number;
  readonly queueClass: Context['priority'];
  /** Takes it out of the line, if it has to wait. Detached once it runs: p-queue would give away a slot that is still taken. */
  controller: AbortController | undefined;
  startedAt: number | undefined;
  debited: boolean;
  stop(): void;
}

const nothing = (): void => {};

type Run = () => Promise<unknown>;

/** One provider's slots, buckets and line. */
class FlowGate {
  readonly #health: ProviderHealth;
  readonly #line: QueueDiscipline<{ readonly run: Run; readonly waiter: Waiter }>;
  readonly #queue: PQueue;
  readonly #buckets: RateBuckets;
  readonly #limit: number;
  readonly #maxQueued: number;
  readonly #stopListening: () => void;
  #cold = true;
  #firstSentAt: number | undefined;
  #ids = 0;
  #parks = 0;
  #parkedAt = Number.NEGATIVE_INFINITY;
  /** How long an answered call keeps its slot, and when one was last taken or given back. */
  readonly #turn = new MovingAverage(turnDecayMs);
  #lastTurnAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(health: ProviderHealth, all: Health, maxQueued: number) {
    this.#health = health;
    this.#maxQueued = maxQueued;
    this.#limit = health.limits.concurrency ?? Number.POSITIVE_INFINITY;
    this.#buckets = new RateBuckets(health.limits, now());
    const line = new QueueDiscipline<{ readonly run: Run; readonly waiter: Waiter }>();
    this.#line = line;
    const enqueue = (run: Run, waiter: Waiter): void => this.#enter(run, waiter);
    // p-queue makes its line itself, without arguments.
    class Line {
      get size(): number {
        return line.size;
      }
      enqueue(run: Run, { waiter }: { waiter: Waiter }): void {
        enqueue(run, waiter);
      }
      dequeue(): Run | undefined {
        return line.leave()?.run;
      }
      remove(id: string): void {
        line.remove(id);
      }
      filter(): Run[] {
        return [];
      }
      setPriority(): void {}
    }
    this.#queue = new PQueue({ concurrency: Math.min(coldWindow, this.#limit), queueClass: Line as never });
    this.#health.window = this.#queue.concurrency;
    this.#health.estimateWaitMs = () => this.#estimateWaitMs();
    this.#stopListening = all.onChange(() => this.#changed());
  }

  waiter(request: CompletionRequest, context: Context): Waiter {
    this.#ids += 1;
    return {
      id: `${this.#ids}`,
      cost: estimateTokens(request),
      enteredAt: now(),
      hasAlternative: context.get(alternatives) > 0,
      patienceMs: Math.min(context.get(itinerary).patienceMs, context.deadline - Date.now()),
      queueClass: context.priority,
      controller: undefined,
      startedAt: undefined,
      debited: false,
      stop: nothing,
    };
  }

  /** True when a waiter can go without a slot: there are enough for everybody, and nothing else is waited for. */
  isOpen(waiter: Waiter, context: Context): boolean {
    return this.#queue.concurrency === Number.POSITIVE_INFINITY && this.#startsAtOnce(waiter, context);
  }

  /** Runs a task in a slot, when its turn has come. Rejects `queue_full`, or with what the waiter was evicted for. */
  async run(waiter: Waiter, context: Context, task: () => Promise<void>): Promise<unknown> {
    // Whose turn comes at once is never evicted, and p-queue follows a signal at the price of all the rest it does.
    if (!this.#startsAtOnce(waiter, context)) {
      waiter.controller = new AbortController();
      waiter.stop = onAbort(context.signal, () => this.#evict(waiter, reasonOf(context.signal)));
    }
    try {
      return await this.#queue.add(task, { id: waiter.id, signal: waiter.controller?.signal, waiter } as never);
    } finally {
      waiter.stop();
      this.#lastTurnAt = now();
      this.#count();
    }
  }

  /** The waiter's turn has come: takes its tokens. Returns how long it waited. */
  sent(waiter: Waiter, context: Context): number {
    waiter.stop();
    waiter.startedAt = now();
    waiter.debited = true;
    this.#firstSentAt ??= waiter.startedAt;
    this.#lastTurnAt = waiter.startedAt;
    this.#buckets.debit(waiter.cost, waiter.startedAt);
    this.#steer();
    this.#count();
    if (this.#cold) this.#beImpatient();
    const waited = waiter.startedAt - waiter.enteredAt;
    if (waited >= 1) context.publish({ type: 'queue:wait', provider: this.#health.name, waitMs: waited });
    return waited;
  }

  /** An attempt, listened to until the provider has answered for the first time. */
  watched(attempt: Context): Context {
    return this.#cold ? watched(attempt, { content: () => this.warm(attempt) }) : attempt;
  }

  /** An answer has come: the provider is taken to be there. */
  warm(context: Context): void {
    if (!this.#cold) return;
    this.#cold = false;
    clearTimeout(this.#patience);
    const from = this.#health.window;
    this.#queue.concurrency = this.#limit;
    this.#health.window = this.#limit;
    if (from === this.#limit) return;
    context.publish({ type: 'window:change', provider: this.#health.name, from, to: this.#limit });
  }

  /** How a call ended that had its turn: its tokens are put right, and a provider that said "later" is parked. */
  settle(waiter: Waiter, outcome: Outcome, context: Context): void {
    if (waiter.debited) {
      waiter.debited = false;
      const usage = outcome.ok ? outcome.completion.usage : undefined;
      if (usage !== undefined) this.#buckets.trueUp(waiter.cost, usage, now());
      if (!outcome.ok && outcome.error.blame === 'transport') this.#buckets.refund(waiter.cost, now());
    }
    if (outcome.ok) {
      this.#parks = 0;
      this.#turn.add(now() - (waiter.startedAt ?? now()), now());
    } else {
      this.#judge(outcome.error, waiter, context);
    }
    this.#steer();
  }

  close(): void {
    this.#stopListening();
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    for (const { waiter } of [...this.#line])
      this.#evict(waiter, new TransportError('closed', 'The transport was closed'));
  }

  #judge(error: TransportError, waiter: Waiter, context: Context): void {
    if (error.provider !== this.#health.name) return;
    if (error.code === 'rate_limited') {
      // A time that was told is known already; attempts that were under way together guess only once.
      if (error.retryAfterMs !== undefined || (waiter.startedAt ?? 0) <= this.#parkedAt) return;
      this.#parks += 1;
      this.#parkedAt = now();
      const guessMs = Math.min(60_000, parkMs * 2 ** (this.#parks - 1)) * (0.75 + Math.random() / 2);
      const until = Math.ceil(Date.now() + guessMs);
      if (this.#health.park(until)) {
        context.publish({ type: 'provider:park', provider: this.#health.name, code: error.code, until });
      }
    } else if (error.status !== undefined && understood.has(error.code)) {
      this.warm(context);
    }
  }

  #enter(run: Run, waiter: Waiter): void {
    if (this.#line.size >= this.#maxQueued && !this.#isFree(waiter)) {
      throw new TransportError(
        'queue_full',
        `${this.#line.size} calls wait for ${this.#health.name} already; nothing was sent`,
        {
          provider: this.#health.name,
          retryAfterMs: Math.max(1_000, Math.round(this.#estimateWaitMs())),
        },
      );
    }
    this.#line.enter(waiter.id, waiter.queueClass, { run, waiter });
    this.#health.queued = this.#line.size;
    if (this.#cold && this.#firstSentAt !== undefined) this.#beImpatient();
    // p-queue starts a task as soon as this returns, unless it is paused.
    this.#steer(true);
  }

  #startsAtOnce(waiter: Waiter, { signal }: Context): boolean {
    return !signal.aborted && !this.#queue.isPaused && this.#isFree(waiter);
  }

  /** True when nobody is before it, and nothing is waited for. */
  #isFree({ cost }: Waiter): boolean {
    const { pending, concurrency } = this.#queue;
    return this.#line.size === 0 && pending < concurrency && this.#heldMs(cost) <= 0;
  }

  /** Holds the line back while the provider is parked or the buckets are empty, and sets the time to look again. */
  #steer(entering = false): void {
    const next = this.#line.peek();
    if (next === undefined) return;
    const waitMs = this.#heldMs(next.waiter.cost);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waitMs > 0) {
      this.#queue.pause();
      this.#timer = setTimeout(() => this.#steer(), Math.min(waitMs, longestTimerMs));
    } else if (this.#queue.isPaused) {
      // Not while p-queue is adding: it has not noted the task yet.
      if (entering) this.#timer = setTimeout(() => this.#steer(), 0);
      else this.#queue.start();
    }
  }

  /** Milliseconds for which nothing may be sent: 0 or less is none. */
  #heldMs(cost: TokenCost): number {
    return Math.max(this.#health.parkedUntil - Date.now(), this.#buckets.waitMs(cost, now()));
  }

  /** A provider was parked, quarantined or released, or its circuit changed: who can go elsewhere does, or cannot wait so long. */
  #changed(): void {
    if (this.#line.size === 0) return;
    const unavailable = this.#health.unavailable();
    if (unavailable === undefined) return this.#steer();
    for (const { waiter } of [...this.#line]) {
      if (unavailable === 'quarantined') this.#evict(waiter, this.#health.refusal());
      else if (unavailable === 'parked') {
        const inTime = this.#health.parkedUntil - Date.now() < waiter.patienceMs - (now() - waiter.enteredAt);
        if (waiter.hasAlternative || !inTime) this.#evict(waiter, this.#left('rate_limited', 'was parked'));
      } else if (waiter.hasAlternative) {
        this.#evict(waiter, this.#left('circuit_open', 'is failing'));
      }
    }
    this.#steer();
  }

  #evict(waiter: Waiter, reason: TransportError): void {
    if (waiter.startedAt !== undefined) return;
    waiter.controller?.abort(reason);
    this.#count();
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
      if (!this.#cold) return;
      for (const { waiter } of [...this.#line]) {
        if (waiter.hasAlternative) this.#evict(waiter, this.#left('queue_full', 'has not answered yet'));
      }
    }, coldPatienceMs);
    this.#patience.unref();
  }

  #count(): void {
    this.#health.queued = this.#line.size;
    // Nobody is left to look for.
    if (this.#line.size === 0) clearTimeout(this.#timer);
  }

  #estimateWaitMs(): number {
    const next = this.#line.peek();
    const bucketMs = this.#buckets.waitMs(next?.waiter.cost ?? { input: 1, output: 0 }, now());
    const slots = this.#queue.concurrency;
    if (this.#queue.pending < slots) return bucketMs;
    if (this.#cold) return Math.max(bucketMs, this.#coldWaitMs());
    const turnMs = this.#turn.value ?? this.#health.firstContentMs ?? 1_000;
    const quietMs = now() - this.#lastTurnAt;
    // When no slot has come free for much longer than it should have, nobody knows how long it will be.
    const stuckMs = quietMs > (2 * turnMs) / slots ? quietMs : 0;
    return Math.max(bucketMs, stuckMs, ((this.#line.size + 1) / slots) * turnMs);
  }

  /** Nobody knows how long the first answer takes; the longer it has taken, the longer it may. */
  #coldWaitMs(): number {
    const soFarMs = now() - (this.#firstSentAt ?? now());
    return soFarMs > coldPatienceMs / 2 ? soFarMs : 0;
  }
}
