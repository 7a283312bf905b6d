import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from './scenarios/index.ts';
import { type Result, runJobs } from './support/jobs.ts';
import { sectionOf, textOf } from './support/table.ts';

/** Runs of each scenario: `npm run simulate` makes more of some, and has the same figures and the same bars. */
const usualRuns = 3;
const runs: Readonly<Record<string, number>> = {
  ...{ 'rate-limit-headers': 1, 'rate-limit-retry-after': 1, 'rate-limit-hidden': 1, 'concurrency-limit': 1 },
  ...{ 'outage-200': 1, 'outage-patient': 2, 'errors-20': 1, 'errors-5': 2 },
  ...{ 'first-content': 1, stragglers: 1, overload: 2, exclusion: 1 },
  ...{ 'one-slow': 2, 'one-failing': 2, metastable: 2 },
};

describe('the transport in trouble', () => {
  let results: readonly Result[] = [];
  // All of them by the same threads: to warm one up for each scenario takes longer than the scenario.
  beforeAll(async () => {
    const jobs = scenarios.flatMap(({ name }) =>
      Array.from({ length: runs[name] ?? usualRuns }, (_, index) => ({
        scenario: name,
        seed: index + 1,
        client: 'transport' as const,
      })),
    );
    results = await runJobs(jobs);
  }, 400_000);
  afterAll(() => {
    if (process.env.SHOW !== undefined) for (const one of scenarios) console.log(textOf(sectionOf(one, results)));
  });

  it.each(scenarios.map((scenario) => [scenario.title, scenario] as const))('%s', { tags: 'load' }, (_, scenario) => {
    const { rows, broken } = sectionOf(scenario, results);
    expect(broken).toEqual([]);
    const unmet = rows.filter(({ met }) => met === false);
    expect(unmet.map(({ measure, worst, worstSeed }) => ({ ...measure, worst, worstSeed }))).toEqual([]);
  });
});
