import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { type SimulatedProvider, simulated } from '../../src/testing/index.ts';
import {
  advance,
  flush,
  kept,
  readAll,
  requestsAt,
  settled,
  transport,
  virtualTime,
  watch,
} from '../unit/middleware/support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
type Llm = ReturnType<typeof transport>;

function scene() {
  const a = simulated({ name: 'a', firstTokenMs: 50, tokenMs: 50, limits: { concurrency: 1 } });
  const b = simulated({ name: 'b' });
  return { a, b, llm: transport({ providers: [a, b] }) };
}

/** Nothing is under way at the provider, nothing new is asked, and the only slot is free. */
async function isOver(a: SimulatedProvider, b: SimulatedProvider, llm: Llm, at: number) {
  expect(a.requests[0]?.closedByClientAt).toBe(at);
  expect([a.inFlight, llm.health()[0]?.inFlight]).toEqual([0, 0]);
  await advance(5_000);
  expect([requestsAt(a), requestsAt(b)]).toEqual([1, 0]);
  expect(llm.health()[0]).toMatchObject({ circuit: 'closed', queued: 0 });
  const again = await settled(llm.complete(hello));
  expect(again).toMatchObject({ ok: true, ms: 50 + 59 * 50, value: { provider: 'a' } });
}

describe('the connection is closed in the same tick, and nothing new is asked', () => {
  it.each([20, 500])('by an abort of a unary call after %s ms', async (ms) => {
    const { a, b, llm } = scene();
    const controller = new AbortController();
    const call = watch(llm.complete(hello, { signal: controller.signal }));
    await advance(ms);
    controller.abort();
    expect(llm.health()[0]?.inFlight).toBe(0);
    await flush();
    expect(call.result).toMatchObject({ code: 'cancelled', ms, error: { blame: 'caller' } });
    await isOver(a, b, llm, Date.now());
  });

  it('by an abort of a stream that is being read', async () => {
    const { a, b, llm } = scene();
    const controller = new AbortController();
    const stream = await kept(llm.complete({ ...hello, stream: true }, { signal: controller.signal }));
    const reading = watch(readAll(stream));
    await advance(500);
    controller.abort(new Error('enough'));
    expect(llm.health()[0]?.inFlight).toBe(0);
    await flush();
    expect(reading.result).toMatchObject({ ok: true, value: { error: { code: 'cancelled' } } });
    await isOver(a, b, llm, Date.now());
  });

  it('by break', async () => {
    const { a, b, llm } = scene();
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    for await (const _ of stream) break;
    expect(llm.health()[0]?.inFlight).toBe(0);
    await flush();
    await isOver(a, b, llm, Date.now());
  });

  it.each(['before', 'while', 'after'])('by return(), %s the next chunk is waited for', async (when) => {
    const { a, b, llm } = scene();
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    const iterator = stream[Symbol.asyncIterator]();
    if (when === 'after') await kept(iterator.next());
    await kept(iterator.next());
    const waiting = when === 'while' ? watch(iterator.next()) : undefined;
    const returned = await iterator.return?.();
    expect(returned).toEqual({ done: true, value: undefined });
    expect(llm.health()[0]?.inFlight).toBe(0);
    await flush();
    if (waiting !== undefined) expect(waiting.result).toMatchObject({ ok: true, value: { done: true } });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await isOver(a, b, llm, Date.now());
  });

  it('by leaving the text', async () => {
    const { a, b, llm } = scene();
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    for await (const _ of stream.text) break;
    await flush();
    await isOver(a, b, llm, Date.now());
  });

  it('by the deadline, while it is read and while nobody reads', async () => {
    for (const read of [true, false]) {
      const { a, b, llm } = scene();
      const at = Date.now() + 500;
      const stream = await kept(llm.complete({ ...hello, stream: true }, { timeoutMs: 500 }));
      const reading = read ? watch(readAll(stream)) : undefined;
      await advance(500);
      await flush();
      if (reading !== undefined)
        expect(reading.result).toMatchObject({ ok: true, value: { error: { code: 'deadline_exceeded' } } });
      await isOver(a, b, llm, at);
    }
  });
});

describe('ten thousand cancelled calls on one long-lived signal', () => {
  it('leave no listener on it and no timer', async () => {
    const a = simulated({ name: 'a', words: 3, firstTokenMs: 30, tokenMs: 30, keepRequests: 10 });
    const b = simulated({ name: 'b', words: 3, firstTokenMs: 30, tokenMs: 30, keepRequests: 10 });
    const llm = transport({ providers: [a, b] });
    llm.events.length = 0;
    await kept(llm.complete(hello));
    await advance(3_000);
    const before = vi.getTimerCount();
    const { signal } = new AbortController();
    const codes: Record<string, number> = {};
    const note = (code: string) => {
      codes[code] = (codes[code] ?? 0) + 1;
    };
    for (let batch = 0; batch < 100; batch++) {
      const calls = Array.from({ length: 100 }, async (_, index) => {
        const options = { signal, timeoutMs: index % 4 === 0 ? 45 : 60_000 };
        try {
          if (index % 4 === 0) await llm.complete(hello, options);
          else {
            const stream = await llm.complete({ ...hello, stream: true }, options);
            if (index % 4 === 1) for await (const _ of stream) break;
            else await stream[Symbol.asyncIterator]().return?.();
          }
          note('left');
        } catch (error) {
          note((error as { code: string }).code);
        }
      });
      await settled(Promise.all(calls));
      llm.events.length = 0;
    }
    await flush();
    // Who could not be in time any more may have been told so at once, or may have given its first provider half of its time.
    const { left, deadline_exceeded = 0, queue_full = 0, timeout = 0 } = codes;
    expect([left, deadline_exceeded + queue_full + timeout]).toEqual([7_500, 2_500]);
    expect(deadline_exceeded).toBeGreaterThan(2_000);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await advance(3_000);
    expect(vi.getTimerCount()).toBe(before);
    expect([a.inFlight, b.inFlight]).toEqual([0, 0]);
  });

  it('in all the places where a call can be: in line, in a back-off, parked, under way', async () => {
    const waits = {
      'in line': { limits: { concurrency: 1 }, firstTokenMs: 10_000 },
      'in line for a bucket': { limits: { requestsPerMinute: 1 } },
      'in a back-off': { fault: 'http-500' },
      parked: { fault: 'rate-limited-date' },
      'under way': { fault: 'silence-after-headers' },
    } as const;
    for (const options of Object.values(waits)) {
      const llm = transport({ providers: [simulated({ name: 'a', ...options })], circuitBreaker: false });
      const before = vi.getTimerCount();
      const controller = new AbortController();
      const calls = Array.from({ length: 200 }, () => watch(llm.complete(hello, { signal: controller.signal })));
      await flush();
      await flush();
      controller.abort();
      await flush();
      const codes = new Set(calls.map(({ result }) => result?.code));
      codes.delete('ok');
      expect([...codes]).toEqual(['cancelled']);
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
      await advance(2_100);
      expect(vi.getTimerCount()).toBe(before);
    }
  });
});
