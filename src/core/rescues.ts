import { now } from './time.ts';

/** Rescues in a row after which a provider counts as slow, and milliseconds for which it then does. */
const rescuesInARow = 3;
const slowMs = 5_000;

/** Attempts in a row at a provider that had shown nothing when another, made beside them, answered. */
export class Rescues {
  #count = 0;
  /** How long they had shown nothing, at least. */
  #afterMs = 0;
  /** On the clock of `now()`. */
  #slowUntil = 0;

  /** It has kept its last callers waiting until somebody else answered. */
  get isSlow(): boolean {
    return this.#slowUntil > now();
  }

  /** Another one, after so many milliseconds; 0: nobody knows after how many. */
  add(ms: number): void {
    const afterMs = ms > 0 ? ms : Number.POSITIVE_INFINITY;
    this.#afterMs = this.#count === 0 ? afterMs : Math.min(afterMs, this.#afterMs);
    this.#count += 1;
    this.asked();
  }

  /** An attempt goes to it. While it counts as slow, one at a time finds out whether it still is. */
  asked(): void {
    if (this.#count >= rescuesInARow) this.#slowUntil = now() + slowMs;
  }

  /** It has answered by itself. As late as those that were rescued is no sign that it is quick again. */
  answered(ms: number): void {
    if (this.#count === 0 || ms < this.#afterMs) this.forget();
  }

  forget(): void {
    this.#count = 0;
    this.#slowUntil = 0;
  }
}
