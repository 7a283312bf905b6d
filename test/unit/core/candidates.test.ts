import { describe, expect, it } from 'vitest';
import { freeOf, isFree, weightOf, weightyOf } from '../../../src/core/candidates.ts';
import type { Traits } from '../../../src/core/types.ts';
import { aHealth, aProvider } from './support.ts';

/** Candidates who would wait so long, named 1, 2, 3 … */
function waiting(...waits: readonly [number, ...number[]]) {
  const [first, ...rest] = waits.map((waitMs, index) => {
    const { health } = aHealth(aProvider({ name: `${index + 1}` }));
    health.estimateWaitMs = () => waitMs;
    return health;
  });
  if (first === undefined) throw new Error('no candidates');
  return [first, ...rest] as const;
}

const weighing = (traits: Traits | undefined, name = 'one') => aHealth(aProvider({ name, traits })).health;
const names = (candidates: readonly { readonly name: string }[]) => candidates.map(({ name }) => name).join();

describe('a candidate', () => {
  it('is free when it would send within 200 ms', () => {
    expect(waiting(0, 200, 201).map(isFree)).toEqual([true, true, false]);
  });

  it('weighs what it says, else 1', () => {
    expect([weighing(undefined), weighing({ weight: 3 }), weighing({ weight: 0 })].map(weightOf)).toEqual([1, 3, 0]);
  });
});

describe('of several candidates', () => {
  it('those who are free count, in their order', () => {
    expect(names(freeOf(waiting(500, 0, 900, 200)))).toBe('2,4');
  });

  it('the one with the least wait counts when nobody is free, and of equals the first', () => {
    expect(names(freeOf(waiting(500, 300, 900)))).toBe('2');
    expect(names(freeOf(waiting(300, 300, 300)))).toBe('1');
    expect(names(freeOf(waiting(900, 800, 700)))).toBe('3');
  });

  it('those with a weight count, and all when nobody has one', () => {
    const [some, none] = [weighing({ weight: 0.1 }, 'some'), weighing({ weight: 0 }, 'none')];
    expect(names(weightyOf([none, some]))).toBe('some');
    expect(names(weightyOf([none, none]))).toBe('none,none');
  });
});
