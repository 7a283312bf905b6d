import { freeOf, named, weightOf, weightyOf } from '../core/candidates.ts';
import type { Candidate, Strategy } from '../core/types.ts';

/**
 * Takes the provider with the fewest attempts under way and waiting, in proportion to `traits.weight` (1 when it is not set; 0: only
 * when there is nobody else), among those that would send within 200 ms. Of equals one by chance.
 */
export function leastBusy(): Strategy {
  return named('leastBusy', (candidates) => {
    const able = freeOf(weightyOf(candidates));
    let chosen = able[0];
    let least = Number.POSITIVE_INFINITY;
    let equals = 0;
    for (const candidate of able) {
      const load = loadOf(candidate);
      if (load > least) continue;
      equals = load < least ? 1 : equals + 1;
      least = load;
      // The n-th of n equals with one chance in n: all have the same.
      if (equals === 1 || Math.random() * equals < 1) chosen = candidate;
    }
    return chosen;
  });
}

function loadOf(candidate: Candidate): number {
  return (candidate.inFlight + candidate.queued) / (weightOf(candidate) || 1);
}
