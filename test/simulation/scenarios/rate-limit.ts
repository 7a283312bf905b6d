import { type EnforcedLimits, simulate } from '../../../src/testing/index.ts';
import { isOk, isRefused, minute, second, seriesOf, share, within } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

const full = { requestsPerMinute: 60, tokensPerMinute: 40_000 };
const half = { requestsPerMinute: 30, tokensPerMinute: 20_000 };
const halveAt = 4 * minute;
const doubleAt = 8 * minute;
const endAt = 12 * minute;
/** Of a limit that has changed, so much must be in use again. */
const found = 0.9;
const drawnAs = { headers: 'in headers', '429s': 'told by 429s alone', nowhere: 'told nowhere' } as const;

/** Where a provider tells of its limits. */
type Told = 'headers' | '429s' | 'nowhere';

/** So many requests and tokens a minute, five times of which are offered, and both limits change. */
function rateLimit(name: string, told: Told, title: string): Scenario {
  const headers = told === 'headers';
  return {
    name,
    title,
    seeds: 5,
    // With or without headers, they look at Retry-After alone.
    baselines: told === '429s' ? [] : ['fixed', 'backoff', 'aimd'],
    measures: {
      goodput: { label: 'use of the limit, after 60 s', unit: '%', atLeast: headers ? 95 : 90 },
      refused: { label: '429s, after 60 s', unit: '%', atMost: 2 },
      halved: { label: 'minutes until half the limit is found', unit: '', atMost: 3 },
      doubled: { label: 'minutes until twice the limit is found', unit: '', atMost: 3 },
    },
    drawn: {
      title: `Limits ${drawnAs[told]}: 60 a minute, 30, 60`,
      unit: 'answers a minute',
      stepMs: 20 * second,
    },

    async run(seed, client) {
      const limits = (more: EnforcedLimits): EnforcedLimits => ({ ...more, headers, retryAfter: told !== 'nowhere' });
      const report = await simulate({
        seed,
        forMs: endAt,
        providers: [
          {
            enforcedLimits: limits(full),
            schedule: [{ fromMs: halveAt, toMs: doubleAt, enforcedLimits: limits(half) }],
          },
        ],
        client: clientFor(client, { fixed: 8 }),
        load: {
          perSecond: 5,
          inputTokens: 350,
          outputTokens: 150,
          sizeSigma: 0.7,
          maxOutputTokens: 1_000,
          timeoutMs: 30 * second,
        },
      });
      const requests = report.requests.get('virtual') ?? [];
      const usedIn = (from: number, to: number, limit: typeof full): number => {
        const served = within(requests, [from, to]).filter(isOk);
        const tokens = served.reduce((sum, one) => sum + one.inputTokens + one.outputTokens, 0);
        const minutes = (to - from) / minute;
        return Math.max(
          served.length / (limit.requestsPerMinute * minutes),
          tokens / (limit.tokensPerMinute * minutes),
        );
      };
      // Found is what is used for a minute and hardly run against.
      const minutesTo = (from: number, to: number, limit: typeof full): number => {
        for (let at = from + minute; at <= to; at += 5 * second) {
          const span = [at - minute, at] as const;
          if (usedIn(...span, limit) >= found && share(within(requests, span), isRefused) <= 0.05)
            return (at - from) / minute;
        }
        return Number.POSITIVE_INFINITY;
      };
      return shown(
        report,
        {
          goodput: 100 * usedIn(minute, halveAt, full),
          refused: 100 * share(within(requests, [minute, halveAt]), isRefused),
          halved: minutesTo(halveAt, doubleAt, half),
          doubled: minutesTo(doubleAt, endAt, full),
        },
        seriesOf(endAt, 20 * second, (span) => within(requests, span).filter(isOk).length * 3),
      );
    },
  };
}

const offered = 'five times that offered; halved, then doubled';

export const rateLimits: readonly Scenario[] = [
  rateLimit('rate-limit-headers', 'headers', `60 requests and 40,000 tokens a minute, told in headers, ${offered}`),
  rateLimit(
    'rate-limit-retry-after',
    '429s',
    `60 requests and 40,000 tokens a minute, told by the Retry-After of 429s alone, ${offered}`,
  ),
  rateLimit('rate-limit-hidden', 'nowhere', `60 requests and 40,000 tokens a minute, told nowhere, ${offered}`),
];
