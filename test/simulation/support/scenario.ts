/** What a scenario is: one kind of trouble, who meets it, and what is measured. */

import { createTransport, type TransportOptions } from '../../../src/index.ts';
import type { SimulationOptions, SimulationReport, VirtualProvider } from '../../../src/testing/index.ts';
import { PlainClient, type PlainOptions } from './clients.ts';
import type { ControlWitness } from './control-witness.ts';

/** Who makes the calls. */
export type ClientName = 'transport' | 'fixed' | 'backoff' | 'aimd';
export const clientNames: readonly ClientName[] = ['transport', 'fixed', 'backoff', 'aimd'];

export type Unit = '%' | 's' | '×' | '';

/** What is measured, and what it must be. */
export interface Measure {
  readonly label: string;
  readonly unit: Unit;
  /** For the transport, in each of its runs. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What a run has shown. */
export interface Shown {
  /** By the keys of the scenario's measures; a baseline may leave out what it has not. */
  readonly figures: Readonly<Record<string, number>>;
  /** What a transport never does, and has done. */
  readonly broken: readonly string[];
  /** A number of all its events. */
  readonly log: string;
  /** For the figure: one value for each step. */
  readonly series?: readonly number[];
}

export interface Scenario {
  /** For the command line. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** How many runs of the transport. */
  readonly seeds: number;
  /** Who it is compared with. */
  readonly baselines: readonly ClientName[];
  readonly measures: Readonly<Record<string, Measure>>;
  /** What `series` is, and a step of it. */
  readonly drawn?: { readonly title: string; readonly unit: string; readonly stepMs: number };
  /** Minutes of virtual time of a run, where it is told how long they take: they are made apart from all others. */
  readonly timedMinutes?: number;
  /** `control` looks on, at what is private to a transport. */
  run(seed: number, client: ClientName, control: ControlWitness): Promise<Shown>;
}

/** Makes the client of a name. `fixed`: how many attempts at once the one with a fixed number makes. */
export function clientFor(
  name: ClientName,
  {
    fixed = 32,
    plain = {},
    ...options
  }: { fixed?: number; plain?: PlainOptions } & Omit<TransportOptions, 'providers'> = {},
): SimulationOptions['client'] {
  return (providers: readonly [VirtualProvider, ...VirtualProvider[]]) => {
    if (name === 'transport') return createTransport({ providers, ...options });
    if (name === 'fixed') return new PlainClient(providers, { ...plain, concurrency: fixed });
    return new PlainClient(providers, { ...plain, ...(name === 'aimd' && { concurrency: 'aimd' }) });
  };
}

/** A report's part that all scenarios hand on. */
export function shown(report: SimulationReport, figures: Shown['figures'], series?: readonly number[]): Shown {
  return { figures, broken: report.broken, log: report.log, ...(series !== undefined && { series }) };
}

/** Whether a figure is what it must be. */
export function isMet(
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Measure,
  value: number,
): boolean {
  return value >= atLeast && value <= atMost;
}
