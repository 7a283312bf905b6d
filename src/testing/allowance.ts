/** A provider's limits, as providers keep them: token buckets that fill steadily, and a count of requests in flight. */

import type { Limits } from '../core/types.ts';

/** What limits the simulated provider really keeps: more than that gets 429. */
export interface EnforcedLimits extends Limits {
  /** Share of a minute's allowance that may be used at once. @default 1 */
  readonly burstRatio?: number;
  /** Tells of limits: by headers on answers, and on 429s when to come back. @default true */
  readonly headers?: boolean;
  /** 429s tell when to come back: when that is known, or so many milliseconds, whatever the limit. @default what `headers` is */
  readonly retryAfter?: boolean | number;
}

/** What a request costs: known to a simulated provider before it answers. */
export interface Cost {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Why a request was turned away. */
export interface Refusal {
  readonly limit: 'requests' | 'tokens' | 'concurrency';
  /** Milliseconds until the same request would be let in; `undefined` for concurrency: nobody knows. */
  readonly retryAfterMs: number | undefined;
}

/** How one limit stands, as headers tell it. */
export interface LimitReading {
  readonly key: BucketKey;
  readonly perMinute: number;
  readonly remaining: number;
  /** Milliseconds until all of it is there again. */
  readonly fullInMs: number;
}

/** Fills by `perMinute`, holds `perMinute × burstRatio`. */
class Bucket {
  readonly perMinute: number;
  readonly #capacity: number;
  #level: number;
  #at: number;

  constructor(perMinute: number, burstRatio: number, now: number) {
    this.perMinute = perMinute;
    this.#capacity = Math.max(1, perMinute * burstRatio);
    this.#level = this.#capacity;
    this.#at = now;
  }

  level(now: number): number {
    this.#level = Math.min(this.#capacity, this.#level + ((now - this.#at) * this.perMinute) / 60_000);
    this.#at = now;
    return this.#level;
  }

  /** Milliseconds until `amount` is there. What is more than the bucket holds is there when the bucket is full. */
  msUntil(amount: number, now: number): number {
    const missing = Math.min(amount, this.#capacity) - this.level(now);
    // A hair of tolerance: refilling by fractions must not leave a request short by a rounding error.
    return missing <= 1e-6 ? 0 : Math.ceil((missing * 60_000) / this.perMinute);
  }

  msUntilFull(now: number): number {
    return this.msUntil(this.#capacity, now);
  }

  take(amount: number, now: number): void {
    this.#level = this.level(now) - amount;
  }
}

export type BucketKey = 'requestsPerMinute' | 'tokensPerMinute' | 'inputTokensPerMinute' | 'outputTokensPerMinute';

const bucketKeys: readonly BucketKey[] = [
  'requestsPerMinute',
  'tokensPerMinute',
  'inputTokensPerMinute',
  'outputTokensPerMinute',
];

/** Lets requests in as long as the limits allow. */
export class Allowance {
  readonly #limits: EnforcedLimits;
  readonly #buckets = new Map<BucketKey, Bucket>();

  constructor(limits: EnforcedLimits, now: number) {
    this.#limits = limits;
    for (const key of bucketKeys) {
      const perMinute = limits[key];
      if (perMinute !== undefined && Number.isFinite(perMinute))
        this.#buckets.set(key, new Bucket(perMinute, limits.burstRatio ?? 1, now));
    }
  }

  /** Takes what the request costs, or says why not and takes nothing. `inFlight`: others that are being served. */
  admit(cost: Cost, inFlight: number, now: number): Refusal | undefined {
    if (inFlight >= (this.#limits.concurrency ?? Number.POSITIVE_INFINITY))
      return this.#told({ limit: 'concurrency', retryAfterMs: undefined });
    let refusal: Refusal | undefined;
    for (const [key, bucket] of this.#buckets) {
      const waitMs = bucket.msUntil(amountOf(key, cost), now);
      if (waitMs > (refusal?.retryAfterMs ?? 0))
        refusal = { limit: key === 'requestsPerMinute' ? 'requests' : 'tokens', retryAfterMs: waitMs };
    }
    if (refusal !== undefined) return this.#told(refusal);
    for (const [key, bucket] of this.#buckets) bucket.take(amountOf(key, cost), now);
    return undefined;
  }

  /** What is said of it. */
  #told(refusal: Refusal): Refusal {
    const { headers = true, retryAfter = headers } = this.#limits;
    if (retryAfter === true) return refusal;
    return { ...refusal, retryAfterMs: retryAfter === false ? undefined : retryAfter };
  }

  /** How the limits stand; nothing when headers are off. */
  readings(now: number): LimitReading[] {
    if (this.#limits.headers === false) return [];
    return [...this.#buckets].map(([key, bucket]) => ({
      key,
      perMinute: bucket.perMinute,
      remaining: Math.max(0, Math.floor(bucket.level(now))),
      fullInMs: bucket.msUntilFull(now),
    }));
  }
}

function amountOf(key: BucketKey, cost: Cost): number {
  if (key === 'requestsPerMinute') return 1;
  if (key === 'inputTokensPerMinute') return cost.inputTokens;
  if (key === 'outputTokensPerMinute') return cost.outputTokens;
  return cost.inputTokens + cost.outputTokens;
}

/** A duration as Go prints it, and OpenAI in its headers: `20ms`, `8.64s`, `6m0s`. */
export function goDuration(ms: number): string {
  if (ms <= 0) return '0s';
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${(Math.ceil(ms) % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
