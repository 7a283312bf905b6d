/** Answers that must have come whole before it says anything. */
const enoughAnswers = 10;
/** A silence is suspicious when it is four times as long as the longest gap, and a second. */
const gapsOfSilence = 4;
const leastMs = 1_000;
/** What is left of the longest gap with each answer: half after some ninety. */
const kept = 1 - 1 / 128;

/**
 * How long a provider that is at work may be silent: four times the longest gap between its chunks lately, and a second at least. The
 * longest gap fades with answers and not with time: it belongs to the model, and an idle hour does not change that. A silence that
 * was given up counts as a gap, so a provider whose pauses have become longer is found out after one or two.
 * Source: up at once and down slowly, as Finagle's `PeakEwma`; no published source is known for how long a silence means what.
 */
export class Silence {
  #longestMs = 0;
  #answers = 0;

  /** After so many milliseconds of silence the provider is taken to be gone; `undefined` while too little is known. */
  get timeoutMs(): number | undefined {
    return this.#answers < enoughAnswers ? undefined : Math.max(leastMs, gapsOfSilence * this.#longestMs);
  }

  /** So many milliseconds nothing came, and then something, or it was given up. */
  gap(ms: number): void {
    if (ms > this.#longestMs) this.#longestMs = ms;
  }

  /** An answer has come whole. */
  ended(): void {
    this.#answers += 1;
    this.#longestMs *= kept;
  }

  /** Nothing has been seen yet. */
  forget(): void {
    this.#longestMs = 0;
    this.#answers = 0;
  }
}
