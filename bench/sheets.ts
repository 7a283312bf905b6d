/** What was measured, as tables. Pure. */

import { bareSdk, concurrencies, type LoopbackResult } from './loopback.ts';
import type { Results } from './results.ts';
import type { Kind, Row, Table } from './rows/row.ts';
import { nameOf } from './rows/tables.ts';
import { figure, type Sheet, spread, times } from './sheet.ts';
import { nsPerChunk, paired, ratio, type Spread, spreadOf } from './statistics.ts';

/** The figures of a row that is called in process; absent where it cannot be called so. */
export interface Figures {
  readonly label: string;
  readonly unary?: Cost;
  readonly stream?: Cost;
  /** Nanoseconds for each further chunk. */
  readonly chunkNs?: Spread;
}

export interface Cost {
  /** Microseconds of CPU per call. */
  readonly cpuUs: Spread;
  /** Microseconds on the clock of the call in the middle. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly bytes: number;
  /** Microseconds on the clock that it takes longer in the middle than the first row. */
  readonly overUs: number;
  /** CPU, as a multiple of the first row's. */
  readonly times: number;
}

/** The figures of a table's rows. */
export function figuresOf(table: Table, index: number, results: Results): Figures[] {
  return table.rows.map((row, at) => {
    const unary = costOf(row, index, at, 'unary', results);
    const stream = costOf(row, index, at, 'stream', results);
    const long = results.times.get(nameOf(index, at, 'long'));
    const short = results.times.get(nameOf(index, at, 'stream'));
    const chunkNs =
      long === undefined || short === undefined
        ? undefined
        : nsPerChunk(long.medianUs, short.medianUs, table.moreChunks);
    return { label: row.label, unary, stream, chunkNs };
  });
}

function costOf(row: Row, table: number, at: number, kind: Kind, { times, bytes }: Results): Cost | undefined {
  const name = nameOf(table, at, kind);
  const own = times.get(name);
  const first = times.get(nameOf(table, 0, kind));
  if (row.calls[kind] === undefined || own === undefined || first === undefined) return undefined;
  return {
    cpuUs: spreadOf(own.cpuUs),
    p50Us: spreadOf(own.medianUs).median,
    p99Us: own.p99Us,
    bytes: bytes.get(name) ?? Number.NaN,
    overUs: spreadOf(paired(own.medianUs, first.medianUs, (one, other) => one - other)).median,
    times: ratio(own.cpuUs, first.cpuUs).median,
  };
}

const kilobytes = (bytes: number): string => figure(bytes / 1_000);

/** Around the stub: what is added to it. */
export function layersSheet(table: Table, figures: readonly Figures[]): Sheet {
  return {
    title: table.title,
    note: table.note,
    heads: ['unary: CPU µs', 'p50', 'p99', 'kB', 'p50 over stub', 'stream: CPU µs', 'kB', 'ns per chunk'],
    rows: figures.map(({ label, unary, stream, chunkNs }) => ({
      label,
      cells: [
        ...[cell(unary, ({ cpuUs }) => spread(cpuUs)), cell(unary, ({ p50Us }) => figure(p50Us))],
        ...[cell(unary, ({ p99Us }) => figure(p99Us)), cell(unary, ({ bytes }) => kilobytes(bytes))],
        ...[cell(unary, ({ overUs }) => figure(overUs)), cell(stream, ({ cpuUs }) => spread(cpuUs))],
        ...[cell(stream, ({ bytes }) => kilobytes(bytes)), cell(chunkNs, spread)],
      ],
    })),
  };
}

/** Side by side: how many times the first row. */
export function librariesSheet(table: Table, figures: readonly Figures[]): Sheet {
  const first = figures[0]?.chunkNs?.median ?? Number.NaN;
  return {
    title: table.title,
    note: table.note,
    heads: ['unary: CPU µs', '×', 'kB', 'stream: CPU µs', '×', 'kB', 'ns per chunk', '×'],
    rows: figures.map(({ label, unary, stream, chunkNs }) => ({
      label,
      cells: [
        ...[unary, stream].flatMap((cost) => [
          cell(cost, ({ cpuUs }) => spread(cpuUs)),
          cell(cost, (of) => times(of.times)),
          cell(cost, ({ bytes }) => kilobytes(bytes)),
        ]),
        cell(chunkNs, spread),
        cell(chunkNs, ({ median }) => times(median / first)),
      ],
    })),
  };
}

function cell<T>(value: T | undefined, text: (value: T) => string): string {
  return value === undefined ? '' : text(value);
}

/** Calls per second and CPU over loopback, beside the bare SDK with the same on the wire. */
export function loopbackSheet(results: readonly LoopbackResult[]): Sheet {
  const labels = [...new Set(results.map(({ wire, label }) => `${wireNames[wire]}: ${label}`))];
  return {
    title: 'Over loopback HTTP',
    note: 'a server in another process; CPU of the whole client process; × is beside the bare SDK with the same on the wire, round by round',
    heads: concurrencies.flatMap((at) => [`${at} at once: calls/s`, '×', 'CPU µs', '×']),
    rows: labels.map((label) => ({
      label,
      cells: concurrencies.flatMap((at) => {
        const own = results.find((one) => one.concurrency === at && `${wireNames[one.wire]}: ${one.label}` === label);
        if (own === undefined) return ['', '', '', ''];
        const bare = bareOf(own, results);
        return [
          spread(spreadOf(own.callsPerSecond)),
          times(ratio(own.callsPerSecond, bare.callsPerSecond).median),
          figure(spreadOf(own.cpuUs).median),
          times(ratio(own.cpuUs, bare.cpuUs).median),
        ];
      }),
    })),
  };
}

export const wireNames = { json: 'in one piece', sse: 'streamed' } as const;

/** The bare SDK with the same on the wire. */
export function bareOf({ wire, concurrency }: LoopbackResult, results: readonly LoopbackResult[]): LoopbackResult {
  const bare = results.find((one) => one.label === bareSdk && one.wire === wire && one.concurrency === concurrency);
  if (bare === undefined) throw new Error(`no bare SDK with ${wire} on the wire`);
  return bare;
}
