import { inspect } from 'node:util';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest } from '../../src/core/types.ts';
import {
  answering,
  apiKey,
  clientOf,
  contextFor,
  errorOf,
  hello,
  json,
  providerOf,
  read,
  type Server,
} from './support.ts';

const message = { role: 'assistant', content: 'Hello' };
const answer = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-test-2026',
  choices: [{ index: 0, message, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 3 } },
};
const answered = (choice: object) => ({ ...answer, choices: [{ index: 0, finish_reason: 'stop', ...choice }] });

let server: Server;
beforeEach(async () => {
  server = await answering(json(answer));
});
afterEach(() => server.close());

const complete = (request: CompletionRequest = hello, given = contextFor()) =>
  providerOf(server).complete(request, given.context);

describe('a whole answer', () => {
  test('has text, finish reason, usage, model and the raw object', async () => {
    const context = contextFor();
    server.answer(json(answer, 200, { 'x-request-id': 'req_1' }));
    expect(await complete(hello, context)).toEqual({
      text: 'Hello',
      toolCalls: [],
      reasoning: undefined,
      finishReason: 'stop',
      usage: { inputTokens: 12, outputTokens: 5, reasoningTokens: 3 },
      model: 'gpt-test-2026',
      raw: answer,
    });
    expect([context.requestId, context.raw]).toEqual(['req_1', answer]);
  });

  test('has tool calls with parsed arguments, and says so whatever the server calls the end', async () => {
    const tool_calls = [
      { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
      { id: 'b', type: 'function', function: { name: 'time', arguments: '' } },
    ];
    server.answer(json(answered({ message: { role: 'assistant', content: null, tool_calls } })));
    const { text, toolCalls, finishReason } = await complete();
    expect([text, finishReason]).toEqual(['', 'tool_calls']);
    expect(toolCalls).toEqual([
      { id: 'a', name: 'weather', input: { city: 'Oslo' } },
      { id: 'b', name: 'time', input: {} },
    ]);
  });

  test('without anything in it is returned: the transport judges it', async () => {
    server.answer(json(answered({ message: { role: 'assistant', content: '' } })));
    expect(await complete()).toMatchObject({ text: '', finishReason: 'stop' });
  });

  test.each([
    ['nothing', '', 'empty_response'],
    ['a web page', '<!doctype html><title>502</title>', 'bad_response'],
    ['JSON that stops inside a string', '{"choices":[{"message":{"content":"Hel', 'truncated'],
    ['JSON that stops after an object', '{"choices":[{"message":{"content":"Hello"}}', 'truncated'],
    ['JSON that is broken', '{"choices":[}', 'bad_response'],
    ['a JSON text', '"hello"', 'bad_response'],
    ['no choices', '{"choices":[]}', 'bad_response'],
    ['something else', '{"hello":"there"}', 'bad_response'],
    ['an error that says nothing', '{"error":{"message":"boom"}}', 'bad_response'],
    ['an error that is overload', '{"error":{"message":"busy","type":"overloaded_error"}}', 'overloaded'],
    ["OpenRouter's numeric error", '{"error":{"message":"busy","code":429}}', 'rate_limited'],
  ])('that is %s is an error', async (_, body, code) => {
    server.answer(json(body));
    expect((await errorOf(complete())).code).toBe(code);
  });

  test.each([
    ['a choice without a message (Azure)', { finish_reason: 'content_filter' }],
    ['a filtered message', { finish_reason: 'content_filter', message }],
    ['a refusal', { message: { role: 'assistant', content: null, refusal: 'I cannot help.' } }],
  ])('that is %s is content_filtered', async (_, choice) => {
    const { message: _message, ...empty } = { message: undefined, ...answered({}).choices[0] };
    server.answer(json({ ...answer, choices: [{ ...empty, ...choice }] }));
    const error = await errorOf(complete());
    expect([error.code, error.retry, error.provider]).toEqual(['content_filtered', 'never', 'primary']);
    expect(error.partial).toBeDefined();
  });

  test('whose connection breaks half-way is a lost connection', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"choices":');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    });
    expect((await errorOf(complete())).code).toBe('connection');
  });

  test('from nobody is a lost connection', async () => {
    await server.close();
    const error = await errorOf(complete());
    expect([error.code, error.provider, error.status]).toEqual(['connection', 'primary', undefined]);
    server = await answering(json(answer));
  });
});

describe('an error answer', () => {
  test('is asked for once, and carries what is known of it', async () => {
    const context = contextFor();
    const body = { error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' } };
    const headers = {
      'retry-after': '2',
      'retry-after-ms': '0',
      'x-request-id': 'req_9',
      'x-ratelimit-limit-requests': '60',
    };
    server.answer(json(body, 429, headers));
    const client = clientOf(server, { maxRetries: 5 });
    const error = await errorOf(providerOf(server, { client }).complete(hello, context.context));
    expect(server.requests.length).toBe(1);
    expect(error).toMatchObject({
      code: 'rate_limited',
      status: 429,
      provider: 'primary',
      retryAfterMs: 2_000,
      providerRequestId: 'req_9',
      message: 'primary asked to slow down (429): Rate limit reached',
    });
    expect([context.requestId, context.header('x-ratelimit-limit-requests')]).toEqual(['req_9', '60']);
  });

  test('that says not to retry is for another provider', async () => {
    server.answer(json({ error: { message: 'down' } }, 503, { 'x-should-retry': 'false' }));
    const error = await errorOf(complete());
    expect([error.code, error.retry]).toEqual(['overloaded', 'elsewhere']);
  });

  test.each([401, 400, 403, 500])(
    'with status %i never shows the key, the prompt or the credentials of the address',
    async (status) => {
      const prompt = 'My secret diary: the treasure is under the old oak tree.';
      const header = 'Bearer gateway-token-99887766';
      server.answer((response, got) => {
        const text = `Incorrect API key provided: ${apiKey}. Also ${header}, hunter2-pass and ${prompt}`;
        json({ error: { message: text, type: 'invalid_request_error', got: got.headers } }, status)(response, got);
      });
      const client = new OpenAI({
        baseURL: server.baseURL,
        apiKey,
        logLevel: 'off',
        defaultHeaders: { 'X-Gateway-Auth': header },
        defaultQuery: { token: 'hunter2-pass' },
      });
      const provider = providerOf(server, { client });
      for (const error of [
        await errorOf(provider.complete({ prompt }, contextFor().context)),
        (await read(provider, { prompt })).error,
      ]) {
        const shown = [
          inspect(error, { depth: 8, showHidden: true }),
          JSON.stringify(error),
          String(error?.stack),
        ].join('\n');
        for (const canary of [apiKey, 'gateway-token-99887766', 'hunter2-pass', 'treasure', 'oak tree'])
          expect(shown).not.toContain(canary);
      }
    },
  );

  test('about an address with a password does not show the password', async () => {
    const client = new OpenAI({
      baseURL: server.baseURL.replace('//', '//user:hunter2-pass@'),
      apiKey,
      logLevel: 'off',
    });
    const error = await errorOf(providerOf(server, { client }).complete(hello, contextFor().context));
    expect(error.code).toBe('connection');
    expect(inspect(error, { depth: 8, showHidden: true })).not.toContain('hunter2-pass');
  });

  test('about the key quotes nothing at all', async () => {
    server.answer(json({ error: { message: 'Incorrect key: abc-def', code: 'invalid_api_key' } }, 401));
    expect((await errorOf(complete())).message).toBe('primary did not accept the credentials (401)');
  });
});
