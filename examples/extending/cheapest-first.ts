/** The strategy that docs/extending/strategy.md builds. */

// #region cheapest
import type { Candidate, Strategy } from 'llm-transport';

/** Milliseconds that a call may wait for a cheaper provider. */
const patienceMs = 500;

/** Takes the cheapest of the providers that would send soon; when none would, the one that would send first. */
export function cheapestFirst(): Strategy {
  return function cheapestFirst(candidates) {
    const soon = candidates.filter(({ waitMs }) => waitMs <= patienceMs);
    if (soon.length === 0) return least(candidates, ({ waitMs }) => waitMs);
    return least(soon, priceOf);
  };
}

/** Without a price it is taken to be dear. */
function priceOf({ traits: { price } }: Candidate): number {
  return price === undefined ? Number.POSITIVE_INFINITY : price.input + price.output;
}

/** Of equals the first. */
function least(candidates: readonly Candidate[], of: (candidate: Candidate) => number): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, one) => (best === undefined || of(one) < of(best) ? one : best),
    undefined,
  );
}
// #endregion
