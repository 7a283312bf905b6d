import { freeOf, named, weightOf, weightyOf } from '../core/candidates.ts';
import type { Strategy } from '../core/types.ts';

/**
 * Divides calls in proportion to `traits.weight` (1 when it is not set; 0: only when there is nobody else), among those that would
 * send within 200 ms. Deterministic, and as evenly mixed as the weights allow: 3 to 1 is A A B A, not A A A B.
 * Source: smooth weighted round robin, as in nginx's `ngx_http_upstream_round_robin.c`.
 */
export function weighted(): Strategy {
  /** What each is owed, in shares of a call. */
  const credit = new Map<string, number>();

  return named('weighted', (candidates) => {
    const able = freeOf(weightyOf(candidates));
    let chosen = able[0];
    let most = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (const candidate of able) {
      // Of those that all have none, each gets the same.
      const weight = weightOf(candidate) || 1;
      const owed = (credit.get(candidate.name) ?? 0) + weight;
      credit.set(candidate.name, owed);
      total += weight;
      if (owed <= most) continue;
      chosen = candidate;
      most = owed;
    }
    credit.set(chosen.name, most - total);
    return chosen;
  });
}
