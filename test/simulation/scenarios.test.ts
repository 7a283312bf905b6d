import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from './scenarios/index.ts';
import { type Result, runJobs } from './support/jobs.ts';
import { sectionOf, textOf } from './support/table.ts';

/** Runs of each scenario: `npm run simulate` makes more of some, and has the same figures and the same bars. */
const usualRuns = 5;
const runs: Readonly<Record<string, number>> = {
  ...{ 'rate-limit-headers': 3, 'rate-limit-retry-after': 3, 'rate-limit-hidden': 3 },
  ...{ 'outage-200': 1, 'outage-patient': 3, 'errors-20': 3, 'errors-5': 3 },
  ...{ 'first-content': 2, stragglers: 2, overload: 3, exclusion: 2 },
  ...{ 'concurrency-limit': 3, 'one-slow': 3, 'one-failing': 3, metastable: 3 },
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
