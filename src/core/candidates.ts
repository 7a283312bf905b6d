import type { Candidate, Strategy } from './types.ts';

/** At least one candidate. */
export type Candidates = readonly [Candidate, ...Candidate[]];

/** The strategy with its name, which is told in events: bundlers rename a function that is called like the one around it. */
export function named<S extends Strategy>(name: string, strategy: S): S {
  return Object.defineProperty(strategy, 'name', { value: name });
}

/** A candidate counts as free when a new attempt would be sent within this many milliseconds. */
const patienceMs = 200;

/** Whether a new attempt would be sent soon: within 200 ms. */
export function isFree({ waitMs }: Candidate): boolean {
  return waitMs <= patienceMs;
}

/** Those that would send soon; when none would, the one with the least wait. */
export function freeOf(candidates: Candidates): Candidates {
  const free = candidates.filter(isFree);
  if (isSome(free)) return free;
  let best = candidates[0];
  let least = best.waitMs;
  for (const candidate of candidates) {
    const { waitMs } = candidate;
    if (waitMs >= least) continue;
    best = candidate;
    least = waitMs;
  }
  return [best];
}

/** What a provider's share of the work is told by: `traits.weight`, 1 when it is not set. */
export function weightOf({ traits }: Candidate): number {
  return traits.weight ?? 1;
}

/** Those whose weight is above 0; when there is none, all. */
export function weightyOf(candidates: Candidates): Candidates {
  const weighty = candidates.filter((candidate) => weightOf(candidate) > 0);
  return isSome(weighty) ? weighty : candidates;
}

function isSome(candidates: readonly Candidate[]): candidates is Candidates {
  return candidates.length > 0;
}
