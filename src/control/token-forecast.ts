import type { TokenCost } from './rate-buckets.ts';

/** Weight of a new answer in the averages. */
const gain = 1 / 16;
/** What an answer is expected to have before there was one. */
const unknownOutputTokens = 500;
/** The prompt estimate is never corrected further than so many times, up or down. */
const most = 8;

/**
 * Foretells what an attempt will count as, from what the model's answers have counted: the prompt's tokens by the ratio of real to
 * estimated, the answer's by their average.
 * Source: an exponentially weighted moving average, as in RFC 6298, with a smaller gain.
 */
export class TokenForecast {
  #ratio = 1;
  #output: number | undefined;

  /**
   * Tokens that an attempt is expected to take, in whole ones; 500 of output before the first answer.
   * @param input the prompt's tokens, roughly.
   * @param maxOutput tokens that the answer may have at most; no limit when nothing is said.
   */
  of(input: number, maxOutput = Number.POSITIVE_INFINITY): TokenCost {
    const expected = this.#output ?? Math.min(maxOutput, unknownOutputTokens);
    return { input: Math.ceil(input * this.#ratio), output: Math.ceil(Math.min(expected, maxOutput)) };
  }

  /** An attempt whose prompt was estimated at `input` tokens has counted as this. */
  learn(input: number, used: { readonly inputTokens: number; readonly outputTokens: number }): void {
    if (input > 0 && used.inputTokens > 0) {
      const ratio = Math.min(most, Math.max(1 / most, used.inputTokens / input));
      this.#ratio += gain * (ratio - this.#ratio);
    }
    this.#output =
      this.#output === undefined ? used.outputTokens : this.#output + gain * (used.outputTokens - this.#output);
  }
}
