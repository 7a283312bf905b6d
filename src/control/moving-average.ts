/**
 * An exponentially weighted moving average whose weights decay with time rather than with the number of samples, so that a value
 * of a minute ago counts as little for a busy provider as for an idle one.
 * Source: "EWMA with irregular sampling", as in Finagle's `Ewma`.
 */
export class MovingAverage {
  readonly #decayMs: number;
  #value: number | undefined;
  #at = 0;

  /** @param decayMs milliseconds after which a sample's weight has fallen to 1/e. */
  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** The average, in the unit of the samples; `undefined` before the first. */
  get value(): number | undefined {
    return this.#value;
  }

  /**
   * Takes in a sample, at a time in milliseconds that never goes back. A sample weighs at least a tenth, else a burst would count as
   * one.
   */
  add(sample: number, atMs: number): void {
    if (this.#value === undefined) {
      this.#value = sample;
    } else {
      const weight = Math.max(0.1, 1 - Math.exp(-(atMs - this.#at) / this.#decayMs));
      this.#value += weight * (sample - this.#value);
    }
    this.#at = atMs;
  }

  /** Nothing has been seen yet. */
  forget(): void {
    this.#value = undefined;
  }
}
