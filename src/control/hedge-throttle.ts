/** Weight of a new request in their average size. */
const sizeGain = 1 / 32;

/**
 * Keeps what hedges cost to a share of all that is asked, in tokens: each attempt earns a twentieth of its own, a hedge pays for
 * all of its own, and what is saved is bounded. It begins empty, so the share holds from the first hedge on.
 * Source: gRPC's retry throttling (proposal A6), whose tokens are requests; the share is Finagle's `maxExtraLoad`.
 */
export class HedgeThrottle {
  readonly #ratio: number;
  readonly #saved: number;
  #level = 0;
  #size = 0;

  /**
   * @param ratio tokens of hedges to tokens of other attempts: 0.05 when nothing is said.
   * @param saved hedges of average size that can be saved up: 20 when nothing is said.
   */
  constructor(ratio = 0.05, saved = 20) {
    this.#ratio = ratio;
    this.#saved = saved;
  }

  /** An attempt of so many tokens was sent. */
  sent(tokens: number): void {
    this.#size += this.#size === 0 ? tokens : sizeGain * (tokens - this.#size);
    this.#level = Math.min(this.#level + this.#ratio * tokens, this.#saved * this.#size);
  }

  /** Pays for a hedge of so many tokens. False when there is not enough: then nothing is taken. */
  withdraw(tokens: number): boolean {
    if (tokens > this.#level) return false;
    this.#level -= tokens;
    return true;
  }

  /** One that was paid for was not made. */
  refund(tokens: number): void {
    this.#level = Math.min(this.#level + tokens, this.#saved * this.#size);
  }
}
