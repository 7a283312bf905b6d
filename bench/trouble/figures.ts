/** What the calls and the servers' books of a row come to. Pure. */

import { quantile } from '../statistics.ts';
import type { Ending } from './load.ts';
import type { Sighting } from './servers.ts';
import type { Trouble } from './trouble.ts';

/** Of the calls that came while the trouble lasted; shares are from 0 to 1. */
export interface Figures {
  readonly answered: number;
  /** Of the interactive calls; `NaN` without any. */
  readonly interactiveAnswered: number;
  /** At the servers. */
  readonly requestsPerCall: number;
  /** 429s, of all requests. */
  readonly refused: number;
  /** Requests to the servers that are in trouble, of all. */
  readonly toBad: number;
  /** Places of the servers that did work for an answer, while the trouble lasted; `NaN` where there is no limit. */
  readonly used: number;
  /** First content of the calls that were answered, as a multiple of the healthy one. */
  readonly p50: number;
  readonly p99: number;
  /** The same of the interactive calls. */
  readonly interactiveP99: number;
  /** Calls that were told that all is well, with a text that is not the model's. */
  readonly wrong: number;
}

/** The median of first contents before the trouble, in milliseconds; the first second, in which code is compiled, does not count. */
export function healthyMsOf(endings: readonly Ending[], { spanMs }: Trouble): number {
  const warmMs = Math.min(1_000, spanMs.healthy / 2);
  const healthy = endings.filter(({ call }) => call.arrivesMs >= warmMs && call.arrivesMs < spanMs.healthy);
  return quantile(firstContents(healthy), 0.5);
}

/** The figures of one client. `healthyMs`: what its times are multiples of. */
export function figuresOf(
  { trouble, startedAt, healthyMs }: { trouble: Trouble; startedAt: number; healthyMs: number },
  endings: readonly Ending[],
  sightings: readonly Sighting[],
): Figures {
  const { servers } = trouble;
  const { fromMs, toMs } = countedOf(trouble);
  const inTrouble = endings.filter(({ call }) => call.arrivesMs >= fromMs && call.arrivesMs < toMs);
  const prompts = new Set(inTrouble.map(({ call }) => call.prompt));
  const requests = sightings.filter(({ prompt }) => prompts.has(prompt));
  const interactive = inTrouble.filter(({ call }) => call.interactive);
  const times = (of: readonly Ending[], at: number): number => quantile(firstContents(of), at) / healthyMs;
  return {
    answered: share(inTrouble, isAnswered),
    interactiveAnswered: share(interactive, isAnswered),
    requestsPerCall: requests.length / inTrouble.length,
    refused: requests.length === 0 ? 0 : share(requests, ({ status }) => status === 429),
    toBad: requests.length === 0 ? 0 : share(requests, ({ server }) => servers[server]?.bad !== undefined),
    used: usedOf(trouble, startedAt, sightings),
    p50: times(inTrouble, 0.5),
    p99: times(inTrouble, 0.99),
    interactiveP99: times(interactive, 0.99),
    wrong: inTrouble.filter(({ outcome }) => outcome === 'wrong').length,
  };
}

/** Figure by figure, the one in the middle of several rounds. */
export function middleOf(rounds: readonly Figures[]): Figures {
  const [first] = rounds;
  if (first === undefined) throw new RangeError('there are no rounds');
  const middle = (key: keyof Figures): number => {
    const values = rounds.map((round) => round[key]);
    // A wrong answer is never averaged away.
    return key === 'wrong'
      ? values.reduce((sum, value) => sum + value, 0)
      : quantile(values.filter(Number.isFinite), 0.5);
  };
  return Object.fromEntries(Object.keys(first).map((key) => [key, middle(key as keyof Figures)])) as unknown as Figures;
}

/** When the calls come that are counted, in milliseconds from the start. */
export function countedOf({ spanMs: { healthy, trouble, settling = 0 } }: Trouble): { fromMs: number; toMs: number } {
  return { fromMs: healthy + settling, toMs: healthy + trouble };
}

function usedOf(trouble: Trouble, startedAt: number, sightings: readonly Sighting[]): number {
  const places = trouble.servers.reduce((sum, server) => sum + (server.places ?? Number.NaN), 0);
  const { fromMs, toMs } = countedOf(trouble);
  const [from, to] = [startedAt + fromMs, startedAt + toMs];
  const workedMs = sightings
    .filter(({ whole }) => whole)
    .map(({ receivedAt, endedAt = to }) => Math.max(0, Math.min(to, endedAt) - Math.max(from, receivedAt)))
    .reduce((sum, ms) => sum + ms, 0);
  return workedMs / (places * (toMs - fromMs));
}

function isAnswered({ outcome }: Ending): boolean {
  return outcome === 'answered';
}

function firstContents(endings: readonly Ending[]): number[] {
  return endings.filter(isAnswered).flatMap(({ firstContentMs }) => firstContentMs ?? []);
}

function share<T>(all: readonly T[], is: (one: T) => boolean): number {
  return all.filter(is).length / all.length;
}
