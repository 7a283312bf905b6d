/** Weights of a new sample in the mean and in the deviation; half of TCP's and a quarter: samples are heavier in the tail. */
const meanGain = 1 / 32;
const deviationGain = 1 / 16;
/** The first samples weigh more: the n-th as 1/n. */
const firstDeviation = 0.5;
/** Deviations between the mean and the time-out. */
const timeoutDeviations = 4;
/** A normal variable's standard deviation over its mean absolute deviation, and the number of them to its 95th percentile. */
const standardPerMean = Math.sqrt(Math.PI / 2);
const p95Deviations = 1.645;
/** Tokens of prompt that double the time to first content. */
const doublingTokens = 40_000;
const longestBackOff = 8;

/**
 * What to expect of the time to first content, for prompts of any length: its mean and deviation in the log domain, because such
 * times are log-normal, and in proportion to the prompt. Fed by first attempts only (Karn's rule); after a time-out the next is
 * twice as long, until an answer.
 * Source: Jacobson and Karels, "Congestion Avoidance and Control" (1988), RFC 6298, on logarithms.
 */
export class RttEstimator {
  #mean = 0;
  #deviation = firstDeviation;
  #samples = 0;
  #backOff = 1;

  get samples(): number {
    return this.#samples;
  }

  /** The first content of a prompt of so many tokens took so long. */
  add(ms: number, inputTokens: number): void {
    this.#backOff = 1;
    const sample = Math.log(Math.max(1, ms) / sizeOf(inputTokens));
    this.#samples += 1;
    if (this.#samples === 1) {
      this.#mean = sample;
      return;
    }
    const error = sample - this.#mean;
    this.#mean += Math.max(meanGain, 1 / this.#samples) * error;
    this.#deviation += Math.max(deviationGain, 1 / (this.#samples + 4)) * (Math.abs(error) - this.#deviation);
  }

  /** An attempt was given up without content. */
  timedOut(): void {
    this.#backOff = Math.min(longestBackOff, this.#backOff * 2);
  }

  /** What most take: the median, in milliseconds; `undefined` before the first sample. */
  medianMs(inputTokens: number): number | undefined {
    return this.#samples === 0 ? undefined : Math.exp(this.#mean) * sizeOf(inputTokens);
  }

  /** What nineteen of twenty take no longer than, in milliseconds. */
  p95Ms(inputTokens: number): number | undefined {
    return this.#quantileMs(p95Deviations * standardPerMean, inputTokens);
  }

  /** After how long an answer is not to be expected any more, in milliseconds. */
  timeoutMs(inputTokens: number): number | undefined {
    const ms = this.#quantileMs(timeoutDeviations, inputTokens);
    return ms === undefined ? undefined : ms * this.#backOff;
  }

  forget(): void {
    this.#samples = 0;
    this.#deviation = firstDeviation;
    this.#backOff = 1;
  }

  #quantileMs(deviations: number, inputTokens: number): number | undefined {
    const medianMs = this.medianMs(inputTokens);
    return medianMs === undefined ? undefined : medianMs * Math.exp(deviations * this.#deviation);
  }
}

function sizeOf(inputTokens: number): number {
  return 1 + inputTokens / doublingTokens;
}
