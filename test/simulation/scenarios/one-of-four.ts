import { lowestLatency } from '../../../src/index.ts';
import { simulate, type VirtualConditions } from '../../../src/testing/index.ts';
import { isOk, minute, quantile, second, seriesOf, share, within } from '../support/measure.ts';
import { clientFor, type Measure, type Scenario, type Shown, shown } from '../support/scenario.ts';

const fromMs = minute;
const toMs = fromMs + 180 * second;
const forMs = toMs + minute;
const bad = [fromMs, toMs] as const;

/** Four providers of four vendors, one of which is not well for three minutes. */
function oneOfFour(
  name: string,
  title: string,
  drawn: string,
  trouble: VirtualConditions,
  measures: Readonly<Record<string, Measure>>,
): Scenario {
  return {
    name,
    title,
    seeds: 5,
    baselines: ['fixed', 'backoff', 'aimd'],
    measures,
    drawn: { title: drawn, unit: '% of the requests go to it', stepMs: 10 * second },

    async run(seed, client): Promise<Shown> {
      const well = ['one', 'two', 'three'].map((each) => ({ name: each, sigma: 0.5 }));
      const report = await simulate({
        seed,
        forMs,
        providers: [{ name: 'bad', sigma: 0.5, schedule: [{ fromMs, toMs, ...trouble }] }, ...well],
        client: clientFor(client, { fixed: 64, route: lowestLatency() }),
        load: { perSecond: 12, timeoutMs: minute, inputTokens: 500, maxOutputTokens: 1_000 },
      });
      const sent = [...report.requests].flatMap(([provider, requests]) => requests.map(({ at }) => ({ at, provider })));
      const shareOf = (span: readonly [number, number]): number =>
        100 * share(within(sent, span), ({ provider }) => provider === 'bad');
      const calls = within(report.calls, bad);
      return shown(
        report,
        {
          share: shareOf(bad),
          p50:
            quantile(
              calls.flatMap(({ firstContentMs }) => firstContentMs ?? []),
              0.5,
            ) / second,
          p99:
            quantile(
              calls.flatMap(({ firstContentMs }) => firstContentMs ?? []),
              0.99,
            ) / second,
          errors: 100 * share(calls, (call) => !isOk(call)),
          back: shareOf([toMs + 30 * second, forMs]),
        },
        seriesOf(forMs, 10 * second, shareOf),
      );
    },
  };
}

const always: Readonly<Record<string, Measure>> = {
  p50: { label: 'p50 first content', unit: 's' },
  back: { label: 'its share, 30 to 60 s after', unit: '%' },
};

export const oneSlow = oneOfFour(
  'one-slow',
  'One of four providers 6 times slower for 180 s',
  'One of four 6 times slower',
  { slowness: 6 },
  {
    share: { label: 'its share', unit: '%', atMost: 3 },
    p99: { label: 'p99 first content', unit: 's', atMost: 4.5 },
    errors: { label: 'calls that fail', unit: '%' },
    ...always,
  },
);

export const oneFailing = oneOfFour(
  'one-failing',
  'One of four providers answers 500 within 30 ms for 180 s',
  'One of four answers 500 within 30 ms',
  { errorRatio: 1, errorMs: 30 },
  {
    errors: { label: 'calls that fail', unit: '%', atMost: 1 },
    share: { label: 'its share', unit: '%' },
    p99: { label: 'p99 first content', unit: 's' },
    ...always,
  },
);
