/** What the runs have shown, as rows: for the terminal and for the page. */

import { availableParallelism } from 'node:os';
import type { Result } from './jobs.ts';
import { median } from './measure.ts';
import { type ClientName, isMet, type Measure, type Scenario } from './scenario.ts';

/** A figure of a scenario, of all clients. */
export interface Row {
  readonly measure: Measure;
  readonly key: string;
  /** In the middle of the runs. */
  readonly ours: number;
  /** Of the run that was furthest off. */
  readonly worst: number;
  /** The seed of that run. */
  readonly worstSeed: number;
  /** Whether all runs were as they must be; `undefined`: nothing is asked. */
  readonly met: boolean | undefined;
  readonly baselines: Readonly<Partial<Record<ClientName, number>>>;
}

/** What a scenario has shown. */
export interface Section {
  readonly scenario: Scenario;
  readonly rows: readonly Row[];
  readonly runs: number;
  /** Milliseconds of CPU, of all clients. */
  readonly cpuMs: number;
  /** Milliseconds by the clock on the wall, where that is told. */
  readonly wallMs: number | undefined;
  readonly broken: readonly { readonly seed: number; readonly what: string }[];
}

export function sectionOf(scenario: Scenario, results: readonly Result[], wallMs?: number): Section {
  const own = results.filter((result) => result.scenario === scenario.name);
  const runs = own.filter(({ client }) => client === 'transport');
  const rows = Object.entries(scenario.measures).map(([key, measure]): Row => {
    const values = runs.flatMap(({ seed, shown }) => {
      const value = shown.figures[key];
      return value === undefined ? [] : [{ seed, value }];
    });
    const isHighBad = measure.atMost !== undefined;
    const sorted = values.toSorted((one, other) => (isHighBad ? other.value - one.value : one.value - other.value));
    const { value: worst = Number.NaN, seed: worstSeed = 0 } =
      values.find(({ value }) => Number.isNaN(value)) ?? sorted[0] ?? {};
    const asked = measure.atLeast !== undefined || measure.atMost !== undefined;
    const baselines: Partial<Record<ClientName, number>> = {};
    for (const name of scenario.baselines) {
      const theirs = own.filter(({ client }) => client === name).flatMap(({ shown }) => shown.figures[key] ?? []);
      if (theirs.length > 0) baselines[name] = median(theirs);
    }
    return {
      ...{ measure, key, ours: median(values.map(({ value }) => value)), worst, worstSeed, baselines },
      met: asked ? values.length > 0 && values.every(({ value }) => isMet(measure, value)) : undefined,
    };
  });
  const broken = runs.flatMap(({ seed, shown }) => shown.broken.map((what) => ({ seed, what })));
  const cpuMs = own.reduce((sum, result) => sum + result.cpuMs, 0);
  return { scenario, rows, runs: runs.length, cpuMs, wallMs, broken };
}

export function barOf({ unit, atLeast, atMost }: Measure): string {
  if (atLeast !== undefined) return `≥ ${figureOf(atLeast, unit)}`;
  return atMost === undefined ? '' : `≤ ${figureOf(atMost, unit)}`;
}

/** A number with its unit, short. */
export function figureOf(value: number | undefined, unit: Measure['unit']): string {
  if (value === undefined) return '';
  if (Number.isNaN(value)) return '–';
  if (value === Number.POSITIVE_INFINITY) return 'never';
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  const number = value.toFixed(digits);
  return unit === '%' || unit === 's' ? `${number} ${unit}` : unit === '×' ? `× ${number}` : number;
}

const heads = ['', 'must be', 'transport', 'worst run', 'fixed', 'back-off', 'AIMD', ''] as const;

function cellsOf({ measure, ours, worst, met, baselines }: Row): readonly string[] {
  const { unit, label } = measure;
  const theirs = (['fixed', 'backoff', 'aimd'] as const).map((name) => figureOf(baselines[name], unit));
  return [
    label,
    barOf(measure),
    figureOf(ours, unit),
    met === undefined ? '' : figureOf(worst, unit),
    ...theirs,
    met === undefined ? '' : met ? '✓' : '✗',
  ];
}

/** How many runs there were, and what they took, where that is told. */
function countOf({ scenario: { timedMinutes }, runs, wallMs, cpuMs }: Section): string {
  if (timedMinutes === undefined || wallMs === undefined) return `${runs} ${runs === 1 ? 'run' : 'runs'}`;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const took = `${seconds(wallMs)} s on ${availableParallelism()} cores (${seconds(cpuMs)} s of CPU)`;
  return `${runs.toLocaleString('en')} × ${timedMinutes} minutes in ${took}`;
}

/** For the terminal. */
export function textOf(section: Section): string {
  const { scenario, rows, cpuMs, wallMs, broken } = section;
  const cells = [
    [...heads],
    ...rows.map((row) => [...cellsOf(row), ...(row.met === false ? [`--seed ${row.worstSeed}`] : [])]),
  ];
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const wrong = broken
    .slice(0, 5)
    .map(({ seed, what }) => `  BROKEN  ${what} (--scenario ${scenario.name} --seed ${seed})`);
  const more = broken.length > 5 ? [`  … and ${broken.length - 5} more`] : [];
  return [
    `${scenario.title}  [${scenario.name}, ${countOf(section)}${wallMs === undefined ? `, ${(cpuMs / 1_000).toFixed(1)} s of CPU` : ''}]`,
    ...lines.map((line) => `  ${line}`),
    ...wrong,
    ...more,
  ].join('\n');
}

/** For the page. */
export function markdownOf(section: Section): string {
  const { scenario, rows } = section;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `### ${scenario.title}`,
    '',
    `${countOf(section)}.`,
    '',
    line(heads),
    `|---|${'--:|'.repeat(heads.length - 1)}`,
    ...rows.map((row) => line(cellsOf(row))),
  ].join('\n');
}
