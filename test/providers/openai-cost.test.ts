import { expect, test } from 'vitest';
import { createTransport } from '../../src/transport.ts';
import { answering, delta, done, json, providerOf, sse } from './support.ts';

const model = 'some/model';
const usage = { prompt_tokens: 12, completion_tokens: 5, cost: 0.0012 };
const choices = [{ index: 0, message: { content: 'Hi' }, finish_reason: 'stop' }];

test.each([
  ['whole', false, json({ object: 'chat.completion', model, choices, usage })],
  ['streamed', true, sse([delta({ content: 'Hi' }, 'stop'), { model, choices: [], usage }, done])],
])(
  "the provider's own price (OpenRouter's usage.cost) goes before the list price: %s",
  async (_, streaming, answer) => {
    const server = await answering(answer);
    const traits = { price: { input: 1_000, output: 1_000 } };
    await using llm = createTransport({ providers: [providerOf(server, { streaming, traits })] });
    const { cost, attempts } = await llm.complete({ prompt: 'Hello' });
    expect(cost).toBe(0.0012);
    expect(attempts[0]).toMatchObject({ cost: 0.0012, usage: { inputTokens: 12, outputTokens: 5 } });
    await server.close();
  },
);
