import { LearnedRate } from './learned-rate.ts';
import { TokenBucket } from './token-bucket.ts';

/** What may be allowed a minute; `undefined` and `Infinity` are no limit. */
export interface RateLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
}

/** Tokens that an attempt is expected to take. */
export interface TokenCost {
  readonly input: number;
  readonly output: number;
}

/** What a provider says of one of its limits. */
export interface LimitReading {
  readonly limit?: number;
  readonly remaining?: number;
  /** Milliseconds until it is whole again. */
  readonly resetMs?: number;
  /** Milliseconds that it counts over, when that is known. */
  readonly periodMs?: number;
}

const currencies = ['requests', 'tokens', 'inputTokens', 'outputTokens'] as const;
type Currency = (typeof currencies)[number];

/** What a provider says of its limits. */
export type LimitReadings = { readonly [Subject in Currency]?: LimitReading };

/** What had been taken of each currency when an attempt was sent: what was taken since, its provider's answer does not know of. */
export type Mark = Readonly<Record<Currency, number>>;

/** A little less than what a provider says: its clock is not ours. */
const margin = 0.98;
/** A limit over longer than this is no rate that one could keep to: it is a stock, and counts when it is gone. */
const longestPeriodMs = 60_000;
/** What may be saved up of a rate that is only learned, in milliseconds: it is held to evenly. */
const learnedBurstMs = 2_000;
/** Until when a stock that is gone is left alone, when nobody says. */
const goneMs = 1_000;
/** However far away the time is that a provider tells: one attempt a minute finds out. */
const longestGoneMs = 60_000;
const usualPeriodMs = 60_000;
/** What is whole again only after longer than this counts over longer than a minute, and a little for a clock that is not ours. */
const longestResetMs = 75_000;
/** A rate that no answer has told for so many milliseconds is tried out. */
const staleMs = 180_000;

/** One thing that a provider counts. */
class Meter {
  /** Taken altogether by what was sent, as it was estimated. */
  taken = 0;
  readonly #given: number;
  #bucket: TokenBucket | undefined;
  /** What is left of a stock, and until when that is known. */
  #stock = Number.POSITIVE_INFINITY;
  #stockUntil = 0;
  #lookMs = goneMs;
  #periodMs: number | undefined;
  #toldAt = Number.POSITIVE_INFINITY;

  constructor(given: number | undefined, atMs: number) {
    this.#given = given ?? Number.POSITIVE_INFINITY;
    this.#hold(this.#given, atMs);
  }

  waitMs(amount: number, atMs: number): number {
    this.#lapse(atMs);
    if (amount <= 0) return 0;
    return Math.max(this.#bucket?.waitMs(amount, atMs) ?? 0, this.goneMs(atMs, amount));
  }

  drainMs(amount: number, atMs: number): number {
    return Math.max(this.#bucket?.drainMs(amount, atMs) ?? 0, this.goneMs(atMs, amount));
  }

  /** Something is sent. */
  take(amount: number, atMs: number): void {
    // Who goes although there is not enough finds out; the others wait for what it is told.
    if (this.#stock < amount) this.#stockUntil = Math.max(this.#stockUntil, atMs + this.#lookMs);
    this.taken += amount;
    this.correct(amount, atMs);
  }

  /** More was taken than estimated, or less: its provider has counted it when it was sent. */
  correct(amount: number, atMs: number): void {
    this.#stock -= amount;
    this.#bucket?.take(amount, atMs);
  }

  /** @param mark what had been taken when the attempt was sent whose answer says this. */
  told(reading: LimitReading, mark: number, atMs: number): void {
    const { limit, remaining, resetMs } = reading;
    // A limit of which nothing else is said is one a minute, unless it takes longer to be whole again.
    const likelyMs = this.#periodMs ?? (limit === undefined ? undefined : usualPeriodMs);
    const isLonger = resetMs !== undefined && resetMs > longestResetMs;
    const periodMs = reading.periodMs ?? (isLonger ? resetMs : likelyMs);
    // Not every answer tells it.
    this.#periodMs = periodMs;
    const isRate = periodMs !== undefined && periodMs <= longestPeriodMs;
    if (isRate && limit !== undefined && limit >= 1) {
      this.#toldAt = atMs;
      this.#hold((limit / periodMs) * 60_000 * margin, atMs);
    }
    if (remaining === undefined) return;
    const left = remaining - (this.taken - mark);
    if (this.#bucket !== undefined && isRate) this.#bucket.set(left, atMs);
    else {
      this.#stock = left;
      this.#lookMs = Math.min(resetMs ?? goneMs, longestGoneMs);
      this.#stockUntil = atMs + this.#lookMs;
    }
  }

  /** Milliseconds for which a stock has nothing left, as far as is known. */
  goneMs(atMs: number, amount = 1): number {
    return this.#stock < amount ? Math.max(0, this.#stockUntil - atMs) : 0;
  }

  /** What is told no more may no longer be so: of a provider that tells its limits with refusals only. */
  #lapse(atMs: number): void {
    if (atMs - this.#toldAt < staleMs) return;
    this.#toldAt = Number.POSITIVE_INFINITY;
    if (this.#given === Number.POSITIVE_INFINITY) this.#bucket = undefined;
    else this.#bucket?.flowIn(this.#given, atMs);
  }

  /** Holds it to so many a minute, and never to more than was given. */
  #hold(perMinute: number, atMs: number): void {
    const rate = Math.min(this.#given, perMinute);
    if (rate === Number.POSITIVE_INFINITY) return;
    if (this.#bucket === undefined) this.#bucket = new TokenBucket(rate, atMs);
    else if (Math.abs(this.#bucket.perMinute - rate) > 1e-6) this.#bucket.flowIn(rate, atMs);
  }
}

/**
 * The buckets of a provider's limits: requests, and tokens as it counts them. An estimate is taken before, and put right after. The
 * limits are those that were given, and those that the provider tells with its answers; when it only refuses, the rate that it
 * takes is learned from that.
 * Source: what a provider tells is draft-ietf-httpapi-ratelimit-headers and its forerunners; that senders slow down when they are
 * told, before anything is lost, is explicit congestion notification's idea (RFC 3168). The buckets and the learned rate name their own.
 */
export class RateBuckets {
  readonly #meters: Readonly<Record<Currency, Meter>>;
  readonly #learned = new LearnedRate();
  #learnedBucket: TokenBucket | undefined;

  constructor(limits: RateLimits, atMs: number) {
    this.#meters = {
      requests: new Meter(limits.requestsPerMinute, atMs),
      tokens: new Meter(limits.tokensPerMinute, atMs),
      inputTokens: new Meter(limits.inputTokensPerMinute, atMs),
      outputTokens: new Meter(limits.outputTokensPerMinute, atMs),
    };
  }

  /** Milliseconds until an attempt can be sent; 0: now. */
  waitMs(cost: TokenCost, atMs: number): number {
    return Math.max(this.toldWaitMs(cost, atMs), this.#learnedFor(atMs)?.waitMs(1, atMs) ?? 0);
  }

  /** The same, by the limits that were given or told alone. */
  toldWaitMs({ input, output }: TokenCost, atMs: number): number {
    const { requests, tokens, inputTokens, outputTokens } = this.#meters;
    return Math.max(
      requests.waitMs(1, atMs),
      tokens.waitMs(input + output, atMs),
      inputTokens.waitMs(input, atMs),
      outputTokens.waitMs(output, atMs),
    );
  }

  /** Milliseconds for which nothing at all is left of something that it counts; 0: there is. */
  goneMs(atMs: number): number {
    return Math.max(...currencies.map((currency) => this.#meters[currency].goneMs(atMs)));
  }

  /** Milliseconds until so many attempts, of so many tokens altogether, can have been sent. */
  drainMs(attempts: number, { input, output }: TokenCost, atMs: number): number {
    const { requests, tokens, inputTokens, outputTokens } = this.#meters;
    return Math.max(
      requests.drainMs(attempts, atMs),
      tokens.drainMs(input + output, atMs),
      inputTokens.drainMs(input, atMs),
      outputTokens.drainMs(output, atMs),
      this.#learnedFor(atMs)?.drainMs(attempts, atMs) ?? 0,
    );
  }

  /** Takes an attempt's estimate out. */
  debit({ input, output }: TokenCost, atMs: number, inFlight = 1): Mark {
    const { requests, tokens, inputTokens, outputTokens } = this.#meters;
    requests.take(1, atMs);
    tokens.take(input + output, atMs);
    inputTokens.take(input, atMs);
    outputTokens.take(output, atMs);
    this.#learnedFor(atMs)?.take(1, atMs);
    this.#learned.sent(atMs, inFlight);
    return {
      ...{ requests: requests.taken, tokens: tokens.taken },
      ...{ inputTokens: inputTokens.taken, outputTokens: outputTokens.taken },
    };
  }

  /** Puts it back: nothing was sent. */
  refund(cost: TokenCost, atMs: number): void {
    this.#correct(-1, -cost.input, -cost.output, atMs);
  }

  /** Puts the estimate right, once the usage is known. */
  trueUp(cost: TokenCost, used: { readonly inputTokens: number; readonly outputTokens: number }, atMs: number): void {
    this.#correct(0, used.inputTokens - cost.input, used.outputTokens - cost.output, atMs);
  }

  /** What the provider says with an answer, good or bad. */
  told(readings: LimitReadings, mark: Mark, atMs: number): void {
    for (const currency of currencies) {
      const reading = readings[currency];
      if (reading !== undefined) this.#meters[currency].told(reading, mark[currency], atMs);
    }
  }

  /**
   * The provider has refused an attempt as one too many, and said no more. Returns whether that is a matter of rate, which is kept to
   * from now on; `false`: of attempts at once; `undefined`: nobody can tell yet.
   */
  refused(inFlight: number, atMs: number): boolean | undefined {
    this.#learned.refused(inFlight, atMs);
    // Theirs is empty, whatever ours holds.
    this.#learnedFor(atMs)?.set(0, atMs);
    return this.#learned.isRate;
  }

  #learnedFor(atMs: number): TokenBucket | undefined {
    const perMinute = this.#learned.isRate === true ? this.#learned.perMinute : undefined;
    if (perMinute === undefined) this.#learnedBucket = undefined;
    else if (this.#learnedBucket === undefined) this.#learnedBucket = new TokenBucket(perMinute, atMs, learnedBurstMs);
    else this.#learnedBucket.flowIn(perMinute, atMs);
    return this.#learnedBucket;
  }

  #correct(requests: number, input: number, output: number, atMs: number): void {
    this.#meters.requests.correct(requests, atMs);
    this.#meters.tokens.correct(input + output, atMs);
    this.#meters.inputTokens.correct(input, atMs);
    this.#meters.outputTokens.correct(output, atMs);
  }
}
