/** What is said of a series of measurements. Pure. */

/** The middle of a series and how far it spreads. */
export interface Spread {
  /** The first quartile: a quarter of the series is below it. */
  readonly low: number;
  readonly median: number;
  /** The third quartile. */
  readonly high: number;
}

/**
 * The value below which the share `at` of the series lies, between two neighbours in proportion (Hyndman and Fan's type 7, 1996).
 *
 * @param at a share, from 0 to 1.
 */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * at;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** The median and the quartiles of a series. */
export function spreadOf(values: readonly number[]): Spread {
  return { low: quantile(values, 0.25), median: quantile(values, 0.5), high: quantile(values, 0.75) };
}

/**
 * The series made of two, round by round. What slowed one row down in a round slowed its neighbours down too: a ratio is taken
 * within a round, before any median.
 */
export function paired(
  one: readonly number[],
  other: readonly number[],
  combine: (one: number, other: number) => number,
): number[] {
  if (one.length !== other.length) throw new RangeError(`${one.length} rounds cannot be paired with ${other.length}`);
  return one.map((value, round) => combine(value, other[round] as number));
}

/** How many times `other` one is, round by round. */
export function ratio(one: readonly number[], other: readonly number[]): Spread {
  return spreadOf(paired(one, other, (a, b) => a / b));
}

/**
 * Nanoseconds that each further chunk costs: the difference between a long and a short stream, so that what a call costs once is not
 * counted.
 *
 * @param longUs microseconds of the long streams, round by round.
 * @param shortUs microseconds of the short ones.
 * @param chunks how many more chunks the long one has.
 */
export function nsPerChunk(longUs: readonly number[], shortUs: readonly number[], chunks: number): Spread {
  return spreadOf(paired(longUs, shortUs, (long, short) => ((long - short) * 1_000) / chunks));
}
