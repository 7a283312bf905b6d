/**
 * A purse that retries are paid from, and that successes refill: while most calls succeed retries are free, when everything fails
 * they stop by themselves.
 * Source: the AWS SDKs' standard retry mode (botocore `retries/quota.py`): capacity 500, 5 a retry, refunded when it succeeds.
 */
export class RetryQuota {
  /** The most that it holds. */
  readonly capacity: number;
  /** What a retry costs. */
  readonly cost: number;
  #left: number;

  /**
   * @param capacity what it holds to begin with, and at most: 500 when nothing is said.
   * @param cost what a retry costs: 5 when nothing is said.
   */
  constructor(capacity = 500, cost = 5) {
    this.capacity = capacity;
    this.cost = cost;
    this.#left = capacity;
  }

  /** What is in it, never less than nothing. */
  get left(): number {
    return this.#left;
  }

  /** Pays for one retry. False when there is not enough left: then nothing is taken. */
  withdraw(): boolean {
    if (this.#left < this.cost) return false;
    this.#left -= this.cost;
    return true;
  }

  /** A retry succeeded, or was paid for and not made. */
  refund(): void {
    this.#left = Math.min(this.capacity, this.#left + this.cost);
  }

  /** A call succeeded at its first attempt. */
  deposit(): void {
    this.#left = Math.min(this.capacity, this.#left + 1);
  }
}
