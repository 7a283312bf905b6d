import { describe, expect, it } from 'vitest';
import type { Chunk, Provider, TransportOptions } from '../../../src/core/types.ts';
import { callable } from '../../../src/providers/callable.ts';
import { answerTo, type SimulatedOptions, simulated } from '../../../src/testing/index.ts';
import {
  advance,
  allSettled,
  asked,
  broken,
  flush,
  given,
  kept,
  readAll,
  requestsAt,
  settled,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const sixty = answerTo('Hello');
const afterMs = 500;
const slow = { firstTokenMs: 5_000 };

function race(first: SimulatedOptions, second: SimulatedOptions, more: Partial<TransportOptions> = {}) {
  const a = simulated({ name: 'a', ...first });
  const b = simulated({ name: 'b', ...second });
  const llm = transport({ providers: [a, b], hedge: { afterMs }, ...more });
  return { a, b, llm };
}

/** Answers with a status after a while, so many times. */
function failing(name: string, ms: number, status: number, times = Number.POSITIVE_INFINITY) {
  let calls = 0;
  const complete = async (): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    calls += 1;
    if (calls > times) return 'fine';
    throw Object.assign(new Error('no'), { status });
  };
  return Object.assign(callable({ name, complete }), { calls: () => calls });
}

const hedges = (llm: ReturnType<typeof transport>) => llm.events.filter(({ type }) => type === 'hedge');

describe('an attempt that shows nothing in time', () => {
  it.each([false, true])('gets a second beside it, whose answer is the answer (streaming: %s)', async (stream) => {
    const { a, b, llm } = race(slow, { firstTokenMs: 100 });
    const call = settled(
      stream
        ? llm.complete({ ...hello, stream: true }).then(async (opened) => {
            expect((await readAll(opened)).text).toBe(sixty);
            return opened.completion;
          })
        : llm.complete(hello),
    );
    const result = await call;
    expect(result).toMatchObject({ ok: true, value: { text: sixty, provider: 'b' } });
    expect(result.ms).toBeLessThan(afterMs + 105);
    if (!result.ok) return;
    expect(result.value.attempts).toMatchObject([
      { number: 1, provider: 'a', reason: 'first', outcome: 'abandoned', mayBeBilled: true, firstContentMs: undefined },
      { number: 2, provider: 'b', reason: 'hedge', outcome: 'ok' },
    ]);
    expect(hedges(llm)).toMatchObject([{ provider: 'b', afterMs }]);
    expect([requestsAt(a), requestsAt(b), a.inFlight]).toEqual([1, 1, 0]);
  });

  it('gets none when its content comes in time, however long the answer takes', async () => {
    const { b, llm } = race({ firstTokenMs: afterMs - 1, tokenMs: 100 }, {});
    expect((await kept(llm.complete(hello))).provider).toBe('a');
    expect([requestsAt(b), hedges(llm)]).toEqual([0, []]);
  });

  it('gets one, and is told of it once, however often both send something with nothing in it', async () => {
    /** Sends empty pieces every 200 ms, and perhaps a word after the fourth. */
    const babbling = (name: string, word?: string): Provider => ({
      ...{ name, domain: name, kind: 'test', model: 'm' },
      complete: () => Promise.reject(new Error('not asked for')),
      async *stream(_, { signal }): AsyncGenerator<Chunk> {
        for (let count = 0; count < 4 || word === undefined; count += 1) {
          await new Promise((resolve) => setTimeout(resolve, 200));
          signal.throwIfAborted();
          yield { type: 'text', text: '' };
        }
        yield { type: 'text', text: word };
        yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
      },
    });
    const llm = transport({ providers: [babbling('a'), babbling('b', 'here')], hedge: { afterMs } });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'b', text: 'here' } });
    expect(result.ms).toBeLessThan(afterMs + 805);
    expect(hedges(llm)).toMatchObject([{ provider: 'b', afterMs }]);
    // The loser's own sleep.
    await advance(200);
  });

  it('is the answer all the same when its content comes first', async () => {
    const { b, llm } = race({ firstTokenMs: 700 }, { firstTokenMs: 400 });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: 700, value: { provider: 'a' } });
    if (!result.ok) return;
    expect(result.value.attempts.map(({ outcome }) => outcome)).toEqual(['ok', 'abandoned']);
    expect(b.inFlight).toBe(0);
  });

  it('is measured from when it was sent: not while it waits in line', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 400 });
    const b = simulated({ name: 'b', limits: { concurrency: 1 } });
    // Both wait for the first of them: nobody else is listed whom they could be sent to.
    const llm = transport({
      providers: [a, b],
      hedge: { afterMs },
      route: (candidates) => candidates.find(({ name }) => name === 'a'),
    });
    const results = await allSettled([llm.complete(hello), llm.complete(hello), llm.complete(hello)]);
    expect(results.map(({ ms }) => ms)).toEqual([400, 800, 1_200]);
    expect(hedges(llm)).toEqual([]);
  });

  it('has no other beside it in its own failure domain', async () => {
    const { b, llm } = race({ ...slow, domain: 'one' }, { domain: 'one' });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: 5_000, value: { provider: 'a' } });
    expect([requestsAt(b), hedges(llm)]).toEqual([0, []]);
  });

  it.each<[string, SimulatedOptions]>([
    ['lacks what the request needs', { model: 'other' }],
    ['is too small for the prompt', { traits: { contextWindow: 1 } }],
  ])('has no other beside it that %s', async (_, options) => {
    const { b, llm } = race({ ...slow, model: 'm' }, { model: 'm', ...options });
    await kept(llm.complete({ ...hello, model: 'm' }));
    expect(requestsAt(b)).toBe(0);
  });

  it('has no other beside it where that would wait in line', async () => {
    const { b, llm } = race(slow, { firstTokenMs: 60_000, limits: { concurrency: 1 } }, { timeout: false });
    // One is under way at the second, and it takes a minute.
    const held = watch(llm.complete({ ...hello, require: { tags: [] } }));
    await advance(afterMs + 5);
    expect(requestsAt(b)).toBe(1);
    await advance(3_000);
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'a' } });
    expect(requestsAt(b)).toBe(1);
    await advance(60_000);
    expect(held.result).toMatchObject({ ok: true });
  });

  it('may be one that is answered whole: then its time is that of the answer', async () => {
    const whole = callable({
      name: 'whole',
      complete: (_, { signal }) =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(() => resolve('late'), 5_000);
          signal.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(signal.reason);
          });
        }),
    });
    const b = simulated({ name: 'b', streaming: false, traits: { price: { input: 1, output: 1 } } });
    const llm = transport({
      providers: [{ ...whole, traits: { price: { input: 1, output: 1 } } }, b],
      hedge: { afterMs },
    });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'b' } });
    expect(result.ms).toBeLessThan(afterMs + 5);
    if (!result.ok) return;
    // The loser's line has ended by the time that the ledger is summed up.
    expect(result.value.cost).toBeGreaterThan(0);
    expect(result.value.attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'ok']);
  });
});

describe('when one of the two fails', () => {
  it('the first, before there is a second: the next is asked as always', async () => {
    const { llm } = race({ fault: 'http-503' }, {});
    const { attempts } = await kept(llm.complete(hello));
    expect(attempts.map(({ reason }) => reason)).toEqual(['first', 'failover']);
    expect(hedges(llm)).toEqual([]);
  });

  it('the first, while the second is under way: the second is waited for, and nobody is asked again', async () => {
    const [a, b] = [failing('a', 1_000, 500), simulated({ name: 'b', firstTokenMs: 2_000 })];
    const llm = transport({ providers: [a, b], hedge: { afterMs } });
    const answer = await kept(llm.complete(hello));
    expect(answer.attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
      ['a', 'server_error'],
      ['b', 'ok'],
    ]);
    expect(llm.events.filter(({ type }) => type === 'retry')).toEqual([]);
  });

  it('the second: the first is waited for', async () => {
    const { b, llm } = race({ firstTokenMs: 2_000 }, { fault: 'http-503' });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: 2_000, value: { provider: 'a' } });
    if (!result.ok) return;
    expect(result.value.attempts.map(({ outcome }) => outcome)).toEqual(['ok', 'overloaded']);
    expect(requestsAt(b)).toBe(1);
  });

  it('the second, with what no other provider could mend: the first is waited for all the same', async () => {
    const { llm } = race({ firstTokenMs: 2_000 }, { fault: 'invalid-request' });
    expect((await kept(llm.complete(hello))).provider).toBe('a');
  });

  it('the first, because the request is wrong: the call is over, and the second is stopped', async () => {
    const a = failing('a', 1_000, 400);
    const b = simulated({ name: 'b', ...slow });
    const llm = transport({ providers: [a, b], hedge: { afterMs } });
    const error = await broken(llm.complete(hello));
    expect([error.code, error.ms, b.inFlight]).toEqual(['invalid_request', 1_000, 0]);
    expect(error.attempts.map(({ outcome }) => outcome)).toEqual(['invalid_request', 'abandoned']);
  });

  it('both: neither is asked again in the same round', async () => {
    const c = simulated({ name: 'c' });
    const llm = transport({ providers: [failing('a', 1_000, 500), failing('b', 1_000, 500), c], hedge: { afterMs } });
    const answer = await kept(llm.complete(hello));
    expect(asked(answer)).toEqual(['a', 'b', 'c']);
    expect(answer.attempts.map(({ reason }) => reason)).toEqual(['first', 'hedge', 'failover']);
  });

  it('both, the second for good: it is not asked again by this call', async () => {
    const [a, b] = [failing('a', 1_000, 500, 1), failing('b', 200, 404, 9)];
    const llm = transport({ providers: [a, b], hedge: { afterMs: 300 } });
    const answer = await kept(llm.complete(hello));
    expect(answer.provider).toBe('a');
    expect([a.calls(), b.calls()]).toEqual([2, 1]);
  });
});

describe('what a hedge costs', () => {
  it('is paid from the retry quota, and none is made while that is below half', async () => {
    const providers = [
      simulated({ name: 'a', ...slow }),
      simulated({ name: 'b', ...slow, firstTokenMs: 4_000 }),
    ] as const;
    const llm = transport({ providers, hedge: { afterMs } });
    // Nothing comes back into the purse while nobody has answered.
    const calls = Array.from({ length: 120 }, () => watch(llm.complete(hello)));
    await advance(3_000);
    const made = hedges(llm).length;
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThanOrEqual(51);
    await advance(120_000);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
  });

  it.each([undefined, false] as const)(
    'comes back with successes, with or without a retry layer (retry: %s)',
    async (retry) => {
      // Every other call is slow: the provider is not taken for one that is always.
      const script = Array.from({ length: 1_000 }, (_, index) =>
        index % 2 === 0 ? ({ kind: 'slow', ...slow } as const) : ('ok' as const),
      );
      const { llm } = race({ script, words: 1 }, { firstTokenMs: 100, words: 1 }, { retry });
      const calls = 800;
      for (let call = 0; call < calls; call += 1) await kept(llm.complete(hello));
      const made = hedges(llm).length;
      // The first half of the purse, and what came in: one for each success, of which a hedge takes five.
      expect(made).toBeGreaterThan(50 + calls / 6);
      expect(made).toBeLessThan(50 + calls / 4);
    },
  );

  it('is given back when nobody could be asked', async () => {
    const { llm } = race({ ...slow, domain: 'one' }, { domain: 'one' });
    for (let call = 0; call < 200; call += 1) await kept(llm.complete(hello));
    // Had each cost something, a retry could not be paid for by now.
    const flaky = race({ script: ['http-500', 'ok'] }, {});
    expect((await kept(flaky.llm.complete(hello))).attempts).toHaveLength(2);
    expect(hedges(llm)).toEqual([]);
  });
});

describe('a provider that hedges keep rescuing', () => {
  it('is asked last after three in a row, and found again when it has recovered', async () => {
    const { a, b, llm } = race(slow, { firstTokenMs: 100 });
    for (let call = 0; call < 3; call += 1) await kept(llm.complete(hello));
    expect([requestsAt(a), requestsAt(b)]).toEqual([3, 3]);
    const fast = await settled(llm.complete(hello));
    expect(fast).toMatchObject({ ms: 100, value: { provider: 'b' } });
    expect(requestsAt(a)).toBe(3);
    a.setFault({ kind: 'slow', firstTokenMs: 10 });
    await advance(5_000);
    expect((await kept(llm.complete(hello))).provider).toBe('a');
    expect((await kept(llm.complete(hello))).provider).toBe('a');
  });

  it('is tried by one call at a time while it is slow', async () => {
    const { a, llm } = race(slow, { firstTokenMs: 100 });
    for (let call = 0; call < 3; call += 1) await kept(llm.complete(hello));
    await advance(5_000);
    const before = requestsAt(a);
    await allSettled(Array.from({ length: 20 }, () => llm.complete(hello)));
    expect(requestsAt(a) - before).toBe(1);
  });

  it('is asked all the same when there is nobody else', async () => {
    const { b, llm } = race(slow, { firstTokenMs: 100 });
    for (let call = 0; call < 3; call += 1) await kept(llm.complete(hello));
    b.setFault('http-500');
    expect((await kept(llm.complete(hello))).provider).toBe('a');
  });
});

describe('a race that is left', () => {
  it('by the caller: both are stopped', async () => {
    const { a, b, llm } = race(slow, slow);
    const controller = new AbortController();
    const call = watch(llm.complete(hello, { signal: controller.signal }));
    await advance(1_000);
    expect([a.inFlight, b.inFlight]).toEqual([1, 1]);
    controller.abort();
    await flush();
    expect(call.result).toMatchObject({ ok: false, code: 'cancelled' });
    expect([a.inFlight, b.inFlight]).toEqual([0, 0]);
  });

  it('by its deadline: both are stopped', async () => {
    const { a, b, llm } = race(slow, slow, { timeout: false });
    const error = await broken(llm.complete(hello, { timeoutMs: 2_000 }));
    expect([error.code, error.ms, a.inFlight, b.inFlight]).toEqual(['deadline_exceeded', 2_000, 0, 0]);
    expect(error.attempts).toHaveLength(2);
  });

  it('by the reader of its stream: what is under way is stopped', async () => {
    const { b, llm } = race(slow, { firstTokenMs: 100, tokenMs: 50 });
    const opened = given(await kept(llm.complete({ ...hello, stream: true })));
    const reading = (async () => {
      for await (const _ of opened) break;
    })();
    await kept(reading);
    await flush();
    expect(b.inFlight).toBe(0);
  });

  it('is no race with hedge: false, nor without an option', async () => {
    for (const hedge of [false, undefined] as const) {
      const { llm } = race({ firstTokenMs: 3_000 }, {}, { hedge });
      expect((await kept(llm.complete(hello))).provider).toBe('a');
    }
  });
});
