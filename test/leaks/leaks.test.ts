import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { kinds, makeCalls, mixedTransport } from './support.ts';

// Nobody reads the stacks, and to write them is a fifth of the time. One line of them holds on to what all of them would.
const { stackTraceLimit } = Error;
beforeEach(() => {
  Error.stackTraceLimit = 1;
});
afterEach(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

const rejections: unknown[] = [];
const keep = (reason: unknown): void => {
  rejections.push(reason);
};
beforeEach(() => {
  process.on('unhandledRejection', keep);
});
afterEach(() => {
  process.off('unhandledRejection', keep);
});

/** Bytes that are still in use once everything else is collected. */
async function retained(): Promise<number> {
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

it('leaves nothing behind: 100,000 mixed calls on one transport with one long-lived signal', async () => {
  expect(globalThis.gc, 'run with --expose-gc').toBeTypeOf('function');
  const { signal } = new AbortController();
  const llm = mixedTransport();
  let events = 0;
  llm.on('*', () => {
    events += 1;
  });
  const timersBefore = timers();
  const ends = new Map<string, number>();
  const call = async (count: number): Promise<number> => {
    for (const [end, times] of await makeCalls(llm, count, signal)) ends.set(end, (ends.get(end) ?? 0) + times);
    return retained();
  };

  // Compilation, pools and caches are over after the first calls.
  const warm = await call(20_000);
  const started = performance.now();
  const first = await call(40_000);
  const seconds = (performance.now() - started) / 1_000;
  const second = await call(40_000);
  const perCall = (second - first) / 40_000;
  console.info(
    `${Math.round(40_000 / seconds)} calls/s; heap ${mb(warm)} → ${mb(first)} → ${mb(second)}; ${perCall.toFixed(1)} B a call`,
  );

  // Every call ended as its kind must.
  const met = [...ends.keys()].filter((end) => !end.endsWith(' ended ok'));
  expect(met.sort()).toEqual(kinds.map(({ name }) => name).sort());
  // On a busy machine the primary has a line at times, and the backup, which is well, answers in its place.
  const avoided = [...ends].filter(([end]) => !met.includes(end)).reduce((sum, [, times]) => sum + times, 0);
  expect(avoided).toBeLessThan(5_000);
  expect([...ends.values()].reduce((sum, times) => sum + times, 0)).toBe(100_000);
  // A forgotten listener or timer is some hundred bytes a call, a forgotten context a thousand.
  expect(second - first).toBeLessThan(40_000 * 16);
  expect(events).toBeGreaterThan(100_000);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  for (const health of llm.health()) expect(health).toMatchObject({ inFlight: 0, queued: 0 });
  await llm.close();
  expect(timers()).toBeLessThanOrEqual(timersBefore);
  expect(rejections).toEqual([]);
}, 600_000);

function mb(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}
