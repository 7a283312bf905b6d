import { TransportError } from './errors.ts';
import { onAbort, reasonOf } from './signals.ts';
import { longestTimerMs, now } from './time.ts';
import type { Candidate, ErrorCode, HealthSnapshot, Limits, Provider, Traits } from './types.ts';

/** Rescues in a row after which a provider counts as slow, and milliseconds for which it then does. */
const rescuesInARow = 3;
const slowMs = 5_000;
/** Milliseconds for which a length that was too long is held against a provider: estimates are rough, and models are replaced. */
const tooLongMs = 600_000;

/** A moving estimate; the arithmetic is in `control/`. */
export interface Estimate {
  readonly value: number | undefined;
  add(sample: number, atMs: number): void;
  forget(): void;
}

/** What a circuit breaker lets others know of it. */
export interface Gate {
  /** Milliseconds until it would let an attempt pass; 0: it would now. */
  backMs(): number;
  /** Share of failures among the outcomes of its window. */
  failureRatio(): number;
  /** Forgets everything. */
  reset(): void;
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
export type Unavailable = 'quarantined' | 'parked' | 'circuit open';

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

  circuit: Candidate['circuit'] = 'closed';
  inFlight = 0;
  queued = 0;
  window = Number.POSITIVE_INFINITY;
  lastError: ErrorCode | undefined;
  /** The circuit breaker's, when there is one. */
  gate: Gate | undefined;
  /** The waiting line's estimate, when there is one. */
  estimateWaitMs: (() => number) | undefined;

  readonly #firstContent: Estimate;
  readonly #chunkGap: Estimate;
  readonly #changed: () => void;
  #parkedUntil = 0;
  #quarantine: Quarantine | undefined;
  /** Attempts in a row that another had to rescue, and until when that counts against it, on the clock of `now()`. */
  #rescued = 0;
  #slowUntil = 0;
  /** The smallest estimate of a request, in tokens, that was too long for it lately, and until when that counts. */
  #tooLongTokens = Number.POSITIVE_INFINITY;
  #tooLongUntil = 0;

  constructor(
    provider: Provider,
    estimates: { readonly firstContent: Estimate; readonly chunkGap: Estimate },
    changed: () => void = () => {},
  ) {
    this.name = provider.name;
    this.domain = provider.domain;
    this.model = provider.model;
    this.traits = provider.traits ?? {};
    this.limits = provider.limits ?? {};
    this.#firstContent = estimates.firstContent;
    this.#chunkGap = estimates.chunkGap;
    this.#changed = changed;
  }

  get firstContentMs(): number | undefined {
    return this.#firstContent.value;
  }

  get chunkGapMs(): number | undefined {
    return this.#chunkGap.value;
  }

  get failureRatio(): number {
    return this.gate?.failureRatio() ?? 0;
  }

  get parkedUntil(): number {
    return this.#parkedUntil;
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

  /** Why it cannot be asked now, or `undefined` when it can. */
  unavailable(at = Date.now()): Unavailable | undefined {
    if (this.#quarantine !== undefined && (this.#quarantine.probing || this.#quarantine.until > at))
      return 'quarantined';
    if (this.#parkedUntil > at) return 'parked';
    if ((this.gate?.backMs() ?? 0) > 0) return 'circuit open';
    return undefined;
  }

  /** Milliseconds until it can be asked; 0: now. */
  backMs(at = Date.now()): number {
    const { probing = false, until = 0 } = this.#quarantine ?? {};
    // How a probe ends is told by a change; until then it is anybody's guess.
    return Math.max(0, this.#parkedUntil - at, until - at, probing ? 1_000 : 0, this.gate?.backMs() ?? 0);
  }

  answeredAfter(ms: number, at: number): void {
    this.#firstContent.add(ms, at);
    this.#rescued = 0;
    this.#slowUntil = 0;
  }

  /** An attempt had shown nothing yet when another, made beside it, answered. After three in a row it is asked last, for a while. */
  rescued(): void {
    this.#rescued += 1;
    if (this.#rescued >= rescuesInARow) this.#slowUntil = now() + slowMs;
  }

  /** An attempt goes to it. While it counts as slow, one at a time finds out whether it still is. */
  asked(): void {
    if (this.#rescued >= rescuesInARow) this.#slowUntil = now() + slowMs;
  }

  /** It has kept its last callers waiting until somebody else answered. */
  get slow(): boolean {
    return this.#slowUntil > now();
  }

  /** Whether a request of so many tokens, by an estimate, is longer than its model takes: by what it declares, and by what it said. */
  tooLong(tokens: number): boolean {
    return tokens > (this.traits.contextWindow ?? Number.POSITIVE_INFINITY) || this.#wasTooLong(tokens);
  }

  /** It has refused a request as too long, or taken one. */
  learnLength(tokens: number, tooLong: boolean): void {
    if (tooLong) {
      // A longer one says nothing new.
      if (tokens > this.#tooLongTokens && now() < this.#tooLongUntil) return;
      this.#tooLongTokens = tokens;
      this.#tooLongUntil = now() + tooLongMs;
      // The estimate was wrong for one of the two: nobody knows for which.
    } else if (tokens >= this.#tooLongTokens) this.#tooLongTokens = Number.POSITIVE_INFINITY;
  }

  #wasTooLong(tokens: number): boolean {
    return tokens >= this.#tooLongTokens && now() < this.#tooLongUntil;
  }

  /** True when there is anything to hold the length of a request against. */
  get limitsLength(): boolean {
    return this.traits.contextWindow !== undefined || this.#tooLongTokens !== Number.POSITIVE_INFINITY;
  }

  chunkGap(ms: number, at: number): void {
    this.#chunkGap.add(ms, at);
  }

  /** Leaves it alone until a moment. A later one that is known already stays. Returns true when this is news. */
  park(until: number): boolean {
    // Written so that no number at all is no time either.
    if (!(until > this.#parkedUntil)) return false;
    const news = this.#parkedUntil <= Date.now();
    this.#parkedUntil = until;
    this.#changed();
    return news;
  }

  setQuarantine(quarantine: Quarantine | undefined): void {
    this.#quarantine = quarantine;
    this.#changed();
  }

  /** The error of a provider in quarantine: what it was quarantined for, and nothing is sent. */
  refusal(): TransportError {
    const { code = 'authentication', status, until = Date.now() } = this.#quarantine ?? {};
    const because = status === undefined ? code : `${code}, ${status}`;
    return new TransportError(code, `${this.name} is quarantined (${because}); nothing was sent`, {
      provider: this.name,
      status,
      blame: 'transport',
      retryAfterMs: Math.max(0, until - Date.now()),
    });
  }

  /** Forgets all that was learned. */
  reset(): void {
    this.#parkedUntil = 0;
    this.#quarantine = undefined;
    this.#rescued = 0;
    this.#slowUntil = 0;
    this.#tooLongTokens = Number.POSITIVE_INFINITY;
    this.lastError = undefined;
    this.#firstContent.forget();
    this.#chunkGap.forget();
    this.gate?.reset();
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

/** How all providers of a transport do, and who waits for one of them to come back. */
export class Health {
  readonly providers: ProviderHealth[] = [];
  readonly #listeners = new Set<() => void>();

  /** Calls back when a provider is parked, quarantined or released, or when its circuit changes. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly changed = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };

  /** True when a provider other than this one can be asked now. */
  othersServe(health: ProviderHealth): boolean {
    return this.providers.some(
      (other) => other !== health && other.circuit === 'closed' && other.unavailable() === undefined,
    );
  }

  /** Waits, at most `ms`, until `ready`. Rejects with the signal's reason when it aborts. */
  wait(ms: number, signal: AbortSignal, ready: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal));
      const timer = setTimeout(finish, Math.min(ms, longestTimerMs));
      const stopListening = this.onChange(() => {
        if (ready()) finish();
      });
      const stopFollowing = onAbort(signal, finish);
      function finish(): void {
        clearTimeout(timer);
        stopListening();
        stopFollowing();
        if (signal.aborted) reject(reasonOf(signal));
        else resolve();
      }
    });
  }
}
