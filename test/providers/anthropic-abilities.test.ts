import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { CompletionRequest } from '../../src/core/types.ts';
import type { AnthropicOptions } from '../../src/providers/anthropic.ts';
import { good, message, providerOf } from './anthropic-support.ts';
import { answering, contextFor, errorOf, json, read, type Server, sse } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(message));
});
afterEach(() => server.close());

const sent = async (request: CompletionRequest, options: Partial<AnthropicOptions> = {}) => {
  await providerOf(server, options).complete(request, contextFor().context);
  return server.requests.at(-1)?.body ?? {};
};

describe('sampling', () => {
  const refusing = (says: string) =>
    server.answer((response, got) => {
      const refused = 'temperature' in got.body || 'top_p' in got.body;
      const error = { type: 'invalid_request_error', message: says };
      json(refused ? { type: 'error', error } : message, refused ? 400 : 200)(response, got);
    });

  test.each(['temperature: Extra inputs are not permitted', '`temperature` is deprecated for this model.'])(
    'is left out for a server that says: %s',
    async (says) => {
      refusing(says);
      const provider = providerOf(server);
      const request = { prompt: 'Hi', temperature: 0.2 };
      for (let time = 0; time < 2; time += 1) await provider.complete(request, contextFor().context);
      expect(server.requests.map(({ body }) => body.temperature)).toEqual([0.2, undefined, undefined]);
    },
  );

  test('is left out in a stream too', async () => {
    server.answer((response, got) => {
      const error = { type: 'invalid_request_error', message: 'top_p: Extra inputs are not permitted' };
      ('top_p' in got.body ? json({ type: 'error', error }, 400) : sse(good))(response, got);
    });
    expect((await read(providerOf(server), { prompt: 'Hi', topP: 0.5 })).text).toBe('Hello');
  });

  test('that the caller gave as a provider option is refused, not left out', async () => {
    refusing('temperature: Extra inputs are not permitted');
    const request = { prompt: 'Hi', providerOptions: { anthropic: { temperature: 0.2 } } };
    expect((await errorOf(providerOf(server).complete(request, contextFor().context))).status).toBe(400);
    expect(server.requests.length).toBe(1);
  });

  test('is left out beside thinking', async () => {
    const body = await sent({ prompt: 'Hi', temperature: 0.2, reasoning: 'low' }, { model: 'claude-opus-4-6' });
    expect([body.temperature, body.thinking]).toEqual([undefined, { type: 'adaptive', display: 'summarized' }]);
  });
});

describe('reasoning', () => {
  const tools = [{ name: 'now', inputSchema: { jsonSchema: { type: 'object' } } }];
  const adaptive = { type: 'adaptive', display: 'summarized' };

  test.each([
    ['claude-sonnet-5-5', 'medium', adaptive, { effort: 'medium' }],
    ['us.anthropic.claude-opus-4-7', 'high', adaptive, { effort: 'high' }],
    ['claude-mythos-preview', 'low', adaptive, { effort: 'low' }],
    ['claude-opus-5', 'none', { type: 'disabled' }, undefined],
    ['claude-fable-5-2', 'none', undefined, { effort: 'low' }],
    ['claude-haiku-4-5-20251001', 'none', undefined, undefined],
    ['claude-haiku-4-5-20251001', 'low', { type: 'enabled', budget_tokens: 2_000 }, undefined],
    ['claude-opus-4-20250514', 'high', { type: 'enabled', budget_tokens: 8_000 }, undefined],
    ['claude-3-7-sonnet-latest', 'medium', { type: 'enabled', budget_tokens: 5_000 }, undefined],
    ['glm-5', 'medium', { type: 'enabled', budget_tokens: 5_000 }, undefined],
    ['glm-5', 'none', { type: 'disabled' }, undefined],
  ] as const)('of %s is asked for in its way (%s)', async (model, reasoning, thinking, output_config) => {
    const body = await sent({ prompt: 'Hi', reasoning, maxOutputTokens: 10_000 }, { model });
    expect([body.thinking, body.output_config]).toEqual([thinking, output_config]);
  });

  test.each([
    ['there is no room for it', { maxOutputTokens: 1_000 }],
    ['a tool is forced', { tools, toolChoice: 'required' }],
    [
      'tools have answered, whose signed thoughts are gone',
      { messages: [{ role: 'tool', toolCallId: 'a', content: '1' }] },
    ],
  ] as const)('with a budget is left out where %s', async (_, more) => {
    const { prompt, ...rest } = { prompt: 'Hi', ...more, reasoning: 'high' } as const;
    const body = await sent('messages' in rest ? rest : { prompt, ...rest }, { model: 'claude-opus-4-5' });
    expect(body.thinking).toBeUndefined();
  });
});

describe('a schema', () => {
  test('is the output format, beside the effort and the output_config of the caller', async () => {
    const body = await sent(
      {
        prompt: 'Hi',
        schema: z.object({ name: z.string(), age: z.number().min(0).optional() }),
        reasoning: 'low',
        providerOptions: { anthropic: { output_config: { effort: 'max' } } },
      },
      { model: 'claude-opus-5' },
    );
    expect(body.output_config).toEqual({
      effort: 'max',
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          properties: { name: { type: 'string' }, age: { type: 'number', description: '(minimum: 0)' } },
          required: ['name'],
          additionalProperties: false,
        },
      },
    });
  });

  test('that the API cannot hold to is asked for in words', async () => {
    const schema = { jsonSchema: { type: 'object', additionalProperties: { type: 'number' } } };
    const body = await sent({
      messages: [{ role: 'system', content: 'Count' }, ...[{ role: 'user', content: 'Hi' } as const]],
      schema,
    });
    expect(body.output_config).toBeUndefined();
    expect(body.system).toEqual([
      { type: 'text', text: 'Count' },
      { type: 'text', text: expect.stringContaining('{"type":"object","additionalProperties":{"type":"number"}}') },
    ]);
  });
});
