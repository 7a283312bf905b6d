import { simulate } from '../../../src/testing/index.ts';
import { isOk, minute, requestsOf, share } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

/** A lone provider that fails so many requests, at random. */
function randomErrors(percent: number, atLeast: number): Scenario {
  return {
    name: `errors-${percent}`,
    title: `${percent} % random 5xx of a lone provider`,
    seeds: 5,
    baselines: ['fixed', 'backoff', 'aimd'],
    measures: {
      success: { label: 'success', unit: '%', atLeast },
      attempts: { label: 'attempts a call', unit: '' },
    },

    async run(seed, client) {
      const report = await simulate({
        seed,
        forMs: 3 * minute,
        providers: [{ errorRatio: percent / 100, chunks: 1 }],
        client: clientFor(client, { fixed: 200 }),
        load: {
          perSecond: 20,
          timeoutMs: minute,
          inputTokens: 100,
          outputTokens: 100,
          maxOutputTokens: 1_000,
          burstiness: 2,
        },
      });
      return shown(report, {
        success: 100 * share(report.calls, isOk),
        attempts: requestsOf(report).length / report.calls.length,
      });
    },
  };
}

export const errors: readonly Scenario[] = [randomErrors(20, 98.5), randomErrors(5, 99.9)];
