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

/** The buckets of a provider's limits: requests, and tokens as it counts them. An estimate is taken before, and put right after. */
export class RateBuckets {
  readonly #requests: TokenBucket | undefined;
  readonly #tokens: TokenBucket | undefined;
  readonly #input: TokenBucket | undefined;
  readonly #output: TokenBucket | undefined;

  constructor(limits: RateLimits, atMs: number) {
    const bucket = (perMinute: number | undefined): TokenBucket | undefined =>
      perMinute === undefined || perMinute === Number.POSITIVE_INFINITY ? undefined : new TokenBucket(perMinute, atMs);
    this.#requests = bucket(limits.requestsPerMinute);
    this.#tokens = bucket(limits.tokensPerMinute);
    this.#input = bucket(limits.inputTokensPerMinute);
    this.#output = bucket(limits.outputTokensPerMinute);
  }

  /** Milliseconds until an attempt can be sent; 0: now. */
  waitMs({ input, output }: TokenCost, atMs: number): number {
    return Math.max(
      this.#requests?.waitMs(1, atMs) ?? 0,
      this.#tokens?.waitMs(input + output, atMs) ?? 0,
      this.#input?.waitMs(input, atMs) ?? 0,
      this.#output?.waitMs(output, atMs) ?? 0,
    );
  }

  /** Takes an attempt's estimate out. */
  debit(cost: TokenCost, atMs: number): void {
    this.#take(1, cost.input, cost.output, atMs);
  }

  /** Puts it back: nothing was sent. */
  refund(cost: TokenCost, atMs: number): void {
    this.#take(-1, -cost.input, -cost.output, atMs);
  }

  /** Puts the estimate right, once the usage is known. */
  trueUp(cost: TokenCost, used: { readonly inputTokens: number; readonly outputTokens: number }, atMs: number): void {
    this.#take(0, used.inputTokens - cost.input, used.outputTokens - cost.output, atMs);
  }

  #take(requests: number, input: number, output: number, atMs: number): void {
    this.#requests?.take(requests, atMs);
    this.#tokens?.take(input + output, atMs);
    this.#input?.take(input, atMs);
    this.#output?.take(output, atMs);
  }
}
