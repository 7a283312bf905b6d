import { freeOf, named } from '../core/candidates.ts';
import type { Strategy } from '../core/types.ts';

/**
 * Takes providers in the order in which they are listed: the first that would send within 200 ms, else the one with the least
 * wait. The default.
 */
export function priority(): Strategy {
  return named('priority', (candidates) => freeOf(candidates)[0]);
}
