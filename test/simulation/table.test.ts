import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scenarioOf, scenarios } from './scenarios/index.ts';
import { svgOf } from './support/figure.ts';
import type { Result } from './support/jobs.ts';
import { firstWindow, meanBusy, quantile, share, within } from './support/measure.ts';
import { readOptions } from './support/options.ts';
import { pageWith, panelsOf } from './support/page.ts';
import type { ClientName, Scenario, Shown } from './support/scenario.ts';
import { barOf, figureOf, markdownOf, sectionOf, textOf } from './support/table.ts';

const scenario: Scenario = {
  ...{ name: 'some', title: 'Some trouble', seeds: 3, baselines: ['aimd'] },
  measures: {
    use: { label: 'use', unit: '%', atLeast: 90 },
    late: { label: 'late', unit: 's', atMost: 2 },
    known: { label: 'known', unit: '' },
  },
  drawn: { title: 'Some', unit: 'calls', stepMs: 1_000 },
  run: () => Promise.reject(new Error('not run')),
};

function result(seed: number, client: ClientName, figures: Shown['figures'], broken: readonly string[] = []): Result {
  return { ...{ scenario: 'some', seed, client, cpuMs: 1 }, shown: { figures, broken, log: '', series: [1, 2] } };
}

const results = [
  result(2, 'transport', { use: 95, late: 1, known: 3 }),
  result(1, 'transport', { use: 91, late: 2.5, known: 4 }, ['something']),
  result(3, 'transport', { use: 99, late: 0.5, known: 5 }),
  result(1, 'aimd', { use: 50, late: Number.POSITIVE_INFINITY }),
];

describe('the table', () => {
  it('has the figure in the middle, the one furthest off with its seed, and whether all runs are as they must be', () => {
    const { rows, runs, broken } = sectionOf(scenario, results);
    expect(runs).toBe(3);
    expect(rows).toMatchObject([
      { key: 'use', ours: 95, worst: 91, worstSeed: 1, met: true, baselines: { aimd: 50 } },
      { key: 'late', ours: 1, worst: 2.5, worstSeed: 1, met: false, baselines: { aimd: Number.POSITIVE_INFINITY } },
      { key: 'known', ours: 4, met: undefined, baselines: {} },
    ]);
    expect(broken).toEqual([{ seed: 1, what: 'something' }]);
  });

  it('takes no figure, and one that is no number, for one that is not as it must be', () => {
    const met = (all: readonly Result[]) => sectionOf(scenario, all).rows.map((row) => row.met);
    expect(met([])).toEqual([false, false, undefined]);
    expect(
      met([result(1, 'transport', { use: 95, late: 1 }), result(2, 'transport', { use: Number.NaN, late: 1 })]),
    ).toEqual([false, true, undefined]);
  });

  it('prints figures short, with their units', () => {
    expect([99.96, 12.34, 1.234, 5].map((value) => figureOf(value, '%'))).toEqual([
      '100.0 %',
      '12.3 %',
      '1.23 %',
      '5 %',
    ]);
    expect([figureOf(123.4, ''), figureOf(0.5, '×'), figureOf(undefined, 's')]).toEqual(['123', '× 0.50', '']);
    expect([figureOf(Number.POSITIVE_INFINITY, 's'), figureOf(Number.NaN, 's')]).toEqual(['never', '–']);
    expect(Object.values(scenario.measures).map(barOf)).toEqual(['≥ 90 %', '≤ 2 s', '']);
  });

  it('tells how long runs took that are timed, and of no others', () => {
    const timed = { ...scenario, timedMinutes: 10 };
    expect(textOf(sectionOf(timed, results, 61_300))).toMatch(
      /3 × 10 minutes in 61\.3 s on \d+ cores \(0\.0 s of CPU\)/,
    );
    expect(markdownOf(sectionOf(timed, results, 61_300))).toContain('3 × 10 minutes in 61.3 s');
    expect(markdownOf(sectionOf(timed, results))).toContain('3 runs.');
  });

  it('says how to run again what was broken', () => {
    expect(textOf(sectionOf(scenario, results))).toContain('BROKEN  something (--scenario some --seed 1)');
  });
});

describe('the page', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/simulation.md'), 'utf8');

  it('has every scenario, every figure and every bar', () => {
    for (const { title, measures } of scenarios) {
      expect(page).toContain(`### ${title}\n`);
      for (const measure of Object.values(measures)) expect(page).toContain(`| ${measure.label} | ${barOf(measure)} |`);
    }
  });

  it('is written anew between its marks, and stays as it is beside them', () => {
    const sections = [sectionOf(scenario, results)];
    const written = pageWith(page, sections);
    expect(written).toContain(markdownOf(sections[0] as never));
    expect(written).not.toContain(scenarios[0]?.title);
    expect(pageWith(written, sections)).toBe(written);
    expect(written.split('<!-- simulation')[0]).toBe(page.split('<!-- simulation')[0]);
    expect(() => pageWith('nothing', sections)).toThrow('no');
  });

  it('draws the first run of each client', () => {
    const panels = panelsOf([scenario], results);
    expect(panels).toEqual([
      {
        ...scenario.drawn,
        lines: [
          { name: 'transport', values: [1, 2] },
          { name: 'AIMD', values: [1, 2] },
        ],
      },
    ]);
    expect(svgOf(panels)).toMatch(/^<svg[\s\S]*AIMD[\s\S]*<\/svg>\n$/);
  });
});

describe('the measures', () => {
  it('count what is in a stretch of time, and how busy it was', () => {
    const request = (at: number, endedAt: number, outcome = 'ok') => ({ at, endedAt, outcome }) as never;
    const requests = [request(0, 10), request(5, 15), request(8, 20, 'rate_limited')];
    expect(within(requests, [5, 8])).toHaveLength(1);
    expect(meanBusy(requests, [0, 20])).toBe(1);
    expect(meanBusy(requests, [0, 10])).toBe(1.5);
    expect(share([1, 2, 3, 4], (value) => value > 3)).toBe(0.25);
    expect([share([], () => true), quantile([3, 1, 2], 0.5), quantile([], 0.5)]).toEqual([0, 2, Number.NaN]);
  });

  it('find the first window in which something is so', () => {
    expect(firstWindow([10_000, 60_000], 5_000, ([from]) => from >= 17_000)).toBe(12_000);
    expect(firstWindow([10_000, 60_000], 5_000, () => false)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the command', () => {
  it('has names of its own for all scenarios, and says which there are', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
    expect(scenarioOf('fuzz').seeds).toBe(1_000);
    expect(() => scenarioOf('none')).toThrow('metastable');
  });

  it('reads its options, and refuses what is none', () => {
    expect(readOptions([])).toMatchObject({ scenarios: [], seed: undefined, baselines: true, write: false });
    expect(readOptions(['--seed', '7', '--scenario', 'a', '--scenario', 'b', '--no-baselines'])).toMatchObject({
      ...{ seed: 7, scenarios: ['a', 'b'], baselines: false },
    });
    expect(() => readOptions(['--seed', 'x'])).toThrow('whole number');
    expect(() => readOptions(['--sed', '7'])).toThrow();
    expect(() => readOptions(['--write', '--scenario', 'a'])).toThrow('--write');
  });
});
