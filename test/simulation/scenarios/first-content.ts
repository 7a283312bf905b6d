import {
  type SimulatedLoad,
  type SimulationOptions,
  type SimulationReport,
  simulate,
  type VirtualConditions,
  type VirtualProviderOptions,
  type VirtualRequest,
} from '../../../src/testing/index.ts';
import { quantile, second, share } from '../support/measure.ts';
import { type ClientName, clientFor, type Scenario } from '../support/scenario.ts';

const sigmas = [0.3, 0.6, 1] as const;
/** Milliseconds, in the middle: long enough for times to decide, and not the least that a time-out may be. */
const firstContentMs = 2_400;
/** Three spreads, five runs: 75,000 calls together. */
const callsEach = 5_000;
const stepAt = 300 * second;
const darkAt = 120 * second;

const rowsOf = (key: string, label: string, more: { readonly unit: '%' | ''; readonly atMost: number }) =>
  Object.fromEntries(
    sigmas.map((sigma) => [`${key}${sigma}`, { label: `${label}, σ ${sigma.toFixed(1)}`, ...more }] as const),
  );

/** How many attempts were given up for being late, of a provider that always answers. */
export const firstContent: Scenario = {
  name: 'first-content',
  title: 'First contents log-normal (median 2.4 s, σ 0.3, 0.6, 1.0), 75,000 calls; then four times slower at once',
  seeds: 5,
  baselines: [],
  measures: {
    ...rowsOf('false', 'false time-outs', { unit: '%', atMost: 0.3 }),
    ...rowsOf('step', 'time-outs after the step', { unit: '', atMost: 3 }),
    cut: { label: 'answers cut off after their first content', unit: '%', atMost: 0.3 },
    soonest: { label: 'a black hole is noticed within, σ 0.3, at the soonest', unit: 's' },
    latest: { label: 'at the latest', unit: 's' },
  },

  async run(seed, client) {
    const figures: Record<string, number> = {};
    const runs: SimulationReport[] = [];
    const run = async (
      forMs: number,
      conditions: Conditions,
      load: SimulatedLoad,
    ): Promise<readonly VirtualRequest[]> => {
      const report = await simulate({ seed, forMs, ...setting(client, conditions), load });
      runs.push(report);
      return report.requests.get('asked') ?? [];
    };
    const steady: VirtualRequest[] = [];
    for (const sigma of sigmas) {
      const requests = await run((callsEach / 10) * second, { sigma }, load);
      steady.push(...requests);
      figures[`false${sigma}`] = 100 * share(requests, isLate);

      // One after the other, so that each finds what the last has taught.
      const slower = { fromMs: stepAt, toMs: Number.POSITIVE_INFINITY, slowness: 4 };
      const one = { ...load, callers: 1, thinkMs: 500, outputTokens: 5 };
      const step = await run(2 * stepAt, { sigma, schedule: [slower] }, one);
      figures[`step${sigma}`] = step.filter((request) => request.at >= stepAt && isLate(request)).length;
    }
    figures.cut = 100 * share(steady, (request) => isGivenUp(request) && !isLate(request));

    const silent = { fromMs: darkAt, toMs: 2 * darkAt, state: 'silent' } as const;
    const dark = await run(2 * darkAt, { sigma: 0.3, schedule: [silent] }, { ...load, perSecond: 2 });
    const silences = dark.flatMap((request) =>
      request.at >= darkAt && isLate(request) ? [(request.endedAt ?? Number.NaN) - request.at] : [],
    );
    figures.soonest = quantile(silences, 0) / second;
    figures.latest = quantile(silences, 1) / second;
    return { figures, broken: runs.flatMap(({ broken }) => broken), log: runs.map(({ log }) => log).join(' ') };
  },
};

type Conditions = VirtualConditions & Pick<VirtualProviderOptions, 'schedule'>;

const load: SimulatedLoad = { perSecond: 10, inputTokens: 100, outputTokens: 20 };

/** Somebody else could be asked, who is not: nothing is asked again, and nothing beside it. A lone provider is given 20 s at least. */
function setting(client: ClientName, conditions: Conditions): Pick<SimulationOptions, 'providers' | 'client'> {
  return {
    providers: [{ name: 'asked', firstContentMs, chunks: 1, ...conditions }, { name: 'spare' }],
    client: clientFor(client, { circuitBreaker: false, hedge: false, retry: false }),
  };
}

const isGivenUp = ({ outcome }: VirtualRequest): boolean => outcome === 'abandoned';
/** Given up before anything came. */
const isLate = (request: VirtualRequest): boolean => isGivenUp(request) && request.firstContentAt === undefined;
