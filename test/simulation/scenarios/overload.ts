import { simulate } from '../../../src/testing/index.ts';
import { isOk, meanBusy, minute, quantile, second, share, within } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

const places = 32;
const span = [minute, 4 * minute] as const;
const forMs = 5 * minute;
/** Twice what they do, at 4.1 s a request on average. */
const rate = (2 * places) / 4.1;
/** A tenth of what an interactive call has. */
const interactiveMs = 20 * second;
const targetMs = interactiveMs / 10;

/** Twice as many calls as the provider takes: some must be turned away, and not the wrong ones. */
export const overload: Scenario = {
  name: 'overload',
  title: 'Twice the load that a provider takes, a fifth of it interactive, two fifths batch',
  seeds: 5,
  baselines: ['fixed', 'backoff', 'aimd'],
  measures: {
    interactive: {
      label: 'p99 wait of interactive calls that were let in',
      unit: 's',
      atMost: (2 * targetMs) / second,
    },
    admitted: { label: 'interactive calls answered', unit: '%' },
    goodput: { label: 'goodput, of capacity', unit: '%', atLeast: 90 },
    batch: { label: 'longest wait of a batch call, sent or not', unit: 's', atMost: 120 },
    told: { label: 'calls turned away that say when to come back', unit: '%', atLeast: 100 },
    refused: { label: '429s', unit: '%' },
  },

  async run(seed, client) {
    const load = { inputTokens: 100, outputTokens: 175, maxOutputTokens: 1_000, burstiness: 2 };
    const short = { ...load, outputTokens: 60, maxOutputTokens: 500 };
    const startAt = 1_767_225_600_000;
    const report = await simulate({
      seed,
      forMs,
      providers: [{ sigma: 0.5, tokensPerSecond: 67, enforcedLimits: { concurrency: places, headers: false } }],
      client: clientFor(client, { fixed: places }),
      load: [
        { ...short, perSecond: 0.2 * rate, priority: 'interactive', timeoutMs: interactiveMs },
        { ...load, perSecond: 0.4 * rate, timeoutMs: minute },
        { ...load, perSecond: 0.4 * rate, priority: 'batch', timeoutMs: 3 * minute },
      ],
    });
    const requests = report.requests.get('virtual') ?? [];
    const calls = within(report.calls, span);
    const waits = (priority: string): number[] =>
      calls.flatMap((call) => {
        const first = call.attempts[0];
        return call.priority !== priority || first === undefined ? [] : [first.startedAt - startAt - call.at];
      });
    const served = new Set(report.calls.filter(isOk).map(({ transactionId }) => transactionId));
    // Who is never sent has waited, too, until that was said.
    const inVain = calls.flatMap((call) =>
      call.priority === 'batch' && call.attempts.length === 0 ? [(call.endedAt ?? Number.NaN) - call.at] : [],
    );
    const turnedAway = calls.filter((call) => !isOk(call) && call.attempts.length === 0);
    return shown(report, {
      interactive: quantile(waits('interactive'), 0.99) / second,
      admitted:
        100 *
        share(
          calls.filter(({ priority }) => priority === 'interactive'),
          isOk,
        ),
      goodput: (100 * meanBusy(requests, span, (one) => served.has(one.transactionId) && isOk(one))) / places,
      batch: Math.max(0, ...waits('batch'), ...inVain) / second,
      told: turnedAway.length === 0 ? 100 : 100 * share(turnedAway, ({ retryAfterMs }) => retryAfterMs !== undefined),
      refused: 100 * share(within(requests, span), ({ outcome }) => outcome === 'rate_limited'),
    });
  },
};
