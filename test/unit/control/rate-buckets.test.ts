import { describe, expect, it } from 'vitest';
import { RateBuckets } from '../../../src/control/rate-buckets.ts';

const cost = { input: 10, output: 5 };

describe('the buckets of a provider', () => {
  it('hold nobody back without limits', () => {
    const buckets = new RateBuckets({ requestsPerMinute: Number.POSITIVE_INFINITY }, 0);
    for (let n = 0; n < 1_000; n += 1) buckets.debit(cost, 0);
    expect(buckets.waitMs(cost, 0)).toBe(0);
  });

  it.each([
    ['requests', { requestsPerMinute: 6 }, 10_000],
    ['tokens, input and output together', { tokensPerMinute: 90 }, 10_000],
    ['input tokens', { inputTokensPerMinute: 60 }, 10_000],
    ['output tokens', { outputTokensPerMinute: 30 }, 10_000],
  ])('are of %s', (_, limits, waitMs) => {
    const buckets = new RateBuckets(limits, 0);
    expect(buckets.waitMs(cost, 0)).toBe(0);
    buckets.debit(cost, 0);
    expect(buckets.waitMs(cost, 0)).toBe(waitMs);
    expect(buckets.waitMs(cost, waitMs)).toBe(0);
  });

  it('make an attempt wait for the emptiest', () => {
    const buckets = new RateBuckets({ requestsPerMinute: 6, outputTokensPerMinute: 15 }, 0);
    buckets.debit(cost, 0);
    expect(buckets.waitMs(cost, 0)).toBe(20_000);
    const tight = new RateBuckets({ requestsPerMinute: 6, outputTokensPerMinute: 15 }, 0);
    tight.debit({ input: 0, output: 5 }, 0);
    expect(tight.waitMs({ input: 0, output: 2 }, 0)).toBe(18_000);
  });

  it('are given back what was taken when nothing was sent', () => {
    const buckets = new RateBuckets({ requestsPerMinute: 6, tokensPerMinute: 90 }, 0);
    buckets.debit(cost, 0);
    buckets.refund(cost, 0);
    expect(buckets.waitMs(cost, 0)).toBe(0);
  });

  it('are put right when the usage is known, but the request stays taken', () => {
    const buckets = new RateBuckets({ tokensPerMinute: 90 }, 0);
    buckets.debit(cost, 0);
    buckets.trueUp(cost, { inputTokens: 10, outputTokens: 0 }, 0);
    expect(buckets.waitMs({ input: 5, output: 0 }, 0)).toBe(0);
    buckets.trueUp(cost, { inputTokens: 25, outputTokens: 5 }, 0);
    expect(buckets.waitMs({ input: 5, output: 0 }, 0)).toBe(10_000);

    const requests = new RateBuckets({ requestsPerMinute: 6 }, 0);
    requests.debit(cost, 0);
    requests.trueUp(cost, { inputTokens: 0, outputTokens: 0 }, 0);
    expect(requests.waitMs(cost, 0)).toBe(10_000);
  });
});
