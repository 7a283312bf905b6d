import { describe, expect, it } from 'vitest';
import { RttEstimator } from '../../../src/control/rtt-estimator.ts';
import { randomFrom } from '../../../src/testing/index.ts';

/** Log-normal milliseconds. */
function draws(seed: number, medianMs: number, sigma: number): () => number {
  const random = randomFrom(seed);
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return medianMs * Math.exp(sigma * normal);
  };
}

/** A step's share of answers that came after their time-out, and after the 95th percentile; those never feed the estimator. */
function follow(estimator: RttEstimator, draw: () => number, count: number) {
  let late = 0;
  let slow = 0;
  for (let sample = 0; sample < count; sample += 1) {
    const ms = draw();
    if (ms > (estimator.timeoutMs(0) ?? Number.POSITIVE_INFINITY)) {
      late += 1;
      estimator.timedOut();
      continue;
    }
    if (ms > (estimator.p95Ms(0) ?? Number.POSITIVE_INFINITY)) slow += 1;
    estimator.add(ms, 0);
  }
  return { late: late / count, slow: slow / count };
}

describe('a round-trip estimator', () => {
  it('expects nothing before the first answer', () => {
    const estimator = new RttEstimator();
    expect([estimator.medianMs(10), estimator.p95Ms(10), estimator.timeoutMs(10), estimator.samples]).toEqual([
      ...[undefined, undefined, undefined, 0],
    ]);
  });

  it.each([0.3, 0.5, 0.7, 1])(
    'gives up at most three of a thousand answers too early, whatever their spread: %s',
    (sigma) => {
      for (const seed of [1, 2, 3, 4, 5]) {
        const { late, slow } = follow(new RttEstimator(), draws(seed, 600, sigma), 40_000);
        expect(late).toBeLessThan(0.003);
        expect(slow).toBeGreaterThan(0.04);
        expect(slow).toBeLessThan(0.065);
      }
    },
  );

  it('follows answers that take four times as long within three samples', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const estimator = new RttEstimator();
      follow(estimator, draws(seed, 600, 0.5), 2_000);
      const slower = draws(seed + 100, 2_400, 0.5);
      follow(estimator, slower, 3);
      expect(follow(estimator, slower, 1_000).late).toBeLessThan(0.01);
    }
  });

  it('expects more of a long prompt, in proportion, and learns the same from either', () => {
    const [short, long] = [new RttEstimator(), new RttEstimator()];
    for (let sample = 0; sample < 50; sample += 1) {
      short.add(600, 0);
      long.add(1_800, 80_000);
    }
    expect(long.medianMs(0)).toBeCloseTo(600);
    expect(short.medianMs(80_000)).toBeCloseTo(1_800);
    expect(short.timeoutMs(80_000)).toBeCloseTo(3 * (short.timeoutMs(0) ?? 0));
  });

  it('waits twice as long after each time-out in a row, up to eight times, until an answer', () => {
    const estimator = new RttEstimator();
    for (let sample = 0; sample < 20; sample += 1) estimator.add(500, 0);
    const before = estimator.timeoutMs(0) ?? 0;
    const p95 = estimator.p95Ms(0);
    const times = Array.from({ length: 5 }, () => {
      estimator.timedOut();
      return (estimator.timeoutMs(0) ?? 0) / before;
    });
    expect(times).toEqual([2, 4, 8, 8, 8]);
    expect(estimator.p95Ms(0)).toBe(p95);
    estimator.add(500, 0);
    expect(estimator.timeoutMs(0)).toBeLessThanOrEqual(before);
  });

  it('begins anew when it is told to forget', () => {
    const estimator = new RttEstimator();
    estimator.add(10, 0);
    estimator.timedOut();
    estimator.forget();
    expect(estimator.medianMs(0)).toBeUndefined();
    estimator.add(900, 0);
    expect(estimator.medianMs(0)).toBeCloseTo(900);
    expect(estimator.timeoutMs(0)).toBeCloseTo(900 * Math.exp(2));
  });
});
