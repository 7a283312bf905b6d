import { type EnforcedLimits, simulate } from '../../../src/testing/index.ts';
import { firstWindow, isRefused, meanBusy, minute, second, seriesOf, share, within } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

const dropAt = 2 * minute;
const raiseAt = 4 * minute;
const endAt = 7 * minute;

/** A provider that takes so many requests at once, says so nowhere, and changes it twice. */
export const concurrencyLimit: Scenario = {
  name: 'concurrency-limit',
  title: 'Hidden concurrency limit 64 → 16 → 64, under saturation',
  seeds: 5,
  baselines: ['fixed', 'backoff', 'aimd'],
  measures: {
    use64: { label: 'use of 64', unit: '%', atLeast: 93 },
    refused64: { label: '429s at 64', unit: '%', atMost: 1.5 },
    use16: { label: 'use of 16', unit: '%', atLeast: 93 },
    refused16: { label: '429s at 16', unit: '%', atMost: 5 },
    settled: { label: 'settled after the drop', unit: 's', atMost: 30 },
    raised: { label: '90 % used after the raise', unit: 's', atMost: 60 },
    useAgain: { label: 'use of 64, from 60 s after the raise', unit: '%', atLeast: 93 },
    refusedAgain: { label: '429s at 64, from 60 s after the raise', unit: '%', atMost: 1.5 },
  },
  drawn: { title: 'Hidden concurrency limit 64 → 16 → 64', unit: 'requests at work', stepMs: 5 * second },

  async run(seed, client) {
    const report = await simulate({
      seed,
      forMs: endAt,
      providers: [
        {
          ...{ firstContentMs: 600, sigma: 0.5, tokensPerSecond: 67 },
          enforcedLimits: { concurrency: 64, headers: false },
          schedule: [{ fromMs: dropAt, toMs: raiseAt, enforcedLimits: { concurrency: 16, headers: false } }],
        },
      ],
      client: clientFor(client, { fixed: 64 }),
      load: { callers: 100, timeoutMs: 5 * minute },
    });
    const requests = report.requests.get('virtual') ?? [];
    const at64 = [30 * second, dropAt] as const;
    const at16 = [dropAt + 30 * second, raiseAt] as const;
    const at64Again = [raiseAt + minute, endAt] as const;
    const settled = firstWindow(
      [dropAt, raiseAt],
      10 * second,
      (span) => share(within(requests, span), isRefused) <= 0.05,
    );
    const raised = firstWindow([raiseAt, endAt], 5 * second, (span) => meanBusy(requests, span) >= 0.9 * 64);
    return shown(
      report,
      {
        use64: (100 * meanBusy(requests, at64)) / 64,
        refused64: 100 * share(within(requests, at64), isRefused),
        use16: (100 * meanBusy(requests, at16)) / 16,
        refused16: 100 * share(within(requests, at16), isRefused),
        settled: settled / second,
        raised: raised / second,
        useAgain: (100 * meanBusy(requests, at64Again)) / 64,
        refusedAgain: 100 * share(within(requests, at64Again), isRefused),
      },
      seriesOf(endAt, 5 * second, (span) => meanBusy(requests, span)),
    );
  },
};

/** A provider that takes so many requests at once, all the time, and so many callers that always want something. */
function steady(
  name: string,
  title: string,
  { limit, callers, atLeast }: { readonly limit: EnforcedLimits; readonly callers: number; readonly atLeast: number },
): Scenario {
  const { concurrency = 1 } = limit;
  return {
    name,
    title,
    seeds: 5,
    baselines: ['fixed', 'backoff', 'aimd'],
    measures: {
      use: { label: 'use of the limit, after 30 s', unit: '%', atLeast },
      refused: { label: '429s, after 30 s', unit: '%', atMost: 7 },
    },

    async run(seed, client) {
      const report = await simulate({
        seed,
        forMs: 3 * minute,
        providers: [
          {
            ...{ firstContentMs: 600, sigma: 0.5, tokensPerSecond: 67 },
            enforcedLimits: { ...limit, headers: false },
          },
        ],
        client: clientFor(client, { fixed: concurrency }),
        load: { callers, timeoutMs: 5 * minute },
      });
      const requests = report.requests.get('virtual') ?? [];
      const span = [30 * second, 3 * minute] as const;
      return shown(report, {
        use: (100 * meanBusy(requests, span)) / concurrency,
        refused: 100 * share(within(requests, span), isRefused),
      });
    },
  };
}

export const concurrencyRetryAfter = steady(
  'concurrency-retry-after',
  'Hidden concurrency limit 16, 429s with Retry-After 1 s, 100 callers',
  { limit: { concurrency: 16, retryAfter: second }, callers: 100, atLeast: 93 },
);
export const fewCallers = steady('few-callers', 'Hidden concurrency limit 8, 429s without a hint, 15 callers', {
  limit: { concurrency: 8 },
  callers: 15,
  atLeast: 90,
});
