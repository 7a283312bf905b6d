import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode, Usage } from '../../src/core/types.ts';
import { rateLimitsOf } from '../../src/wire/rate-limit-headers.ts';
import {
  begun,
  callDone,
  completed,
  created,
  ended,
  functionCall,
  message,
  numbered,
  responsesOf,
  textOf,
} from './openai-responses-support.ts';
import { answering, contextFor, errorOf, hello, read, type Server } from './support.ts';

interface Recorded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly sse?: string;
}

interface Expected {
  readonly text?: string;
  readonly toolCalls?: readonly object[];
  readonly finishReason?: string;
  readonly usage?: Usage;
  readonly model?: string;
  readonly requestId?: string;
  readonly error?: { readonly code: ErrorCode; readonly status: number };
}

/** What the recorded answers are, whether or not they are here. OpenAI's refusals are the same on all of its APIs. */
const expected: Readonly<Record<string, Expected>> = {
  'responses-success': {
    text: 'pong',
    finishReason: 'stop',
    usage: { inputTokens: 11, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 },
    model: 'gpt-5.5-2026-04-23',
    requestId: 'req_c6713bbdac8d4639a5ea09cb6c5eb5a9',
  },
  'responses-stream': {
    text: 'pong',
    finishReason: 'stop',
    usage: { inputTokens: 11, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 },
    model: 'gpt-5.5-2026-04-23',
    requestId: 'req_445d87d531af499daeb09f7826886b8c',
  },
  'responses-stream-tool-call': {
    toolCalls: [{ id: 'call_sVidsfFJ6zlzRpelrPkTPlpd', name: 'multiply', input: { a: 1_231, b: 2_331 } }],
    finishReason: 'tool_calls',
    usage: { inputTokens: 58, outputTokens: 23, cachedInputTokens: 0, reasoningTokens: 0 },
    model: 'gpt-5.5-2026-04-23',
    requestId: 'req_996657ef97514aeb93f449d57303514d',
  },
  'error-400-context-length-exceeded': { error: { code: 'context_length_exceeded', status: 400 } },
  'error-401-invalid-api-key': { error: { code: 'authentication', status: 401 } },
  'error-404-model-not-found': {
    error: { code: 'unsupported', status: 404 },
    requestId: 'req_c3e0f92d7b5426d1a4a17bb3d39953ea',
  },
};

const headersOf = (name: string, type: string) => ({
  'content-type': type,
  'x-request-id': expected[name]?.requestId ?? 'req_made',
  'x-ratelimit-limit-requests': '15000',
  'x-ratelimit-remaining-requests': '14999',
  'x-ratelimit-reset-requests': '4ms',
});
const counted = (input_tokens: number, output_tokens: number) => ({
  model: 'gpt-5.5-2026-04-23',
  usage: {
    ...{ input_tokens, output_tokens },
    input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  },
});
const failure = (name: string, status: number, error: object): Recorded => ({
  status,
  headers: headersOf(name, 'application/json'),
  body: JSON.stringify({ error }),
});
const multiply = functionCall('call_sVidsfFJ6zlzRpelrPkTPlpd', 'multiply', '{"a":1231,"b":2331}');

/** Answers of our own making in which the same is said. */
const made: Readonly<Record<string, Recorded>> = {
  'responses-success': {
    status: 200,
    headers: headersOf('responses-success', 'application/json'),
    body: JSON.stringify(completed([message('pong')], counted(11, 5)), null, 2),
  },
  'responses-stream': {
    status: 200,
    headers: headersOf('responses-stream', 'text/event-stream; charset=utf-8'),
    sse: numbered([
      created,
      { type: 'response.in_progress', response: begun },
      textOf('pong'),
      { type: 'response.output_text.done', text: 'pong' },
      ended(completed([message('pong')], counted(11, 5))),
    ]).join(''),
  },
  'responses-stream-tool-call': {
    status: 200,
    headers: headersOf('responses-stream-tool-call', 'text/event-stream; charset=utf-8'),
    sse: numbered([
      created,
      { type: 'response.function_call_arguments.delta', delta: '{"a":1231,"b":2331}' },
      callDone(multiply),
      ended(completed([multiply], counted(58, 23))),
    ]).join(''),
  },
  'error-400-context-length-exceeded': failure('error-400-context-length-exceeded', 400, {
    ...{ message: 'Your input exceeds the context window of this model.', type: 'invalid_request_error' },
    ...{ param: 'input', code: 'context_length_exceeded' },
  }),
  'error-401-invalid-api-key': failure('error-401-invalid-api-key', 401, {
    ...{ message: 'Incorrect API key provided: sk-no.', type: 'invalid_request_error', code: 'invalid_api_key' },
  }),
  'error-404-model-not-found': failure('error-404-model-not-found', 404, {
    ...{ message: 'The model `m` does not exist', type: 'invalid_request_error', code: 'model_not_found' },
  }),
};

const folder = new URL('../../../shared/recordings/openai/', import.meta.url);
/** Real answers; they lie beside the repository, where there are any. */
const recorded: Record<string, Recorded> = {};
if (existsSync(folder))
  for (const file of readdirSync(folder)) {
    const name = file.replace('.json', '');
    if (name.startsWith('chat-')) continue;
    const { response } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { response: Recorded };
    recorded[name] = response;
  }

/** Headers that belong to the recorded connection, not to this one. */
const ofConnection =
  /^(?:content-length|content-encoding|transfer-encoding|connection|alt-svc|set-cookie|keep-alive)$/i;

let server: Server;
beforeAll(async () => {
  server = await answering((response) => response.end());
});
afterAll(() => server.close());

function replay({ status, headers, body, sse }: Recorded, pieces = 1) {
  server.answer((response) => {
    for (const [header, values] of Object.entries(headers))
      if (!ofConnection.test(header)) response.setHeader(header, values);
    response.statusCode = status;
    const bytes = Buffer.from(body ?? sse ?? '');
    const size = Math.ceil(bytes.length / pieces);
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
    response.end();
  });
  return responsesOf(server);
}

describe.each([
  ['made', made],
  ['recorded', recorded],
])('an answer of Responses that was %s', (_, answers) => {
  test('is one of those whose meaning is known', () => {
    for (const name of Object.keys(answers)) expect(Object.keys(expected)).toContain(name);
  });

  test.each(Object.entries(answers))('%s is read for what it is, in one piece and in many', async (name, answer) => {
    const { error, requestId, text = '', toolCalls = [], ...finish } = expected[name] ?? {};
    for (const pieces of [1, 97]) {
      const got = await read(replay(answer, pieces));
      expect([got.text, got.toolCalls]).toEqual([text, toolCalls]);
      if (requestId !== undefined) expect(got.requestId).toBe(requestId);
      if (error === undefined) {
        expect(got.error).toBeUndefined();
        expect(got.finish).toEqual([{ type: 'finish', ...finish }]);
        expect(got.chunks[0]?.type).toBe(toolCalls.length > 0 ? 'toolCall' : 'text');
        expect(rateLimitsOf(got.facts[0]?.headers).requests).toMatchObject({ limit: 15_000, remaining: 14_999 });
      } else expect([got.finish, got.error]).toMatchObject([[], error]);
    }
  });

  test.each(Object.entries(answers).filter(([, { sse }]) => sse === undefined))(
    '%s is the same for a call that is not streamed',
    async (name, answer) => {
      const { error, requestId, ...said } = expected[name] ?? {};
      const given = contextFor();
      const asking = replay(answer, 3).complete(hello, given.context);
      if (error !== undefined) expect(await errorOf(asking)).toMatchObject(error);
      else expect(await asking).toMatchObject({ toolCalls: [], ...said });
      if (requestId !== undefined) expect(given.requestId).toBe(requestId);
    },
  );
});

test('what is known of the recorded answers is said by those of our own too', () => {
  expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
});
