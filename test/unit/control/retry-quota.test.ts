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
});
