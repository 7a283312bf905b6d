/** Figures of a simulation. */

import type { SimulatedCall, SimulationReport, VirtualRequest } from '../../../src/testing/index.ts';

export const second = 1_000;
export const minute = 60_000;

/** A stretch of time, in milliseconds since the beginning. */
export type Span = readonly [fromMs: number, toMs: number];

export function within<T extends { readonly at: number }>(items: readonly T[], [from, to]: Span): T[] {
  return items.filter(({ at }) => at >= from && at < to);
}

/** The share of items of which something is so; of none, 0. */
export function share<T>(items: readonly T[], isSo: (item: T) => boolean): number {
  return items.length === 0 ? 0 : items.filter(isSo).length / items.length;
}

export function quantile(values: readonly number[], at: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] as number;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export const isRefused = ({ outcome }: VirtualRequest): boolean => outcome === 'rate_limited';
export const isOk = ({
  outcome,
}: {
  readonly outcome: SimulatedCall['outcome'] | VirtualRequest['outcome'];
}): boolean => outcome === 'ok';

/** All requests of all providers. */
export function requestsOf({ requests }: SimulationReport): VirtualRequest[] {
  return [...requests.values()].flat();
}

/** Requests that were worked on at once, on average. */
export function meanBusy(
  requests: readonly VirtualRequest[],
  [from, to]: Span,
  counts = (_: VirtualRequest) => true,
): number {
  let sum = 0;
  for (const request of requests) {
    if (isRefused(request) || !counts(request)) continue;
    sum += Math.max(0, Math.min(to, request.endedAt ?? to) - Math.max(from, request.at));
  }
  return sum / (to - from);
}

/** The end of the first stretch of `windowMs`, looked for from `from` on, in which something is so; in milliseconds after `from`. */
export function firstWindow([from, to]: Span, windowMs: number, isSo: (span: Span) => boolean): number {
  for (let at = from; at + windowMs <= to; at += second) if (isSo([at, at + windowMs])) return at + windowMs - from;
  return Number.POSITIVE_INFINITY;
}

/** How many calls in a stretch ended, per second, in which something is so. */
export function perSecond(
  calls: readonly SimulatedCall[],
  [from, to]: Span,
  isSo = isOk as (call: SimulatedCall) => boolean,
): number {
  return (
    calls.filter((call) => isSo(call) && (call.endedAt ?? 0) >= from && (call.endedAt ?? 0) < to).length /
    ((to - from) / second)
  );
}

/** Milliseconds that a call waited before anything was sent. */
export function waitOf(call: SimulatedCall, epochMs: number): number | undefined {
  const [first] = call.attempts;
  return first === undefined ? undefined : first.startedAt - epochMs - call.at;
}

/** One value for each step of a run, for the figure. */
export function seriesOf(untilMs: number, stepMs: number, of: (span: Span) => number): number[] {
  return Array.from({ length: Math.ceil(untilMs / stepMs) }, (_, step) => of([step * stepMs, (step + 1) * stepMs]));
}
