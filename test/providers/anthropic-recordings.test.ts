import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Usage } from '../../src/core/types.ts';
import { rateLimitsOf } from '../../src/wire/rate-limit-headers.ts';
import {
  close,
  input,
  message,
  openText,
  openTool,
  ping,
  providerOf,
  start,
  stop,
  text,
  turn,
} from './anthropic-support.ts';
import { answering, contextFor, errorOf, hello, read, type Server } from './support.ts';

interface Recorded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly sse?: string;
}

const folder = new URL('../../../shared/recordings/anthropic/', import.meta.url);
/** Real answers lie beside the repository, where there are any. */
const recorded = (name: string): Recorded[] => {
  const file = new URL(`${name}.json`, folder);
  return existsSync(file) ? [(JSON.parse(readFileSync(file, 'utf8')) as { response: Recorded }).response] : [];
};
/** Headers that belong to the recorded connection, not to this one. */
const ofConnection = /^(?:content-length|content-encoding|transfer-encoding|connection|set-cookie|keep-alive)$/i;

let server: Server;
beforeAll(async () => {
  server = await answering((response) => response.end());
});
afterAll(() => server.close());

function replay({ status, headers, body, sse }: Recorded, pieces = 1) {
  server.answer((response) => {
    for (const [name, value] of Object.entries(headers)) if (!ofConnection.test(name)) response.setHeader(name, value);
    response.statusCode = status;
    const bytes = Buffer.from(body ?? sse ?? '');
    const size = Math.max(1, Math.ceil(bytes.length / pieces));
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
    response.end();
  });
  return providerOf(server);
}

const limits = {
  'content-type': 'text/event-stream; charset=utf-8',
  'request-id': 'req_own',
  'anthropic-ratelimit-requests-limit': '10000',
  'anthropic-ratelimit-requests-remaining': '9999',
  'anthropic-ratelimit-requests-reset': '2026-08-19T14:34:11Z',
  date: 'Wed, 19 Aug 2026 14:34:12 GMT',
};
const count = { input_tokens: 15, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
const errorBody = (type: string, says: string) =>
  JSON.stringify({ type: 'error', error: { type, message: says }, request_id: 'req_own' });

/** The same facts as in the recordings, of our own making. */
const own = {
  stream: {
    status: 200,
    headers: limits,
    sse: [
      start,
      openText(),
      ping,
      text('1\n2\n3'),
      close(0),
      turn('end_turn', {}, { ...count, output_tokens: 9 }),
      stop,
    ].join(''),
  },
  retryAfter: {
    status: 200,
    headers: { ...limits, 'retry-after': '17' },
    sse: [
      start,
      openText(),
      text("Hello! It's nice to meet you. I'm Claude"),
      ping,
      text(', an AI assistant made by Anthropic. How can I help you today?'),
      close(0),
      turn('end_turn', {}, { ...count, input_tokens: 11, output_tokens: 32 }),
      stop,
    ].join(''),
  },
  tools: {
    status: 200,
    headers: limits,
    sse: [
      start,
      openTool(0, 'toolu_01MKSN7NHsBVKr7Jvw5pqCQq', 'weather'),
      ping,
      ...['', '{"latitude"', ': ', '"52.5200"', ', "long', 'itude": ', '"13.4050"}'].map((json) => input(json)),
      close(0),
      turn('tool_use', {}, { ...count, input_tokens: 633, output_tokens: 75 }),
      stop,
    ].join(''),
  },
  whole: {
    status: 200,
    headers: { ...limits, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...message,
      content: [{ type: 'text', text: 'The capital of France is Paris.' }],
      usage: { ...count, input_tokens: 14, output_tokens: 10 },
    }),
  },
} satisfies Record<string, Recorded>;

const known: string[] = [];
const cases = <T extends readonly unknown[]>(name: string, fixture: Recorded, ...facts: T) => {
  known.push(name);
  return [
    ...recorded(name).map((response) => [`recorded ${name}`, response, ...facts] as const),
    [`own ${name}`, fixture, ...facts] as const,
  ];
};
const greeting =
  "Hello! It's nice to meet you. I'm Claude, an AI assistant made by Anthropic. How can I help you today?";
const cached = { cachedInputTokens: 0, cacheWriteInputTokens: 0 };

describe('a real answer, or one like it', () => {
  test.each([
    ...cases('messages-stream', own.stream, '1\n2\n3', { ...cached, inputTokens: 15, outputTokens: 9 } as Usage),
    ...cases('stream-success-with-retry-after-header', own.retryAfter, greeting, {
      ...cached,
      inputTokens: 11,
      outputTokens: 32,
    } as Usage),
  ])('%s is read whole, in one piece and in many', async (_, response, said, usage) => {
    for (const pieces of [1, 97]) {
      const { text: words, finish, error, chunks } = await read(replay(response, pieces));
      expect(words).toBe(said);
      expect([error, chunks[0]?.type, finish.length]).toEqual([undefined, 'text', 1]);
      expect(finish[0]).toMatchObject({ finishReason: 'stop' });
      expect(finish[0]?.usage).toEqual(usage);
    }
  });

  test.each(cases('messages-stream-tool-use', own.tools))(
    '%s gives the tool call whole, and not a word before',
    async (_, response) => {
      const { chunks, toolCalls, finish } = await read(replay(response, 31));
      expect(chunks.map(({ type }) => type)).toEqual(['toolCall', 'finish']);
      expect(toolCalls).toEqual([
        {
          id: 'toolu_01MKSN7NHsBVKr7Jvw5pqCQq',
          name: 'weather',
          input: { latitude: '52.5200', longitude: '13.4050' },
        },
      ]);
      expect(finish[0]).toMatchObject({ finishReason: 'tool_calls' });
      expect(finish[0]?.usage).toEqual({ ...cached, inputTokens: 633, outputTokens: 75 });
    },
  );

  test.each(cases('messages-success', own.whole))('%s is read, with its rate limits', async (_, response) => {
    const context = contextFor();
    expect(await replay(response).complete(hello, context.context)).toMatchObject({
      text: 'The capital of France is Paris.',
      finishReason: 'stop',
      usage: { ...cached, inputTokens: 14, outputTokens: 10 },
    });
    expect(rateLimitsOf(context.facts[0]?.headers).requests).toMatchObject({ limit: 10_000, remaining: 9_999 });
  });

  const slow = { 'retry-after': '16', 'x-should-retry': 'true' };
  const no = { 'x-should-retry': 'false' };
  const tooLong = errorBody('invalid_request_error', 'prompt is too long: 3333404 tokens > 200000 maximum');
  test.each([
    ...cases(
      'error-400-prompt-too-long',
      { status: 400, headers: no, body: tooLong },
      'context_length_exceeded',
      'elsewhere',
      'caller',
      undefined,
    ),
    ...cases(
      'error-401-authentication',
      { status: 401, headers: no, body: errorBody('authentication_error', 'invalid x-api-key') },
      'authentication',
      'elsewhere',
      'caller',
      undefined,
    ),
    ...cases(
      'quoted-429-rate-limit-input-tokens-2025',
      { status: 429, headers: slow, body: errorBody('rate_limit_error', 'Slow') },
      'rate_limited',
      'again',
      'caller',
      16_000,
    ),
    ...cases(
      'quoted-529-overloaded',
      { status: 529, headers: {}, body: errorBody('overloaded_error', 'Overloaded') },
      'overloaded',
      'again',
      'provider',
      undefined,
    ),
  ])('error %s is judged as it should, streamed or not', async (_, response, code, retry, blame, retryAfterMs) => {
    const provider = replay(response);
    for (const error of [await errorOf(provider.complete(hello, contextFor().context)), (await read(provider)).error])
      expect([error?.code, error?.status, error?.retry, error?.blame, error?.retryAfterMs]).toEqual([
        code,
        response.status,
        retry,
        blame,
        retryAfterMs,
      ]);
  });
});

test('every recorded answer of Anthropic is among these', () => {
  const there = existsSync(folder) ? readdirSync(folder).map((file) => file.replace('.json', '')) : [];
  expect(known).toEqual(expect.arrayContaining(there));
});
