import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fullJitter } from '../../../src/control/backoff.ts';

describe('full jitter', () => {
  it('has a bound that doubles with every round, up to the most', () => {
    expect([1, 2, 3, 4].map((round) => fullJitter(round, 1, { baseMs: 200 }))).toEqual([200, 400, 800, 1_600]);
    expect(fullJitter(30, 1)).toBe(20_000);
    expect(fullJitter(5_000, 1)).toBe(20_000);
  });

  it('is applied after the bound, else all who have reached it would wait alike', () => {
    expect(fullJitter(30, 0.25)).toBe(5_000);
  });

  it('takes a base and a bound', () => {
    expect(fullJitter(1, 1, { baseMs: 50 })).toBe(50);
    expect(fullJitter(9, 0.5, { baseMs: 50, maxMs: 60 })).toBe(30);
  });

  it('is anything from nothing to the bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (round, random) => {
        const ms = fullJitter(round, random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.min(20_000, fullJitter(1, 1) * 2 ** (round - 1)));
      }),
    );
  });
});
