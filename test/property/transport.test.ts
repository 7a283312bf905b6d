import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTransport, type Middleware, mapChunks, type TransportOptions } from '../../src/index.ts';
import { answerTo } from '../../src/testing/answer.ts';
import { type SimulatedOptions, simulated } from '../../src/testing/simulated.ts';
import { listenersOf } from '../unit/core/support.ts';

/** Single cases over the whole pipeline, where layers meet: most of them were lost once. */

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function aTransport(provider: SimulatedOptions = {}, options: Omit<TransportOptions, 'providers'> = {}) {
  const one = simulated(provider);
  const llm = createTransport({ providers: [one], ...options });
  const types: string[] = [];
  llm.on('*', ({ type }) => types.push(type));
  return { one, llm, types };
}

/** What a promise has come to; 'waiting' when to nothing yet. */
function watch<T>(promise: Promise<T>) {
  const seen: { state: 'waiting' | 'resolved' | 'rejected'; value: unknown } = { state: 'waiting', value: undefined };
  promise.then(
    (value) => Object.assign(seen, { state: 'resolved', value }),
    (error) => Object.assign(seen, { state: 'rejected', value: error }),
  );
  return seen;
}

const identity: Middleware = (next) => async (request, context) =>
  mapChunks(await next(request, context), (chunk) => chunk);
const foreign: Middleware = (next) => async (request, context) => {
  const reply = await next(request, context);
  async function* chunks() {
    yield* reply.chunks;
  }
  return { ...reply, chunks: chunks() };
};

describe('a stream that a middleware changes', () => {
  it('is still noticed when it falls silent', async () => {
    for (const place of ['use', 'useEach'] as const) {
      const { llm } = aTransport({ fault: 'stall', tokenMs: 10 }, { [place]: [identity], timeout: { idleMs: 10_000 } });
      const stream = await llm.complete({ prompt: 'Hello', stream: true });
      const whole = watch(stream.completion);
      await vi.advanceTimersByTimeAsync(15_000);
      expect(whole).toMatchObject({
        state: 'rejected',
        value: { code: 'stream_interrupted', cause: { code: 'timeout' } },
      });
    }
  });

  it('is still noticed when it falls silent right after its first content', async () => {
    const fault = { kind: 'stall', afterTokens: 1 } as const;
    for (const place of ['use', 'useEach'] as const) {
      const { llm } = aTransport({ fault }, { [place]: [identity], timeout: { idleMs: 10_000 } });
      const stream = await llm.complete({ prompt: 'Hello', stream: true });
      const whole = watch(stream.completion);
      await vi.advanceTimersByTimeAsync(15_000);
      expect(whole.state).toBe('rejected');
    }
  });

  it('is let go of at once when its reader leaves, although a generator in between is stuck', async () => {
    const { llm, one, types } = aTransport({ fault: { kind: 'stall', afterTokens: 2 } }, { use: [foreign] });
    const stream = await llm.complete({ prompt: 'Hello', stream: true });
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.next();
    const stuck = chunks.next();
    await vi.advanceTimersByTimeAsync(100);
    expect(one.inFlight).toBe(1);
    void chunks.return?.();
    await stuck;
    await vi.advanceTimersByTimeAsync(0);
    expect(one.inFlight).toBe(0);
    expect(types.at(-1)).toBe('call:end');
    expect(types.filter((type) => type === 'attempt:end')).toHaveLength(1);
  });

  it('is whole for a unary call too, however long it is', async () => {
    const { llm } = aTransport({ words: 20_000 }, { use: [foreign] });
    const answered = watch(llm.complete({ prompt: 'Hello' }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(answered.state).toBe('resolved');
    expect((answered.value as { text: string }).text).toBe(answerTo('Hello', { words: 20_000 }));
  });
});

describe('a middleware that throws after the answer has begun', () => {
  it.each(['use', 'useEach'] as const)('ends the attempt before the call ends (%s)', async (place) => {
    const late: Middleware = (next) => async (request, context) => {
      await next(request, context);
      throw new TypeError('a bug');
    };
    const { llm, one, types } = aTransport({ tokenMs: 50 }, { [place]: [late] });
    const call = llm.complete({ prompt: 'Hello', stream: true });
    await expect(call).rejects.toMatchObject({ code: 'middleware', attempts: [{ outcome: 'abandoned' }] });
    await vi.advanceTimersByTimeAsync(0);
    expect(one.inFlight).toBe(0);
    expect(types.at(-1)).toBe('call:end');
    expect(types.filter((type) => type === 'attempt:end')).toHaveLength(1);
  });
});

describe("a caller's signal that outlives its calls", () => {
  it('keeps no listener of any of them', async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const { llm } = aTransport({ script: ['ok', 'unauthorized'] }, { retry: { retries: 0 } });
    const [one, other] = [{ signal }, { signal, timeoutMs: 1_000 }];
    const stream = await llm.complete({ prompt: 'Hello', stream: true }, one);
    expect(listeners()).toBeGreaterThan(0);
    for await (const _ of stream);
    await expect(llm.complete({ prompt: 'Hello' }, other)).rejects.toMatchObject({ code: 'authentication' });
    llm.reset('simulated');
    await llm.complete({ prompt: 'Hello' }, other);
    for await (const _ of await llm.complete({ prompt: 'Hello', stream: true }, other)) break;
    await vi.advanceTimersByTimeAsync(0);
    expect(listeners()).toBe(0);
  });
});

describe('closing a transport', () => {
  it('lets what is under way finish, without limit when that is asked for', async () => {
    const { llm } = aTransport({ tokenMs: 100 });
    const call = watch(llm.complete({ prompt: 'Hello' }));
    await vi.advanceTimersByTimeAsync(1_000);
    const closing = watch(llm.close({ timeoutMs: Number.POSITIVE_INFINITY }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([call.state, closing.state]).toEqual(['waiting', 'waiting']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([call.state, closing.state]).toEqual(['resolved', 'resolved']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends what takes longer than it may', async () => {
    const { llm } = aTransport({ tokenMs: 1_000 });
    const call = watch(llm.complete({ prompt: 'Hello' }));
    await vi.advanceTimersByTimeAsync(1_000);
    const closing = watch(llm.close({ timeoutMs: 500 }));
    await vi.advanceTimersByTimeAsync(600);
    expect(call).toMatchObject({ state: 'rejected', value: { code: 'closed' } });
    expect(closing.state).toBe('resolved');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wait for ever for a middleware that never comes back', async () => {
    const { llm } = aTransport({}, { use: [() => () => new Promise(() => {})] });
    void llm.complete({ prompt: 'Hello' }).catch(() => {});
    await vi.advanceTimersByTimeAsync(10);
    const closing = watch(llm.close({ timeoutMs: 500 }));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(closing.state).toBe('resolved');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects those that wait, and new ones, with closed', async () => {
    const { llm } = aTransport({ fault: 'http-503' });
    const call = watch(llm.complete({ prompt: 'Hello' }));
    await vi.advanceTimersByTimeAsync(0);
    await llm.close();
    expect(call).toMatchObject({ state: 'rejected', value: { code: 'closed', attempts: [{ outcome: 'overloaded' }] } });
    await expect(llm.complete({ prompt: 'Hello' })).rejects.toMatchObject({ code: 'closed' });
  });

  it('runs every cleanup, the last first, although one throws, and then says so', async () => {
    const order: string[] = [];
    const cleaning =
      (name: string): Middleware =>
      (next, mount) => {
        mount.onClose(async () => {
          order.push(name);
          if (name === 'inner') throw new TypeError('a bug');
        });
        return next;
      };
    const { llm } = aTransport({}, { use: [cleaning('outer'), cleaning('inner')], useEach: [cleaning('each')] });
    await llm.complete({ prompt: 'Hello' });
    await expect(llm.close()).rejects.toThrow('a bug');
    expect(order.sort()).toEqual(['each', 'inner', 'outer']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is done once, however often it is asked for', async () => {
    let cleanups = 0;
    const layer: Middleware = (next, mount) => {
      mount.onClose(() => {
        cleanups += 1;
      });
      return next;
    };
    const { llm } = aTransport({}, { use: [layer] });
    await Promise.all([llm.close(), llm.close(), llm[Symbol.asyncDispose]()]);
    await llm.close();
    expect(cleanups).toBe(1);
  });
});
