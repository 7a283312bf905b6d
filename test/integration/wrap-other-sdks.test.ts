import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CohereClientV2 } from 'cohere-ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TransportError } from '../../src/core/errors.ts';
import type { Attempt, CallInfo } from '../../src/core/types.ts';
import { wrap } from '../../src/wrap.ts';
import { typed } from './support.ts';

/** SDKs whose wires `simulatedServer()` does not speak: bodies made by hand, as small as the SDKs take them. */

type Mode = 'good' | 'empty' | 'length' | 'tool' | 'cut' | 'limited' | 'down' | 'broken then good';

/** One wire: what it says whole and piece by piece. The last piece is its end. */
interface Wire {
  readonly path: RegExp;
  readonly type: string;
  whole(text: string, mode: Mode): object;
  pieces(texts: readonly string[], mode: Mode): readonly object[];
  line(piece: object): string;
}

const completions: Wire = {
  path: /\/completions$/,
  type: 'text/event-stream',
  whole: (text, mode) => ({
    ...{ id: 'cmpl-1', object: 'text_completion', model: 'm' },
    choices: [{ index: 0, text, finish_reason: mode === 'length' ? 'length' : 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  }),
  pieces: (texts, mode) => [
    ...texts.map((text) => ({
      object: 'text_completion',
      model: 'm',
      choices: [{ index: 0, text, finish_reason: null }],
    })),
    completions.whole('', mode),
  ],
  line: (piece) => `data: ${JSON.stringify(piece)}\n\n`,
};

const cohereUsage = {
  billed_units: { input_tokens: 1, output_tokens: 1 },
  tokens: { input_tokens: 3, output_tokens: 2 },
};
const cohereReason = (mode: Mode) => (mode === 'length' ? 'MAX_TOKENS' : mode === 'tool' ? 'TOOL_CALL' : 'COMPLETE');
const cohere: Wire = {
  path: /\/v2\/chat$/,
  type: 'text/event-stream',
  whole: (text, mode) => ({
    id: 'c-1',
    finish_reason: cohereReason(mode),
    message: {
      role: 'assistant',
      ...(mode === 'tool'
        ? { tool_calls: [{ id: 't', type: 'function', function: { name: 'now', arguments: '{}' } }] }
        : { content: [{ type: 'text', text }] }),
    },
    usage: cohereUsage,
  }),
  pieces: (texts, mode) => [
    { type: 'message-start', id: 'c-1', delta: { message: { role: 'assistant' } } },
    { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } },
    ...(mode === 'tool'
      ? [
          {
            type: 'tool-call-start',
            index: 0,
            delta: { message: { tool_calls: { id: 't', type: 'function', function: { name: 'now', arguments: '' } } } },
          },
        ]
      : texts.map((text) => ({ type: 'content-delta', index: 0, delta: { message: { content: { text } } } }))),
    { type: 'message-end', id: 'c-1', delta: { finish_reason: cohereReason(mode), usage: cohereUsage } },
  ],
  line: (piece) => `event: ${(piece as { type: string }).type}\ndata: ${JSON.stringify(piece)}\n\n`,
};

const ollamaPiece = (content: string, fields: object) => ({
  ...{ model: 'm', created_at: '2026-11-22T07:00:00Z', message: { role: 'assistant', content } },
  ...fields,
});
const ollama: Wire = {
  path: /\/api\/chat$/,
  type: 'application/x-ndjson',
  whole: (text, mode) =>
    ollamaPiece(text, {
      ...{ done: true, done_reason: mode === 'length' ? 'length' : 'stop', prompt_eval_count: 3, eval_count: 2 },
      ...(mode === 'tool' && {
        message: { role: 'assistant', content: '', tool_calls: [{ function: { name: 'now', arguments: {} } }] },
      }),
    }),
  pieces: (texts, mode) => [...texts.map((text) => ollamaPiece(text, { done: false })), ollama.whole('', mode)],
  line: (piece) => `${JSON.stringify(piece)}\n`,
};

let mode: Mode = 'good';
let requests = 0;
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (piece: string) => {
    body += piece;
  });
  request.on('end', () => {
    requests += 1;
    const wire = [completions, cohere, ollama].find(({ path }) => path.test(request.url ?? '')) as Wire;
    if (mode === 'limited' || mode === 'down') {
      const [status, error] = mode === 'down' ? [503, 'overloaded'] : [429, 'rate limit exceeded'];
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '600' });
      response.end(JSON.stringify({ message: error, error }));
      return;
    }
    const texts = mode === 'empty' ? [] : ['Hel', 'lo'];
    const broken = mode === 'cut' || (mode === 'broken then good' && requests === 1);
    if ((JSON.parse(body) as { stream?: boolean }).stream !== true) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(wire.whole(texts.join(''), mode)));
      return;
    }
    response.writeHead(200, { 'content-type': wire.type });
    const pieces = wire.pieces(mode === 'broken then good' && broken ? [] : texts, mode);
    for (const piece of broken ? pieces.slice(0, -1) : pieces) response.write(wire.line(piece));
    response.end();
  });
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

type Call = (input: { readonly stream: boolean }, info: CallInfo) => Promise<unknown>;
const messages = [{ role: 'user' as const, content: 'Hello' }];
const sdks: readonly { readonly name: string; readonly call: Call; readonly tools: boolean }[] = [
  {
    name: 'openai, completions',
    call: ({ stream }, { signal }) =>
      new OpenAI({ baseURL: url, apiKey: 'k', logLevel: 'off', maxRetries: 0 }).completions.create(
        { model: 'm', prompt: 'Hello', stream },
        { signal },
      ),
    tools: false,
  },
  {
    name: 'cohere',
    call({ stream }, { signal }) {
      const client = new CohereClientV2({ token: 'k', environment: url });
      const options = { abortSignal: signal, maxRetries: 0 };
      return stream
        ? client.chatStream({ model: 'm', messages }, options)
        : client.chat({ model: 'm', messages }, options);
    },
    tools: true,
  },
  {
    name: 'ollama',
    call({ stream }) {
      const client = new Ollama({ host: url });
      return stream ? client.chat({ model: 'm', messages, stream }) : client.chat({ model: 'm', messages });
    },
    tools: true,
  },
];

async function ask(call: Call, next: Mode, stream: boolean, retries = 0) {
  mode = next;
  requests = 0;
  const asked = wrap(call, { retry: { retries } });
  const attempts: Attempt[] = [];
  asked.transport.on('attempt:end', ({ ledger }) => attempts.push(ledger));
  const values: unknown[] = [];
  let error: TransportError | undefined;
  try {
    const result = await asked({ stream });
    if (stream) for await (const item of result as AsyncIterable<unknown>) values.push(item);
    else values.push(result);
  } catch (thrown) {
    error = typed(thrown);
  }
  await asked.transport.close();
  return { said: JSON.stringify(values), error, attempts };
}

describe.each(sdks)('wrap() around $name', ({ call, tools }) => {
  it.each([false, true])('knows usage, emptiness, length and calls of tools, streaming: %s', async (stream) => {
    const good = await ask(call, 'good', stream);
    expect([good.error, good.said.includes('Hel')]).toEqual([undefined, true]);
    expect(good.attempts).toMatchObject([
      { outcome: 'ok', usage: { inputTokens: 3, outputTokens: 2 }, usageEstimated: false },
    ]);
    expect((await ask(call, 'empty', stream)).error?.code).toBe('empty_response');
    expect((await ask(call, 'length', stream)).error).toBeUndefined();
    if (tools) expect((await ask(call, 'tool', stream)).error).toBeUndefined();
  });

  it.each([false, true])('knows what a refusal means, and when to come back, streaming: %s', async (stream) => {
    expect((await ask(call, 'down', stream)).error).toMatchObject({ code: 'overloaded', status: 503 });
    // Ollama's SDK keeps no headers.
    const told = call !== sdks[2]?.call;
    const { error } = await ask(call, 'limited', stream, told ? 3 : 0);
    expect([error?.code, error?.retryAfterMs, requests]).toEqual([
      'rate_limited',
      told ? 600_000 : expect.any(Number),
      1,
    ]);
  });

  it('takes no stream that was cut for whole, and runs one again that was cut before its first content', async () => {
    const cut = await ask(call, 'cut', true);
    expect([cut.error?.code, cut.attempts[0]?.outcome]).toEqual(['stream_interrupted', 'truncated']);
    const again = await ask(call, 'broken then good', true, 1);
    expect([again.error, again.said.includes('Hel'), requests]).toEqual([undefined, true, 2]);
  });
});

describe('wrap() around what only looks like an SDK', () => {
  const results: readonly object[] = [
    { done: false, message: { step: 3 } },
    { done: false, model: 'of a car', message: {} },
    { type: 'message', role: 'assistant', content: 'from a database' },
    { finishReason: 'stop', message: { text: '' } },
    { text: '', steps: [] },
    { status: 'in_progress', output: [] },
    { object: 'response', status: 'queued', background: true, output: [] },
  ];

  it.each(results)('hands a result through as it is: %j', async (result) => {
    const asked = wrap(async () => result);
    expect(await asked({})).toBe(result);
    await asked.transport.close();
  });

  const streams: readonly (readonly object[])[] = [
    [{ type: 'start' }, { type: 'row', id: 1 }],
    [
      { type: 'start', at: 3 },
      { type: 'error', error: 'of a row' },
    ],
    [{ type: 'message' }, { done: false, message: {} }],
    [{ data: { rows: [] } }],
  ];

  it.each(streams.map((items) => [items]))('hands a stream through as it is: %j', async (items) => {
    const asked = wrap(async () =>
      (async function* () {
        yield* items;
      })(),
    );
    const got: object[] = [];
    for await (const item of await asked({})) got.push(item);
    expect(got).toEqual(items);
    await asked.transport.close();
  });
});

it('tells of an answer that breaks what had been handed out, and what was thought', async () => {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  const asked = wrap(async () =>
    (async function* () {
      yield* [chunk({ reasoning: 'Hm' }), chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({}, 'error')];
    })(),
  );
  let error: TransportError | undefined;
  try {
    for await (const _ of await asked({})) {
      // Only its end is of interest.
    }
  } catch (thrown) {
    error = typed(thrown);
  }
  expect(error).toMatchObject({
    code: 'stream_interrupted',
    partial: { text: 'Hello', reasoning: 'Hm' },
    cause: { code: 'server_error' },
  });
  await asked.transport.close();
});
