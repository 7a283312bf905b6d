import { describe, expect, test } from 'vitest';
import { limitResetMs, rateLimitsOf } from '../../../src/wire/rate-limit-headers.ts';

const now = Date.UTC(2026, 7, 19, 14, 34, 0);

describe('the limits in the headers', () => {
  test('of OpenAI are durations of Go, and the numbers tell the window', () => {
    const headers = {
      'x-ratelimit-limit-requests': '10000',
      'x-ratelimit-remaining-requests': '9999',
      'x-ratelimit-reset-requests': '8.64s',
      'x-ratelimit-limit-tokens': '10000',
      'x-ratelimit-remaining-tokens': '9978',
      'x-ratelimit-reset-tokens': '132ms',
      'x-ratelimit-limit-input-images': '50',
    };
    expect(rateLimitsOf(headers, now)).toEqual({
      requests: { limit: 10_000, remaining: 9_999, resetMs: 8_640, per: 'day' },
      tokens: { limit: 10_000, remaining: 9_978, resetMs: 132, per: 'minute' },
    });
  });

  test('of Anthropic are moments, measured from the answer’s own date', () => {
    const headers = {
      date: new Date(now).toUTCString(),
      'anthropic-ratelimit-requests-limit': '4000',
      'anthropic-ratelimit-requests-remaining': '3999',
      'anthropic-ratelimit-requests-reset': '2026-08-19T14:34:11Z',
      'anthropic-ratelimit-input-tokens-limit': '200000',
      'anthropic-ratelimit-input-tokens-remaining': '0',
      'anthropic-ratelimit-input-tokens-reset': '2026-08-19T14:35:03Z',
      'anthropic-ratelimit-output-tokens-limit': '80000',
      'anthropic-ratelimit-output-tokens-remaining': '80000',
      'anthropic-ratelimit-output-tokens-reset': '2026-08-19T14:34:00Z',
      'anthropic-ratelimit-tokens-limit': '280000',
      'anthropic-ratelimit-tokens-remaining': '80000',
    };
    expect(rateLimitsOf(headers, now + 500_000)).toEqual({
      requests: { limit: 4_000, remaining: 3_999, resetMs: 11_000, per: 'minute' },
      inputTokens: { limit: 200_000, remaining: 0, resetMs: 63_000, per: 'minute' },
      outputTokens: { limit: 80_000, remaining: 80_000, resetMs: 0, per: 'minute' },
      tokens: { limit: 280_000, remaining: 80_000, per: 'minute' },
    });
    expect(limitResetMs(headers, now + 500_000)).toBe(63_000);
  });

  test('of Azure are integers, and -1 and 0 are not known', () => {
    const headers = {
      'x-ratelimit-limit-requests': '-1',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '0',
      'x-ratelimit-limit-tokens': '50000',
      'x-ratelimit-remaining-tokens': '49000',
      'x-ratelimit-reset-tokens': '500',
      'x-ratelimit-renewalperiod-tokens': '60',
    };
    expect(rateLimitsOf(headers, now)).toEqual({ tokens: { limit: 50_000, remaining: 49_000, per: 'minute' } });
    expect(limitResetMs(headers, now)).toBeUndefined();
  });

  test('of Groq count requests by the day and tokens by the minute', () => {
    const headers = {
      'x-groq-region': 'us',
      'x-ratelimit-limit-requests': '14400',
      'x-ratelimit-remaining-requests': '14400',
      'x-ratelimit-limit-tokens': '6000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '11.354999999s',
    };
    expect(rateLimitsOf(headers, now)).toEqual({
      requests: { limit: 14_400, remaining: 14_400, per: 'day' },
      tokens: { limit: 6_000, remaining: 0, resetMs: 11_355, per: 'minute' },
    });
    expect(limitResetMs(headers, now)).toBe(11_355);
  });

  test('of Mistral have their window in the name, and the shorter one binds', () => {
    const headers = {
      'x-ratelimit-limit-tokens-month': '1000000000',
      'x-ratelimit-remaining-tokens-month': '999999000',
      'x-ratelimit-limit-tokens-minute': '500000',
      'x-ratelimit-remaining-tokens-minute': '499000',
      'x-ratelimit-tokens-query-cost': '32',
      'x-ratelimit-limit-req-10-second': '5',
      'x-ratelimit-remaining-req-10-second': '4',
    };
    expect(rateLimitsOf(headers, now)).toEqual({
      tokens: { limit: 500_000, remaining: 499_000, per: 'minute' },
      requests: { limit: 5, remaining: 4, per: '10 seconds' },
    });
    const spent = { ...headers, 'x-ratelimit-remaining-tokens-month': '0' };
    expect(rateLimitsOf(spent, now).tokens).toEqual({ limit: 1_000_000_000, remaining: 0, per: 'month' });
  });

  test('of Together and Replicate have no subject', () => {
    const limits = { limit: 2, remaining: 1, resetMs: 1_000 };
    expect(
      rateLimitsOf({ 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '1' }, now).requests,
    ).toEqual(limits);
    expect(rateLimitsOf({ 'ratelimit-remaining': '5', 'ratelimit-reset': '1' }, now).requests).toEqual({
      remaining: 5,
      resetMs: 1_000,
    });
  });

  test('of a gateway may reset at a moment', () => {
    const headers = {
      'X-RateLimit-Limit': '20',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': String(now + 5_000),
    };
    expect(limitResetMs(headers, now)).toBe(5_000);
    expect(limitResetMs({ ...headers, 'X-RateLimit-Reset': String((now + 5_000) / 1_000) }, now)).toBe(5_000);
  });

  test.each([
    [
      { ratelimit: '"default";r=50;t=30', 'ratelimit-policy': '"default";q=100;w=60' },
      { limit: 100, remaining: 50, resetMs: 30_000, per: 'minute' },
    ],
    [
      { ratelimit: 'limit=100, remaining=50, reset=5', 'ratelimit-policy': '100;w=10' },
      { limit: 100, remaining: 50, resetMs: 5_000, per: '10 seconds' },
    ],
  ])('of the IETF draft are one field', (headers, requests) => {
    expect(rateLimitsOf(headers, now)).toEqual({ requests });
  });

  test('are none where there are none', () => {
    expect(rateLimitsOf(new Headers({ 'content-type': 'application/json' }), now)).toEqual({});
    expect(rateLimitsOf(undefined, now)).toEqual({});
  });
});
