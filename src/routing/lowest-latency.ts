import { type Candidates, freeOf, named, weightOf, weightyOf } from '../core/candidates.ts';
import { now } from '../core/time.ts';
import type { Candidate, Strategy } from '../core/types.ts';

/** What a provider without an estimate counts as once it was asked: it has not answered yet, or it never does. In milliseconds. */
const unknownMs = 60_000;
/** An estimate has faded to 1/e when a provider was not asked for so many milliseconds and so many choices, whichever is later. */
const fadeMs = 20_000;
const fadeChoices = 100;
/** So many times slower is not made up for by having less to do: that is a provider in trouble, and the others are free. */
const outlierRatio = 3;

/**
 * Takes the faster of two providers drawn by chance: the one with the lower moving average of first-content time × (attempts under
 * way + 1) ÷ `traits.weight` (1 when it is not set; 0: only when there is nobody else), among those that would send within 200 ms. Long
 * prompts may take longer in proportion, and of two of which one is three times slower the other is taken, however much it has to do.
 * Who is not known yet is asked first, once. Who is slow is asked again now and then: an estimate fades while a
 * provider is not asked, so that one that has recovered is found.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); the cost is that of Finagle's peak EWMA
 * balancer, with first-content time and without peaks, which in simulation sent the least work to a slow provider.
 */
export function lowestLatency(): Strategy {
  /** When each was chosen last. */
  const chosenLast = new Map<string, { readonly at: number; readonly choice: number }>();
  let choice = 0;

  /** What its first content takes, as far as that is still known; 0 of one that nobody has asked yet. */
  const latency = ({ name, firstContentMs, inFlight }: Candidate, at: number): number => {
    let last = chosenLast.get(name);
    if (firstContentMs === undefined && last === undefined) return inFlight === 0 ? 0 : unknownMs;
    if (last === undefined) {
      last = { at, choice };
      chosenLast.set(name, last);
    }
    const faded = Math.min((at - last.at) / fadeMs, (choice - last.choice) / fadeChoices);
    return (firstContentMs ?? unknownMs) * Math.exp(-faded);
  };

  const isBetter = (other: Candidate, one: Candidate, at: number): boolean => {
    const [otherMs, oneMs] = [latency(other, at), latency(one, at)];
    if (otherMs > outlierRatio * oneMs || oneMs > outlierRatio * otherMs) return otherMs < oneMs;
    return otherMs * loadOf(other) < oneMs * loadOf(one);
  };

  return named('lowestLatency', (candidates) => {
    const at = now();
    const [one, other] = twoOf(freeOf(weightyOf(candidates)));
    const chosen = other !== undefined && isBetter(other, one, at) ? other : one;
    choice += 1;
    chosenLast.set(chosen.name, { at, choice });
    return chosen;
  });
}

function loadOf(candidate: Candidate): number {
  return (candidate.inFlight + 1) / (weightOf(candidate) || 1);
}

/** Two by chance, in an order by chance. */
function twoOf(candidates: Candidates): readonly [Candidate, Candidate | undefined] {
  const { length } = candidates;
  const first = Math.floor(Math.random() * length);
  if (length === 1) return [candidates[0], undefined];
  const second = (first + 1 + Math.floor(Math.random() * (length - 1))) % length;
  return [candidates[first] as Candidate, candidates[second]];
}
