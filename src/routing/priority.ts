import type { Candidate, Strategy } from '../core/types.ts';

/** A candidate counts as free when a new attempt would be sent within this many milliseconds. */
const patienceMs = 200;

/**
 * Takes providers in the order in which they are listed: the first that would send within 200 ms, else the one with the least
 * wait. The default.
 */
export function priority(): Strategy {
  return function priority(candidates) {
    let best: Candidate = candidates[0];
    for (const candidate of candidates) {
      const { waitMs } = candidate;
      if (waitMs <= patienceMs) return candidate;
      if (waitMs < best.waitMs) best = candidate;
    }
    return best;
  };
}
