import { type SimulationReport, simulate } from '../../../src/testing/index.ts';
import { minute, perSecond, requestsOf, second, seriesOf, within } from '../support/measure.ts';
import { clientFor, type Scenario, shown } from '../support/scenario.ts';

const slots = 100;
/** Seconds that a request takes, on average. */
const service = 4.8;
const rate = (0.75 * slots) / service;
const fromMs = 30 * second;
const toMs = fromMs + minute;
const forMs = toMs + 2 * minute;

/** Milliseconds of a span, and the calls that it must have: with fewer, it is one with the next. */
const spanMs = 10 * second;
const leastCalls = 20;

/** The attempts a call of those that began in each span, whenever they were made. */
function attemptsOf(report: SimulationReport): number[] {
  const attempts = new Map<string, number>();
  for (const { transactionId } of requestsOf(report))
    attempts.set(transactionId, (attempts.get(transactionId) ?? 0) + 1);
  const shares: number[] = [];
  let calls = 0;
  let made = 0;
  for (let at = 0; at < forMs; at += spanMs) {
    for (const { transactionId } of within(report.calls, [at, at + spanMs])) {
      calls += 1;
      made += attempts.get(transactionId) ?? 0;
    }
    if (calls < leastCalls) continue;
    shares.push(made / calls);
    calls = 0;
    made = 0;
  }
  return shares;
}

/** Capacity drops under load, and clients that give up and ask again keep the server busy with work for nobody. */
export const metastable: Scenario = {
  name: 'metastable',
  title: 'Metastable: 75 % load, capacity down to 30 % for 60 s, a server that goes on with abandoned work',
  seeds: 100,
  baselines: ['fixed', 'backoff', 'aimd'],
  measures: {
    goodput: { label: 'goodput 60 s after', unit: '%', atLeast: 95 },
    attempts: { label: 'attempts a call, in any 10 s', unit: '', atMost: 1.2 },
    mean: { label: 'attempts a call, on average', unit: '' },
    during: { label: 'goodput in the drop, of what 30 slots do', unit: '%' },
  },
  drawn: { title: 'Capacity drops to 30 % for 60 s, at 75 % load', unit: 'answers a second', stepMs: 5 * second },

  async run(seed, client) {
    const report = await simulate({
      seed,
      forMs,
      providers: [
        {
          ...{ sigma: 0.5, tokensPerSecond: 67, slots, keepsAbandoned: true, chunks: 1 },
          schedule: [{ fromMs, toMs, slots: 30 }],
        },
      ],
      client: clientFor(client, { fixed: 200, plain: { firstContentMs: 10 * second, retries: 3 } }),
      load: { perSecond: rate, timeoutMs: minute, inputTokens: 100, outputTokens: 175, maxOutputTokens: 1_500 },
    });
    const after = [toMs + minute, forMs] as const;
    return shown(
      report,
      {
        // Of what was really asked for: arrivals are random too.
        goodput: (100 * perSecond(report.calls, after)) / (within(report.calls, after).length / 60),
        attempts: Math.max(...attemptsOf(report)),
        mean: requestsOf(report).length / report.calls.length,
        during: (100 * perSecond(report.calls, [fromMs + 10 * second, toMs])) / (30 / service),
      },
      seriesOf(forMs, 5 * second, (span) => perSecond(report.calls, span)),
    );
  },
};
