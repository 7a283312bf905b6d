/** What a simulation draws from, by a source of random numbers in [0, 1). */

/** A source of random numbers in [0, 1). */
export type Random = () => number;

/** A number from the standard normal distribution. Source: Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A number whose logarithm is normal, with standard deviation `sigma`; half of them are below `median`. */
export function logNormal(random: Random, median: number, sigma: number): number {
  return median * Math.exp(sigma * normal(random));
}

/** A number from the exponential distribution. */
export function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

/**
 * The time from one arrival to the next. `variation` is its standard deviation by its mean: 1 is a Poisson process; above that they come
 * in bursts, by a mixture of two exponential distributions that each make up half of the time; below, more regularly.
 */
export function interarrival(random: Random, mean: number, variation: number): number {
  if (variation < 1)
    return logNormal(random, mean / Math.sqrt(1 + variation ** 2), Math.sqrt(Math.log(1 + variation ** 2)));
  const square = variation ** 2;
  const often = (1 + Math.sqrt((square - 1) / (square + 1))) / 2;
  const share = random() < often ? often : 1 - often;
  return exponential(random, mean / (2 * share));
}
