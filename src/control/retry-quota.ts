/**
 * A purse that retries are paid from, and that successes refill: while most calls succeed retries are free, when everything fails
 * they stop by themselves.
 * Source: the AWS SDKs' standard retry mode (botocore `retries/quota.py`): capacity 500, 5 a retry, refunded when it succeeds.
 */
export class RetryQuota {
  readonly capacity: number;
  readonly cost: number;
  #left: number;

  constructor(capacity = 500, cost = 5) {
    this.capacity = capacity;
    this.cost = cost;
    this.#left = capacity;
  }

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
