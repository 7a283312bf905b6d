import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';

describe('the retry quota', () => {
  it('pays for a hundred retries and then for no more', () => {
    const quota = new RetryQuota();
    let paid = 0;
    while (quota.withdraw()) paid += 1;
    expect(paid).toBe(100);
    expect(quota.left).toBe(0);
  });

  it('takes nothing when it cannot pay', () => {
    const quota = new RetryQuota(7, 5);
    expect(quota.withdraw()).toBe(true);
    expect(quota.withdraw()).toBe(false);
    expect(quota.left).toBe(2);
  });

  it('is refilled by retries that succeed, and slowly by calls that needed none', () => {
    const quota = new RetryQuota(20, 5);
    quota.withdraw();
    quota.withdraw();
    quota.refund();
    expect(quota.left).toBe(15);
    quota.deposit();
    expect(quota.left).toBe(16);
  });

  it('never holds more than its capacity', () => {
    const quota = new RetryQuota(20, 5);
    quota.refund();
    quota.deposit();
    expect(quota.left).toBe(20);
  });

  it('holds between nothing and its capacity, and pays for no more than it was given, whatever happens', () => {
    const what = fc.constantFrom('withdraw' as const, 'withdraw' as const, 'refund' as const, 'deposit' as const);
    const sizes = fc.record({
      capacity: fc.oneof(fc.nat(100), fc.constant(1e12)),
      cost: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(1e12)),
    });
    fc.assert(
      fc.property(sizes, fc.array(what, { maxLength: 300, size: 'max' }), ({ capacity, cost }, steps) => {
        const quota = new RetryQuota(capacity, cost);
        let given = capacity;
        let paid = 0;
        for (const step of steps) {
          const { left } = quota;
          if (step === 'withdraw') {
            const isPaid = quota.withdraw();
            expect(isPaid).toBe(left >= cost);
            expect(quota.left).toBe(isPaid ? left - cost : left);
            if (isPaid) paid += cost;
          } else {
            quota[step]();
            given += step === 'refund' ? cost : 1;
            expect(quota.left).toBeGreaterThanOrEqual(left);
          }
          expect(quota.left).toBeGreaterThanOrEqual(0);
          expect(quota.left).toBeLessThanOrEqual(capacity);
          expect(paid).toBeLessThanOrEqual(given);
        }
      }),
    );
  });
});
