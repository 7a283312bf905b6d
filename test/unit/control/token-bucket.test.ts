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

  it.each([60, 60_000, 1e9, 1e12, 1e15])(
    'is waited for once, and not again and again for the last digit, where %s flow a minute',
    (perMinute) => {
      for (let ms = 1; ms <= 1_000; ms += 1) {
        // A time that no binary fraction is equal to.
        const at = 0.1 * ms;
        const bucket = new TokenBucket(perMinute, at);
        const amount = (perMinute / 60_000) * ms;
        bucket.set(0, at);
        expect(bucket.waitMs(amount, at + bucket.waitMs(amount, at))).toBe(0);
      }
      // What it lets out before it is there is next to nothing.
      const bucket = new TokenBucket(perMinute, 0);
      bucket.set(bucket.capacity * (1 - 2e-9), 0);
      expect(bucket.waitMs(bucket.capacity, 0)).toBeGreaterThan(0);
    },
  );

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

  it('is never above its brim nor deeper in debt than a minute, and what it says to wait for is there then', () => {
    const rate = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(0.01, 1e12));
    const amount = fc.oneof(fc.integer({ min: -500, max: 5_000 }), fc.constantFrom(0, 1e12, -1e12));
    const step = fc.record({
      what: fc.constantFrom('take' as const, 'take' as const, 'set' as const, 'flowIn' as const),
      pauseMs: fc.oneof(fc.nat(5_000), fc.constant(1e12)),
      amount,
      rate,
    });
    fc.assert(
      fc.property(rate, fc.array(step, { maxLength: 60, size: 'max' }), (perMinute, steps) => {
        const bucket = new TokenBucket(perMinute, 0);
        let at = 0;
        let flowing = perMinute;
        for (const { what, pauseMs, amount: some, rate: next } of steps) {
          at += pauseMs;
          if (what === 'flowIn') flowing = next;
          if (what === 'flowIn') bucket.flowIn(next, at);
          else bucket[what](some, at);
          const level = bucket.level(at);
          expect(level).toBeLessThanOrEqual(bucket.capacity);
          expect(level).toBeGreaterThanOrEqual(-flowing * (1 + 1e-9));
          expect(bucket.perMinute).toBeCloseTo(flowing);
          const waitMs = bucket.waitMs(some, at);
          expect(Number.isFinite(waitMs) && waitMs >= 0).toBe(true);
          expect(bucket.waitMs(some / 2, at)).toBeLessThanOrEqual(Math.max(waitMs, bucket.waitMs(0, at)));
          expect(bucket.drainMs(some, at)).toBeGreaterThanOrEqual(Math.min(waitMs - 1, 1e15));
        }
        const { capacity } = bucket;
        for (const wanted of [1, capacity / 2, capacity, 1e12]) {
          const waitMs = bucket.waitMs(wanted, at);
          at += waitMs;
          expect(bucket.waitMs(wanted, at)).toBe(0);
        }
      }),
    );
  });
});
