import { describe, expect, test } from 'vitest';
import { OptionsError, TransportError } from '../../src/core/errors.ts';
import type { CallInfo, Chunk } from '../../src/core/types.ts';
import { type CallableOptions, callable } from '../../src/providers/callable.ts';
import { contextFor, errorOf, hello, read } from './support.ts';

const finish = { type: 'finish', finishReason: 'stop', usage: undefined, model: 'mine' };

describe('complete', () => {
  const complete = (answer: CallableOptions['complete'], context = contextFor().context) =>
    callable({ name: 'mine', complete: answer }).complete(hello, context);

  test('may answer with a text', async () => {
    expect(await complete(() => 'Hello')).toEqual({
      text: 'Hello',
      toolCalls: [],
      reasoning: undefined,
      finishReason: 'stop',
      usage: undefined,
      model: 'mine',
      raw: 'Hello',
    });
  });

  test('may answer with a part of an answer', async () => {
    const toolCalls = [{ id: 'a', name: 'weather', input: {} }];
    expect(await complete(async () => ({ toolCalls }))).toMatchObject({
      text: '',
      toolCalls,
      finishReason: 'tool_calls',
    });
  });

  test.each([[undefined], [5], [{ text: 5 }]])('that answers with %j is a bad response', async (answer) => {
    expect((await errorOf(complete((() => answer) as unknown as CallableOptions['complete']))).code).toBe(
      'bad_response',
    );
  });

  test('is told of the attempt', async () => {
    let info: CallInfo | undefined;
    await complete((_, given) => {
      info = given;
      return 'ok';
    });
    expect(info).toMatchObject({ transactionId: 'transaction-1', attempt: 1 });
  });

  test('has its errors recognised as those of any SDK', async () => {
    const thrown = Object.assign(new Error('429 slow'), {
      status: 429,
      headers: { 'retry-after': '3' },
      error: { message: 'slow' },
    });
    const error = await errorOf(complete(() => Promise.reject(thrown)));
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 3_000, provider: 'mine' });
  });

  test('that throws something nobody knows has failed as a provider', async () => {
    const error = await errorOf(
      complete(() => {
        throw new Error(`no luck with "${hello.prompt}"`);
      }),
    );
    expect([error.code, error.message]).toEqual(['server_error', 'mine failed: no luck with "[prompt]"']);
  });

  test('ends at once when the call is aborted, though the function does not hear it', async () => {
    const controller = new AbortController();
    const asking = errorOf(complete(() => new Promise(() => {}), contextFor(controller.signal).context));
    controller.abort(new TransportError('timeout', 'slow'));
    expect((await asking).code).toBe('timeout');
  });
});

describe('stream', () => {
  const provider = (stream: CallableOptions['stream']) => callable({ name: 'mine', stream });

  test('may yield texts and chunks, and is given its finish when it ends', async () => {
    const { chunks } = await read(
      provider(async function* () {
        yield 'Hel';
        yield '';
        yield { type: 'reasoning', text: 'hm' };
        yield 'lo';
      }),
    );
    expect(chunks).toEqual([
      { type: 'text', text: 'Hel' },
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'lo' },
      finish,
    ]);
  });

  test('keeps a finish of its own', async () => {
    const own: Chunk = { type: 'finish', finishReason: 'length', usage: undefined, model: 'other' };
    expect((await read(provider(() => ['Hi', own]))).chunks).toEqual([{ type: 'text', text: 'Hi' }, own]);
  });

  test('that throws is given no finish', async () => {
    const { chunks, error } = await read(
      provider(async function* () {
        yield 'Hel';
        throw new TypeError('terminated');
      }),
    );
    expect(chunks).toEqual([{ type: 'text', text: 'Hel' }]);
    expect(error?.code).toBe('connection');
  });

  test('is what a whole answer is made of when there is nothing else', async () => {
    const answer = await provider(() => ['Hel', 'lo']).complete(hello, contextFor().context);
    expect(answer).toMatchObject({ text: 'Hello', finishReason: 'stop', model: 'mine' });
  });

  test('that yields something strange is a bad response', async () => {
    expect((await read(provider(() => [{ type: 'oops' }] as never))).error?.code).toBe('bad_response');
    expect((await read(provider(() => 5 as never))).error?.code).toBe('bad_response');
  });

  test('is left when its reader leaves, and when the call is aborted while it is stuck', async () => {
    let lefts = 0;
    const endless = provider(async function* ({ stream: _ }) {
      try {
        for (;;) yield 'on and on';
      } finally {
        lefts += 1;
      }
    });
    for await (const _ of endless.stream?.(hello, contextFor().context) ?? []) break;
    expect(lefts).toBe(1);

    const controller = new AbortController();
    const stuck = provider(async function* () {
      yield 'Hi';
      await new Promise(() => {});
    });
    const reading = read(stuck, hello, contextFor(controller.signal));
    await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    expect((await reading).error?.code).toBe('cancelled');
  });
});

test.each([
  ['callable', undefined],
  ['callable.name', { complete: String }],
  ['callable.complete', { name: 'x' }],
  ['callable.stream', { name: 'x', stream: 'no' }],
  ['callable.models', { name: 'x', complete: String, models: [] }],
])('says that %s is wrong', (path, options) => {
  const make = () => callable(options as unknown as CallableOptions);
  expect(make).toThrow(OptionsError);
  expect(make).toThrow(`${path}: `);
});
