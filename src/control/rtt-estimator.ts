/** Weight of a new sample in the mean and in the deviation; much less than TCP's, because samples are heavier in the tail. */
const gain = 1 / 32;
/** The first samples weigh more: the n-th as 1/n. */
const firstDeviation = 0.5;
/** However even the samples are, the next may be half as long again. */
const leastDeviation = 0.2;
/** Deviations between the mean and the time-out. */
const timeoutDeviations = 4;
/** It is at least three times as long as the latest answers took; each counts a tenth less with every one after it. */
const latestRatio = Math.log(3);
const fading = 0.1;
/** A normal variable's standard deviation over its mean absolute deviation, and the number of them to its 95th percentile. */
const standardPerMean = Math.sqrt(Math.PI / 2);
const p95Deviations = 1.645;
/** Tokens of prompt that double the time to first content. */
const doublingTokens = 40_000;
/** A prompt is too long to say anything of when it is more than twice as long as the longest, and a thousand tokens. */
const unknownRatio = 2;
const unknownTokens = 1_000;
/** What is left of the longest prompt with each sample. */
const longestKept = 1 - 1 / 64;
const longestBackOff = 8;
/** Time-outs in a row after which also those who could ask somebody else wait longer, and how much. */
const deafTimeouts = 3;
const deafBackOff = 2;

/**
 * What to expect of the time to first content: its mean and deviation in the log domain, because such times are log-normal, and in
 * proportion to the prompt. It says nothing of prompts much longer than those it has seen lately, because nobody has seen how fast
 * the provider reads. Fed by first attempts only (Karn's rule).
 *
 * After a time-out the next is twice as long, up to eight times, until an answer. Not for those who could ask somebody else: they
 * would wait for nothing. But three in a row may also mean that the provider has become slower, and nobody would ever find out; then
 * theirs is twice as long too.
 * Source: Jacobson and Karels, "Congestion Avoidance and Control" (1988), RFC 6298, on logarithms; Karn and Partridge, "Improving
 * Round-Trip Time Estimates in Reliable Transport Protocols" (1987).
 */
export class RttEstimator {
  #mean = 0;
  #deviation = firstDeviation;
  #samples = 0;
  /** The most that the latest took, for its size: a logarithm. */
  #latest = Number.NEGATIVE_INFINITY;
  #longest = 0;
  /** Time-outs in a row, and when the last of them was. */
  #timeouts = 0;
  #timedOutAt = Number.NEGATIVE_INFINITY;

  /** First contents seen since the beginning, or since it was told to forget. */
  get samples(): number {
    return this.#samples;
  }

  /** The first content of a prompt of so many tokens took so many milliseconds. */
  add(ms: number, inputTokens: number): void {
    this.#timeouts = 0;
    this.#longest = Math.max(inputTokens, this.#longest * longestKept);
    const sample = Math.log(Math.max(1, ms) / sizeOf(inputTokens));
    this.#samples += 1;
    this.#latest = Math.max(sample, this.#latest - fading);
    if (this.#samples === 1) {
      this.#mean = sample;
      return;
    }
    const error = sample - this.#mean;
    this.#mean += Math.max(gain, 1 / this.#samples) * error;
    this.#deviation += Math.max(gain, 1 / (this.#samples + 4)) * (Math.abs(error) - this.#deviation);
  }

  /** An attempt was given up without content. Those that were under way at the same time tell the same once. */
  timedOut(sentAtMs: number, atMs: number): void {
    if (sentAtMs < this.#timedOutAt) return;
    this.#timedOutAt = atMs;
    this.#timeouts += 1;
  }

  /** What most take: the median, in milliseconds; `undefined` before the first sample, and for prompts that are too long. */
  medianMs(inputTokens: number): number | undefined {
    if (this.#samples === 0 || inputTokens > unknownRatio * this.#longest + unknownTokens) return undefined;
    return Math.exp(this.#mean) * sizeOf(inputTokens);
  }

  /** What nineteen of twenty take no longer than, in milliseconds. */
  p95Ms(inputTokens: number): number | undefined {
    const medianMs = this.medianMs(inputTokens);
    return medianMs === undefined ? undefined : medianMs * Math.exp(this.#far(p95Deviations * standardPerMean));
  }

  /** After how long an answer is not to be expected any more, in milliseconds. `isAlone`: nobody else could be asked. */
  timeoutMs(inputTokens: number, isAlone: boolean): number | undefined {
    const medianMs = this.medianMs(inputTokens);
    if (medianMs === undefined) return undefined;
    // Where answers have become slower all at once, the deviation follows too late.
    const far = Math.max(this.#far(timeoutDeviations), this.#latest - this.#mean + latestRatio);
    return medianMs * Math.exp(far) * this.#backOff(isAlone);
  }

  /** Nothing has been seen yet. */
  forget(): void {
    this.#samples = 0;
    this.#deviation = firstDeviation;
    this.#latest = Number.NEGATIVE_INFINITY;
    this.#longest = 0;
    this.#timeouts = 0;
    this.#timedOutAt = Number.NEGATIVE_INFINITY;
  }

  #backOff(isAlone: boolean): number {
    if (isAlone) return Math.min(longestBackOff, 2 ** this.#timeouts);
    return this.#timeouts >= deafTimeouts ? deafBackOff : 1;
  }

  /** So many deviations, as a logarithm. */
  #far(deviations: number): number {
    return deviations * Math.max(leastDeviation, this.#deviation);
  }
}

function sizeOf(inputTokens: number): number {
  return 1 + inputTokens / doublingTokens;
}
