import { simulate } from '../../../src/testing/index.ts';
import { isOk, minute, perSecond, quantile, second, seriesOf, share, within } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

const fromMs = minute;
const toMs = fromMs + 30 * second;
const forMs = 2 * minute;

/** No provider can be reached for half a minute, and none of them is to blame. */
export const localNetwork: Scenario = {
  name: 'local-network',
  title: 'The local network gone for 30 s, three providers',
  seeds: 5,
  baselines: ['fixed', 'backoff', 'aimd'],
  measures: {
    opened: { label: 'circuits opened by it', unit: '', atMost: 0 },
    back: { label: 'first success after it is back', unit: 's', atMost: 2 },
    success: { label: 'calls answered', unit: '%' },
  },
  drawn: { title: 'The local network gone for 30 s', unit: 'answers a second', stepMs: 5 * second },

  async run(seed, client) {
    const gone = [{ fromMs, toMs, state: 'unreachable', errorMs: 20 }] as const;
    let opened = 0;
    const report = await simulate({
      seed,
      forMs,
      providers: [
        { name: 'one', schedule: gone },
        { name: 'two', schedule: gone },
        { name: 'three', schedule: gone },
      ],
      client: clientFor(client, { fixed: 64 }),
      load: { perSecond: 10, timeoutMs: minute, inputTokens: 100, maxOutputTokens: 1_000 },
      onEvent: (event, at) => {
        if (event.type === 'circuit:change' && event.to === 'open' && at >= fromMs && at < toMs + 5 * second)
          opened += 1;
      },
    });
    const answers = report.calls.flatMap(({ at, firstContentMs }) =>
      firstContentMs !== undefined && at + firstContentMs > toMs ? [at + firstContentMs - toMs] : [],
    );
    // What was sent before the network went has its answer still.
    const back = answers.reduce((first, each) => Math.min(first, each), Number.POSITIVE_INFINITY);
    return shown(
      report,
      { ...(client === 'transport' && { opened }), back: back / second, success: 100 * share(report.calls, isOk) },
      seriesOf(forMs, 5 * second, (span) => perSecond(report.calls, span)),
    );
  },
};

/** It is not the local network when one of them answers. */
export const twoUnreachable: Scenario = {
  name: 'two-unreachable',
  title: 'Two of three providers cannot be reached for 60 s, the third is well',
  seeds: 5,
  baselines: ['fixed', 'backoff', 'aimd'],
  measures: {
    success: { label: 'calls answered, of those begun meanwhile', unit: '%', atLeast: 99 },
    p99: { label: 'p99 first content', unit: 's' },
  },

  async run(seed, client) {
    const gone = [{ fromMs, toMs: fromMs + minute, state: 'unreachable', errorMs: 20 }] as const;
    const report = await simulate({
      seed,
      forMs: fromMs + minute + 10 * second,
      providers: [{ name: 'one', schedule: gone }, { name: 'two', schedule: gone }, { name: 'three' }],
      client: clientFor(client, { fixed: 64 }),
      load: { perSecond: 10, timeoutMs: minute, inputTokens: 100, maxOutputTokens: 1_000 },
    });
    const calls = within(report.calls, [fromMs, fromMs + minute]);
    const firstContents = calls.flatMap(({ firstContentMs }) => firstContentMs ?? []);
    return shown(report, {
      success: 100 * share(calls, isOk),
      p99: quantile(firstContents, 0.99) / second,
    });
  },
};
