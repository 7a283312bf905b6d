import { inspect } from 'node:util';
import OpenAI, { AzureOpenAI } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { OptionsError } from '../../src/core/errors.ts';
import type { CompletionRequest } from '../../src/core/types.ts';
import { type OpenAIOptions, openai } from '../../src/providers/openai.ts';
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
const sent = async (request: CompletionRequest, options: Partial<OpenAIOptions> = {}) => {
  await providerOf(server, options).complete(request, contextFor().context);
  return server.requests[0]?.body ?? {};
};

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
        baseURL: server.baseURL.replace('//', '//user:hunter2-pass@').replace('user:hunter2-pass@', ''),
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

  test('about the key quotes nothing at all', async () => {
    server.answer(json({ error: { message: 'Incorrect key: abc-def', code: 'invalid_api_key' } }, 401));
    expect((await errorOf(complete())).message).toBe('primary did not accept the credentials (401)');
  });
});

describe('the request', () => {
  test('carries the transaction id, and the key, and no metadata', async () => {
    await complete({ prompt: 'Hi', metadata: { user: 'ada' } });
    const [got] = server.requests;
    expect(got?.headers).toMatchObject({ 'x-client-request-id': 'transaction-1', 'x-stainless-retry-count': '0' });
    expect(got?.body).toEqual({ model: 'gpt-test', messages: [{ role: 'user', content: 'Hi' }], stream: false });
  });

  test('leaves out a transaction id that cannot be a header', async () => {
    const { context } = contextFor();
    await providerOf(server).complete(hello, { ...context, transactionId: 'näme\n' });
    expect(server.requests[0]?.headers['x-client-request-id']).toBeUndefined();
  });

  test('has every kind of message', async () => {
    const body = await sent({
      messages: [
        { role: 'system', content: 'Be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image', image: 'https://example.com/a.png' },
            { type: 'image', image: new Uint8Array([1, 2, 3]), mediaType: 'image/jpeg' },
            { type: 'file', data: new Uint8Array([4, 5]), mediaType: 'application/pdf', filename: 'a.pdf' },
            { type: 'file', data: new Uint8Array([6]), mediaType: 'audio/wav' },
          ],
        },
        { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'weather', input: { city: 'Oslo' } }] },
        { role: 'tool', toolCallId: 'a', content: 'no such city', isError: true },
        { role: 'assistant', content: 'Sorry' },
      ],
    });
    expect(body.messages).toEqual([
      { role: 'system', content: 'Be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,AQID' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,BAU=' } },
          { type: 'input_audio', input_audio: { data: 'Bg==', format: 'wav' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'Error: no such city' },
      { role: 'assistant', content: 'Sorry' },
    ]);
  });

  test('with a file that is an address is unsupported, and not sent', async () => {
    const content = [{ type: 'file' as const, data: 'https://example.com/a.pdf', mediaType: 'application/pdf' }];
    const error = await errorOf(complete({ messages: [{ role: 'user', content }] }));
    expect([error.code, server.requests.length]).toEqual(['unsupported', 0]);
  });

  test('has the parameters under their names', async () => {
    const body = await sent({
      prompt: 'Hi',
      tools: [{ name: 'weather', description: 'Tells it', inputSchema: z.object({ city: z.string() }) }],
      toolChoice: { tool: 'weather' },
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      stopSequences: ['END'],
      reasoning: 'low',
      providerOptions: { openai: { service_tier: 'flex', temperature: 0.1, stream: true }, other: { ignored: true } },
    });
    const { properties, required } = { properties: { city: { type: 'string' } }, required: ['city'] };
    expect(body).toEqual({
      model: 'gpt-test',
      messages: [{ role: 'user', content: 'Hi' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Tells it',
            parameters: expect.objectContaining({ type: 'object', properties, required }),
          },
        },
      ],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      max_tokens: 100,
      temperature: 0.1,
      top_p: 0.9,
      seed: 7,
      stop: ['END'],
      reasoning_effort: 'low',
      service_tier: 'flex',
      stream: false,
    });
  });

  test('asks for a strict schema where the schema can be said strictly', async () => {
    const format = (await sent({ prompt: 'Hi', schema: z.object({ name: z.string(), age: z.number() }) }))
      .response_format;
    expect(format).toMatchObject({
      type: 'json_schema',
      json_schema: {
        name: 'answer',
        strict: true,
        schema: { type: 'object', additionalProperties: false, required: ['name', 'age'] },
      },
    });
  });

  test('asks for a loose schema where properties may be missing', async () => {
    const jsonSchema = { type: 'object', properties: { name: { type: 'string' } } };
    const format = (await sent({ prompt: 'Hi', schema: { jsonSchema, name: 'my person!' } })).response_format;
    expect(format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'my_person_', strict: false, schema: jsonSchema },
    });
  });

  test.each([
    ['https://api.openai.com/v1', 'max_completion_tokens'],
    ['https://eu.api.openai.com/v1', 'max_completion_tokens'],
    ['https://my.openai.azure.com/openai/v1', 'max_completion_tokens'],
    ['https://openrouter.ai/api/v1', 'max_tokens'],
    ['https://api.openai.com.evil.example/v1', 'max_tokens'],
  ])('to %s says the most output tokens as %s', async (baseURL, field) => {
    const seen: unknown[] = [];
    const fetch = async (_url: unknown, init?: { body?: unknown }) => {
      seen.push(JSON.parse(String(init?.body)));
      return Response.json(answer);
    };
    const client = new OpenAI({ baseURL, apiKey, fetch: fetch as typeof globalThis.fetch });
    await openai({ client, model: 'm' }).complete({ prompt: 'Hi', maxOutputTokens: 9 }, contextFor().context);
    expect(seen[0]).toMatchObject({ [field]: 9 });
  });
});

describe('the provider', () => {
  test('is named after host and model, in the domain of the host', () => {
    const at = (baseURL: string) => openai({ client: new OpenAI({ apiKey, baseURL }), model: 'm' });
    expect(at('https://api.openai.com/v1')).toMatchObject({
      name: 'openai/m',
      domain: 'api.openai.com',
      kind: 'openai',
      model: 'm',
    });
    expect(at('https://openrouter.ai/api/v1')).toMatchObject({ name: 'openrouter.ai/m', domain: 'openrouter.ai' });
  });

  test('takes a client of Azure, and its deployment', async () => {
    const seen: string[] = [];
    const fetch = async (url: unknown) => {
      seen.push(String(url));
      return Response.json(answer);
    };
    const endpoint = 'https://my.openai.azure.com';
    const client = new AzureOpenAI({
      endpoint,
      apiKey,
      apiVersion: '2024-10-21',
      fetch: fetch as typeof globalThis.fetch,
    });
    const provider = openai({ client, model: 'my-deployment' });
    expect(provider.domain).toBe('my.openai.azure.com');
    await provider.complete(hello, contextFor().context);
    expect(seen[0]).toBe(`${endpoint}/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21`);
  });

  test.each([
    ['openai', undefined],
    ['openai.client', { client: {}, model: 'm' }],
    ['openai.model', { model: '' }],
    ['openai.nmae', { model: 'm', nmae: 'x' }],
    ['openai.name', { model: 'm', name: '' }],
    ['openai.streaming', { model: 'm', streaming: 'no' }],
    ['openai.limits', { model: 'm', limits: 5 }],
  ])('says that %s is wrong', (path, options) => {
    const make = () => openai((options && { client: clientOf(server), ...options }) as unknown as OpenAIOptions);
    expect(make).toThrow(OptionsError);
    expect(make).toThrow(`${path}: `);
  });
});
