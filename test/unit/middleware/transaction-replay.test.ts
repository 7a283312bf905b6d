import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { contextKey } from '../../../src/core/context.ts';
import type { TransactionStore } from '../../../src/core/transaction-types.ts';
import type { Provider } from '../../../src/core/types.ts';
import { callable } from '../../../src/providers/callable.ts';
import { simulated } from '../../../src/testing/index.ts';
import { advance, broken, finish, flush, kept, readAll, settled, transport, virtualTime, watch } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const streamed = { prompt: 'Hello', stream: true } as const;
const id = { transactionId: 'order-1' };

/** A store that is slow on demand, and tells what it was asked. */
function aStore(ways: Partial<TransactionStore> = {}) {
  const values = new Map<string, string>();
  const ttls: number[] = [];
  const store: TransactionStore = {
    get: async (key) => values.get(key),
    set: async (key, value, ttlMs) => {
      ttls.push(ttlMs);
      values.set(key, value);
    },
    delete: async (key) => values.delete(key),
    ...ways,
  };
  return { store, values, ttls };
}

describe('a finished transaction', () => {
  it('is answered again from what was kept, whole and streamed, and nothing is sent', async () => {
    const a = simulated({ words: 5 });
    const llm = transport({ providers: [a] });
    const first = await kept(llm.complete(hello, id));
    const second = await kept(llm.complete(hello, id));
    const { attempts, cost, raw: _, ...same } = first;
    expect(second).toEqual({ ...same, attempts: [], cost: 0, raw: undefined });
    expect([attempts.length, cost]).toEqual([1, undefined]);
    const { text, chunks } = await kept(llm.complete(streamed, id).then(readAll));
    expect(text).toBe(first.text);
    expect(chunks.at(-1)).toEqual({
      type: 'finish',
      finishReason: 'stop',
      usage: first.usage,
      model: first.model,
    });
    expect(a.requests).toHaveLength(1);
    expect(llm.usage().attempts).toBe(1);
    const replays = llm.events.filter(({ type }) => type === 'call:replay');
    expect(replays).toMatchObject([{ provider: 'simulated', ...id, attempt: 0 }, { provider: 'simulated' }]);
    expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'ok', attempts: [] });
  });

  it('is forgotten after a while', async () => {
    const a = simulated();
    const llm = transport({ providers: [a], transaction: { replayMs: 60_000 } });
    await kept(llm.complete(hello, id));
    await advance(59_000);
    await kept(llm.complete(hello, id));
    expect(a.requests).toHaveLength(1);
    await advance(2_000);
    await kept(llm.complete(hello, id));
    expect(a.requests).toHaveLength(2);
  });

  it('has its id for itself: another request is refused, before anything is sent', async () => {
    const a = simulated();
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello, id));
    expect(await broken(llm.complete({ prompt: 'Goodbye' }, id))).toMatchObject({
      ...{ code: 'invalid_request', attempts: [], ...id },
    });
    expect(a.requests).toHaveLength(1);
  });

  it('is not kept when it has failed, was cancelled, or its stream broke', async () => {
    const a = simulated({ script: ['context-length', 'cut-reset'], words: 10, tokenMs: 100 });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello, id));
    await kept(llm.complete(streamed, id).then(readAll));
    const stream = await kept(llm.complete(streamed, id));
    for await (const _ of stream) break;
    await flush();
    expect((await kept(llm.complete(hello, id))).attempts).toHaveLength(1);
    expect(a.requests).toHaveLength(4);
  });

  it('is not kept with replayMs: 0, nor with transaction: false', async () => {
    for (const transaction of [{ replayMs: 0 }, false] as const) {
      const a = simulated();
      const llm = transport({ providers: [a], transaction });
      await kept(llm.complete(hello, id));
      await kept(llm.complete(hello, id));
      expect(a.requests).toHaveLength(2);
    }
  });

  it('has its object, tool calls and reasoning again', async () => {
    const city = z.object({ city: z.string(), tags: z.optional(z.array(z.string())) });
    const a = callable({ name: 'a', complete: async () => '{"city":"Paris","tags":["ö","\u{1f9d1}"]}' });
    const llm = transport({ providers: [a] });
    const request = { ...hello, schema: city };
    const first = await kept(llm.complete(request, id));
    const second = await kept(llm.complete(request, id));
    expect([first.attempts.length, second.attempts.length]).toEqual([1, 0]);
    expect(second.object).toEqual(first.object);
    // It is nobody else's: what one does to it the next does not see.
    second.object.tags?.push('mine');
    expect((await kept(llm.complete(request, id))).object).toEqual(first.object);
  });

  it('is not kept when it had items that are in no completion', async () => {
    const a = callable({ name: 'a', complete: async () => 'Hi' });
    let count = 0;
    const finish = { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' } as const;
    const provider: Provider = {
      ...{ name: 'a', domain: 'a', kind: 'own', model: 'm', complete: a.complete },
      async *stream() {
        count += 1;
        yield { type: 'raw', value: { file: 'a picture' } };
        yield { type: 'text', text: 'Hi' };
        yield finish;
      },
    };
    const llm = transport({ providers: [provider] });
    const types = ['raw', 'text', 'finish'];
    for (const _ of [1, 2])
      expect((await kept(llm.complete(streamed, id).then(readAll))).chunks.map(({ type }) => type)).toEqual(types);
    expect(count).toBe(2);
  });

  it('is not kept when JSON would not give its object back: a date', async () => {
    let count = 0;
    const a = callable({
      name: 'a',
      complete: async () => {
        count += 1;
        return '{"at":0}';
      },
    });
    const llm = transport({ providers: [a] });
    const schema = {
      schema: z.object({ at: z.number().transform((at) => new Date(at)) }),
      jsonSchema: { type: 'object', properties: { at: { type: 'number' } } },
    };
    const request = { ...hello, schema };
    await kept(llm.complete(request, id));
    expect((await kept(llm.complete(request, id))).object).toEqual({ at: new Date(0) });
    expect(count).toBe(2);
  });
});

describe('the answers that are kept in process', () => {
  const transactions = (names: string) => [...names].map((transactionId) => ({ transactionId }));
  /** Which of the calls were sent. */
  async function sent(names: string, transaction: { maxEntries?: number; maxCharacters?: number }): Promise<boolean[]> {
    const llm = transport({ providers: [simulated({ words: 3 })], transaction });
    const all: boolean[] = [];
    for (const one of transactions(names)) all.push((await kept(llm.complete(hello, one))).attempts.length > 0);
    return all;
  }

  it('are so many at most: the one goes that was not asked for the longest', async () => {
    expect(await sent('abacab', { maxEntries: 2 })).toEqual([true, true, false, true, false, true]);
    expect(await sent('aa', { maxEntries: 0 })).toEqual([true, true]);
  });

  it('are of so many characters at most', async () => {
    expect(await sent('aa', { maxCharacters: 10 })).toEqual([true, true]);
    // Two such answers have room, three have not.
    expect(await sent('ababca', { maxCharacters: 700 })).toEqual([true, true, false, false, true, true]);
  });
});

describe('a store of answers', () => {
  it('serves another transport: a restarted process pays nothing again', async () => {
    const store = new Keyv();
    const a = simulated({ words: 5 });
    const before = transport({ providers: [a], transaction: { store } });
    const first = await kept(before.complete(hello, id));
    await finish(before);
    const after = transport({ providers: [a], transaction: { store } });
    const second = await kept(after.complete(hello, id));
    expect([second.text, second.usage, second.attempts]).toEqual([first.text, first.usage, []]);
    expect(a.requests).toHaveLength(1);
  });

  it('is given text under a hash: no prompt, no id, no tenant, and how long it lasts', async () => {
    const { store, values, ttls } = aStore();
    const tenant = contextKey('tenant', '');
    const llm = transport({ providers: [simulated()], transaction: { store, by: tenant, replayMs: 5_000 } });
    await kept(llm.complete({ prompt: 'the canary sings' }, { ...id, values: [tenant.of('acme')] }));
    const [[key, value] = ['', '']] = values;
    expect(key).toMatch(/^llm-transport:transaction:1:[\w-]{43}$/);
    expect(JSON.parse(value)).toMatchObject({ version: 1, answer: { text: expect.any(String), resumed: false } });
    for (const secret of ['canary', 'order-1', 'acme'])
      expect(key + value.replace(/"text":"[^"]*"/, '')).not.toContain(secret);
    expect(ttls).toEqual([5_000]);
  });

  it('is waited for when the transport is closed', async () => {
    let isKept = false;
    const { store } = aStore({
      set: async () => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        isKept = true;
      },
    });
    const llm = transport({ providers: [simulated()], transaction: { store } });
    await kept(llm.complete(hello, id));
    expect(isKept).toBe(false);
    await finish(llm);
    expect(isKept).toBe(true);
  });

  it('need not have an answer yet for the next call to have it', async () => {
    const { store } = aStore({ set: () => new Promise(() => {}) });
    const a = simulated();
    const llm = transport({ providers: [a], transaction: { store } });
    await kept(llm.complete(hello, id));
    const second = watch(llm.complete(hello, id));
    await flush();
    expect(second.result).toMatchObject({ ok: true, ms: 0 });
    await advance(1_100);
    await kept(llm.complete(hello, id));
    expect(a.requests).toHaveLength(2);
  });

  const nothing = (): Promise<never> => new Promise(() => {});
  const throws = (): never => {
    throw new Error('the canary is in the store');
  };
  const rejects = (): Promise<never> => Promise.reject(new Error('the canary is in the store'));
  const broken2: readonly [string, Partial<TransactionStore>, readonly string[], number][] = [
    ['that never answers', { get: nothing }, ['get timeout'], 1_000],
    ['that never keeps', { set: nothing }, ['set timeout'], 0],
    ['that throws', { get: throws, set: throws }, ['get error', 'set error'], 0],
    ['that rejects', { get: rejects, set: rejects }, ['get error', 'set error'], 0],
    ['that gives no JSON', { get: () => 'garbage{' }, ['get unreadable'], 0],
    ['that gives another form', { get: () => '{"version":2}' }, ['get unreadable'], 0],
    [
      'that gives half an answer',
      { get: () => ({ version: 1, digest: '', answer: { text: 'x' } }) },
      ['get unreadable'],
      0,
    ],
    ['that gives a number', { get: () => 7, delete: rejects }, ['get unreadable', 'set error'], 0],
    ['that gives null', { get: () => null }, [], 0],
  ];

  it.each(broken2)('%s fails no call and holds none up for long', async (_, ways, problems, ms) => {
    const { store } = aStore(ways);
    const a = simulated();
    const llm = transport({ providers: [a], transaction: { store } });
    const all = [watch(llm.complete(hello, id)), watch(llm.complete(streamed, id).then(readAll))];
    await advance(3_000);
    expect(all.map(({ result }) => [result?.code, result?.ms])).toEqual([
      ['ok', ms],
      ['ok', ms],
    ]);
    expect(a.requests).toHaveLength(1);
    const told = llm.events.flatMap((event) =>
      event.type === 'transaction:store' ? [`${event.operation} ${event.problem}`] : [],
    );
    expect(told).toEqual(problems);
    expect(JSON.stringify(llm.events)).not.toContain('canary');
  });

  it('that never answers holds up nobody who leaves, and no closing', async () => {
    const { store } = aStore({ get: nothing });
    const a = simulated();
    const llm = transport({ providers: [a], transaction: { store, storeTimeoutMs: 60_000 } });
    const one = watch(llm.complete(hello, { ...id, timeoutMs: 10 }));
    await advance(20);
    expect(one.result).toMatchObject({ code: 'deadline_exceeded', ms: 10 });
    const two = watch(llm.complete(hello, id));
    await finish(llm);
    expect(two.result).toMatchObject({ code: 'closed' });
    expect(a.requests).toHaveLength(0);
  });

  it('that never deletes keeps no timer when the transport is closed', async () => {
    const { store } = aStore({ get: () => 'garbage{', delete: nothing });
    const llm = transport({ providers: [simulated()], transaction: { store } });
    await kept(llm.complete(hello, id));
    expect((await settled(llm.close())).ms).toBe(1_000);
  });

  it.each([
    ['slower than that', 500],
    ['not done in time', 5_000],
  ])('keeps a new answer for good whose forgetting of what could not be read before was %s', async (_, deleteMs) => {
    const { store, values } = aStore({
      delete: async (key) => {
        await new Promise((resolve) => setTimeout(resolve, Math.min(deleteMs, 900)));
        if (deleteMs > 1_000) await new Promise(() => {});
        values.delete(key);
      },
    });
    const a = simulated();
    const llm = transport({ providers: [a], transaction: { store } });
    await kept(llm.complete(hello, id));
    const [key = ''] = [...values.keys()];
    values.set(key, 'garbage{');
    await kept(llm.complete(hello, id));
    // It is to be had meanwhile.
    expect((await settled(llm.complete(hello, id))).ms).toBe(0);
    await finish(llm);
    expect(values.get(key)).toContain('"version":1');
    const after = transport({ providers: [a], transaction: { store } });
    expect((await kept(after.complete(hello, id))).attempts).toEqual([]);
    expect(a.requests).toHaveLength(2);
  });

  it('is not asked for calls without an id', async () => {
    const { store } = aStore({ get: throws, set: throws });
    const llm = transport({ providers: [simulated()], transaction: { store } });
    await kept(llm.complete(hello));
    expect(llm.events.map(({ type }) => type)).not.toContain('transaction:store');
  });

  it('is not asked for what means nothing in another process', async () => {
    const { store, values } = aStore();
    const llm = transport({ providers: [simulated()], transaction: { store } });
    const request = { ...hello, providerOptions: { openai: { made: () => 1 } } };
    const other = { ...hello, providerOptions: { openai: { made: () => 1 } } };
    const one = llm.complete(request, id);
    const two = llm.complete(request, id);
    expect((await broken(llm.complete(other, id))).code).toBe('invalid_request');
    await kept(Promise.all([one, two]));
    expect(values.size).toBe(0);
  });
});
