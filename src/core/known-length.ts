import { now } from './time.ts';

/** Milliseconds for which a length that was too long is held against a provider: estimates are rough, and models are replaced. */
const tooLongMs = 600_000;

/** What a provider has shown of how long a request it takes, in estimated tokens. */
export class KnownLength {
  /** The smallest that was too long lately, and until when that counts. */
  #tooLong = Number.POSITIVE_INFINITY;
  #until = 0;

  /** Something of that kind has been learned. */
  get isKnown(): boolean {
    return this.#tooLong !== Number.POSITIVE_INFINITY;
  }

  /** Whether one of this length was too long lately. */
  isTooLong(tokens: number): boolean {
    return tokens >= this.#tooLong && now() < this.#until;
  }

  /** It has refused a request as too long, or taken one. */
  learn(tokens: number, tooLong: boolean): void {
    if (tooLong) {
      // A longer one says nothing new.
      if (tokens > this.#tooLong && now() < this.#until) return;
      this.#tooLong = tokens;
      this.#until = now() + tooLongMs;
      // The estimate was wrong for one of the two: nobody knows for which.
    } else if (tokens >= this.#tooLong) this.forget();
  }

  forget(): void {
    this.#tooLong = Number.POSITIVE_INFINITY;
  }
}
