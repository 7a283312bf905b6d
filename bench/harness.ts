/** Measures calls side by side: the same rounds for all, each round every call, so that a noisy minute is everybody's. */

import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { quantile } from './statistics.ts';

/** One call, from its beginning to its end. */
export type Call = () => Promise<unknown>;

/** How long and how often is measured. */
export interface Effort {
  readonly rounds: number;
  /** Milliseconds that a call is repeated for in each round. */
  readonly batchMs: number;
  /** Milliseconds that a call is repeated for before anything is measured. */
  readonly warmUpMs: number;
}

/** What the rounds have shown of one call. */
export interface Times {
  /**
   * Microseconds of CPU per call, in each round: the whole batch by its calls, garbage collections included. Of this thread alone, so
   * that it does not matter who else uses the machine.
   */
  readonly cpuUs: readonly number[];
  /** Microseconds on the clock of the call in the middle, in each round. */
  readonly medianUs: readonly number[];
  /** Microseconds on the clock that one call in a hundred takes longer than, over all rounds. */
  readonly p99Us: number;
}

/** Told after each round, for whoever waits. */
export type Progress = (done: number, of: number) => void;

/** How long each call takes. Their order turns by one each round, so that none always follows the same other. */
export async function timesOf<Name>(
  calls: ReadonlyMap<Name, Call>,
  { rounds, batchMs, warmUpMs }: Effort,
  progress: Progress = () => {},
): Promise<Map<Name, Times>> {
  const names = [...calls.keys()];
  const series = new Map(
    names.map((name) => [name, { cpuUs: [] as number[], medianUs: [] as number[], all: [] as number[] }]),
  );
  for (const call of calls.values()) await batch(call, warmUpMs);
  for (let round = 0; round < rounds; round += 1) {
    progress(round, rounds);
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round) % names.length] as Name;
      const { cpuUs, singlesUs } = await batch(calls.get(name) as Call, batchMs);
      const of = series.get(name);
      of?.cpuUs.push(cpuUs / singlesUs.length);
      of?.medianUs.push(quantile(singlesUs, 0.5));
      for (const us of singlesUs) of?.all.push(us);
    }
  }
  return new Map(
    [...series].map(([name, { cpuUs, medianUs, all }]) => [name, { cpuUs, medianUs, p99Us: quantile(all, 0.99) }]),
  );
}

/** Calls one after the other for so long. */
async function batch(call: Call, ms: number): Promise<{ readonly cpuUs: number; readonly singlesUs: number[] }> {
  // What others have left to do in the loop is theirs.
  await setImmediate();
  const singlesUs: number[] = [];
  const until = performance.now() + ms;
  const before = process.threadCpuUsage();
  for (let from = performance.now(); from < until; ) {
    await call();
    const to = performance.now();
    singlesUs.push((to - from) * 1_000);
    from = to;
  }
  const { user, system } = process.threadCpuUsage(before);
  return { cpuUs: user + system, singlesUs };
}

/**
 * Bytes that each call allocates, on the heap and in buffers. Right only where the young generation is so large that nothing is
 * collected meanwhile; a batch in which something was is taken again.
 */
export async function bytesOf<Name>(
  calls: ReadonlyMap<Name, Call>,
  { rounds, calls: count, warmUpMs }: { readonly rounds: number; readonly calls: number; readonly warmUpMs: number },
  progress: Progress = () => {},
): Promise<Map<Name, number>> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('Bytes are counted under --expose-gc');
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  };
  const once = async (call: Call): Promise<number> => {
    for (let of = count; of >= 1; of >>= 1) {
      gc();
      await settled();
      const seen = collections;
      const before = allocated();
      for (let turn = 0; turn < of; turn += 1) await call();
      const bytes = allocated() - before;
      await settled();
      if (collections === seen) return bytes / of;
    }
    throw new Error('A single call is collected: the young generation is too small');
  };

  const series = new Map<Name, number[]>();
  for (const call of calls.values()) await batch(call, warmUpMs);
  for (let round = 0; round < rounds; round += 1) {
    progress(round, rounds);
    for (const [name, call] of calls) series.set(name, [...(series.get(name) ?? []), await once(call)]);
  }
  observer.disconnect();
  return new Map([...series].map(([name, values]) => [name, quantile(values, 0.5)]));
}

function allocated(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
