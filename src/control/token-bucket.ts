/** So much of a full bucket is a matter of rounding. */
const tolerance = 1e-9;

/**
 * A token bucket: so many a minute, with a burst of a few seconds' worth. It may be debited below zero when an answer took more
 * than was estimated; the debt is waited for.
 * Source: Turner, "New directions in communications", IEEE Communications 1986; the usual form is RFC 2697's.
 */
export class TokenBucket {
  readonly #burstMs: number;
  #perMs = 0;
  #capacity = 1;
  #level: number;
  #at: number;

  /**
   * @param perMinute tokens that flow in per minute.
   * @param atMs the time now, in milliseconds.
   * @param burstMs milliseconds of inflow that can be saved up: 10,000 when nothing is said.
   */
  constructor(perMinute: number, atMs: number, burstMs = 10_000) {
    this.#burstMs = burstMs;
    this.#at = atMs;
    this.#setRate(perMinute);
    this.#level = this.#capacity;
  }

  /** What can be saved up. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Tokens that flow in per minute. */
  get perMinute(): number {
    return this.#perMs * 60_000;
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
    return missing <= tolerance * this.#capacity ? 0 : Math.ceil(missing / this.#perMs);
  }

  /** Milliseconds until `amount` has flowed in altogether, however much more than fits in that is. */
  drainMs(amount: number, atMs: number): number {
    return Math.max(0, (amount - this.level(atMs)) / this.#perMs);
  }

  /** Takes `amount` out; a negative one puts back. */
  take(amount: number, atMs: number): void {
    this.#flow(atMs);
    this.#hold(this.#level - amount);
  }

  /** From now on so many flow in; what is in it stays, as far as it fits, and a debt as far as it is one of a minute. */
  flowIn(perMinute: number, atMs: number): void {
    this.#flow(atMs);
    this.#setRate(perMinute);
    this.#hold(this.#level);
  }

  /** Somebody who knows says what is in it. */
  set(level: number, atMs: number): void {
    this.#flow(atMs);
    this.#hold(level);
  }

  /** No debt is more than a minute's worth: what is counted wrong once must not shut it for good. */
  #hold(level: number): void {
    this.#level = Math.max(-60_000 * this.#perMs, Math.min(this.#capacity, level));
  }

  #setRate(perMinute: number): void {
    this.#perMs = perMinute / 60_000;
    this.#capacity = Math.max(1, this.#perMs * this.#burstMs);
  }

  #flow(atMs: number): void {
    if (atMs <= this.#at) return;
    this.#level = Math.min(this.#capacity, this.#level + (atMs - this.#at) * this.#perMs);
    this.#at = atMs;
  }
}
