import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as claude from '../providers/anthropic-support.ts';
import * as gemini from '../providers/google-support.ts';
import { answering, contextFor, hello, json, providerOf, read, type Server } from '../providers/support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json({}));
});
afterEach(() => server.close());

const words = ['one ', 'two ', 'three '];
const always = words.map((text) => gemini.chunk([{ text }], gemini.stop));

describe('a Gemini model that says in every chunk why it will have ended', () => {
  test('is read to the end, however slow it is', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const [index, chunk] of always.entries()) setTimeout(() => response.write(gemini.event(chunk)), index * 700);
      setTimeout(() => response.end(), always.length * 700);
    });
    const { text, finish } = await read(gemini.providerOf(server));
    expect([text, finish.length]).toEqual([words.join(''), 1]);
  });

  test('and whose connection breaks has not ended', async () => {
    const end = (response: { socket: { resetAndDestroy(): void } | null }) =>
      void setTimeout(() => response.socket?.resetAndDestroy(), 20);
    server.answer(gemini.stream(always.slice(0, 2), { end }));
    const { finish, error } = await read(gemini.providerOf(server));
    expect(finish).toEqual([]);
    expect(error).toMatchObject({ code: 'connection' });
  });
});

test.each(['length', 'max_tokens', 'model_length'])(
  'an unstreamed tool call that was cut off (%s) is left out, not a broken answer',
  async (finish_reason) => {
    const tool_calls = [{ id: 'call_1', type: 'function', function: { name: 'clock', arguments: '{"zone":"Eu' } }];
    server.answer(json({ choices: [{ index: 0, finish_reason, message: { content: 'Let me see', tool_calls } }] }));
    const answer = await providerOf(server).complete(hello, contextFor().context);
    expect(answer).toMatchObject({ text: 'Let me see', toolCalls: [], finishReason: 'length' });
  },
);

test("a tool call whose block a gateway never closed is delivered when Anthropic's turn ends", async () => {
  server.answer((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const { start, openTool, input, turn, event } = claude;
    const unclosed = [openTool(0, 'toolu_1', 'clock'), input('{"zone":"UTC"}')];
    response.end([start, ...unclosed, turn('tool_use'), event('message_stop')].join(''));
  });
  const { chunks, finish } = await read(claude.providerOf(server));
  expect(chunks).toContainEqual({
    type: 'toolCall',
    toolCall: { id: 'toolu_1', name: 'clock', input: { zone: 'UTC' } },
  });
  expect(finish).toHaveLength(1);
});

test('Anthropic models with a thinking budget are not asked to think among the results of their tools', async () => {
  server.answer(
    json({ type: 'message', role: 'assistant', content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn' }),
  );
  const provider = claude.providerOf(server, { model: 'claude-sonnet-4-5' });
  const results = [
    { role: 'assistant', content: '', toolCalls: [{ id: 'toolu_1', name: 'clock', input: {} }] },
    { role: 'tool', toolCallId: 'toolu_1', content: 'noon' },
  ] as const;
  const question = { role: 'user', content: 'And in Rome?' } as const;
  const ask = (messages: readonly (typeof question | (typeof results)[number])[]) =>
    provider.complete({ messages, reasoning: 'low' }, contextFor().context);
  await ask([question]);
  await ask([question, ...results, question]);
  expect(server.requests.map(({ body }) => body.thinking !== undefined)).toEqual([true, false]);
});
