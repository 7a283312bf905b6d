import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Provider } from '../../src/core/types.ts';
import {
  answerTo,
  type Fault,
  type FaultChoice,
  type RequestRecord,
  type SimulatedServer,
  simulatedServer,
} from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import {
  begun,
  completed,
  created,
  ended,
  eventText,
  good,
  message,
  numbered,
  responsesOf,
  textOf,
} from './openai-responses-support.ts';
import { answering, contextFor, errorOf, hello, json, read, sse, until } from './support.ts';

const said = answerTo(hello.prompt ?? '');

let server: SimulatedServer;
let faults: readonly FaultChoice[] = [];
/** Waits between tries are a random part of their longest: none, here. */
beforeEach(async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  faults = [];
  server = await simulatedServer({ script: ({ index }) => faults[index] ?? 'ok' });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await server.close();
});

const provider = (streaming = true): Provider => responsesOf(server, { background: true, streaming });
const bodies = () => server.requests.map(({ body }) => body as Record<string, unknown>);
const isCancel = ({ path }: RequestRecord) => path?.endsWith('/cancel') === true;

describe('a stream in the background that was cut', () => {
  const cuts: readonly (readonly [string, Fault])[] = [
    ['reset', { kind: 'cut', afterTokens: 5, by: 'reset' }],
    ['closed', { kind: 'cut', afterTokens: 5, by: 'close' }],
    ['ended as if it were whole', { kind: 'cut', afterTokens: 5, by: 'end' }],
    ['cut before the first token', { kind: 'cut', afterTokens: 0, by: 'end' }],
    ['garbled', { kind: 'malformed', afterTokens: 5 }],
    ['ended inside an event', { kind: 'truncatedJson', afterTokens: 5 }],
    ['ended without its terminal event', { kind: 'unterminated', missing: 'terminalEvent' }],
  ];

  test.each(cuts)('%s, is taken up where it was: the whole answer, once, made once', async (_, fault) => {
    faults = [fault];
    const { text, error, finish, chunks } = await read(provider());
    expect([text, error, finish.length]).toEqual([said, undefined, 1]);
    expect(chunks.at(-1)).toMatchObject({ type: 'finish', usage: { outputTokens: 60 } });
    // Where nothing had come yet there is no seam.
    const hadCome = !('afterTokens' in fault && fault.afterTokens === 0);
    expect(chunks.filter(({ type }) => type === 'resume')).toHaveLength(hadCome ? 1 : 0);
    const [first, second] = server.requests as [RequestRecord, RequestRecord];
    expect(server.requests).toHaveLength(2);
    expect(bodies()[0]).toMatchObject({ background: true, store: true, stream: true });
    expect([first.path, second.path]).toEqual(['/v1/responses', expect.stringMatching(/^\/v1\/responses\/resp_\w+$/)]);
    expect(bodies()[1]).toEqual({ stream: true, starting_after: expect.any(Number) });
    // Not one token more than the answer has went over the wire, but for what was on its way behind the garbage.
    if (fault.kind !== 'malformed') expect(first.tokensSent + second.tokensSent).toBe(60);
  });

  test('again and again, is taken up each time, as long as something new has come', async () => {
    faults = Array.from({ length: 11 }, () => ({ kind: 'cut', afterTokens: 5, by: 'reset' }));
    expect(await read(provider())).toMatchObject({ text: said, error: undefined });
    expect(server.requests).toHaveLength(12);
    const after = bodies().map(({ starting_after }) => starting_after as number);
    expect(after.slice(1)).toEqual(after.slice(1).toSorted((left, right) => left - right));
    expect(server.requests.reduce((sum, { tokensSent }) => sum + tokensSent, 0)).toBe(60);
  });

  test('is given up after five tries in vain, cancelled, and breaks as it was cut', async () => {
    faults = [{ kind: 'cut', afterTokens: 5, by: 'end' }, ...Array.from({ length: 9 }, () => 'http-503' as const)];
    const { text, error } = await read(provider());
    expect(error).toMatchObject({ code: 'truncated', partial: { text } });
    expect(text).toBe(answerTo(hello.prompt ?? '', { words: 5 }));
    await server.received(7);
    expect(server.requests.map(isCancel)).toEqual([false, false, false, false, false, false, true]);
  });

  test('is not asked for before the time that the server tells, nor when that is long', async () => {
    const refusal = (ms: number): Fault => ({ kind: 'status', status: 429, retryAfter: { as: 'milliseconds', ms } });
    faults = [{ kind: 'cut', afterTokens: 5, by: 'end' }, refusal(40)];
    expect((await read(provider())).text).toBe(said);
    const [, second, third] = server.requests as [RequestRecord, RequestRecord, RequestRecord];
    expect(third.receivedAt - second.receivedAt).toBeGreaterThanOrEqual(39);

    faults = ['ok', 'ok', 'ok', { kind: 'cut', afterTokens: 5, by: 'end' }, refusal(60_000)];
    expect((await read(provider())).error?.code).toBe('truncated');
    await server.received(6);
    expect(server.requests.map(isCancel)).toEqual([false, false, false, false, false, true]);
  });

  test('is not asked for when the provider itself has said that it failed, or is not there any more', async () => {
    faults = [{ kind: 'streamError', afterTokens: 5 }];
    expect((await read(provider())).error?.code).toBe('server_error');
    expect(server.requests).toHaveLength(1);
    faults = ['ok', { kind: 'cut', afterTokens: 5, by: 'end' }, { kind: 'status', status: 404 }];
    expect((await read(provider())).error?.code).toBe('truncated');
    await until(() => server.requests.length >= 4);
    expect(server.requests.map(isCancel)).toEqual([false, false, false, true]);
  });

  test('is not taken up without background: the stream breaks', async () => {
    faults = [{ kind: 'cut', afterTokens: 5, by: 'end' }];
    const { error } = await read(responsesOf(server));
    expect(error?.code).toBe('truncated');
    expect(server.requests).toHaveLength(1);
    expect(bodies()[0]).toMatchObject({ store: false });
  });

  test('is taken up without a word twice by a server that begins anew', async () => {
    const events = numbered([created, textOf('Hel'), textOf('lo'), ended(completed([message('Hello')]))]);
    const own = await answering((response, got) =>
      sse(got.url.includes('?') ? events : events.slice(0, 2))(response, got),
    );
    const seen = await read(responsesOf(own, { background: true }));
    expect([seen.text, seen.error]).toEqual(['Hello', undefined]);
    expect(own.requests.map(({ url }) => url)).toEqual([
      '/v1/responses',
      '/v1/responses/resp_1?stream=true&starting_after=1',
    ]);
    await own.close();
  });

  test.each([
    ['before its first content', 1],
    ['behind it', 2],
  ])('%s, is asked for: that is told as its going on only where it had begun', async (_, sent) => {
    const events = numbered(good);
    const own = await answering((response, got) =>
      sse(got.url.includes('?') ? [events.slice(sent).join('')] : [events.slice(0, sent).join('')])(response, got),
    );
    const { text, facts } = await read(responsesOf(own, { background: true }));
    expect([text, facts.filter(({ progress }) => progress).length]).toEqual(['Hello', sent - 1]);
    await own.close();
  });

  test('in a transport: the caller sees one answer, of one attempt, and where its seams are', async () => {
    faults = [
      { kind: 'cut', afterTokens: 5, by: 'reset' },
      { kind: 'cut', afterTokens: 9, by: 'end' },
    ];
    const llm = createTransport({ providers: [provider()] });
    const told: unknown[] = [];
    llm.on('resume', ({ mode, code }) => told.push([mode, code]));
    let text = '';
    const seams: number[] = [];
    const stream = await llm.complete({ ...hello, stream: true });
    for await (const chunk of stream) {
      if (chunk.type === 'text') text += chunk.text;
      if (chunk.type === 'resume') seams.push(chunk.offset - text.length);
    }
    const { attempts, resumed } = await stream.completion;
    expect([text, resumed, seams]).toEqual([said, true, [0, 0]]);
    expect(told).toEqual([
      ['continue', 'connection'],
      ['continue', 'truncated'],
    ]);
    expect(attempts).toMatchObject([
      { outcome: 'ok', usage: { inputTokens: 6, outputTokens: 60 }, usageEstimated: false },
    ]);
    expect(server.billed).toEqual({ inputTokens: 6, outputTokens: 60 });
    await llm.close();
  });
});

describe('an answer in the background that nobody wants any more is cancelled at the server', () => {
  const slow = () => simulatedServer({ words: 500, tokenMs: 5 });

  test.each(['abort', 'return'])('by %s, in a stream', async (how) => {
    const own = await slow();
    const controller = new AbortController();
    const chunks = responsesOf(own, { background: true }).stream?.(hello, contextFor(controller.signal).context);
    const iterator = chunks?.[Symbol.asyncIterator]();
    await iterator?.next();
    if (how === 'abort') {
      controller.abort();
      expect(
        (
          await errorOf(
            (async () => {
              for (;;) if ((await iterator?.next())?.done) return;
            })(),
          )
        ).code,
      ).toBe('cancelled');
    } else await iterator?.return?.();
    const [first, last] = [await own.received(1), await own.received(2)];
    expect(isCancel(last)).toBe(true);
    expect((await first.closed).closedByClientAt).toBeDefined();
    expect((await last.closed).status).toBe(200);
    // It is made no further: whoever asks sees it cancelled.
    const client = new OpenAI({ baseURL: own.baseURL, apiKey: 'sk-test' });
    const { status } = await client.responses.retrieve(last.path?.split('/')[3] ?? '');
    expect(status).toBe('cancelled');
    await own.close();
  });

  test('and not when it is whole, nor when it is not in the background', async () => {
    const chunks = provider().stream?.(hello, contextFor().context);
    for await (const chunk of chunks ?? []) if (chunk.type === 'finish') break;
    const stopping = responsesOf(server).stream?.(hello, contextFor().context);
    for await (const _ of stopping ?? []) break;
    expect(server.requests.every((request) => !isCancel(request))).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  test('while it is waited for, unstreamed', async () => {
    const own = await slow();
    const controller = new AbortController();
    const asking = responsesOf(own, { background: true }).complete(hello, contextFor(controller.signal).context);
    await (await own.received(1)).closed;
    setTimeout(() => controller.abort(), 10);
    expect((await errorOf(asking)).code).toBe('cancelled');
    expect(isCancel(await own.received(2))).toBe(true);
    await own.close();
  });
});

describe('an answer in one piece in the background', () => {
  /** Timers run as fast as the sockets let them. */
  async function hurried<T>(promise: Promise<T>): Promise<T> {
    let pending = true;
    const settled = promise.finally(() => {
      pending = false;
    });
    settled.catch(() => {});
    while (pending) {
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(100);
    }
    return settled;
  }

  test('is asked for until it is there, also when the server is away in the meantime', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const own = await answering(() => {});
    let looks = 0;
    own.answer((response, got) => {
      if (got.url === '/v1/responses') return json({ ...begun, status: 'queued' })(response, got);
      looks += 1;
      if (looks === 2) return json({ error: { message: 'Sorry' } }, 503)(response, got);
      if (looks === 3) return json('{"id":"resp_1","object":')(response, got);
      json(looks < 5 ? begun : completed([message('Hello')]))(response, got);
    });
    const answer = await hurried(responsesOf(own, { background: true }).complete(hello, contextFor().context));
    expect(answer).toMatchObject({ text: 'Hello', finishReason: 'stop', usage: { outputTokens: 5 } });
    expect(own.requests.map(({ url }) => url)).toEqual(['/v1/responses', ...Array(5).fill('/v1/responses/resp_1')]);
    vi.useRealTimers();
    await own.close();
  });

  test('and the simulated server speak of the same one', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const answer = await hurried(provider(false).complete(hello, contextFor().context));
    expect(answer).toMatchObject({ text: said, finishReason: 'stop' });
  });
});

test('an answer whose rest is handed out twice is billed once', async () => {
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test', logLevel: 'off' });
  let id = '';
  const asked = { model: 'gpt-test', input: hello.prompt as string, background: true, stream: true } as const;
  for await (const event of await client.responses.create(asked)) if ('response' in event) id = event.response.id;
  for (const after of [-1, 20]) {
    let text = '';
    for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: after }))
      if (event.type === 'response.output_text.delta') text += event.delta;
    expect([text.length > 0, said.endsWith(text)]).toEqual([true, true]);
  }
  expect([server.requests.length, server.billed]).toEqual([3, { inputTokens: 6, outputTokens: 60 }]);
});

test('background in providerOptions goes before the option', async () => {
  faults = [{ kind: 'cut', afterTokens: 5, by: 'end' }];
  const providerOptions = { 'openai-responses': { background: true } };
  expect((await read(responsesOf(server), { ...hello, providerOptions })).text).toBe(said);
  faults = [...Array(2).fill('ok'), { kind: 'cut', afterTokens: 5, by: 'end' }];
  const foreground = { ...hello, providerOptions: { 'openai-responses': { background: false } } };
  expect((await read(provider(), foreground)).error?.code).toBe('truncated');
  expect(bodies()[2]).toMatchObject({ store: false });
});

test('an error without a number, in a stream that was taken up, is heard', async () => {
  const events = numbered([created, textOf('Hel')]);
  const error = eventText({ type: 'error', code: 'server_error', message: 'Sorry', sequence_number: 0 });
  const own = await answering((response, got) => sse(got.url.includes('?') ? [error] : events)(response, got));
  expect((await read(responsesOf(own, { background: true }))).error).toMatchObject({ code: 'server_error' });
  await own.close();
});
