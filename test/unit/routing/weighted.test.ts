import { describe, expect, it } from 'vitest';
import { weighted } from '../../../src/routing/weighted.ts';
import { candidates, choices, sharesOf } from './support.ts';

const weight = (value: number) => ({ traits: { weight: value } });

describe('weighted', () => {
  it('divides calls by weight, as evenly mixed as the weights allow', () => {
    expect(choices(weighted(), candidates(weight(5), weight(1), weight(1)), 7).join('')).toBe('1121311');
    expect(choices(weighted(), candidates(weight(3), {}), 8).join('')).toBe('11211121');
  });

  it('keeps the shares over any stretch of calls, for weights that are no whole numbers too', () => {
    const strategy = weighted();
    const among = candidates(weight(0.7), weight(0.2), weight(0.1));
    for (let stretch = 0; stretch < 5; stretch += 1) {
      const shares = sharesOf(choices(strategy, among, 200));
      expect(shares['1']).toBeCloseTo(0.7, 2);
      expect(shares['2']).toBeCloseTo(0.2, 2);
      expect(shares['3']).toBeCloseTo(0.1, 2);
    }
  });

  it('takes a weight of 0 only when there is nobody else, and then each of them', () => {
    expect(choices(weighted(), candidates(weight(0), weight(1)), 3)).toEqual(['2', '2', '2']);
    // Not even to save a wait.
    expect(choices(weighted(), candidates(weight(0), { ...weight(1), waitMs: 5_000 }), 2)).toEqual(['2', '2']);
    expect(choices(weighted(), candidates(weight(0), weight(0)), 4)).toEqual(['1', '2', '1', '2']);
  });

  it('divides what a busy one would have had among the others, and owes it nothing later', () => {
    const strategy = weighted();
    const among = candidates(weight(2), { ...weight(1), waitMs: 1_000 }, weight(1));
    expect(sharesOf(choices(strategy, among, 300))).toEqual({ '1': expect.closeTo(2 / 3), '3': expect.closeTo(1 / 3) });
    among[1]?.park(0);
    (among[1] as { estimateWaitMs?: () => number }).estimateWaitMs = () => 0;
    const later = sharesOf(choices(strategy, among, 40));
    expect(later['2']).toBeCloseTo(0.25, 1);
  });

  it('is named in events', () => {
    expect(weighted().name).toBe('weighted');
  });
});
