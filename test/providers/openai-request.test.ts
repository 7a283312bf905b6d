import OpenAI, { AzureOpenAI } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { OptionsError } from '../../src/core/errors.ts';
import type { CompletionRequest } from '../../src/core/types.ts';
import { type OpenAIOptions, openai } from '../../src/providers/openai.ts';
import { answering, apiKey, clientOf, contextFor, errorOf, hello, json, providerOf, type Server } from './support.ts';

const message = { role: 'assistant', content: 'Hello' };
const answer = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-test-2026',
  choices: [{ index: 0, message, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 3 } },
};

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

test('Mistral is given tool call ids of nine letters or digits, the same for a call and its result; its own stay', async () => {
  const bodies: { messages: { tool_calls?: { id: string }[]; tool_call_id?: string }[] }[] = [];
  const fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    bodies.push(JSON.parse(String(init?.body)));
    return Response.json({ choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }] });
  };
  const request: CompletionRequest = {
    messages: [
      { role: 'user', content: 'What time is it?' },
      {
        role: 'assistant',
        content: '',
        toolCalls: ['call_vmOzX1', 'a1B2c3D4e'].map((id) => ({ id, name: 'clock', input: {} })),
      },
      { role: 'tool', toolCallId: 'call_vmOzX1', content: 'noon' },
      { role: 'tool', toolCallId: 'a1B2c3D4e', content: 'noon' },
    ],
  };
  for (const baseURL of ['https://api.mistral.ai/v1', 'https://api.openai.com/v1']) {
    const client = new OpenAI({ baseURL, apiKey, fetch: fetch as typeof globalThis.fetch });
    await openai({ client, model: 'm' }).complete(request, contextFor().context);
  }
  const idsOf = (index: number) => ({
    calls: bodies[index]?.messages[1]?.tool_calls?.map(({ id }) => id) ?? [],
    results: bodies[index]?.messages.slice(2).map(({ tool_call_id }) => tool_call_id) ?? [],
  });
  const mistral = idsOf(0);
  expect(mistral.calls[0]).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(mistral.calls[1]).toBe('a1B2c3D4e');
  expect(mistral.results).toEqual(mistral.calls);
  expect(idsOf(1).calls).toEqual(['call_vmOzX1', 'a1B2c3D4e']);
});
