import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { TransportError } from '../../../src/core/errors.ts';
import type { TransportEvent } from '../../../src/core/events.ts';
import type { Chunk, Completion, CompletionStream, Transport, TransportOptions } from '../../../src/core/types.ts';
import { randomFrom, type SimulatedProvider } from '../../../src/testing/index.ts';
import { createTransport } from '../../../src/transport.ts';

/** The real one: lets every microtask run, without moving the virtual clock. */
const realImmediate = setImmediate;

/** Lets everything happen that needs no time. */
export function flush(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}

interface Scene {
  readonly llm: Transport;
  readonly events: TransportEvent[];
}
let scenes: Scene[] = [];

/**
 * Virtual time and repeatable chance for every test of the file. After each test its transports are closed, and what must hold
 * after any calls whatever is checked: no timer, slot or attempt is left, and the events are whole.
 */
export function virtualTime(seed = 1): void {
  beforeEach(() => {
    vi.useFakeTimers();
    chance(seed);
  });
  afterEach(async () => {
    const over = scenes;
    scenes = [];
    try {
      for (const { llm } of over) await settled(llm.close({ timeoutMs: 0 }));
      await flush();
      for (const { llm, events } of over) {
        for (const { name, inFlight, queued } of llm.health()) {
          expect({ name, inFlight, queued }).toEqual({ name, inFlight: 0, queued: 0 });
        }
        checkEvents(events);
      }
      if (over.length > 0) expect(vi.getTimerCount(), 'timers left after close()').toBe(0);
    } finally {
      vi.restoreAllMocks();
      vi.useRealTimers();
    }
  });
}

/** The same chances for the same seed. */
export function chance(seed: number): void {
  vi.spyOn(Math, 'random').mockImplementation(randomFrom(seed));
}

/** A transport that is closed, and whose events are checked, after the test. */
export function transport(options: TransportOptions): Transport & { readonly events: TransportEvent[] } {
  const llm = createTransport(options);
  const events: TransportEvent[] = [];
  llm.on('*', (event) => events.push(event));
  scenes.push({ llm, events });
  return Object.assign(llm, { events });
}

/** Closes a transport before the test is over, with the same checks. */
export async function finish(llm: Transport): Promise<void> {
  await settled(llm.close({ timeoutMs: 0 }));
  await flush();
}

/** Every start has one end, and nothing of a call follows its end. */
export function checkEvents(events: readonly TransportEvent[]): void {
  const calls = new Map<string, { over: boolean; attempts: Map<number, 'open' | 'over'> }>();
  const wrong: string[] = [];
  for (const event of events) {
    const { type, transactionId } = event;
    if (transactionId === '') continue;
    const call = calls.get(transactionId);
    if (type === 'call:start') {
      // A later call may have the id of one that is over.
      if (call?.over === false) wrong.push(`${transactionId}: two starts`);
      calls.set(transactionId, { over: false, attempts: new Map() });
      continue;
    }
    if (call === undefined) {
      wrong.push(`${transactionId}: ${type} before the start`);
      continue;
    }
    if (call.over) wrong.push(`${transactionId}: ${type} after the end`);
    if (type === 'call:end') {
      call.over = true;
      for (const [number, state] of call.attempts)
        if (state === 'open') wrong.push(`${transactionId}: attempt ${number} without an end`);
    }
    if (type === 'attempt:start') {
      if (call.attempts.has(event.ledger.number)) wrong.push(`${transactionId}: attempt ${event.ledger.number} twice`);
      call.attempts.set(event.ledger.number, 'open');
    }
    if (type === 'attempt:end') {
      if (call.attempts.get(event.ledger.number) !== 'open')
        wrong.push(`${transactionId}: attempt ${event.ledger.number} ended without a start, or twice`);
      call.attempts.set(event.ledger.number, 'over');
    }
  }
  for (const [transactionId, { over }] of calls) if (!over) wrong.push(`${transactionId}: no end`);
  expect(wrong.slice(0, 5)).toEqual([]);
}

export type Settled<T> =
  | { readonly ok: true; readonly value: T; readonly ms: number; readonly code: 'ok' }
  | { readonly ok: false; readonly error: TransportError; readonly ms: number; readonly code: string };

/** Notes how a promise ends, and after how many virtual milliseconds, without waiting for it. */
export function watch<T>(promise: Promise<T>): { readonly result: Settled<T> | undefined } {
  const from = Date.now();
  const watched: { result: Settled<T> | undefined } = { result: undefined };
  promise.then(
    (value) => {
      watched.result = { ok: true, value, ms: Date.now() - from, code: 'ok' };
    },
    (error: TransportError) => {
      watched.result = { ok: false, error, ms: Date.now() - from, code: error.code ?? String(error) };
    },
  );
  return watched;
}

/** Lets virtual time pass until the promise has settled; fails when that takes longer than `limitMs`. */
export async function settled<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<Settled<T>> {
  const watched = watch(promise);
  const limit = Date.now() + limitMs;
  await flush();
  while (watched.result === undefined) {
    if (vi.getTimerCount() === 0) throw new Error('It hangs: nothing is left to wait for');
    if (Date.now() > limit) throw new Error(`It has not settled within ${limitMs} ms`);
    vi.advanceTimersToNextTimer();
    await flush();
  }
  return watched.result;
}

/** Lets virtual time pass until all of them have settled. */
export async function allSettled<T>(promises: readonly Promise<T>[], limitMs?: number): Promise<Settled<T>[]> {
  const watched = promises.map(watch);
  await settled(Promise.allSettled(promises), limitMs);
  return watched.map(({ result }) => result as Settled<T>);
}

/** Lets so much virtual time pass, one timer after the other. */
export async function advance(ms: number): Promise<void> {
  let over = false;
  setTimeout(() => {
    over = true;
  }, ms);
  await flush();
  while (!over) {
    vi.advanceTimersToNextTimer();
    await flush();
  }
}

/** A value that must not be missing. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('Expected a value');
  return value;
}

/** The value of a promise that must be kept. */
export async function kept<T>(promise: Promise<T>, limitMs?: number): Promise<T> {
  const result = await settled(promise, limitMs);
  if (!result.ok) throw result.error;
  return result.value;
}

/** The error of a promise that must be broken. */
export async function broken(promise: Promise<unknown>, limitMs?: number): Promise<TransportError & { ms: number }> {
  const result = await settled(promise, limitMs);
  if (result.ok) throw new Error('Expected it to be rejected');
  return Object.assign(result.error, { ms: result.ms });
}

/** Reads a stream to its end: its text, its chunks, and the error with which it broke. */
export async function readAll(stream: CompletionStream): Promise<{ text: string; chunks: Chunk[]; error: unknown }> {
  const chunks: Chunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { text: chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join(''), chunks, error };
}

/** Which providers were asked, in order. */
export function asked(answer: Pick<Completion, 'attempts'> | TransportError): string[] {
  return answer.attempts.map(({ provider }) => provider);
}

/** How often each outcome came. */
export function tally(results: readonly Settled<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of results) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** Requests at all these providers. */
export function requestsAt(...providers: readonly SimulatedProvider[]): number {
  return providers.reduce((sum, { requests }) => sum + requests.length, 0);
}
