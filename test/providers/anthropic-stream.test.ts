import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  close,
  delta,
  event,
  failure,
  good,
  half,
  input,
  open,
  openText,
  openTool,
  ping,
  providerOf,
  start,
  stop,
  text,
  thinking,
  turn,
} from './anthropic-support.ts';
import { answering, contextFor, hello, read, type Server, sse, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(sse(good));
});
afterEach(() => server.close());

const reading = (events: readonly unknown[]) => {
  server.answer(sse(events));
  return read(providerOf(server));
};

describe('a stream that is whole', () => {
  test('gives its text piece by piece and finishes once; input counts the cache, and later counts replace earlier ones', async () => {
    const later = {
      input_tokens: 12,
      output_tokens: 9,
      cache_read_input_tokens: null,
      output_tokens_details: { thinking_tokens: 4 },
    };
    const { chunks } = await reading([
      ...half,
      turn(null, {}, { output_tokens: 3 }),
      turn('end_turn', {}, later),
      stop,
    ]);
    expect(chunks).toEqual([
      { type: 'text', text: 'Hel' },
      {
        type: 'finish',
        finishReason: 'stop',
        model: 'claude-test-2026',
        usage: {
          inputTokens: 24,
          outputTokens: 9,
          cachedInputTokens: 7,
          cacheWriteInputTokens: 5,
          reasoningTokens: 4,
        },
      },
    ]);
  });

  test('keeps preambles, pings, comments and empty or unknown deltas to itself', async () => {
    const noise = [
      ': hello\n\n',
      ping,
      'event: ping\n\n',
      'event: keepalive\ndata: not json\n\n',
      event('something_new', { index: 0 }),
    ];
    const { chunks } = await reading([
      ...noise,
      start,
      openText(),
      text(''),
      delta(0, { type: 'new_delta' }),
      ...noise,
      ...good,
    ]);
    expect(chunks.map(({ type }) => type)).toEqual(['text', 'text', 'finish']);
  });

  test('yields nothing before its first content', async () => {
    server.answer(sse([start, openText(), ping], { end: () => {} }));
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    let yielded = false;
    const waiting = iterator?.next().then(() => {
      yielded = true;
    });
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(yielded).toBe(false);
    await iterator?.return?.();
    await waiting;
  });

  test('is read also where a gateway names no events, or adds [DONE]', async () => {
    const unnamed = good.map((one) => one.replace(/^event: .*\n/, ''));
    const { text: said, finish, error } = await reading(['data: [DONE]\n\n', ...unnamed, 'data: [DONE]\n\n']);
    expect([said, finish.length, error]).toEqual(['Hello', 1, undefined]);
  });

  test('is over with message_stop: nothing after it is waited for, or counts', async () => {
    server.answer(sse([...good, failure({ type: 'api_error', message: 'late' })], { end: () => {} }));
    const { text: said, finish, error } = await read(providerOf(server));
    expect([said, finish.length, error]).toEqual(['Hello', 1, undefined]);
    await until(() => server.openSockets === 0);
  });

  test('tells the headers before content, and the assembled message at the end', async () => {
    server.answer(
      sse(
        [
          start,
          open(0, { type: 'thinking', thinking: '', signature: '' }),
          thinking('Hm'),
          delta(0, { type: 'signature_delta', signature: 'c2ln' }),
          close(0),
          open(1, { type: 'redacted_thinking', data: 'x' }),
          close(1),
          open(2, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
          input('{"query":"oslo"}', 2),
          close(2),
          openText(3),
          text('Hi', 3),
          delta(3, { type: 'citations_delta', citation: { type: 'char_location' } }),
          close(3),
          openTool(4, 'toolu_1', 'weather'),
          input('{"city":"Oslo"}', 4),
          close(4),
          turn('tool_use'),
          stop,
        ],
        { headers: { 'request-id': 'req_42', 'anthropic-ratelimit-tokens-remaining': '7', 'retry-after': '17' } },
      ),
    );
    const { requestId, header, raw, text: said, reasoning, toolCalls } = await read(providerOf(server));
    expect([requestId, header('anthropic-ratelimit-tokens-remaining'), said, reasoning]).toEqual([
      'req_42',
      '7',
      'Hi',
      'Hm',
    ]);
    expect(toolCalls).toEqual([{ id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } }]);
    expect(raw).toEqual({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-test-2026',
      content: [
        { type: 'thinking', thinking: 'Hm', signature: 'c2ln' },
        { type: 'redacted_thinking', data: 'x' },
        { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'oslo' } },
        { type: 'text', text: 'Hi', citations: [{ type: 'char_location' }] },
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' }, caller: { type: 'direct' } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: {
        input_tokens: 10,
        cache_creation_input_tokens: 5,
        cache_read_input_tokens: 7,
        output_tokens: 9,
        service_tier: 'standard',
      },
    });
  });

  test.each([
    ['ended', false],
    ['was left after its last chunk', true],
  ])('that %s leaves its connection usable for the next call', async (_, leaves) => {
    const provider = providerOf(server);
    for (let time = 0; time < 3; time += 1) {
      for await (const chunk of provider.stream?.(hello, contextFor().context) ?? [])
        if (leaves && chunk.type === 'finish') break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(server.connections).toBe(1);
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['pause_turn', 'unknown'],
    ['something_new', 'unknown'],
  ])('says of %s that it is %s', async (reason, expected) => {
    const { finish } = await reading([...half, close(0), turn(reason), stop]);
    expect(finish[0]?.finishReason).toBe(expected);
  });

  test('with nothing in it is left to the transport to judge', async () => {
    const { finish, error } = await reading([start, turn('end_turn'), stop]);
    expect([finish[0]?.finishReason, error]).toEqual(['stop', undefined]);
  });
});

test('a provider with streaming: false has no stream', () => {
  expect(providerOf(server, { streaming: false }).stream).toBeUndefined();
});
