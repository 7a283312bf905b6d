import { type Candidates, freeOf, named, weightOf, weightyOf } from '../core/candidates.ts';
import { now } from '../core/time.ts';
import type { Candidate, Strategy } from '../core/types.ts';

/** What a provider without an estimate counts as once it was asked: it has not answered yet, or it never does. In milliseconds. */
const unknownMs = 60_000;
/** An estimate has faded to 1/e when a provider was not asked for so many milliseconds and so many choices, whichever is later. */
const fadeMs = 10_000;
const fadeChoices = 50;

/**
 * Takes the faster of two providers drawn by chance: the one with the lower moving average of first-content time × (attempts under
 * way + 1) ÷ `traits.weight` (1 when it is not set; 0: only when there is nobody else), among those that would send within 200 ms.
 * Who is not known yet is asked first, once. Who is slow is asked again now and then: an estimate fades while a
 * provider is not asked, so that one that has recovered is found.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); the cost is that of Finagle's peak EWMA
 * balancer, with first-content time and without peaks, which in simulation sent the least work to a slow provider.
 */
export function lowestLatency(): Strategy {
  /** When each was chosen last. */
  const chosenLast = new Map<string, { readonly at: number; readonly choice: number }>();
  let choice = 0;

  const cost = (candidate: Candidate, at: number): number => {
    const { name, firstContentMs, inFlight } = candidate;
    const load = (inFlight + 1) / (weightOf(candidate) || 1);
    let last = chosenLast.get(name);
    if (firstContentMs === undefined && last === undefined) return inFlight === 0 ? 0 : unknownMs * load;
    if (last === undefined) {
      last = { at, choice };
      chosenLast.set(name, last);
    }
    const faded = Math.min((at - last.at) / fadeMs, (choice - last.choice) / fadeChoices);
    return (firstContentMs ?? unknownMs) * Math.exp(-faded) * load;
  };

  return named('lowestLatency', (candidates) => {
    const at = now();
    const [one, other] = twoOf(freeOf(weightyOf(candidates)));
    const chosen = other !== undefined && cost(other, at) < cost(one, at) ? other : one;
    choice += 1;
    chosenLast.set(chosen.name, { at, choice });
    return chosen;
  });
}

/** Two by chance, in an order by chance. */
function twoOf(candidates: Candidates): readonly [Candidate, Candidate | undefined] {
  const { length } = candidates;
  const first = Math.floor(Math.random() * length);
  if (length === 1) return [candidates[0], undefined];
  const second = (first + 1 + Math.floor(Math.random() * (length - 1))) % length;
  return [candidates[first] as Candidate, candidates[second]];
}
