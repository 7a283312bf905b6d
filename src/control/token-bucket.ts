/**
 * A token bucket: so many a minute, with a burst of a few seconds' worth. It may be debited below zero when an answer took more
 * than was estimated; the debt is waited for.
 * Source: Turner, "New directions in communications", IEEE Communications 1986; the usual form is RFC 2697's.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #capacity: number;
  #level: number;
  #at: number;

  /**
   * @param perMinute tokens that flow in per minute.
   * @param atMs the time now.
   * @param burstMs milliseconds of inflow that can be saved up.
   */
  constructor(perMinute: number, atMs: number, burstMs = 10_000) {
    this.#perMs = perMinute / 60_000;
    this.#capacity = Math.max(1, this.#perMs * burstMs);
    this.#level = this.#capacity;
    this.#at = atMs;
  }

  /** What is in it, less than zero when it is in debt. */
  level(atMs: number): number {
    this.#flow(atMs);
    return this.#level;
  }

  /** Milliseconds until `amount` can be taken: 0 when it can now. More than fits in is asked only to wait for a full bucket. */
  waitMs(amount: number, atMs: number): number {
    this.#flow(atMs);
    const missing = Math.min(amount, this.#capacity) - this.#level;
    return missing <= 1e-9 ? 0 : Math.ceil(missing / this.#perMs);
  }

  /** Takes `amount` out; a negative one puts back. */
  take(amount: number, atMs: number): void {
    this.#flow(atMs);
    this.#level = Math.min(this.#capacity, this.#level - amount);
  }

  #flow(atMs: number): void {
    if (atMs <= this.#at) return;
    this.#level = Math.min(this.#capacity, this.#level + (atMs - this.#at) * this.#perMs);
    this.#at = atMs;
  }
}
