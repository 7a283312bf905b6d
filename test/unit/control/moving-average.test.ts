import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MovingAverage } from '../../../src/control/moving-average.ts';

describe('a moving average', () => {
  it('has no value before the first sample, and then that', () => {
    const average = new MovingAverage(1_000);
    expect(average.value).toBeUndefined();
    average.add(70, 5);
    expect(average.value).toBe(70);
  });

  it('gives a sample the more weight the longer there was none', () => {
    const after = (ms: number): number | undefined => {
      const average = new MovingAverage(1_000);
      average.add(0, 0);
      average.add(100, ms);
      return average.value;
    };
    expect(after(1_000)).toBeCloseTo(100 * (1 - 1 / Math.E));
    expect(after(10_000)).toBeGreaterThan(99.9);
    expect(after(500)).toBeCloseTo(100 * (1 - Math.exp(-0.5)));
  });

  it('gives a sample a tenth at least, also of a burst', () => {
    const average = new MovingAverage(1_000);
    average.add(0, 0);
    average.add(100, 0);
    expect(average.value).toBeCloseTo(10);
  });

  it('does not mind a clock that goes back', () => {
    const average = new MovingAverage(1_000);
    average.add(0, 1_000);
    average.add(100, 0);
    expect(average.value).toBeCloseTo(10);
  });

  it('forgets', () => {
    const average = new MovingAverage(1_000);
    average.add(70, 0);
    average.forget();
    expect(average.value).toBeUndefined();
    average.add(5, 1);
    expect(average.value).toBe(5);
  });

  it('stays among its samples', () => {
    const samples = fc.array(fc.record({ ms: fc.nat(10_000), sample: fc.nat(1_000) }), { minLength: 1 });
    fc.assert(
      fc.property(samples, (steps) => {
        const average = new MovingAverage(1_000);
        let at = 0;
        for (const { ms, sample } of steps) {
          at += ms;
          average.add(sample, at);
        }
        const all = steps.map(({ sample }) => sample);
        expect(average.value).toBeGreaterThanOrEqual(Math.min(...all) - 1e-9);
        expect(average.value).toBeLessThanOrEqual(Math.max(...all) + 1e-9);
      }),
    );
  });
});
