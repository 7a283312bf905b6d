import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest } from '../../src/core/types.ts';
import { message, providerOf } from './anthropic-support.ts';
import { answering, contextFor, errorOf, hello, json, type Server, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(message));
});
afterEach(() => server.close());

const complete = (request: CompletionRequest = hello, given = contextFor()) =>
  providerOf(server).complete(request, given.context);

describe('a whole answer', () => {
  test('has text, finish reason, usage with the cache, model and the raw object', async () => {
    const context = contextFor();
    server.answer(json(message, 200, { 'request-id': 'req_1' }));
    expect(await complete(hello, context)).toEqual({
      text: 'Hello',
      toolCalls: [],
      reasoning: undefined,
      finishReason: 'stop',
      usage: { inputTokens: 22, outputTokens: 9, cachedInputTokens: 7, cacheWriteInputTokens: 5, reasoningTokens: 4 },
      model: 'claude-test-2026',
      raw: message,
    });
    expect([context.requestId, context.raw]).toEqual(['req_1', message]);
  });

  test('has reasoning and tool calls apart from the text, over all its blocks', async () => {
    const content = [
      { type: 'thinking', thinking: 'Hm', signature: 'x' },
      { type: 'redacted_thinking', data: 'x' },
      { type: 'text', text: 'I look ' },
      { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'text', text: 'it up.' },
      { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Oslo' } },
      { type: 'tool_use', id: '', name: 'now', input: {} },
    ];
    server.answer(json({ ...message, content, stop_reason: 'tool_use' }));
    expect(await complete()).toMatchObject({
      text: 'I look it up.',
      reasoning: 'Hm',
      finishReason: 'tool_calls',
      toolCalls: [
        { id: 'a', name: 'weather', input: { city: 'Oslo' } },
        { id: 'call_1', name: 'now', input: {} },
      ],
    });
  });

  test('that was cut off inside a tool call has not got that call', async () => {
    const content = [
      { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Oslo' } },
      { type: 'tool_use', id: 'b', name: 'weather', input: {} },
    ];
    server.answer(json({ ...message, content, stop_reason: 'max_tokens' }));
    const { toolCalls, finishReason } = await complete();
    expect([toolCalls.map(({ id }) => id), finishReason]).toEqual([['a'], 'length']);
  });

  test('with nothing in it is left to the transport to judge', async () => {
    server.answer(json({ ...message, content: [] }));
    expect(await complete()).toMatchObject({ text: '', toolCalls: [], finishReason: 'stop' });
  });

  test('that is a refusal is content_filtered, with what there is', async () => {
    server.answer(json({ ...message, stop_reason: 'refusal', stop_details: { type: 'refusal', category: 'cyber' } }));
    const error = await errorOf(complete());
    expect([error.code, error.retry, error.partial?.text]).toEqual(['content_filtered', 'never', 'Hello']);
  });

  test.each([
    ['empty', '', 'empty_response'],
    ['a web page', '<!doctype html><html></html>', 'bad_response'],
    ['cut off', '{"type":"message","content":[{"type":"text","text":"Hel', 'truncated'],
    ['no JSON', 'Hello', 'bad_response'],
    ['something else', '{"hello":"there"}', 'bad_response'],
    ['a tool call without a name', { ...message, content: [{ type: 'tool_use', id: 'a', input: {} }] }, 'bad_response'],
    [
      'an error (the SDK resolves with it)',
      { type: 'error', error: { type: 'overloaded_error', message: 'x' } },
      'overloaded',
    ],
  ])('that is %s is an error', async (_, body, code) => {
    server.answer(json(body));
    expect((await errorOf(complete())).code).toBe(code);
  });

  test('whose connection breaks half-way is a lost connection', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"content":');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    });
    expect((await errorOf(complete())).code).toBe('connection');
  });

  test('can be aborted while its body stalls (the SDK has no time-out there)', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"content":');
    });
    const controller = new AbortController();
    const asking = errorOf(complete(hello, contextFor(controller.signal)));
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    expect((await asking).code).toBe('cancelled');
    await until(() => server.openSockets === 0);
  });
});
