import { TransportError } from './errors.ts';
import { KnownLength } from './known-length.ts';
import type { Network } from './network.ts';
import { type Estimates, Pace } from './pace.ts';
import { Parking } from './parking.ts';
import { Rescues } from './rescues.ts';
import { now } from './time.ts';
import type { Candidate, ErrorCode, HealthSnapshot, Limits, Provider, Traits } from './types.ts';

/** Tokens of prompt that double the time to first content. */
const doublingTokens = 40_000;

/** What a circuit breaker lets others know of it. */
export interface Gate {
  /** Milliseconds until it would let an attempt pass; 0: it would now. */
  backMs(): number;
  /** Share of failures among the outcomes of its window. */
  failureRatio(): number;
  /** Forgets everything. */
  reset(): void;
}

/** A purse that retries are paid from; the arithmetic is in `control/`. */
export interface Quota {
  readonly left: number;
  readonly cost: number;
  withdraw(): boolean;
  refund(): void;
  deposit(): void;
}

/** Left alone because its key, or the money behind it, is no good. */
export interface Quarantine {
  readonly code: ErrorCode;
  readonly status: number | undefined;
  /** Epoch milliseconds. */
  readonly until: number;
  /** How many times in a row it has failed in this way. */
  readonly times: number;
  /** An attempt is finding out whether it is over. */
  probing: boolean;
}

/** Why a provider cannot be asked now. */
export type Unavailable = 'quarantined' | 'parked' | 'circuit open' | 'network down';

/**
 * How one provider does: small, mutable, held in process. The layers below the router write it, strategies read it as a
 * `Candidate`, people are given snapshots.
 */
export class ProviderHealth implements Candidate {
  readonly name: string;
  readonly domain: string;
  readonly model: string;
  readonly traits: Traits;
  readonly limits: Limits;
  /** How fast it is. */
  readonly pace: Pace;

  /** Its answers are streamed on the wire, as far as is known. */
  streams: boolean;
  circuit: Candidate['circuit'] = 'closed';
  inFlight = 0;
  queued = 0;
  window = Number.POSITIVE_INFINITY;
  lastError: ErrorCode | undefined;
  /** When first content came last, on the clock of `now()`. */
  answeredAt = Number.NEGATIVE_INFINITY;
  /** Our own network, when somebody watches it. */
  network: Network | undefined;
  /** What retries at this provider are paid from, when they are. */
  retryQuota: Quota | undefined;
  /** The circuit breaker's, when there is one. */
  gate: Gate | undefined;
  /** Forgets what the waiting line has learned of its limits, when there is one. */
  forgetFlow: (() => void) | undefined;
  /** The waiting line's estimate, when there is one. */
  estimateWaitMs: (() => number) | undefined;

  readonly #changed: () => void;
  readonly #parking = new Parking();
  #quarantine: Quarantine | undefined;
  #quarantineEndsAt = 0;
  readonly #rescues = new Rescues();
  readonly #length = new KnownLength();

  constructor(provider: Provider, estimates: Estimates, changed: () => void = () => {}) {
    this.name = provider.name;
    this.domain = provider.domain;
    this.model = provider.model;
    this.traits = provider.traits ?? {};
    this.limits = provider.limits ?? {};
    this.streams = provider.stream !== undefined;
    this.pace = new Pace(estimates);
    this.#changed = changed;
  }

  get firstContentMs(): number | undefined {
    return this.pace.firstContentMs;
  }

  get chunkGapMs(): number | undefined {
    return this.pace.chunkGapMs;
  }

  get failureRatio(): number {
    return this.gate?.failureRatio() ?? 0;
  }

  /** Epoch milliseconds. */
  get parkedUntil(): number {
    return this.#parking.until;
  }

  /** Milliseconds for which it is left alone still, because of what it said; 0: it is not. */
  get parkedMs(): number {
    return this.#parking.leftMs;
  }

  get quarantine(): Quarantine | undefined {
    return this.#quarantine;
  }

  get quarantined(): boolean {
    return this.#quarantine !== undefined;
  }

  get waitMs(): number {
    return Math.max(this.backMs(), this.estimateWaitMs?.() ?? 0);
  }

  /** It can be asked now, and is not on trial. */
  get serves(): boolean {
    return this.circuit === 'closed' && this.unavailable() === undefined;
  }

  /** Why it cannot be asked now, or `undefined` when it can. */
  unavailable(at = Date.now()): Unavailable | undefined {
    if (this.#quarantine?.probing === true || this.#quarantineMs(at) > 0) return 'quarantined';
    if (this.parkedMs > 0) return 'parked';
    if ((this.gate?.backMs() ?? 0) > 0) return 'circuit open';
    if ((this.network?.backMs ?? 0) > 0) return 'network down';
    return undefined;
  }

  /** Milliseconds until it can be asked; 0: now. */
  backMs(at = Date.now()): number {
    const { probing = false } = this.#quarantine ?? {};
    // How a probe ends is told by a change; until then it is anybody's guess.
    const [gateMs, networkMs] = [this.gate?.backMs() ?? 0, this.network?.backMs ?? 0];
    return Math.max(this.parkedMs, this.#quarantineMs(at), probing ? 1_000 : 0, gateMs, networkMs);
  }

  /** First content has come, after so long; in the average a long prompt is allowed to take longer. */
  answeredAfter(ms: number, at: number, inputTokens = 0): void {
    this.answeredAt = at;
    this.reached(at - ms);
    this.pace.answeredAfter(ms / (1 + inputTokens / doublingTokens), at);
    this.#rescues.answered(ms);
  }

  /** It has answered an attempt that was sent then, if only with an error. */
  reached(sentAt: number): void {
    this.network?.reached(sentAt);
  }

  /** A connection to it has failed. */
  unreached(): void {
    this.network?.unreached(this.domain);
  }

  /**
   * An attempt had shown nothing for `ms` when another, made beside it, answered. After three in a row it is asked last, for a while.
   * What it would have taken nobody knows: at least so long.
   */
  rescued(ms = 0): void {
    if (ms > (this.firstContentMs ?? 0)) this.pace.answeredAfter(ms, now());
    this.#rescues.add(ms);
  }

  /** An attempt goes to it. While it counts as slow, one at a time finds out whether it still is. */
  asked(): void {
    this.#rescues.asked();
  }

  /** It has kept its last callers waiting until somebody else answered. */
  get slow(): boolean {
    return this.#rescues.isSlow;
  }

  /** Whether a request of so many tokens, by an estimate, is longer than its model takes: by what it declares, and by what it said. */
  tooLong(tokens: number): boolean {
    return tokens > (this.traits.contextWindow ?? Number.POSITIVE_INFINITY) || this.#length.isTooLong(tokens);
  }

  /** It has refused a request as too long, or taken one. */
  learnLength(tokens: number, tooLong: boolean): void {
    this.#length.learn(tokens, tooLong);
  }

  /** True when there is anything to hold the length of a request against. */
  get limitsLength(): boolean {
    return this.traits.contextWindow !== undefined || this.#length.isKnown;
  }

  /** Leaves it alone until a moment, at most for a day. A later one that is known already stays. Returns true when this is news. */
  park(until: number): boolean {
    const before = this.parkedUntil;
    const isNews = this.#parking.park(until);
    if (this.parkedUntil !== before) this.#changed();
    return isNews;
  }

  setQuarantine(quarantine: Quarantine | undefined): void {
    if (quarantine !== undefined && quarantine !== this.#quarantine)
      this.#quarantineEndsAt = now() + quarantine.until - Date.now();
    this.#quarantine = quarantine;
    this.#changed();
  }

  /** The error of a provider in quarantine: what it was quarantined for, and nothing is sent. */
  refusal(): TransportError {
    const { code = 'authentication', status } = this.#quarantine ?? {};
    const because = status === undefined ? code : `${code}, ${status}`;
    return new TransportError(code, `${this.name} is quarantined (${because}); nothing was sent`, {
      provider: this.name,
      status,
      blame: 'transport',
      retryAfterMs: this.#quarantineMs(Date.now()),
    });
  }

  /** Milliseconds of the quarantine that are left; 0: none. Its end is kept by `now()` too, because clocks are set back. */
  #quarantineMs(at: number): number {
    if (this.#quarantine === undefined) return 0;
    return Math.max(0, Math.min(this.#quarantine.until - at, this.#quarantineEndsAt - now()));
  }

  /** Forgets all that was learned. */
  reset(): void {
    this.#parking.forget();
    this.#quarantine = undefined;
    this.#rescues.forget();
    this.#length.forget();
    this.lastError = undefined;
    this.pace.forget();
    this.gate?.reset();
    this.forgetFlow?.();
    this.#changed();
  }

  snapshot(): HealthSnapshot {
    const { name, domain, model, traits, circuit, quarantined, inFlight, queued, window, waitMs } = this;
    const { firstContentMs, chunkGapMs, failureRatio, parkedUntil, lastError } = this;
    return Object.freeze({
      ...{ name, domain, model, traits, circuit, quarantined, inFlight, queued, window, waitMs },
      ...{ firstContentMs, chunkGapMs, failureRatio, parkedUntil, lastError },
    });
  }
}
