import { freeOf, named } from '../core/candidates.ts';
import type { Strategy } from '../core/types.ts';

/**
 * Takes providers in turn: of those that would send within 200 ms the one whose last turn is longest ago; when none would, the one
 * with the least wait. For providers that are as good as each other.
 */
export function roundRobin(): Strategy {
  /** The turn that each had last. By name and not by place: who stands in the list changes from call to call. */
  const turns = new Map<string, number>();
  let turn = 0;

  return named('roundRobin', (candidates) => {
    const [first, ...rest] = freeOf(candidates);
    let chosen = first;
    for (const candidate of rest) {
      if ((turns.get(candidate.name) ?? 0) < (turns.get(chosen.name) ?? 0)) chosen = candidate;
    }
    turn += 1;
    turns.set(chosen.name, turn);
    return chosen;
  });
}
