import { createTransport } from '../../../src/index.ts';
import { type SimulatedCall, type SimulationReport, simulate } from '../../../src/testing/index.ts';
import { minute, quantile, requestsOf, second } from '../support/measure.ts';
import { clientFor, type Scenario, type Shown } from '../support/scenario.ts';

const providers = [
  { name: 'one', stragglerRatio: 0.02, chunks: 1 },
  { name: 'other', stragglerRatio: 0.02, chunks: 1 },
] as const;
const forMs = 5 * minute;
/** Both fail often for ten seconds, three times. */
const schedule = [20, 60, 100].map((from) => ({
  fromMs: from * second,
  toMs: (from + 10) * second,
  errorRatio: 0.4,
}));
const load = { perSecond: 10, inputTokens: 100, outputTokens: 60 };

/** Two providers that sometimes keep a caller waiting ten times as long. */
export const stragglers: Scenario = {
  name: 'stragglers',
  title: '2 % stragglers, × 10, two providers, hedging',
  seeds: 5,
  baselines: ['backoff'],
  measures: {
    p99: { label: 'p99 first content', unit: 's' },
    ratio: { label: 'p99 beside no hedging', unit: '×', atMost: 0.5 },
    extra: { label: 'extra requests', unit: '%', atMost: 5 },
    belowHalf: { label: 'errors in waves: hedges while the quota is below half', unit: '', atMost: 0 },
    above: { label: 'errors in waves: hedges otherwise', unit: '', atLeast: 10 },
  },

  async run(seed, client, control): Promise<Shown> {
    const run = () => simulate({ seed, forMs, providers, client: clientFor(client), load });
    if (client !== 'transport') {
      const plain = await run();
      return { figures: { p99: p99Of(plain.calls) / second, extra: extraOf(plain) }, broken: [], log: '' };
    }
    // The purse empties and fills, and there is many a straggler all the time. First, while there is no other purse to look at.
    let belowHalf = 0;
    let above = 0;
    const poor = await simulate({
      seed,
      forMs: 2 * minute,
      providers: [
        { ...providers[0], schedule, stragglerRatio: 0.2 },
        { ...providers[1], schedule, stragglerRatio: 0.2 },
      ],
      client: (all) => createTransport({ providers: all, circuitBreaker: false }),
      load: { ...load, perSecond: 20 },
      onEvent: (event) => {
        if (event.type !== 'hedge') return;
        if (control.isLow()) belowHalf += 1;
        else above += 1;
      },
    });
    const hedged = await run();
    const alone = await simulate({ seed, forMs, providers, client: clientFor(client, { hedge: false }), load });
    const p99 = p99Of(hedged.calls);
    return {
      figures: { p99: p99 / second, ratio: p99 / p99Of(alone.calls), extra: extraOf(hedged), belowHalf, above },
      broken: [...hedged.broken, ...alone.broken, ...poor.broken],
      log: `${hedged.log} ${alone.log} ${poor.log}`,
    };
  },
};

function p99Of(calls: readonly SimulatedCall[]): number {
  return quantile(
    calls.flatMap(({ firstContentMs }) => firstContentMs ?? []),
    0.99,
  );
}

function extraOf(report: SimulationReport): number {
  return 100 * (requestsOf(report).length / report.calls.length - 1);
}
