import { simulate } from '../../../src/testing/index.ts';
import { isOk, minute, second, seriesOf, share, within } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

const outageAt = 10 * second;
const endsAt = outageAt + minute;
const forMs = endsAt + 10 * second;

/** A lone provider that fails every request for a minute. */
function outage(rate: number): Scenario {
  return {
    name: `outage-${rate}`,
    title: `Full outage for 60 s of a lone provider, ${rate} calls a second`,
    seeds: 5,
    // They hardly differ, and so many calls of a client without any control take long.
    baselines: rate > 20 ? ['backoff'] : ['fixed', 'backoff', 'aimd'],
    measures: {
      attempts: { label: 'attempts a call, after 30 s', unit: '', atMost: 1.05 },
      back: { label: 'first answer after its end', unit: 's' },
    },
    // Of the three one is enough to see.
    ...(rate === 20 && {
      drawn: { title: `Outage of 60 s, ${rate} calls a second`, unit: 'attempts a call', stepMs: 5 * second },
    }),

    async run(seed, client) {
      const report = await simulate({
        seed,
        forMs,
        providers: [
          { schedule: [{ fromMs: outageAt, toMs: endsAt, errorRatio: 1, errorCode: 'server_error' }], chunks: 1 },
        ],
        client: clientFor(client, { fixed: 16 * rate }),
        load: { perSecond: rate, timeoutMs: 5 * second, inputTokens: 100, outputTokens: 30, maxOutputTokens: 200 },
      });
      const requests = report.requests.get('virtual') ?? [];
      const perCall = (span: readonly [number, number]): number =>
        within(requests, span).length / Math.max(1, within(report.calls, span).length);
      const answered = requests.flatMap(({ firstContentAt = 0 }) => (firstContentAt > endsAt ? [firstContentAt] : []));
      return shown(
        report,
        {
          attempts: perCall([outageAt + 30 * second, endsAt]),
          back: (Math.min(...answered.slice(0, 1_000)) - endsAt) / second,
        },
        seriesOf(forMs, 5 * second, perCall),
      );
    },
  };
}

/** Time that a call must have left when the outage ends, to have an answer. */
const leftMs = 5 * second;

/** The same, for callers who wait as long as the outage lasts. */
const patient: Scenario = {
  name: 'outage-patient',
  title: 'Full outage for 60 s of a lone provider, 20 calls a second, deadlines of 60 s',
  seeds: 5,
  baselines: ['fixed', 'backoff', 'aimd'],
  measures: {
    answered: { label: 'answered, of calls begun in it that have 5 s left at its end', unit: '%', atLeast: 95 },
    all: { label: 'answered, of all calls begun in it', unit: '%' },
    attempts: { label: 'attempts a call', unit: '' },
  },

  async run(seed, client) {
    const report = await simulate({
      seed,
      forMs,
      providers: [{ schedule: [{ fromMs: outageAt, toMs: endsAt, errorRatio: 1 }], chunks: 1 }],
      client: clientFor(client, { fixed: 320 }),
      load: { perSecond: 20, timeoutMs: minute, inputTokens: 100, outputTokens: 30, maxOutputTokens: 200 },
    });
    const begun = within(report.calls, [outageAt, endsAt]);
    const ids = new Set(begun.map(({ transactionId }) => transactionId));
    const requests = report.requests.get('virtual') ?? [];
    return shown(report, {
      answered:
        100 *
        share(
          begun.filter(({ at, timeoutMs }) => at + timeoutMs >= endsAt + leftMs),
          isOk,
        ),
      all: 100 * share(begun, isOk),
      attempts: requests.filter(({ transactionId }) => ids.has(transactionId)).length / begun.length,
    });
  },
};

export const outages: readonly Scenario[] = [outage(2), outage(20), outage(200), patient];
