import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Accounts } from '../../../src/core/accounts.ts';
import { watched } from '../../../src/core/context.ts';
import { endpoint } from '../../../src/core/endpoint.ts';
import { streamingRefused, TransportError, type TransportErrorFields } from '../../../src/core/errors.ts';
import { mapError } from '../../../src/core/reply.ts';
import type { Chunk, Context, ErrorCode, Provider, ReceivedFacts } from '../../../src/core/types.ts';
import {
  aCall,
  aHealth,
  answer,
  aProvider,
  finish,
  flush,
  listenersOf,
  readAll,
  reasoning,
  Source,
  text,
} from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
  // Not at zero, where a sum of two times is as good as their difference.
  vi.advanceTimersByTime(1_000);
});
afterEach(() => {
  vi.useRealTimers();
});

const request = { prompt: 'The prompt has more than sixteen characters.' };

/** An endpoint of a provider, and a call at it. */
function at(fields: Partial<Provider>, options: { signal?: AbortSignal } = {}) {
  const provider = aProvider(fields);
  const call = aCall(options);
  const { health, firstContent, chunkGap } = aHealth(provider);
  const handler = endpoint(provider, health);
  const { context, above } = call;
  const ask = (within = context) => handler(request, within);
  return { ...call, above, context, provider, health, firstContent, chunkGap, handler, ask };
}

const never = () => new Promise<never>(() => {});

describe('a streamed answer at the endpoint', () => {
  it('is answered with its first content and done with its finish', async () => {
    const source = new Source(text('Hel'));
    const { ask, health } = at({ stream: () => source });
    const reply = await ask();
    expect(health.inFlight).toBe(1);
    source.push(text('lo'), finish);
    const { text: read } = await readAll(reply.chunks);
    expect(read).toBe('Hello');
    expect(await reply.done).toMatchObject({
      ok: true,
      completion: {
        ...{ text: 'Hello', toolCalls: [], finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 2 } },
        ...{ provider: 'one', model: 'm-1', transactionId: 'transaction-1', resumed: false, object: undefined },
        attempts: [{ number: 1, outcome: 'ok' }],
      },
    });
    expect(health.inFlight).toBe(0);
  });

  it('is truncated, and says by whom, when it ends without a finish', async () => {
    const { ask, call } = at({ stream: () => new Source(text('Hel')).end() });
    const reply = await ask();
    const { error } = await readAll(reply.chunks);
    const outcome = await reply.done;
    expect(error).toMatchObject({ code: 'truncated', provider: 'one', partial: { text: 'Hel' } });
    expect(outcome.ok ? undefined : outcome.error).toBe(error);
    expect(call.attempts[0]?.outcome).toBe('truncated');
  });

  it('breaks with one error, the same for its reader and for the layers, whoever changes it above', async () => {
    for (const code of ['connection', 'cancelled', 'deadline_exceeded'] as const) {
      const controller = new AbortController();
      const source = new Source(text('Hel'));
      const { ask } = at({ stream: () => source }, { signal: controller.signal });
      let changes = 0;
      const reply = mapError(await ask(), (error) => {
        changes += 1;
        return new TransportError('stream_interrupted', 'x', { cause: error, partial: error.partial });
      });
      if (code === 'connection') source.fail(new TransportError(code, 'reset'));
      else controller.abort(new TransportError(code, 'over'));
      const { error } = await readAll(reply.chunks);
      const outcome = await reply.done;
      expect(outcome.ok ? undefined : outcome.error).toBe(error);
      expect(error).toMatchObject({ partial: { text: 'Hel' }, cause: { code, provider: 'one' } });
      expect(changes).toBe(1);
    }
  });

  it('is empty when it is nothing but a normal end, or nothing but reasoning', async () => {
    for (const chunks of [[], [reasoning('hm')]]) {
      const { ask } = at({ stream: () => new Source(...chunks, finish) });
      const error = await ask().then(
        async (reply) => (await readAll(reply.chunks)).error,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 'empty_response', provider: 'one' });
    }
  });

  it('is not empty with only tool calls, only raw items, or cut off at its length', async () => {
    const cut: Chunk = { ...(finish as Extract<Chunk, { type: 'finish' }>), finishReason: 'length' };
    const toolCall: Chunk = { type: 'toolCall', toolCall: { id: '1', name: 'look', input: {} } };
    for (const chunks of [
      [toolCall, finish],
      [{ type: 'raw', value: 1 } as const, finish],
      [reasoning('hm'), cut],
    ]) {
      const { ask } = at({ stream: () => new Source(...chunks) });
      expect(await (await ask()).done).toMatchObject({ ok: true });
    }
  });

  it('is a refusal by its finish reason, with what had come', async () => {
    const refusal: Chunk = { ...(finish as Extract<Chunk, { type: 'finish' }>), finishReason: 'content_filter' };
    const { ask } = at({ stream: () => new Source(text('I'), refusal) });
    expect(await (await ask()).done).toMatchObject({
      ok: false,
      error: { code: 'content_filtered', provider: 'one', partial: { text: 'I' } },
    });
    const alone = at({ stream: () => new Source(refusal) });
    await expect(alone.ask()).rejects.toMatchObject({ code: 'content_filtered' });
  });

  it('measures the time to the first content and the gaps after it', async () => {
    const source = new Source();
    const { ask, firstContent, chunkGap, call } = at({ stream: () => source });
    const asking = ask();
    await vi.advanceTimersByTimeAsync(120);
    source.push(text('a'));
    await asking;
    await vi.advanceTimersByTimeAsync(30);
    source.push(text('b'));
    await flush();
    await vi.advanceTimersByTimeAsync(10);
    source.push(finish);
    await flush();
    expect(firstContent.samples.map(Math.round)).toEqual([120]);
    expect(chunkGap.samples.map(Math.round)).toEqual([30]);
    expect(call.attempts[0]).toMatchObject({ firstContentMs: 120, durationMs: 160 });
  });

  it('tells its watchers what it waits for', async () => {
    const source = new Source();
    const { ask, context } = at({ stream: () => source });
    const told: string[] = [];
    const asking = ask(
      watched(context, {
        waiting: (wire) => told.push(`waiting ${wire}`),
        content: () => told.push('content'),
        paused: () => told.push('paused'),
      }),
    );
    source.push(text('x'.repeat(70_000)));
    await asking;
    await flush();
    expect(told).toEqual(['waiting stream', 'content', 'paused']);
  });

  it('estimates the usage when the provider does not tell it', async () => {
    const chunk: Chunk = { type: 'finish', finishReason: 'stop', usage: undefined, model: '' };
    const { ask, call } = at({ stream: () => new Source(text('x'.repeat(40)), chunk) });
    const outcome = await (await ask()).done;
    expect(outcome).toMatchObject({ ok: true, completion: { usage: undefined, model: 'm-1' } });
    expect(call.attempts[0]).toMatchObject({
      usage: { inputTokens: Math.ceil(request.prompt.length / 4), outputTokens: 10 },
      usageEstimated: true,
    });
  });

  it('has the usage that the provider has told of an answer that is none', async () => {
    const usage = { inputTokens: 77, outputTokens: 3 };
    const refusal: Chunk = { type: 'finish', finishReason: 'content_filter', usage, model: '' };
    const { ask, call } = at({ stream: () => new Source(text('x'.repeat(40)), refusal) });
    expect(await (await ask()).done).toMatchObject({ ok: false, error: { code: 'content_filtered' } });
    expect(call.attempts[0]).toMatchObject({ outcome: 'content_filtered', usage, usageEstimated: false });
  });

  it('has the prompt of an attempt that was accepted, and what was counted of it, when it breaks', async () => {
    const brokenAfter = async (facts: ReceivedFacts) => {
      const { ask, call } = at({
        stream: (_, context) => {
          context.received(facts);
          return new Source().end();
        },
      });
      await ask().catch(() => {});
      return call.attempts[0]?.usage;
    };
    const inputTokens = Math.ceil(request.prompt.length / 4);
    expect(await brokenAfter({ headers: [] })).toBeUndefined();
    expect(await brokenAfter({ headers: [], accepted: false })).toBeUndefined();
    expect(await brokenAfter({ accepted: true })).toEqual({ inputTokens, outputTokens: 0 });
    const usage = { inputTokens: 9, outputTokens: 1 };
    expect(await brokenAfter({ usage })).toEqual(usage);
  });

  it('learns how a provider counts from what is shown alone', async () => {
    const learned: unknown[] = [];
    const scale = {
      of: (some: { input: number; output: number }) => some,
      learn: (...both: unknown[]) => learned.push(both),
    };
    const usage = { inputTokens: 8, outputTokens: 30, reasoningTokens: 20 };
    const finish: Chunk = { type: 'finish', finishReason: 'stop', usage, model: '' };
    for (const chunks of [[text('x'.repeat(40))], [reasoning('x'.repeat(80)), text('x'.repeat(40))]]) {
      const { ask, call } = at({ stream: () => new Source(...chunks, finish) });
      Object.assign(call, { accounts: new Accounts(undefined, () => scale) });
      await (await ask()).done;
    }
    const input = Math.ceil(request.prompt.length / 4);
    expect(learned).toEqual([
      [
        { input, output: 10 },
        { input: 8, output: 10 },
      ],
      [
        { input, output: 30 },
        { input: 8, output: 30 },
      ],
    ]);
  });

  it('counts what had come of a broken one: its text, and its reasoning', async () => {
    const broken = async (...chunks: Chunk[]) => {
      const { ask, call } = at({ stream: () => new Source(...chunks).end() });
      await (await ask()).done;
      return call.attempts[0]?.usage?.outputTokens;
    };
    expect(await broken(text('x'.repeat(40)))).toBe(10);
    expect(await broken(reasoning('x'.repeat(20)))).toBe(5);
    expect(await broken(reasoning('x'.repeat(20)), text('x'.repeat(40)))).toBe(15);
    expect(await broken({ type: 'toolCall', toolCall: { id: '1', name: 'look', input: {} } })).toBe(2);
  });

  it('stops with the reason as soon as the signal aborts, although the adapter never moves', async () => {
    const controller = new AbortController();
    const source = new Source();
    const { ask, health } = at({ stream: () => source }, { signal: controller.signal });
    const asking = ask();
    controller.abort(new TransportError('deadline_exceeded', 'over'));
    await expect(asking).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(health.inFlight).toBe(0);
    expect(source.returns).toBe(1);
  });

  it('stops at once when the signal was aborted before: nothing is sent', async () => {
    const { ask, health, call } = at({ stream: () => new Source() }, { signal: AbortSignal.abort() });
    await expect(ask()).rejects.toMatchObject({ code: 'cancelled' });
    expect(health.inFlight).toBe(0);
    expect(call.attempts).toEqual([]);
  });

  it('is not asked for when the deadline is over, although its timer is late', async () => {
    const { ask, call, above, context } = at({ stream: () => new Source(text('a'), finish) });
    await expect(ask(context.fork({ deadline: Date.now() }))).rejects.toMatchObject({
      ...{ code: 'deadline_exceeded', message: 'The time for the call is over' },
    });
    expect(call.attempts).toEqual([]);
    await expect(ask(above.fork({ deadline: Date.now() + 1 }))).resolves.toBeDefined();
  });

  it('closes the connection of an adapter when its reader leaves, and aborts its signal', async () => {
    let context: Context | undefined;
    const source = new Source(text('a'));
    const { ask, call } = at({
      stream: (_, inner) => {
        context = inner;
        return source;
      },
    });
    const reply = await ask();
    for await (const _ of reply.chunks) break;
    expect(source.returns).toBe(1);
    expect(context?.signal.aborted).toBe(true);
    expect(call.attempts[0]?.outcome).toBe('cancelled');
  });

  it('takes what an aborted SDK makes of it for the reason of the abort', async () => {
    const controller = new AbortController();
    const late = new TransportError('timeout', 'silence');
    const { ask } = at(
      {
        async *stream(_, { signal }) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw new DOMException('This operation was aborted', 'AbortError');
        },
      },
      { signal: controller.signal },
    );
    const asking = ask();
    await flush();
    controller.abort(late);
    await expect(asking).rejects.toMatchObject({ code: 'timeout', message: 'silence' });
  });

  it('leaves no listener on the signal that it follows', async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    for (const stream of [() => new Source(text('a'), finish), () => new Source().end()]) {
      const { ask } = at({ stream }, { signal });
      await ask().then(
        (reply) => reply.done,
        () => {},
      );
    }
    await at({}, { signal }).ask();
    expect(listeners()).toBe(0);
  });
});

describe('a whole answer at the endpoint', () => {
  it('is answered and done at once', async () => {
    const raw = { id: 'theirs' };
    const { ask, health, seen } = at({ complete: async () => answer({ text: 'Hello', raw }) });
    const reply = await ask();
    expect(await reply.done).toMatchObject({ ok: true, completion: { text: 'Hello', raw, provider: 'one' } });
    expect(health.inFlight).toBe(0);
    expect(seen.map(({ type }) => type)).toEqual(['attempt:start', 'attempt:answer', 'attempt:end']);
  });

  it('tells its watchers that a whole answer is waited for', async () => {
    const { ask, context } = at({});
    const told: string[] = [];
    await ask(
      watched(context, { waiting: (wire) => told.push(`waiting ${wire}`), content: () => told.push('content') }),
    );
    expect(told).toEqual(['waiting unary', 'content']);
  });

  it.each([
    ['no text', { text: undefined }],
    ['no list of tool calls', { toolCalls: undefined }],
    ['neither', { text: undefined, toolCalls: undefined }],
  ])('is no answer with %s', async (_, fields) => {
    const { ask } = at({ complete: async () => answer({ text: 'Hello', ...fields } as never) });
    await expect(ask()).rejects.toMatchObject({
      ...{ code: 'bad_response', provider: 'one', message: 'one answered with something that is no answer' },
    });
  });

  it.each([
    ['null', null],
    ['without a count', { inputTokens: 1 }],
    ['a count that is no number', { inputTokens: Number.NaN, outputTokens: 1 }],
    ['a count without an end', { inputTokens: 1, outputTokens: Number.POSITIVE_INFINITY }],
    ['a count below zero', { inputTokens: 1, outputTokens: 1, cachedInputTokens: -1 }],
    ['a count of the cache that is none', { inputTokens: 1, outputTokens: 1, cacheWriteInputTokens: '1' }],
  ])('has no usage where that is %s', async (_, usage) => {
    const { ask, call } = at({ complete: async () => answer({ text: 'Hello', usage: usage as never }) });
    expect(await (await ask()).done).toMatchObject({ ok: true, completion: { usage: undefined } });
    expect(call.attempts[0]?.usageEstimated).toBe(true);
  });

  it('has the usage that it was given, zeros too', async () => {
    const usage = { inputTokens: 0, outputTokens: 3, cachedInputTokens: 0 };
    const { ask } = at({ complete: async () => answer({ text: 'Hello', usage }) });
    expect(await (await ask()).done).toMatchObject({ ok: true, completion: { usage } });
  });

  it('is judged as a streamed one', async () => {
    const of = (fields: Parameters<typeof answer>[0]) => at({ complete: async () => answer(fields) }).ask();
    await expect(of({ text: '' })).rejects.toMatchObject({
      ...{ code: 'empty_response', provider: 'one', message: 'one ended its answer with nothing in it' },
    });
    await expect(of({ reasoning: 'hm' })).rejects.toMatchObject({ code: 'empty_response' });
    await expect(of({ text: 'I', finishReason: 'content_filter' })).rejects.toMatchObject({
      ...{ code: 'content_filtered', partial: { text: 'I' }, message: 'one refused by policy' },
    });
    await expect(of({ finishReason: 'length' })).resolves.toBeDefined();
    await expect(of({ toolCalls: [{ id: '1', name: 'n', input: {} }] })).resolves.toBeDefined();
  });

  it.each(['streamed', 'whole'])('is over for the ledger in the moment of an abort (%s)', (how) => {
    const controller = new AbortController();
    const { ask, health, call } = at(how === 'whole' ? { complete: never } : { stream: () => new Source() }, {
      signal: controller.signal,
    });
    ask().catch(() => {});
    expect([health.inFlight, call.attempts[0]?.outcome]).toEqual([1, undefined]);
    controller.abort(new TransportError('deadline_exceeded', 'over'));
    expect([health.inFlight, call.attempts[0]?.outcome]).toEqual([0, 'deadline_exceeded']);
  });

  it('does not hang on an adapter that ignores its signal', async () => {
    const controller = new AbortController();
    const { ask, health, call } = at({ complete: never }, { signal: controller.signal });
    const asking = ask();
    controller.abort(new TransportError('deadline_exceeded', 'over'));
    await expect(asking).rejects.toMatchObject({ code: 'deadline_exceeded', provider: 'one' });
    expect(health.inFlight).toBe(0);
    expect(call.attempts[0]?.outcome).toBe('deadline_exceeded');
  });
});

describe('what an adapter throws', () => {
  it.each([
    ['rejects', { complete: () => Promise.reject(new TypeError('x is undefined')) }],
    [
      'throws at once',
      {
        complete: () => {
          throw new TypeError('x is undefined');
        },
      },
    ],
    [
      'throws at once instead of a stream',
      {
        stream: () => {
          throw new TypeError('x is undefined');
        },
      },
    ],
    ['breaks its stream', { stream: () => new Source().fail(new TypeError('x is undefined')) }],
    ['returns no iterable', { stream: () => ({}) as never }],
    ['returns nothing', { complete: () => undefined as never }],
  ])('is a bug of it when it is no TransportError: it %s', async (_, fields) => {
    const { ask, health, call } = at(fields);
    await expect(ask()).rejects.toMatchObject({ code: 'internal', provider: 'one', cause: { name: 'TypeError' } });
    expect(health.inFlight).toBe(0);
    expect(call.attempts[0]?.outcome).toBe('internal');
    expect(health.lastError).toBeUndefined();
  });

  it('passes with the name of the provider, is noted in its health, and loses the words of the prompt', async () => {
    const cause = new Error(`saw ${request.prompt}`);
    const error = new TransportError('overloaded', `Busy with "${request.prompt}"`, { status: 503, cause });
    const { ask, health } = at({ complete: () => Promise.reject(error) });
    const thrown = await ask().catch((one: unknown) => one as TransportError);
    expect(thrown).toMatchObject({ code: 'overloaded', status: 503, provider: 'one', message: 'Busy with "[prompt]"' });
    expect((thrown as TransportError).stack).not.toContain(request.prompt);
    expect((thrown as TransportError).cause).toMatchObject({ message: 'saw [prompt]' });
    expect(health.lastError).toBe('overloaded');
  });

  it('is the reason of the abort where it throws at once since it was aborted meanwhile', async () => {
    const controller = new AbortController();
    const { ask } = at(
      {
        complete: () => {
          controller.abort(new TransportError('deadline_exceeded', 'over'));
          throw new DOMException('This operation was aborted', 'AbortError');
        },
      },
      { signal: controller.signal },
    );
    await expect(ask()).rejects.toMatchObject({ code: 'deadline_exceeded', message: 'over' });
  });

  it.each<[string, ErrorCode, number | undefined, boolean]>([
    ['a failure of its own, without a status', 'connection', undefined, true],
    ['a failure of its own, with one', 'server_error', 500, true],
    ['what it holds against the caller', 'invalid_request', 400, true],
    ['what an adapter holds against the caller before anything is sent', 'invalid_request', undefined, false],
  ])('is its last error, or not: %s', async (_, code, status, noted) => {
    const { ask, health } = at({ complete: () => Promise.reject(new TransportError(code, 'x', { status })) });
    await ask().catch(() => {});
    expect(health.lastError).toBe(noted ? code : undefined);
  });

  it('does not count a cancellation as its last error', async () => {
    const { ask, health } = at({ complete: never }, { signal: AbortSignal.abort() });
    await ask().catch(() => {});
    expect(health.lastError).toBeUndefined();
  });
});

describe('a provider that refuses to stream', () => {
  it('is asked again in the same attempt, unary, and is remembered as such', async () => {
    let streams = 0;
    const { handler, call, context, above } = at({
      stream: () => {
        streams += 1;
        return new Source().fail(streamingRefused('not this model', { status: 400 }));
      },
    });
    expect(await (await handler(request, context)).done).toMatchObject({ ok: true, completion: { text: 'Hello' } });
    expect(call.attempts).toHaveLength(1);
    expect(call.attempts[0]).toMatchObject({ outcome: 'ok' });
    await handler(request, above);
    expect(streams).toBe(1);
  });

  it('can fail unary as well', async () => {
    const { ask, call, health } = at({
      stream: () => new Source().fail(streamingRefused('not this model')),
      complete: () => Promise.reject(new TransportError('server_error', 'x')),
    });
    await expect(ask()).rejects.toMatchObject({ code: 'server_error' });
    expect(call.attempts).toHaveLength(1);
    expect(health.inFlight).toBe(0);
  });

  it('is not asked again when the call is over, whenever that is', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const controller = new AbortController();
      const asked: boolean[] = [];
      const source = new Source();
      const { ask, health } = at(
        {
          stream: () => source,
          complete: (_, { signal }) => {
            asked.push(signal.aborted);
            return never();
          },
        },
        { signal: controller.signal },
      );
      const asking = ask();
      source.fail(streamingRefused('not this model'));
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      controller.abort();
      await expect(asking).rejects.toMatchObject({ code: turns === 0 ? 'cancelled' : expect.any(String) });
      expect(asked).not.toContain(true);
      expect(health.inFlight).toBe(0);
    }
  });

  it('breaks as unsupported when it does so after content', async () => {
    const { ask } = at({ stream: () => new Source(text('a')).fail(streamingRefused('now?')) });
    expect(await (await ask()).done).toMatchObject({ ok: false, error: { code: 'unsupported' } });
  });
});

describe('what an adapter tells before the answer is whole', () => {
  it('is in the ledger and in the completion, and reaches the watchers', async () => {
    const facts: unknown[] = [];
    const { ask, call, context } = at({
      async *stream(_, inner) {
        inner.received({ providerRequestId: 'req_1', headers: [['x', 'y']] });
        yield text('a');
        inner.received({ raw: { id: 'theirs' } });
        yield finish;
      },
    });
    const reply = await ask(watched(context, { received: (fact) => facts.push(fact) }));
    expect(await reply.done).toMatchObject({ ok: true, completion: { raw: { id: 'theirs' } } });
    expect(call.attempts[0]?.providerRequestId).toBe('req_1');
    expect(facts).toHaveLength(2);
  });

  it('keeps what came with an answer, whatever else is told later', async () => {
    const { ask } = at({
      async *stream(_, inner) {
        inner.received({ raw: { id: 'theirs' } });
        inner.received({ providerRequestId: 'req_1' });
        yield text('a');
        yield finish;
      },
    });
    expect(await (await ask()).done).toMatchObject({ ok: true, completion: { raw: { id: 'theirs' } } });
  });

  it('names the price, where that is known better than from a list', async () => {
    const { ask, call } = at({
      async *stream(_, inner) {
        yield text('a');
        inner.received({ cost: 0.25 });
        inner.received({ providerRequestId: 'req_1' });
        yield finish;
      },
    });
    expect(await (await ask()).done).toMatchObject({ ok: true, completion: { cost: 0.25 } });
    expect(call.attempts[0]?.cost).toBe(0.25);
  });

  it('is ignored after the end', async () => {
    let late: Context | undefined;
    const { ask, call } = at({
      async complete(_, inner) {
        late = inner;
        return answer({ text: 'a' });
      },
    });
    await ask();
    expect(() => late?.received({ providerRequestId: 'req_late' })).not.toThrow();
    expect(() => late?.received({ cost: 1 })).not.toThrow();
    expect(call.attempts[0]).toMatchObject({ providerRequestId: undefined, cost: undefined });
  });
});

describe('a time that a provider tells', () => {
  const told = (code: ErrorCode, fields: TransportErrorFields) =>
    at({ complete: () => Promise.reject(new TransportError(code, 'later', fields)) });

  it.each(['rate_limited', 'overloaded', 'server_error'] as const)('is kept after %s', async (code) => {
    const { ask, health, seen } = told(code, { retryAfterMs: 2_000 });
    await ask().catch(() => {});
    const until = Date.now() + 2_000;
    expect(health.parkedUntil).toBe(until);
    expect(seen).toContainEqual(expect.objectContaining({ type: 'provider:park', provider: 'one', code, until }));
  });

  it.each([
    ['says nothing about being back', 'quota_exhausted', { retryAfterMs: 2_000 }],
    ['tells no time', 'rate_limited', {}],
    ["is another provider's", 'rate_limited', { provider: 'other', retryAfterMs: 2_000 }],
  ] as const)('parks nobody when the error %s', async (_, code, fields) => {
    const { ask, health } = told(code, fields);
    await ask().catch(() => {});
    expect(health.parkedUntil).toBe(0);
  });

  it('is news once', async () => {
    const { ask, above, seen } = told('rate_limited', { retryAfterMs: 2_000 });
    await ask().catch(() => {});
    await ask(above).catch(() => {});
    expect(seen.filter(({ type }) => type === 'provider:park')).toHaveLength(1);
  });
});
