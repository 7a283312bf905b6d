import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorTable } from '../../src/core/error-table.ts';
import type { ErrorCode, Usage } from '../../src/core/types.ts';
import { classify } from '../../src/wire/classify.ts';
import { rateLimitsOf } from '../../src/wire/rate-limit-headers.ts';
import { answering, contextFor, delta, done, errorOf, hello, providerOf, read, role, type Server } from './support.ts';

interface Recorded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly sse?: string;
}

interface Expected {
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly object[];
  readonly finishReason?: string;
  /** `undefined` where it is not told. */
  readonly usage?: Usage;
  readonly model?: string;
  readonly requestId?: string;
  readonly cost?: number;
  readonly error?: { readonly code: ErrorCode; readonly status?: number; readonly retryAfterMs?: number };
}

/** What the recorded answers are, of OpenAI and of those who speak its format, whether or not they are here. */
const expected: Readonly<Record<string, Expected>> = {
  'openai/chat-success': {
    text: 'This is a test.',
    finishReason: 'stop',
    usage: { inputTokens: 12, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 },
    model: 'gpt-4o-mini-2024-07-18',
    requestId: 'req_58cff97afd0e7c0bba910ccf0b044a6f',
  },
  'openai/chat-stream-usage-done': {
    text: '"This is a test."',
    finishReason: 'stop',
    usage: { inputTokens: 12, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 },
    model: 'gpt-4-0613',
    requestId: 'req_c367cf360ee88481fb7cd6c5d45bf9dc',
  },
  'openai/chat-stream-tool-calls': {
    toolCalls: [
      {
        id: 'call_90R0NgAY0rQUYihSqVx7OuIs',
        name: 'get_current_weather',
        input: { location: 'San Francisco, CA' },
      },
    ],
    finishReason: 'tool_calls',
    model: 'gpt-3.5-turbo-0125',
    requestId: 'req_174e4185a7dad60ff8db13e94c0e679c',
  },
  'openai/error-400-context-length-exceeded': { error: { code: 'context_length_exceeded', status: 400 } },
  'openai/error-401-invalid-api-key': { error: { code: 'authentication', status: 401 } },
  'openai/error-404-model-not-found': {
    error: { code: 'unsupported', status: 404 },
    requestId: 'req_c3e0f92d7b5426d1a4a17bb3d39953ea',
  },
  'azure/chat-content-filter-finish': {
    error: { code: 'content_filtered' },
    requestId: '6624fbc0-526e-4c5f-b98c-fb96daf3c582',
  },
  'azure/error-429-rate-limit-reached': {
    error: { code: 'rate_limited', status: 429, retryAfterMs: 1_000 },
    requestId: 'd3be1dcd-5e15-488e-b48f-a3066967d205',
  },
  'mistral/chat-stream': {
    text: '1, 2, 3',
    finishReason: 'stop',
    usage: { inputTokens: 22, outputTokens: 8, cachedInputTokens: 0 },
    model: 'mistral-small-latest',
    requestId: '01a01a71-c9a3-7d9c-81a7-9f4a773e4bcb',
  },
  'openrouter/stream': {
    text: '1\n2\n3',
    finishReason: 'stop',
    usage: { inputTokens: 15, outputTokens: 9, cachedInputTokens: 0, cacheWriteInputTokens: 0, reasoningTokens: 0 },
    model: 'anthropic/claude-4.5-haiku-20251001',
    requestId: 'gen-1780944361-X5HAtL0Z2NQp8nHAiT6F',
    cost: 0.000_06,
  },
  'openrouter/stream-mid-stream-error': {
    reasoning: 'We need to respond to a greeting. The user',
    error: { code: 'invalid_request', status: 400 },
  },
};

/** Of these it is known only that they are no answers here: `openai/responses-*` and Ollama's own format are for other adapters. */
const otherFormats = /^(?:openai\/responses-|ollama\/)/;

const json = { 'content-type': 'application/json' };
const stream = { 'content-type': 'text/event-stream; charset=utf-8' };
const ofOpenAI = (id: string) => ({
  'x-request-id': id,
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-reset-requests': '8.64s',
});
const counted = {
  prompt_tokens: 12,
  completion_tokens: 5,
  total_tokens: 17,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};
const events = (chunks: readonly object[]) =>
  `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}${done}`;
const named = (model: string, id: string, chunks: readonly object[]) =>
  chunks.map((chunk) => ({ ...chunk, id, model }));
const failure = (error: object) => JSON.stringify({ error });
const calling = (fields: object) => delta({ tool_calls: [{ index: 0, ...fields }] });

/** Answers of our own making in which the same is said. */
const made: Readonly<Record<string, Recorded>> = {
  'openai/chat-success': {
    status: 200,
    headers: { ...json, ...ofOpenAI('req_58cff97afd0e7c0bba910ccf0b044a6f') },
    body: JSON.stringify({
      object: 'chat.completion',
      model: 'gpt-4o-mini-2024-07-18',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'This is a test.', refusal: null }, finish_reason: 'stop' },
      ],
      usage: counted,
    }),
  },
  'openai/chat-stream-usage-done': {
    status: 200,
    headers: { ...stream, ...ofOpenAI('req_c367cf360ee88481fb7cd6c5d45bf9dc') },
    sse: events(
      named('gpt-4-0613', 'chatcmpl-own', [
        { ...role, usage: null },
        ...['"This', ' is', ' a', ' test', '."'].map((content) => ({ ...delta({ content }), usage: null })),
        { ...delta({}, 'stop'), usage: null },
        { object: 'chat.completion.chunk', choices: [], usage: counted },
      ]),
    ),
  },
  'openai/chat-stream-tool-calls': {
    status: 200,
    headers: { ...stream, ...ofOpenAI('req_174e4185a7dad60ff8db13e94c0e679c') },
    sse: events(
      named('gpt-3.5-turbo-0125', 'chatcmpl-own', [
        calling({
          id: 'call_90R0NgAY0rQUYihSqVx7OuIs',
          type: 'function',
          function: { name: 'get_current_weather', arguments: '' },
        }),
        ...['{"', 'location', '":"', 'San Francisco', ',', ' CA', '"}'].map((piece) =>
          calling({ function: { arguments: piece } }),
        ),
        delta({}, 'tool_calls'),
      ]),
    ),
  },
  'openai/error-400-context-length-exceeded': {
    status: 400,
    headers: json,
    body: failure({
      message: 'Your input exceeds the context window of this model.',
      type: 'invalid_request_error',
      param: 'input',
      code: 'context_length_exceeded',
    }),
  },
  'openai/error-401-invalid-api-key': {
    status: 401,
    headers: json,
    body: failure({
      message: 'Incorrect API key provided.',
      type: 'invalid_request_error',
      param: null,
      code: 'invalid_api_key',
    }),
  },
  'openai/error-404-model-not-found': {
    status: 404,
    headers: { ...json, 'x-request-id': 'req_c3e0f92d7b5426d1a4a17bb3d39953ea' },
    body: failure({
      message: 'The model does not exist.',
      type: 'invalid_request_error',
      param: null,
      code: 'model_not_found',
    }),
  },
  'azure/chat-content-filter-finish': {
    status: 200,
    headers: {
      ...json,
      'apim-request-id': '6624fbc0-526e-4c5f-b98c-fb96daf3c582',
      'x-request-id': 'cc6ffd40-d056-43b3-9813-19c43abd66d6',
    },
    body: JSON.stringify({
      object: 'chat.completion',
      model: 'gpt-35-turbo',
      choices: [{ index: 0, finish_reason: 'content_filter', content_filter_results: { hate: { filtered: true } } }],
      usage: { prompt_tokens: 15, completion_tokens: 19, total_tokens: 34 },
    }),
  },
  'azure/error-429-rate-limit-reached': {
    status: 429,
    headers: {
      ...json,
      'apim-request-id': 'd3be1dcd-5e15-488e-b48f-a3066967d205',
      'retry-after': '1',
      'retry-after-ms': '0',
    },
    body: failure({ code: 'RateLimitReached', message: 'Your requests have exceeded rate limit.', details: '' }),
  },
  'mistral/chat-stream': {
    status: 200,
    headers: { ...stream, 'x-kong-request-id': '01a01a71-c9a3-7d9c-81a7-9f4a773e4bcb' },
    sse: events(
      named('mistral-small-latest', '548e', [
        delta({ role: 'assistant', content: '' }),
        { ...delta({ content: '1' }), p: 'abcdefg' },
        { ...delta({ content: ', 2,' }), p: 'abc' },
        {
          ...delta({ content: ' 3' }, 'stop'),
          usage: { prompt_tokens: 22, completion_tokens: 8, prompt_tokens_details: { cached_tokens: 0 } },
        },
      ]),
    ),
  },
  'openrouter/stream': {
    status: 200,
    headers: { ...stream, 'x-generation-id': 'gen-1780944361-X5HAtL0Z2NQp8nHAiT6F' },
    sse:
      ': OPENROUTER PROCESSING\n\n'.repeat(5) +
      events(
        named('anthropic/claude-4.5-haiku-20251001', 'gen-1780944361-X5HAtL0Z2NQp8nHAiT6F', [
          delta({ content: '1\n2\n3', role: 'assistant' }),
          delta({ content: '', role: 'assistant' }, 'stop'),
          {
            ...delta({ content: '', role: 'assistant' }, 'stop'),
            usage: {
              prompt_tokens: 15,
              completion_tokens: 9,
              cost: 0.000_06,
              prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
              completion_tokens_details: { reasoning_tokens: 0 },
            },
          },
        ]),
      ),
  },
  'openrouter/stream-mid-stream-error': {
    status: 200,
    headers: stream,
    sse:
      ': OPENROUTER PROCESSING\n\n'.repeat(17) +
      events([
        ...['We need', ' to respond to a greeting.', ' The user'].map((reasoning) => delta({ content: '', reasoning })),
        delta({ content: '', reasoning: null }, 'length'),
        { ...delta({ content: '' }), error: { code: 400, message: 'Token limit reached' } },
      ]),
  },
};

const folder = new URL('../../../shared/recordings/', import.meta.url);
/** Real answers of real providers; they lie beside the repository, where there are any. */
function recordedBy(vendors: readonly string[]): [name: string, recorded: Recorded][] {
  return vendors.flatMap((vendor) => {
    const inside = new URL(`${vendor}/`, folder);
    if (!existsSync(inside)) return [];
    return readdirSync(inside).map((file): [string, Recorded] => [
      `${vendor}/${file.replace('.json', '')}`,
      (JSON.parse(readFileSync(new URL(file, inside), 'utf8')) as { response: Recorded }).response,
    ]);
  });
}
const all = recordedBy(['openai', 'azure', 'mistral', 'openrouter', 'ollama']);
const recorded = Object.fromEntries(all.filter(([name]) => !otherFormats.test(name)));

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
  return providerOf(server);
}

describe.each([
  ['made', made],
  ['recorded', recorded],
])('an answer in the format of OpenAI that was %s', (_, answers) => {
  test('is one of those whose meaning is known', () => {
    for (const name of Object.keys(answers)) expect(Object.keys(expected)).toContain(name);
  });

  test.each(Object.entries(answers))('%s is read for what it is, in one piece and in many', async (name, answer) => {
    const { error, requestId, cost, text = '', reasoning = '', toolCalls = [], ...finish } = expected[name] ?? {};
    for (const pieces of [1, 97]) {
      const got = await read(replay(answer, pieces));
      expect([got.text, got.reasoning, got.toolCalls]).toEqual([text, reasoning, toolCalls]);
      if (requestId !== undefined) expect(got.requestId).toBe(requestId);
      expect(got.facts.find((facts) => facts.cost !== undefined)?.cost).toBe(cost);
      if (error === undefined) {
        expect(got.error).toBeUndefined();
        expect(got.finish).toEqual([{ type: 'finish', usage: undefined, ...finish }]);
        // Content first, and not a piece of a tool call.
        expect(got.chunks[0]?.type).toBe(toolCalls.length > 0 ? 'toolCall' : 'text');
      } else {
        expect(got.finish).toEqual([]);
        expectJudged(got.error, error, requestId);
        expect(got.error?.partial?.reasoning ?? '').toBe(reasoning);
      }
    }
  });

  test.each(Object.entries(answers).filter(([, { sse }]) => sse === undefined))(
    '%s is the same for a call that is not streamed',
    async (name, answer) => {
      const { error, requestId, text, finishReason, usage, model } = expected[name] ?? {};
      const given = contextFor();
      const asking = replay(answer, 3).complete(hello, given.context);
      if (error !== undefined) return expectJudged(await errorOf(asking), error, requestId);
      expect(await asking).toMatchObject({ text, toolCalls: [], finishReason, usage, model });
      expect(given.requestId).toBe(requestId);
      expect(rateLimitsOf(given.facts[0]?.headers).requests).toEqual({
        limit: 10_000,
        remaining: 9_999,
        resetMs: 8_640,
        per: 'day',
      });
    },
  );
});

function expectJudged(
  error: Awaited<ReturnType<typeof read>>['error'],
  { code, status, retryAfterMs }: NonNullable<Expected['error']>,
  requestId: string | undefined,
): void {
  const { retry, blame } = errorTable[code];
  expect([error?.code, error?.retry, error?.blame, error?.status, error?.retryAfterMs]).toEqual([
    code,
    retry,
    blame,
    status,
    retryAfterMs,
  ]);
  if (requestId !== undefined) expect(error?.providerRequestId).toBe(requestId);
}

test('what is known of the recorded answers is said by those of our own too', () => {
  expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
});

// For the adapters of OpenAI's Responses and of Ollama, which are later work, these will be answers.
test.each([
  ...all.filter(([name]) => otherFormats.test(name)),
  [
    'ollama, made',
    { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: '{"message":{"content":"Why"}}\n{}\n' },
  ],
] as [string, Recorded][])(
  '%s, a stream or an answer in another format, is not taken for an answer',
  async (_, answer) => {
    const { error, chunks } = await read(replay(answer));
    expect([error?.code, chunks]).toEqual([expect.stringMatching(/^(?:bad_response|truncated|empty_response)$/), []]);
  },
);

/** Errors of other vendors, as gateways in this format hand them on. Each adapter's own test has those of its vendor made, too. */
test.each(
  recordedBy(['anthropic', 'gemini']).flatMap(([name, answer]) => {
    const known: Readonly<Record<string, Expected['error']>> = {
      'gemini/error-400-api-key-invalid': { code: 'authentication' },
      'gemini/error-429-resource-exhausted-retryinfo': { code: 'rate_limited', retryAfterMs: 48_940 },
      'anthropic/error-400-prompt-too-long': { code: 'context_length_exceeded' },
      'anthropic/error-401-authentication': { code: 'authentication' },
      'anthropic/quoted-429-rate-limit-input-tokens-2025': { code: 'rate_limited', retryAfterMs: 16_000 },
      'anthropic/quoted-529-overloaded': { code: 'overloaded' },
    };
    const error = known[name];
    return error === undefined ? [] : [{ name, answer, error: { ...error, status: answer.status } }];
  }),
)('$name is $error.code here too', async ({ answer, error }) => {
  expectJudged(classify(answer as Parameters<typeof classify>[0]), error, undefined);
  const provider = replay(answer);
  expectJudged(await errorOf(provider.complete(hello, contextFor().context)), error, undefined);
  expectJudged((await read(provider)).error, error, undefined);
});
