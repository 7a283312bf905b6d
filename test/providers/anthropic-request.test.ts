import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { OptionsError } from '../../src/core/errors.ts';
import type { CompletionRequest } from '../../src/core/types.ts';
import { type AnthropicOptions, anthropic } from '../../src/providers/anthropic.ts';
import { apiKey, clientOf, message, providerOf } from './anthropic-support.ts';
import { answering, contextFor, errorOf, hello, json, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(message));
});
afterEach(() => server.close());

const sent = async (request: CompletionRequest, options: Partial<AnthropicOptions> = {}) => {
  await providerOf(server, options).complete(request, contextFor().context);
  return server.requests.at(-1)?.body ?? {};
};

describe('the request', () => {
  test('carries the transaction id, and the key, and no metadata', async () => {
    const body = await sent({ prompt: 'Hi', metadata: { user: 'ada' } });
    expect(server.requests[0]).toMatchObject({ url: '/v1/messages' });
    expect(server.requests[0]?.headers).toMatchObject({
      'x-client-request-id': 'transaction-1',
      'x-stainless-retry-count': '0',
      authorization: `Bearer ${apiKey}`,
    });
    expect(body).toEqual({
      model: 'claude-test',
      max_tokens: 8_192,
      messages: [{ role: 'user', content: 'Hi' }],
      stream: false,
    });
  });

  test('leaves out a transaction id that cannot be a header', async () => {
    await providerOf(server).complete(hello, { ...contextFor().context, transactionId: 'näme\n' });
    expect(server.requests[0]?.headers['x-client-request-id']).toBeUndefined();
  });

  test.each([
    [undefined, undefined, 8_192],
    [undefined, 64_000, 64_000],
    [500, 64_000, 500],
    [100_000, 64_000, 64_000],
    [100_000, undefined, 100_000],
  ])(
    'with %s output tokens for a model of %s asks for %i, also unstreamed, where the SDK would refuse',
    async (maxOutputTokens, able, expected) => {
      const traits = able === undefined ? {} : { maxOutputTokens: able };
      const body = await sent({ prompt: 'Hi', ...(maxOutputTokens && { maxOutputTokens }) }, { traits });
      expect(body.max_tokens).toBe(expected);
    },
  );

  test("leaves the client's own time-out alone", async () => {
    await sent({ prompt: 'Hi', maxOutputTokens: 100_000 }, { client: clientOf(server, { timeout: 5_000 }) });
    await sent({ prompt: 'Hi', maxOutputTokens: 100_000 });
    expect(server.requests.map(({ headers }) => headers['x-stainless-timeout'])).toEqual(['5', '3600']);
  });

  test('has the parameters under their names; providerOptions come last, but for stream', async () => {
    const body = await sent({
      prompt: 'Hi',
      tools: [{ name: 'weather', description: 'Tells it', inputSchema: z.object({ city: z.string() }) }],
      toolChoice: { tool: 'weather' },
      maxOutputTokens: 100,
      temperature: 1.5,
      topP: 0.9,
      seed: 7,
      stopSequences: ['END'],
      providerOptions: {
        anthropic: { service_tier: 'auto', max_tokens: 50, stream: true, betas: ['one', 'two'] },
        other: { ignored: true },
      },
    });
    expect(body).toEqual({
      model: 'claude-test',
      messages: [{ role: 'user', content: 'Hi' }],
      tools: [
        {
          name: 'weather',
          description: 'Tells it',
          input_schema: expect.objectContaining({ type: 'object', required: ['city'] }),
        },
      ],
      tool_choice: { type: 'tool', name: 'weather' },
      max_tokens: 50,
      temperature: 1,
      stop_sequences: ['END'],
      service_tier: 'auto',
      stream: false,
    });
    expect(server.requests[0]?.headers['anthropic-beta']).toBe('one,two');
  });

  test.each([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
  ] as const)('says tool choice %s in its way', async (toolChoice, expected) => {
    const tools = [{ name: 'now', inputSchema: { jsonSchema: { type: 'object' } } }];
    expect((await sent({ prompt: 'Hi', tools, toolChoice })).tool_choice).toEqual(expected);
    expect((await sent({ prompt: 'Hi', toolChoice })).tool_choice).toBeUndefined();
  });

  test('with a stop sequence of white space is unsupported, and not sent', async () => {
    const asking = providerOf(server).complete({ prompt: 'Hi', stopSequences: ['\n\n'] }, contextFor().context);
    expect([(await errorOf(asking)).code, server.requests.length]).toEqual(['unsupported', 0]);
  });
});

describe('the provider', () => {
  test('is named after the model, in the domain of the host', () => {
    const client = new Anthropic({ apiKey });
    expect(anthropic({ client, model: 'm', limits: { concurrency: 3 } })).toMatchObject({
      name: 'anthropic/m',
      domain: 'api.anthropic.com',
      kind: 'anthropic',
      model: 'm',
      limits: { concurrency: 3 },
    });
    expect(anthropic({ client, model: 'm', name: 'n', domain: 'd' })).toMatchObject({ name: 'n', domain: 'd' });
  });

  test.each([
    ['anthropic', undefined],
    ['anthropic.client', { client: {}, model: 'm' }],
    ['anthropic.client', { client: { messages: { create: () => {} } }, model: 'm' }],
    ['anthropic.model', { model: '' }],
    ['anthropic.nmae', { model: 'm', nmae: 'x' }],
    ['anthropic.name', { model: 'm', name: '' }],
    ['anthropic.streaming', { model: 'm', streaming: 'no' }],
    ['anthropic.limits', { model: 'm', limits: 5 }],
  ])('says that %s is wrong', (path, options) => {
    const make = () => anthropic((options && { client: clientOf(server), ...options }) as unknown as AnthropicOptions);
    expect(make).toThrow(OptionsError);
    expect(make).toThrow(`${path}: `);
  });
});
