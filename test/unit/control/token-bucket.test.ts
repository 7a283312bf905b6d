import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/control/token-bucket.ts';

describe('a token bucket', () => {
  it('begins full, with a burst of so many seconds', () => {
    expect(new TokenBucket(600, 0).level(0)).toBe(100);
    expect(new TokenBucket(600, 0, 1_000).level(0)).toBe(10);
  });

  it('holds one at least, however slowly it fills', () => {
    const bucket = new TokenBucket(0.5, 0);
    expect(bucket.level(0)).toBe(1);
    expect(bucket.waitMs(1, 0)).toBe(0);
    bucket.take(1, 0);
    expect(bucket.waitMs(1, 0)).toBe(120_000);
  });

  it('fills with time, to the brim and no further', () => {
    const bucket = new TokenBucket(600, 0);
    bucket.take(100, 0);
    expect(bucket.level(1_000)).toBeCloseTo(10);
    expect(bucket.level(60_000)).toBe(100);
  });

  it('says how long to wait until there is enough', () => {
    const bucket = new TokenBucket(600, 0);
    bucket.take(95, 0);
    expect(bucket.waitMs(5, 0)).toBe(0);
    expect(bucket.waitMs(10, 0)).toBe(500);
  });

  it('asks whoever wants more than fits to wait for a full one only', () => {
    const bucket = new TokenBucket(600, 0);
    expect(bucket.waitMs(1_000_000, 0)).toBe(0);
    bucket.take(1, 0);
    expect(bucket.waitMs(1_000_000, 0)).toBe(100);
  });

  it('can be in debt, which is waited for', () => {
    const bucket = new TokenBucket(600, 0);
    bucket.take(150, 0);
    expect(bucket.level(0)).toBe(-50);
    expect(bucket.waitMs(1, 0)).toBe(5_100);
  });

  it('takes back what was not used, to the brim', () => {
    const bucket = new TokenBucket(600, 0);
    bucket.take(50, 0);
    bucket.take(-30, 0);
    expect(bucket.level(0)).toBe(80);
    bucket.take(-500, 0);
    expect(bucket.level(0)).toBe(100);
  });

  it('does not mind a clock that goes back', () => {
    const bucket = new TokenBucket(600, 1_000);
    bucket.take(100, 1_000);
    expect(bucket.level(0)).toBe(0);
    expect(bucket.level(1_500)).toBeCloseTo(5);
  });

  it('never lets more pass than a burst and what has flowed in, whoever waits as he is told', () => {
    const amounts = fc.array(fc.record({ pauseMs: fc.nat(5_000), amount: fc.integer({ min: 1, max: 100 }) }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), amounts, (perMinute, steps) => {
        const bucket = new TokenBucket(perMinute, 0);
        const burst = Math.max(1, perMinute / 6);
        let at = 0;
        let taken = 0;
        for (const { pauseMs, amount } of steps) {
          at += pauseMs;
          const waitMs = bucket.waitMs(Math.min(amount, burst), at);
          if (waitMs > 0) expect(bucket.waitMs(Math.min(amount, burst), at + waitMs)).toBe(0);
          at += waitMs;
          bucket.take(Math.min(amount, burst), at);
          taken += Math.min(amount, burst);
          expect(taken).toBeLessThanOrEqual(burst + (perMinute / 60_000) * at + 1e-6);
        }
      }),
    );
  });
});
