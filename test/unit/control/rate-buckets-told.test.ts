import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LimitReadings, type Mark, RateBuckets, type RateLimits } from '../../../src/control/rate-buckets.ts';
import { limitReadingsOf } from '../../../src/wire/limit-readings.ts';

type Headers = Readonly<Record<string, string>>;

const minuteMs = 60_000;
const dayMs = 86_400_000;
const one = { input: 1, output: 0 };

/** One attempt was sent, and its answer said this. */
function after(readings: LimitReadings, limits: RateLimits = {}, atMs = 0): RateBuckets {
  const buckets = new RateBuckets(limits, atMs);
  buckets.told(readings, buckets.debit(one, atMs), atMs);
  return buckets;
}

/** Attempts that are let out at once. */
function burst(buckets: RateBuckets, atMs = 0, cost = one): number {
  let sent = 0;
  for (; sent < 5_000 && buckets.waitMs(cost, atMs) === 0; sent += 1) buckets.debit(cost, atMs);
  return sent;
}

/** Attempts that are let out in a minute by one who always has another, and waits as told. */
function perMinute(buckets: RateBuckets, fromMs = 0, cost = one): number {
  let sent = 0;
  for (let at = fromMs; ; ) {
    at += buckets.waitMs(cost, at);
    if (at >= fromMs + minuteMs || sent >= 50_000) return sent;
    buckets.debit(cost, at);
    sent += 1;
  }
}

const openAi: Headers = {
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-reset-requests': '8.64s',
  'x-ratelimit-limit-tokens': '60000',
  'x-ratelimit-remaining-tokens': '59000',
  'x-ratelimit-reset-tokens': '1s',
};
const groq: Headers = {
  'x-groq-region': 'us-west-1',
  'x-ratelimit-limit-requests': '14400',
  'x-ratelimit-remaining-requests': '40',
  'x-ratelimit-reset-requests': '20m52.666s',
  'x-ratelimit-limit-tokens': '6000',
  'x-ratelimit-remaining-tokens': '5900',
  'x-ratelimit-reset-tokens': '11.354999999s',
};
const anthropic: Headers = {
  date: 'Wed, 19 Aug 2026 14:34:00 GMT',
  'anthropic-ratelimit-requests-limit': '120',
  'anthropic-ratelimit-requests-remaining': '119',
  'anthropic-ratelimit-requests-reset': '2026-08-19T14:34:11Z',
  'anthropic-ratelimit-input-tokens-limit': '600',
  'anthropic-ratelimit-input-tokens-remaining': '0',
  'anthropic-ratelimit-input-tokens-reset': '2026-08-19T14:35:03Z',
};
const azure: Headers = {
  'x-ratelimit-limit-requests': '300',
  'x-ratelimit-remaining-requests': '299',
  'x-ratelimit-reset-requests': '1',
  'x-ratelimit-renewalperiod-requests': '60',
  'x-ratelimit-limit-tokens': '-1',
  'x-ratelimit-remaining-tokens': '0',
  'x-ratelimit-reset-tokens': '0',
};
const azureShort: Headers = { ...azure, 'x-ratelimit-renewalperiod-requests': '10' };
const mistral: Headers = {
  'x-ratelimit-limit-req-minute': '60',
  'x-ratelimit-remaining-req-minute': '59',
  'x-ratelimit-limit-tokens-minute': '6000',
  'x-ratelimit-remaining-tokens-minute': '5990',
  'x-ratelimit-limit-tokens-month': '1000000000',
  'x-ratelimit-remaining-tokens-month': '999999999',
};
const mistralShort: Headers = {
  'x-ratelimit-limit-req-10-second': '60',
  'x-ratelimit-remaining-req-10-second': '59',
};
const xAi: Headers = { 'x-ratelimit-limit-requests': '480', 'x-ratelimit-remaining-requests': '479' };
const ietf: Headers = { ratelimit: '"default";r=500;t=30', 'ratelimit-policy': '"default";q=600;w=60' };
/** Its bucket holds 1,000 and has the one again after ten milliseconds: that looks like ten seconds, of which there are none. */
const smallBurst: Headers = {
  'x-ratelimit-limit-requests': '1000',
  'x-ratelimit-remaining-requests': '999',
  'x-ratelimit-reset-requests': '10ms',
};

describe('the buckets of a provider that tells', () => {
  const tokens = { input: 100, output: 0 };

  it.each([
    ['a minute’s tokens as durations of Go (OpenAI)', openAi, tokens, 60_000 / 100],
    ['a minute’s tokens as durations of Go (Groq)', groq, { input: 1_000, output: 0 }, 6_000 / 1_000],
    ['a minute’s requests, whose moments are RFC 3339 (Anthropic)', anthropic, { input: 0, output: 0 }, 120],
    ['a minute’s requests as integers (Azure)', azure, tokens, 300],
    ['ten seconds’ requests as integers (Azure)', azureShort, one, 1_800],
    ['a minute’s requests without a reset (Mistral)', mistral, one, 60],
    ['a minute’s tokens without a reset, and a month’s (Mistral)', mistral, { input: 200, output: 0 }, 30],
    ['ten seconds’ requests without a reset (Mistral)', mistralShort, one, 360],
    ['requests and nothing else (xAI)', xAi, one, 480],
    ['the IETF’s fields', ietf, one, 600],
    ['a burst that is smaller than its period', smallBurst, one, 1_000],
  ])('let out a little less than %s', (_, headers, cost, limit) => {
    const buckets = after(limitReadingsOf(headers));
    const first = burst(buckets, 0, cost);
    // Ten seconds’ worth can be saved up.
    expect(first).toBeLessThanOrEqual(Math.max(1, limit / 6));
    expect(first).toBeGreaterThanOrEqual(Math.floor(0.97 * (limit / 6)));
    const sent = perMinute(buckets, 0, cost);
    expect(sent).toBeLessThanOrEqual(0.98 * limit + 1);
    expect(sent).toBeGreaterThanOrEqual(Math.floor(0.98 * limit) - 1);
  });

  it('hold everybody back when a limit is used up, until it flows in again (Anthropic)', () => {
    const buckets = after(limitReadingsOf(anthropic));
    expect(buckets.waitMs({ input: 49, output: 0 }, 0)).toBe(5_000);
    expect(buckets.waitMs({ input: 49, output: 0 }, 5_000)).toBe(0);
    expect(buckets.toldWaitMs({ input: 0, output: 9_999 }, 0)).toBe(0);
  });

  it('hold nobody back of a day’s requests, as long as there are some (OpenAI, Groq)', () => {
    expect(burst(after(limitReadingsOf(openAi)), 0, { input: 0, output: 0 })).toBe(5_000);
    expect(burst(after(limitReadingsOf(groq)), 0, { input: 0, output: 0 })).toBe(40);
  });

  it('hold nobody back when nothing is told', () => {
    for (const headers of [
      {},
      { 'x-ratelimit-limit-requests': '-1', 'x-ratelimit-remaining-requests': '0' },
      undefined,
    ])
      expect(burst(after(limitReadingsOf(headers)))).toBe(5_000);
  });
});

describe('a stock that outlasts a minute', () => {
  it('is counted down: three of the day are let out, and the next waits a minute at most', () => {
    const buckets = after({ requests: { limit: 1_000, remaining: 3, resetMs: dayMs / 2, periodMs: dayMs } });
    expect(burst(buckets)).toBe(3);
    expect(buckets.waitMs(one, 0)).toBe(minuteMs);
    expect(buckets.waitMs(one, minuteMs - 1)).toBe(1);
    expect(buckets.waitMs(one, minuteMs)).toBe(0);
  });

  it('is looked at by one attempt each minute, and by no more, when it is gone', () => {
    const day = { limit: 1_000, remaining: 3, resetMs: dayMs / 2, periodMs: dayMs };
    const buckets = after({ requests: day });
    burst(buckets);
    expect(burst(buckets, minuteMs)).toBe(1);
    expect(buckets.waitMs(one, minuteMs)).toBe(minuteMs);
    // Also when what was left is taken long after it was told.
    expect(burst(after({ requests: day }), 10 * minuteMs)).toBe(4);
  });

  it('is no more than is told when something was given back that was taken before', () => {
    const buckets = new RateBuckets({}, 0);
    buckets.debit(one, 0);
    const mark = buckets.debit(one, 0);
    buckets.refund(one, 0);
    buckets.told({ requests: { remaining: 3, periodMs: dayMs } }, mark, 0);
    expect(burst(buckets)).toBe(3);
  });

  it('is waited for as long as is told, when that is less, and for a second when nothing is told', () => {
    expect(after({ requests: { remaining: 0, resetMs: 7_000, periodMs: dayMs } }).waitMs(one, 0)).toBe(7_000);
    expect(after({ requests: { remaining: 0, periodMs: dayMs } }).waitMs(one, 0)).toBe(1_000);
  });

  it('is what is whole again only after longer than a minute, though nobody names its period', () => {
    const halfAnHour = { 'x-ratelimit-limit-requests': '1000', 'x-ratelimit-reset-requests': '30m' };
    const told = (remaining: string) => limitReadingsOf({ ...halfAnHour, 'x-ratelimit-remaining-requests': remaining });
    const buckets = after(told('500'));
    expect(burst(buckets)).toBe(500);
    expect(buckets.waitMs(one, 0)).toBe(minuteMs);
    expect(after(told('0')).waitMs(one, 0)).toBe(minuteMs);
    // Also when what was told before looked like a minute's; and an answer that does not say when changes nothing.
    const later = after({ requests: { limit: 1_000, remaining: 999 } });
    later.told(told('0'), later.debit(one, 0), 0);
    expect(later.waitMs(one, 0)).toBe(minuteMs);
    later.told({ requests: { limit: 1_000, remaining: 0 } }, later.debit(one, 0), 0);
    expect(later.goneMs(0)).toBe(1_000);
    // A clock that is not ours may be a little late.
    expect(after({ requests: { limit: 600, remaining: 0, resetMs: 70_000 } }).waitMs(one, 0)).toBeLessThan(200);
  });

  it('is gone when nothing at all of something is left, and not when only somebody else would get it', () => {
    const day = { limit: 1_000, resetMs: 7_000, periodMs: dayMs };
    const buckets = after({ requests: { ...day, remaining: 1 }, tokens: { ...day, remaining: 5 } });
    expect(buckets.waitMs({ input: 6, output: 0 }, 0)).toBe(7_000);
    expect(buckets.goneMs(0)).toBe(0);
    buckets.debit({ input: 0, output: 0 }, 0);
    expect([buckets.goneMs(0), buckets.goneMs(6_999), buckets.goneMs(7_000)]).toEqual([7_000, 1, 0]);
    expect(after({ tokens: { ...day, remaining: 0 } }).goneMs(0)).toBe(7_000);
    // Of a rate that is used up there is more at once.
    expect(after({ requests: { limit: 60, remaining: 0, resetMs: 60_000, periodMs: minuteMs } }).goneMs(0)).toBe(0);
  });

  it('is there again when somebody is told so', () => {
    const buckets = after({ requests: { remaining: 0, resetMs: dayMs, periodMs: dayMs } });
    expect(buckets.waitMs(one, 0)).toBe(minuteMs);
    buckets.told({ requests: { remaining: 5 } }, buckets.debit(one, minuteMs), minuteMs);
    expect(burst(buckets, minuteMs)).toBe(5);
  });

  it('of tokens lets out who takes no more than is left', () => {
    const buckets = after({ tokens: { remaining: 100, resetMs: dayMs, periodMs: dayMs } });
    expect(buckets.waitMs({ input: 60, output: 41 }, 0)).toBe(minuteMs);
    expect(buckets.waitMs({ input: 60, output: 40 }, 0)).toBe(0);
  });

  it('makes no minute’s limit of what is told beside it', () => {
    const buckets = after({ requests: { limit: 60, remaining: 59, periodMs: dayMs } });
    expect(burst(buckets)).toBe(59);
  });
});

describe('a limit that was told', () => {
  it('never lets out more than was given', () => {
    expect(perMinute(after({ requests: { limit: 600 } }, { requestsPerMinute: 60 }))).toBeLessThanOrEqual(60 + 10);
    expect(perMinute(after({ requests: { limit: 30, remaining: 0 } }, { requestsPerMinute: 60 }))).toBe(29);
    // Also not of a day of which much is left.
    const day = { limit: 10_000, remaining: 9_999, periodMs: dayMs };
    expect(burst(after({ requests: day }, { requestsPerMinute: 60 }))).toBe(9);
  });

  it('is followed when it changes, up and down', () => {
    const buckets = after({ requests: { limit: 600, remaining: 0 } });
    for (const [minute, limit] of [600, 60, 1_200, 6].entries()) {
      const at = 10 * minute * minuteMs;
      buckets.told({ requests: { limit, remaining: 0 } }, buckets.debit(one, at), at);
      const sent = perMinute(buckets, at);
      expect(sent).toBeLessThanOrEqual(0.98 * limit + 1);
      expect(sent).toBeGreaterThanOrEqual(Math.floor(0.98 * limit) - 1);
    }
  });

  it('leaves no debt that is longer than a minute when it is lowered', () => {
    const buckets = after({ tokens: { limit: 600_000 } });
    buckets.debit({ input: 600_000, output: 0 }, 0);
    buckets.told({ tokens: { limit: 600 } }, buckets.debit(one, 0), 0);
    expect(buckets.waitMs(one, 0)).toBeLessThanOrEqual(minuteMs + 200);
  });

  it('keeps its period when a later answer does not tell it', () => {
    const buckets = after({ requests: { limit: 10_000, remaining: 9_000, resetMs: 1_000, periodMs: dayMs } });
    buckets.told({ requests: { limit: 10_000, remaining: 2_500 } }, buckets.debit(one, 0), 0);
    expect(burst(buckets)).toBe(2_500);
  });

  it.each([
    ['a minute', minuteMs],
    ['a day', dayMs],
  ])('of %s is the same in whatever order the answers come', (_, periodMs) => {
    const order = fc
      .integer({ min: 1, max: 8 })
      .chain((count) => fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count }));
    fc.assert(
      fc.property(order, fc.nat(3), (answers, since) => {
        const buckets = new RateBuckets({}, 0);
        const marks: Mark[] = answers.map(() => buckets.debit(one, 0));
        for (let attempt = 0; attempt < since; attempt += 1) buckets.debit(one, 0);
        // Twenty were left before them.
        for (const answer of answers) {
          const reading = { limit: 600, remaining: 19 - answer, periodMs };
          buckets.told({ requests: reading }, marks[answer] as Mark, 0);
        }
        expect(burst(buckets)).toBe(20 - answers.length - since);
      }),
    );
  });
});

describe('what the buckets say to wait for', () => {
  const tokens = fc.oneof(fc.nat(20_000), fc.constantFrom(0, 1e12));
  const limit = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.constant(1e12));
  const perhaps = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const reading = fc
    .record({
      limit: perhaps(limit),
      remaining: perhaps(tokens),
      resetMs: perhaps(tokens),
      periodMs: perhaps(fc.constantFrom(1_000, 10_000, minuteMs, dayMs)),
    })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
  const step = fc.record({
    what: fc.constantFrom('debit', 'debit', 'told', 'trueUp', 'refund', 'refused'),
    pauseMs: fc.oneof(fc.nat(5_000), fc.constantFrom(0, 1e12)),
    input: tokens,
    output: tokens,
    inFlight: fc.integer({ min: 1, max: 40 }),
    readings: fc.record({ requests: reading, tokens: reading, inputTokens: reading, outputTokens: reading }),
  });
  const limits = fc.record({ requestsPerMinute: limit, tokensPerMinute: limit }, { requiredKeys: [] });

  it('is finite, bounded, and over by then, whatever was told, taken and refused', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60, size: 'max' }), (given, steps) => {
        const buckets = new RateBuckets(given, 0);
        let mark = buckets.debit(one, 0);
        let at = 0;
        for (const { what, pauseMs, input, output, inFlight, readings } of steps) {
          at += pauseMs;
          const cost = { input, output };
          if (what === 'debit') mark = buckets.debit(cost, at);
          else if (what === 'told') buckets.told(readings, mark, at);
          else if (what === 'trueUp') buckets.trueUp(one, { inputTokens: input, outputTokens: output }, at);
          else if (what === 'refund') buckets.refund(cost, at);
          else buckets.refused(inFlight, at);
          const waitMs = buckets.waitMs(cost, at);
          // A debt of a minute, and then one of one a minute, of which 98 of a hundred are used.
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual((2 * minuteMs) / 0.98 + 1);
          expect(buckets.toldWaitMs(cost, at)).toBeLessThanOrEqual(waitMs);
          expect(Number.isFinite(buckets.drainMs(inFlight, cost, at))).toBe(true);
          // Where trillions flow, the last digit is missing now and then: a millisecond more.
          at += waitMs + 1;
          // What was told may have lapsed meanwhile, and the bucket of what was given be larger.
          at += buckets.waitMs(cost, at) + 1;
          expect(buckets.waitMs(cost, at)).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a rate that is told no more', () => {
  it('is tried out after three minutes: it may have been raised, and nobody said so', () => {
    const buckets = new RateBuckets({}, 0);
    const mark = buckets.debit(one, 0);
    buckets.told({ requests: { limit: 6, remaining: 0, periodMs: minuteMs } }, mark, 0);
    expect(buckets.waitMs(one, 0)).toBeGreaterThan(9_000);
    for (let at = 0; at < 3 * minuteMs; at += 9_000) buckets.debit(one, at);
    expect(buckets.waitMs(one, 3 * minuteMs - 1)).toBeGreaterThan(0);
    expect(buckets.waitMs(one, 3 * minuteMs)).toBe(0);
  });
});
