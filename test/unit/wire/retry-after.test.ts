import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../../src/wire/duration.ts';
import { retryAfterInText, retryAfterMs } from '../../../src/wire/retry-after.ts';

const now = Date.UTC(2026, 0, 1, 12, 0, 0);
const date = (ms: number) => new Date(ms).toUTCString();

describe('a duration', () => {
  test.each([
    ['6m0s', 360_000],
    ['20m52.666s', 1_252_666],
    ['261ms', 261],
    ['11.354999999s', 11_355],
    ['0s', 0],
    ['10h17m5.7s', 37_025_700],
    ['1.1s', 1_100],
    ['250us', 1],
    ['3µs', 1],
    ['1 minute 20 seconds', 80_000],
    ['2 hours, 5 mins', 7_500_000],
    ['1d', 86_400_000],
  ])('of %s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '5', 'soon', '5 apples', '1m2', '-5s'])('is not %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});

describe('the time to wait', () => {
  test.each<[string, Record<string, string>, number | undefined]>([
    ['whole seconds', { 'retry-after': '20' }, 20_000],
    ['seconds and a bit', { 'Retry-After': '1.25' }, 1_250],
    ['milliseconds', { 'retry-after-ms': '700' }, 700],
    ['the larger of two', { 'retry-after': '1', 'retry-after-ms': '1500' }, 1_500],
    ['seconds beside no milliseconds (Azure)', { 'retry-after': '1', 'retry-after-ms': '0' }, 1_000],
    ['a date', { 'retry-after': date(now + 90_000) }, 90_000],
    ['a date, by the clock of the provider', { 'retry-after': date(now + 90_000), date: date(now + 60_000) }, 30_000],
    [
      'a date, by a provider whose clock is behind',
      { 'retry-after': date(now + 10_000), date: date(now - 50_000) },
      60_000,
    ],
    ['a date that is over', { 'retry-after': date(now - 5_000) }, undefined],
    ['zero', { 'retry-after': '0' }, undefined],
    ['a long time', { 'retry-after': '259200' }, 259_200_000],
    ['a duration', { 'retry-after': '6m0s' }, 360_000],
    ['nonsense', { 'retry-after': 'later' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['nothing', {}, undefined],
  ])('is read from %s', (_, headers, ms) => {
    expect(retryAfterMs(headers, undefined, now)).toBe(ms);
    expect(retryAfterMs(new Headers(headers), undefined, now)).toBe(ms);
    expect(retryAfterMs(Object.entries(headers), undefined, now)).toBe(ms);
  });

  test.each<[string, unknown, number]>([
    [
      'RetryInfo',
      { error: { details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '48s' }] } },
      48_000,
    ],
    ['RetryInfo as an object', { retryDelay: { seconds: '5', nanos: 500_000_000 } }, 5_500],
    ['a field in seconds', { error: { metadata: { retry_after: 3 } } }, 3_000],
    ['a model that is loading', { error: 'Model is currently loading', estimated_time: 20.5 }, 20_500],
    [
      'the larger of RetryInfo and the sentence',
      { m: 'Please retry in 48.939935699s.', d: [{ retryDelay: '48s' }] },
      48_940,
    ],
  ])('is read from the body: %s', (_, body, ms) => expect(retryAfterMs(undefined, body, now)).toBe(ms));

  test.each([
    ['Please retry in 48.939935699s.', 48_940],
    ['Please try again in 20s. Visit https://example.com', 20_000],
    ['Please try again in 1m2s.', 62_000],
    ['Please try again in 350ms.', 350],
    ['Please try again in 6m0s.', 360_000],
    ['please retry in 10h17m5.7s', 37_025_700],
    ['Please retry after 26 seconds.', 26_000],
    ['Try again in 7m12.345s. Need more tokens?', 432_345],
    ['Wait 30 seconds before retrying', 30_000],
    ['Please wait 1 minute 30 seconds and try again.', 90_000],
    ['Retry your request after 2 hours.', 7_200_000],
    ['Limit 20s, used 10s', undefined],
    ['Please try again later', undefined],
    ['Please try again in 3 apples', undefined],
  ])('of the sentence %j is %j', (text, ms) => expect(retryAfterInText(text)).toBe(ms));
});
