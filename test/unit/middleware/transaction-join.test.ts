import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { contextKey } from '../../../src/core/context.ts';
import { TransportError } from '../../../src/core/errors.ts';
import type { TransportEvent } from '../../../src/core/events.ts';
import type { Completion, CompletionStream, Middleware, Transport } from '../../../src/core/types.ts';
import { budget } from '../../../src/middleware/budget.ts';
import { callable } from '../../../src/providers/callable.ts';
import { simulated } from '../../../src/testing/index.ts';
import { createTransport } from '../../../src/transport.ts';
import { wrap } from '../../../src/wrap.ts';
import {
  advance,
  allSettled,
  asked,
  broken,
  finish,
  flush,
  kept,
  readAll,
  settled,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const streamed = { prompt: 'Hello', stream: true } as const;
const id = { transactionId: 'order-1' };
/** A stream's answer, whole. */
const whole = (llm: Transport): Promise<Completion> => llm.complete(streamed, id).then((stream) => stream.completion);
/** Half a second to the first word, then one in 100 ms. */
const slow = { words: 6, firstTokenMs: 500, tokenMs: 100 };
const types = (events: readonly { readonly type: string }[], ...wanted: readonly string[]) =>
  events.map(({ type }) => type).filter((type) => wanted.includes(type));
const callTypes = ['call:start', 'call:join', 'call:leave', 'call:end', 'call:replay', 'attempt:start', 'attempt:end'];

describe('calls with one id', () => {
  it('are one, streamed and whole, whenever they come', async () => {
    const a = simulated(slow);
    const llm = transport({ providers: [a] });
    const reading = (): Promise<string> =>
      llm
        .complete(streamed, id)
        .then(readAll)
        .then(({ text }) => text);
    const unary = (): Promise<string> => llm.complete(hello, id).then(({ text }) => text);
    const texts = await kept(Promise.all([reading(), unary(), reading(), unary(), reading()]));
    expect(a.requests).toHaveLength(1);
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]?.split(' ')).toHaveLength(6);
  });

  it('may come in the middle of a stream, and have all of it from its beginning', async () => {
    const a = simulated(slow);
    const llm = transport({ providers: [a] });
    const one = watch(llm.complete(streamed, id).then(readAll));
    await advance(820);
    const two = watch(llm.complete(streamed, id).then(readAll));
    const three = watch(llm.complete(hello, id));
    await advance(5_000);
    const results = [one, two].map(({ result }) => (result?.ok ? result.value : undefined));
    expect(results[0]?.text).toBe(results[1]?.text);
    expect(results[1]?.chunks.at(-1)).toMatchObject({ type: 'finish', usage: { outputTokens: expect.any(Number) } });
    expect(three.result).toMatchObject({ ok: true, value: { text: results[0]?.text } });
    expect(a.requests).toHaveLength(1);
  });

  it('tell of themselves: one start and one end for all, and of each that it joins and leaves', async () => {
    const llm = transport({ providers: [simulated(slow)] });
    const one = kept(llm.complete({ ...hello, metadata: { who: 1 } }, id));
    const two = llm.complete({ ...streamed, metadata: { who: 2 } }, id);
    await one;
    await kept(two.then(readAll));
    expect(types(llm.events, ...callTypes)).toEqual([
      ...['call:start', 'call:join', 'attempt:start', 'attempt:end', 'call:leave', 'call:leave', 'call:end'],
    ]);
    const [join] = llm.events.filter(({ type }) => type === 'call:join');
    expect(join).toMatchObject({ stream: true, metadata: { who: 2 }, transactionId: 'order-1' });
    expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'ok', attempts: [{ outcome: 'ok' }] });
  });

  it.each([
    ['whole', hello],
    ['streamed', streamed],
  ])('are two when one begins in the moment in which the last one leaves: %s', async (_, request) => {
    const a = simulated(slow);
    // Not the one whose events are checked: here the next begins before the end of what was left is told.
    await using llm = createTransport({ providers: [a] });
    const events: TransportEvent[] = [];
    llm.on('*', (event) => void events.push(event));
    const controller = new AbortController();
    const run = (signal?: AbortSignal): Promise<Completion> =>
      llm
        .complete<unknown>(request, { ...id, signal })
        .then((given) => ('completion' in given ? given.completion : given));
    const left = [watch(run(controller.signal)), watch(run(controller.signal))];
    await advance(600);
    controller.abort();
    const again = watch(run());
    await advance(5_000);
    expect(left.map(({ result }) => [result?.code, result?.ms])).toEqual(Array(2).fill(['cancelled', 600]));
    expect(again.result).toMatchObject({ ok: true, value: { attempts: [{ number: 1, outcome: 'ok' }] } });
    expect(a.requests).toHaveLength(2);
    expect(types(events, 'call:start', 'call:join')).toEqual(['call:start', 'call:join', 'call:start']);
    const ends = events.flatMap((event) => (event.type === 'call:end' ? [event] : []));
    expect(ends).toMatchObject([
      { outcome: 'cancelled', attempts: [{ outcome: 'cancelled' }] },
      { outcome: 'ok', attempts: [{ outcome: 'ok' }] },
    ]);
    // Of what was left nothing but its end comes after the start of the next.
    expect(types(events.slice(events.findLastIndex(({ type }) => type === 'call:start')), 'attempt:end')).toHaveLength(
      1,
    );
  });

  it('have the ledger once, and are billed once', async () => {
    const a = simulated({ ...slow, script: ['http-500'], traits: { price: { input: 1, output: 2 } } });
    const llm = transport({ providers: [a] });
    const all = await kept(
      Promise.all([
        llm.complete(hello, id),
        llm.complete(hello, id),
        llm.complete(streamed, id).then((stream) => stream.completion),
      ]),
    );
    expect(a.requests).toHaveLength(2);
    expect(all.map(({ attempts }) => attempts.length)).toEqual([2, 0, 0]);
    expect(all.reduce((sum, { cost = 0 }) => sum + cost, 0)).toBeCloseTo(llm.usage().cost, 12);
    expect(all[1]).toMatchObject({ cost: 0, usage: all[0]?.usage, text: all[0]?.text, provider: 'simulated' });
    expect(llm.usage()).toMatchObject({ attempts: 2, outputTokens: a.billed.outputTokens });
  });

  it('hand the ledger on when the call leaves that had it', async () => {
    const llm = transport({ providers: [simulated(slow)] });
    const controller = new AbortController();
    const one = watch(llm.complete(streamed, { ...id, signal: controller.signal }));
    const two = watch(llm.complete(hello, id));
    await advance(200);
    controller.abort();
    await advance(5_000);
    expect(one.result).toMatchObject({ ok: false, ms: 200, code: 'cancelled', error: { attempts: [] } });
    expect(two.result).toMatchObject({ ok: true, value: { attempts: [{ outcome: 'ok' }] } });
    expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'ok', attempts: [{ outcome: 'ok' }] });
  });

  it('share an error, before anything has come and after it', async () => {
    const before = simulated({ fault: 'context-length' });
    const llm = transport({ providers: [before] });
    const errors = await allSettled([llm.complete(hello, id), whole(llm), llm.complete(hello, id)]);
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('context_length_exceeded'));
    expect(errors.map((one) => (one.ok ? [] : asked(one.error)).length)).toEqual([1, 0, 0]);
    expect(before.requests).toHaveLength(1);

    const after = simulated({ ...slow, fault: 'cut-reset' });
    const other = transport({ providers: [after] });
    const streams = await kept(Promise.all([other.complete(streamed, id), other.complete(streamed, id)]));
    const late = watch(other.complete(hello, id));
    const ends = await kept(Promise.all(streams.map(readAll)));
    await flush();
    expect(after.requests).toHaveLength(1);
    for (const { error, text } of ends) {
      expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text }, transactionId: 'order-1' });
      expect(text).not.toBe('');
    }
    expect(late.result).toMatchObject({ code: 'stream_interrupted', error: { partial: { text: ends[0]?.text } } });
  });

  it('are not joined once they have failed', async () => {
    const a = simulated({ script: ['context-length'] });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello, id));
    expect((await kept(llm.complete(hello, id))).attempts).toHaveLength(1);
    expect(a.requests).toHaveLength(2);
    // Two calls, one after the other.
    llm.events.splice(0);
  });

  it('are two when no id was given, or sharing is turned off', async () => {
    const a = simulated();
    const llm = transport({ providers: [a] });
    await kept(Promise.all([llm.complete(hello), llm.complete(hello)]));
    const b = simulated();
    const off = transport({ providers: [b], transaction: false });
    const all = await kept(Promise.all([off.complete(hello, id), off.complete(hello, id)]));
    expect([a.requests.length, b.requests.length]).toEqual([2, 2]);
    expect(all.map(({ attempts }) => attempts.length)).toEqual([1, 1]);
    off.events.splice(0);
  });
});

describe('what is asked under one id', () => {
  const schema = z.object({ city: z.string() });
  const tool = { name: 'look', inputSchema: { jsonSchema: { type: 'object', properties: { a: {}, b: {} } } } };
  const sameTool = { name: 'look', inputSchema: { jsonSchema: { properties: { b: {}, a: {} }, type: 'object' } } };

  it.each([
    ['written in another way', { messages: [{ role: 'user', content: 'Hello' }] }],
    ['streamed', { ...hello, stream: true }],
    ['with other metadata', { ...hello, metadata: { a: 1 } }],
    ['with a field that is undefined', { ...hello, temperature: undefined }],
  ] as const)('is the same %s', async (_, request) => {
    const a = simulated(slow);
    const llm = transport({ providers: [a] });
    const one = llm.complete(hello, id);
    const two = llm.complete(request as typeof hello, id);
    await kept(Promise.all([one, two]));
    expect(a.requests).toHaveLength(1);
  });

  it('is the same with a schema and tools that are written alike', async () => {
    const a = simulated(slow);
    const llm = transport({ providers: [a] });
    const again = z.object({ city: z.string() });
    await kept(
      Promise.allSettled([
        llm.complete({ ...hello, tools: [tool], schema }, id),
        llm.complete({ ...hello, tools: [sameTool], schema: again }, id),
      ]),
    );
    expect(types(llm.events, 'call:join')).toHaveLength(1);
  });

  it.each([
    ['prompt', { prompt: 'Hello!' }],
    ['schema', { ...hello, schema: z.object({ town: z.string() }) }],
    ['tools', { ...hello, tools: [tool] }],
    ['temperature', { ...hello, temperature: 0 }],
    ['model', { ...hello, model: 'simulated-1' }],
    ['provider options', { ...hello, providerOptions: { openai: { service_tier: 'flex' } } }],
    [
      'image',
      {
        messages: [{ role: 'user', content: [{ type: 'image', image: new Uint8Array([1]), mediaType: 'image/png' }] }],
      },
    ],
  ] as const)('is not with another %s: nothing is sent', async (_, request) => {
    const a = simulated(slow);
    const llm = transport({ providers: [a] });
    const one = llm.complete(hello, id);
    const error = await broken(llm.complete(request as typeof hello, id));
    expect(error).toMatchObject({ code: 'invalid_request', ...id, attempts: [] });
    expect(error.message).not.toContain('Hello');
    expect((await kept(one)).text).not.toBe('');
    expect(a.requests).toHaveLength(1);
    expect(types(llm.events, 'call:start', 'call:join', 'call:end')).toEqual(['call:start', 'call:end']);
  });

  it('is told apart by the bytes of a picture', async () => {
    const picture = (byte: number) => ({
      messages: [
        {
          role: 'user' as const,
          content: [{ type: 'image' as const, image: new Uint8Array([7, byte]), mediaType: 'image/png' }],
        },
      ],
    });
    const llm = transport({ providers: [simulated(slow)] });
    const one = llm.complete(picture(1), id);
    const two = llm.complete(picture(1), id);
    expect((await broken(llm.complete(picture(2), id))).code).toBe('invalid_request');
    await kept(Promise.all([one, two]));
  });

  it("never meets another tenant's", async () => {
    const tenant = contextKey('tenant', 'anonymous');
    const a = simulated(slow);
    const llm = transport({ providers: [a], transaction: { by: tenant } });
    const as = (who: string) => llm.complete(hello, { ...id, values: [tenant.of(who)] });
    await kept(Promise.all([as('acme'), as('acme'), as('umbrella'), llm.complete({ prompt: 'Other' }, id)]));
    expect(a.requests).toHaveLength(3);
    await kept(as('acme'));
    await kept(as('globex'));
    expect(a.requests).toHaveLength(4);
    llm.events.splice(0);
  });
});

describe('a call whose tenant is no text', () => {
  it.each([{ name: 'acme' }, undefined, null, 7])('is refused, before anything is sent: %j', async (who) => {
    const tenant = contextKey('tenant', 'anonymous');
    const a = simulated(slow);
    const llm = transport({ providers: [a], transaction: { by: tenant } });
    const values = [tenant.of(who as never)];
    const { code, message } = await broken(llm.complete(hello, { ...id, values }));
    expect([code, message]).toEqual([
      'invalid_request',
      `The value of the key transaction.by: expected a string, got ${who === null ? 'null' : typeof who}`,
    ]);
    expect(a.requests).toEqual([]);
    await kept(llm.complete(hello, { values }));
    llm.events.splice(0);
  });
});

describe('a call that leaves', () => {
  const ways: readonly [string, (llm: ReturnType<typeof transport>) => Promise<unknown>][] = [
    [
      'by its signal',
      async (llm) => {
        const controller = new AbortController();
        const call = llm.complete(streamed, { ...id, signal: controller.signal }).then(readAll);
        await advance(620);
        controller.abort();
        return call;
      },
    ],
    ['by its time', (llm) => llm.complete(streamed, { ...id, timeoutMs: 620 }).then(readAll)],
    ['whole, by its time', (llm) => llm.complete(hello, { ...id, timeoutMs: 620 })],
    [
      'by a break',
      async (llm) => {
        const stream = await llm.complete(streamed, id);
        for await (const _ of stream) break;
      },
    ],
    [
      'by return',
      async (llm) => {
        const stream = await llm.complete(streamed, id);
        await stream[Symbol.asyncIterator]().return?.();
      },
    ],
    ['before anything has come', (llm) => llm.complete(streamed, { ...id, timeoutMs: 100 })],
    ['at once', (llm) => llm.complete(streamed, { ...id, timeoutMs: 0 })],
  ];

  it.each(ways)('%s leaves the others alone', async (_, leave) => {
    for (const first of [true, false]) {
      const a = simulated(slow);
      const llm = transport({ providers: [a] });
      const others = () => [watch(llm.complete(hello, id)), watch(llm.complete(streamed, id).then(readAll))];
      const before = first ? [] : others();
      const leaving = watch(leave(llm));
      const rest = first ? others() : before;
      await advance(10_000);
      expect(leaving.result).toBeDefined();
      expect(rest.map(({ result }) => result?.code)).toEqual(['ok', 'ok']);
      expect(a.requests).toHaveLength(1);
      expect(a.requests[0]).toMatchObject({ whole: true, closedByClientAt: undefined });
    }
  });

  it.each(ways)('%s as the last ends what was sent, at once', async (_, leave) => {
    const a = simulated({ ...slow, words: 1_000 });
    const llm = transport({ providers: [a] });
    const gone = watch(llm.complete(streamed, { ...id, timeoutMs: 50 }));
    const leaving = watch(leave(llm));
    await advance(2_000);
    expect([gone.result?.code, leaving.result === undefined]).toEqual(['deadline_exceeded', false]);
    expect(a.inFlight).toBe(0);
    for (const { closedByClientAt } of a.requests) expect(closedByClientAt).toBeDefined();
    expect(types(llm.events, 'attempt:end', 'call:end').at(-1)).toBe('call:end');
    // Nobody joins what is ended.
    llm.events.splice(0);
    await kept(llm.complete({ prompt: 'Something else' }, id), 1_000_000);
  });

  it('keeps the others on time: each has its own deadline, and what is sent has the latest', async () => {
    const a = simulated({ script: ['http-503', 'http-503'] });
    const llm = transport({ providers: [a], retry: { retries: 10 } });
    const short = watch(llm.complete(hello, { ...id, timeoutMs: 1 }));
    const long = watch(llm.complete(hello, { ...id, timeoutMs: 600_000 }));
    await advance(100_000);
    expect(short.result).toMatchObject({ code: 'deadline_exceeded', ms: 1 });
    expect(long.result).toMatchObject({ code: 'ok' });
    expect(a.requests).toHaveLength(3);
  });
});

describe('what is under a shared call', () => {
  it('begins again for all: also for one that has read nothing yet', async () => {
    const a = simulated({ name: 'a', ...slow, script: ['cut-reset'] });
    const b = simulated({ name: 'b', ...slow });
    const llm = transport({ providers: [a, b], resume: { mode: 'restart' }, hedge: false });
    const one = watch(llm.complete(streamed, id).then(readAll));
    const two = await kept(llm.complete(streamed, id));
    await advance(1_200);
    const late = watch(llm.complete(streamed, id).then(readAll));
    await advance(20_000);
    const second = await kept(readAll(two));
    const textOf = (chunks: readonly { type: string; text?: string }[]) =>
      chunks
        .slice(chunks.findIndex(({ type }) => type === 'restart') + 1)
        .map(({ text = '' }) => text)
        .join('');
    const all = [one, late].map(({ result }) => (result?.ok ? result.value.chunks : []));
    expect(all[0]?.map(({ type }) => type)).toContain('restart');
    expect(all[1]?.map(({ type }) => type)).not.toContain('restart');
    expect(textOf(all[0] ?? [])).not.toBe('');
    expect(textOf(all[1] ?? [])).toBe(textOf(all[0] ?? []));
    expect(textOf(second.chunks)).toBe(textOf(all[0] ?? []));
  });

  it('does not begin again for who reads text alone, when who read chunks has left', async () => {
    const a = simulated({ name: 'a', ...slow, script: ['cut-reset'] });
    const b = simulated({ name: 'b', ...slow });
    const llm = transport({ providers: [a, b], resume: { mode: 'restart' }, hedge: false });
    const chunks = await kept(llm.complete(streamed, id));
    const text = await kept(llm.complete(streamed, id));
    const read = async (): Promise<void> => {
      for await (const piece of text.text) expect(piece).not.toBe('');
    };
    const said = watch(read());
    await chunks[Symbol.asyncIterator]().return?.();
    await advance(20_000);
    expect(said.result).toMatchObject({ code: 'stream_interrupted' });
    expect([a.requests.length, b.requests.length]).toEqual([1, 0]);
  });

  it('is validated once, and asked again once', async () => {
    const answers = ['{"city": 7}', '{"city": "Paris"}'];
    let count = 0;
    const a = callable({ name: 'a', complete: async () => answers[count++] ?? '' });
    const llm = transport({ providers: [a] });
    const request = { ...hello, schema: z.object({ city: z.string() }) };
    const all = await kept(Promise.all([llm.complete(request, id), llm.complete(request, id)]));
    expect(all.map(({ object }) => object)).toEqual([{ city: 'Paris' }, { city: 'Paris' }]);
    expect(count).toBe(2);
  });

  it('is hedged once', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 60_000 });
    const b = simulated({ name: 'b' });
    const llm = transport({ providers: [a, b], hedge: { afterMs: 100 } });
    const all = await kept(
      Promise.all([llm.complete(hello, id), llm.complete(streamed, id).then((s) => s.completion)]),
    );
    expect(all.map(({ provider }) => provider)).toEqual(['b', 'b']);
    expect([a.requests.length, b.requests.length]).toEqual([1, 1]);
  });

  it('is paid for once by a budget, and nothing stays reserved', async () => {
    const a = simulated(slow);
    const tokens = budget({ tokens: 5_000, outputTokens: 4_000 });
    const llm = transport({ providers: [a], useEach: [tokens] });
    // One fits, two would not.
    await kept(Promise.all([llm.complete(hello, id), llm.complete(hello, id), whole(llm)]));
    await kept(llm.complete(hello, id));
    const { inputTokens, outputTokens } = a.billed;
    expect(tokens.state()).toMatchObject([{ spent: { tokens: inputTokens + outputTokens }, reserved: { tokens: 0 } }]);
  });

  it("is seen once by the user's middleware", async () => {
    let seen = 0;
    const counting: Middleware = (next) => (request, context) => {
      seen += 1;
      return next(request, context);
    };
    const llm = transport({ providers: [simulated(slow)], use: [counting] });
    await kept(Promise.all([llm.complete(hello, id), llm.complete(streamed, id).then(readAll)]));
    expect(seen).toBe(1);
  });

  /** Says 50 ms later than it might that it is done. */
  const late: Middleware = (next) => async (request, context) => {
    const { provider, chunks, done } = await next(request, context);
    return {
      provider,
      chunks,
      done: done.then((outcome) => new Promise((resolve) => setTimeout(resolve, 50, outcome))),
    };
  };

  it('is over with its last chunk, whenever it is done: the ledger stays where it is', async () => {
    const llm = transport({ providers: [simulated(slow)], use: [late] });
    const all = await kept(Promise.all([whole(llm), whole(llm), whole(llm)]));
    expect(all.map(({ attempts }) => attempts.length)).toEqual([1, 0, 0]);
  });

  it('is not joined any more when the last one has left, though it is not done yet', async () => {
    const a = simulated(slow);
    const llm = transport({ providers: [a], use: [late] });
    const stream = await kept(llm.complete(streamed, id));
    await stream[Symbol.asyncIterator]().return?.();
    expect((await kept(llm.complete(hello, id))).text).not.toBe('');
    expect(a.requests).toHaveLength(2);
    // Of the two one began before the other was over.
    llm.events.splice(0);
  });

  it('is waited for by the last one that leaves: nothing is told after its end', async () => {
    for (const call of [{}, id]) {
      const llm = transport({ providers: [simulated(slow)], use: [late] });
      const stream = await kept(llm.complete(streamed, call));
      for await (const _ of stream) break;
      await advance(1_000);
      expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'cancelled', durationMs: 550 });
    }
  });

  it('is under way for all of them when the transport is closed', async () => {
    const a = simulated(slow);
    const llm = transport({ providers: [a] });
    const all = [watch(llm.complete(hello, id)), watch(llm.complete(streamed, id).then(readAll))];
    await advance(100);
    const closed = watch(llm.close());
    await advance(5_000);
    expect(all.map(({ result }) => result?.code)).toEqual(['ok', 'ok']);
    expect(closed.result).toMatchObject({ ok: true, ms: 900 });
  });

  it('is ended for all of them when closing takes too long', async () => {
    const llm = transport({ providers: [simulated({ ...slow, words: 1_000 })] });
    const all = [watch(llm.complete(hello, id)), watch(llm.complete(hello, id))];
    await advance(100);
    const closed = watch(llm.close({ timeoutMs: 200 }));
    await advance(5_000);
    expect(all.map(({ result }) => result?.code)).toEqual(['closed', 'closed']);
    expect(closed.result).toMatchObject({ ok: true });
  });
});

describe('a reader of a shared stream', () => {
  it('that never reads holds up nobody, and has all of it at the end', async () => {
    const a = simulated({ words: 40_000, tokenMs: 1 });
    const llm = transport({ providers: [a] });
    const lazy = await kept(llm.complete(streamed, id));
    const eager = await kept(llm.complete(streamed, id).then(readAll));
    expect(eager.text.length).toBeGreaterThan(150_000);
    await advance(100);
    expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'ok' });
    expect((await kept(readAll(lazy))).text).toBe(eager.text);
  });

  it('is given up with all the others when nobody reads', async () => {
    const llm = transport({ providers: [simulated({ words: 200_000, tokenMs: 0 })] });
    const streams: CompletionStream[] = await kept(
      Promise.all([llm.complete(streamed, id), llm.complete(streamed, id)]),
    );
    await advance(70_000);
    const errors = await allSettled(streams.map((stream) => stream.completion));
    expect(errors.map(({ ok }) => ok)).toEqual([false, false]);
  });

  it('may ask for the whole while others read chunks, and for text alone', async () => {
    const llm = transport({ providers: [simulated(slow)] });
    const [a, b, c] = await kept(
      Promise.all([llm.complete(streamed, id), llm.complete(streamed, id), llm.complete(streamed, id)]),
    );
    const text = async (stream: CompletionStream) => {
      let all = '';
      for await (const piece of stream.text) all += piece;
      return all;
    };
    const results = await kept(
      Promise.all([a.completion.then((whole: Completion) => whole.text), text(b), readAll(c).then((all) => all.text)]),
    );
    expect(new Set(results).size).toBe(1);
  });
});

describe('a wrapped function', () => {
  it('runs once for calls with one id, and hands all of them what it returned', async () => {
    let runs = 0;
    const ask = wrap(async (input: { prompt: string }) => {
      runs += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { said: input.prompt };
    });
    const all = await kept(Promise.all([ask(hello, id), ask({ prompt: 'Hello' }, id), ask(hello)]));
    expect(all[0]).toEqual({ said: 'Hello' });
    expect(all[1]).toBe(all[0]);
    expect(runs).toBe(2);
    const other = ask(hello, id);
    // All of the input counts, not only the words in it.
    const more = { ...hello, n: 7 };
    expect((await broken(ask(more, id))).code).toBe('invalid_request');
    await kept(other);
    await finish(ask.transport);
  });

  it('is a stream for all of them, item by item', async () => {
    let runs = 0;
    const ask = wrap(async (_input: { prompt: string }) => {
      runs += 1;
      return (async function* () {
        for (const item of [1, 2, 3]) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          yield { item };
        }
      })();
    });
    const read = async (items: AsyncIterable<{ item: number }>) => {
      const all: number[] = [];
      for await (const { item } of items) all.push(item);
      return all;
    };
    const all = await kept(Promise.all([ask(hello, id).then(read), ask(hello, id).then(read)]));
    expect(all).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(runs).toBe(1);
    // What it has returned is in no store.
    await kept(ask(hello, id).then(read));
    expect(runs).toBe(2);
    await finish(ask.transport);
  });
});

it('an error of a middleware reaches all that share a call', async () => {
  const throws: Middleware = () => async () => {
    throw new TransportError('budget_exceeded', 'no');
  };
  const llm = transport({ providers: [simulated()], use: [throws] });
  const all = await allSettled([llm.complete(hello, id), whole(llm)]);
  expect(all.map(({ code }) => code)).toEqual(['budget_exceeded', 'budget_exceeded']);
  expect((await settled(llm.close())).ok).toBe(true);
});
