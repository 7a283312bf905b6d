import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  answering,
  contextFor,
  delta,
  done,
  good,
  hello,
  json,
  providerOf,
  read,
  role,
  type Server,
  sse,
  until,
  usageChunk,
} from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(sse(good));
});
afterEach(() => server.close());

const call = (pieces: object) => delta({ tool_calls: [pieces] });

describe('a stream that is whole', () => {
  test('gives its text piece by piece and finishes once, with the usage', async () => {
    const { chunks } = await read(providerOf(server));
    expect(chunks).toEqual([
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      {
        type: 'finish',
        finishReason: 'stop',
        model: 'gpt-test-2026',
        usage: {
          inputTokens: 12,
          outputTokens: 5,
          cachedInputTokens: 4,
          cacheWriteInputTokens: 2,
          reasoningTokens: 3,
        },
      },
    ]);
  });

  test('keeps preambles, pings, padding and comments to itself', async () => {
    const filters = { id: '', model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] };
    const padding = { ...delta({}), p: 'abcdef', obfuscation: 'xyz' };
    server.answer(
      sse([': hello\n\n', 'event: ping\ndata: {}\n\n', filters, role, padding, delta({ content: '' }), ...good]),
    );
    const { chunks } = await read(providerOf(server));
    expect(chunks.map(({ type }) => type)).toEqual(['text', 'text', 'finish']);
  });

  test('is whole without [DONE], as long as it said why it ended', async () => {
    server.answer(sse(good.slice(0, -1)));
    const { text, finish, error } = await read(providerOf(server));
    expect([text, finish.length, error]).toEqual(['Hello', 1, undefined]);
  });

  test('is whole when the connection breaks after it said why it ended', async () => {
    server.answer(
      sse(good.slice(0, -1), { end: (response) => setTimeout(() => response.socket?.resetAndDestroy(), 20) }),
    );
    const { text, finish, error } = await read(providerOf(server));
    expect([text, finish.length, error]).toEqual(['Hello', 1, undefined]);
  });

  test('may say twice why it ended, as OpenRouter does', async () => {
    const call = { index: 0, id: 'a', function: { name: 'weather', arguments: '{}' } };
    server.answer(
      sse([delta({ tool_calls: [call] }), delta({}, 'tool_calls'), delta({ content: '' }, 'tool_calls'), done]),
    );
    const { toolCalls, finish } = await read(providerOf(server));
    expect([toolCalls.length, finish.length]).toEqual([1, 1]);
  });

  test('tells the headers before content, and the assembled answer at the end', async () => {
    server.answer(sse(good, { headers: { 'x-request-id': 'req_42', 'x-ratelimit-remaining-tokens': '7' } }));
    const { requestId, header, raw } = await read(providerOf(server));
    expect(requestId).toBe('req_42');
    expect(header('x-ratelimit-remaining-tokens')).toBe('7');
    expect(raw).toMatchObject({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
      usage: usageChunk.usage,
    });
  });

  test.each([
    ['ended', false],
    ['was left after its last chunk', true],
  ])('that %s leaves its connection usable for the next call', async (_, leaves) => {
    const provider = providerOf(server);
    for (let turn = 0; turn < 3; turn += 1) {
      for await (const chunk of provider.stream?.(hello, contextFor().context) ?? [])
        if (leaves && chunk.type === 'finish') break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(server.connections).toBe(1);
  });

  test('does not wait for a server that keeps the connection open after [DONE]', async () => {
    server.answer(sse(good, { end: () => {} }));
    const { text, finish } = await read(providerOf(server));
    expect([text, finish.length]).toEqual(['Hello', 1]);
    await until(() => server.openSockets === 0);
  });

  test.each([
    ['reasoning_content', 'deepseek'],
    ['reasoning', 'openrouter'],
  ])('gives reasoning under %s apart from the text', async (field) => {
    server.answer(sse([delta({ [field]: 'Let me ' }), delta({ [field]: 'think' }), ...good]));
    const { reasoning, text } = await read(providerOf(server));
    expect([reasoning, text]).toEqual(['Let me think', 'Hello']);
  });

  test('reads content in parts, as reasoning models of Mistral send it', async () => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'Hmm' }] };
    server.answer(
      sse([delta({ content: [thinking] }), delta({ content: [{ type: 'text', text: 'Yes' }] }, 'stop'), done]),
    );
    const { reasoning, text } = await read(providerOf(server));
    expect([reasoning, text]).toEqual(['Hmm', 'Yes']);
  });

  test.each([
    ['stop', 'stop'],
    ['eos', 'stop'],
    ['length', 'length'],
    ['max_tokens', 'length'],
    ['tool_calls', 'tool_calls'],
    ['function_call', 'tool_calls'],
    ['something_new', 'unknown'],
  ])('says of %s that it is %s', async (reason, expected) => {
    server.answer(sse([delta({ content: 'Hello' }), delta({}, reason), done]));
    expect((await read(providerOf(server))).finish[0]?.finishReason).toBe(expected);
  });
});

describe('tool calls in a stream', () => {
  const start = call({ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } });
  const pieces = [
    call({ index: 0, function: { arguments: '{"city":' } }),
    call({ index: 0, function: { arguments: '"Oslo"}' } }),
  ];
  const weather = { id: 'call_1', name: 'weather', input: { city: 'Oslo' } };

  test('come out whole, after the last piece', async () => {
    server.answer(sse([role, start, ...pieces, delta({}, 'tool_calls'), done]));
    const { toolCalls, finish } = await read(providerOf(server));
    expect(toolCalls).toEqual([weather]);
    expect(finish[0]?.finishReason).toBe('tool_calls');
  });

  test('come out as soon as the next one begins', async () => {
    const second = call({ index: 1, id: 'call_2', function: { name: 'time', arguments: '{}' } });
    server.answer(sse([start, ...pieces, second, delta({}, 'stop'), done]));
    const { toolCalls, finish } = await read(providerOf(server));
    expect(toolCalls).toEqual([weather, { id: 'call_2', name: 'time', input: {} }]);
    expect(finish[0]?.finishReason).toBe('tool_calls');
  });

  test('are told apart by their ids where the server counts nothing', async () => {
    const first = { id: 'a', function: { name: 'weather', arguments: '{"city":"Oslo"}' } };
    const second = { id: 'b', function: { name: 'weather', arguments: '{"city":"Bern"}' } };
    server.answer(sse([delta({ tool_calls: [first, second] }), delta({}, 'tool_calls'), done]));
    const { toolCalls } = await read(providerOf(server));
    expect(toolCalls.map(({ input }) => input)).toEqual([{ city: 'Oslo' }, { city: 'Bern' }]);
  });

  test('with arguments that are no JSON are a bad response', async () => {
    server.answer(sse([start, call({ index: 0, function: { arguments: '{"city":' } }), delta({}, 'tool_calls'), done]));
    const { toolCalls, error } = await read(providerOf(server));
    expect([toolCalls, error?.code]).toEqual([[], 'bad_response']);
  });

  test('that were cut off at the length are dropped, the whole ones kept', async () => {
    const second = call({ index: 1, id: 'call_2', function: { name: 'time', arguments: '{"zo' } });
    server.answer(sse([start, ...pieces, second, delta({}, 'length'), done]));
    const { toolCalls, finish, error } = await read(providerOf(server));
    expect([toolCalls, finish[0]?.finishReason, error]).toEqual([[weather], 'length', undefined]);
  });

  test('of a stream that broke are not delivered', async () => {
    server.answer(sse([start, ...pieces]));
    const { toolCalls, error } = await read(providerOf(server));
    expect([toolCalls, error?.code]).toEqual([[], 'truncated']);
  });

  test('of the old kind (function_call) are tool calls too', async () => {
    const events = [
      delta({ function_call: { name: 'weather', arguments: '{"city":' } }),
      delta({ function_call: { arguments: '"Oslo"}' } }),
      delta({}, 'function_call'),
    ];
    server.answer(sse([...events, done]));
    const { toolCalls } = await read(providerOf(server));
    expect(toolCalls).toEqual([{ id: 'call_0', name: 'weather', input: { city: 'Oslo' } }]);
  });
});

describe('stream_options', () => {
  test('are asked for, and left out for a server that refuses them', async () => {
    server.answer((response, got) => {
      const refuse = json({ error: { message: 'Unknown parameter: stream_options', param: 'stream_options' } }, 400);
      if ('stream_options' in got.body) refuse(response, got);
      else sse(good)(response, got);
    });
    const provider = providerOf(server);
    expect((await read(provider)).text).toBe('Hello');
    expect((await read(provider)).text).toBe('Hello');
    expect(server.requests.map(({ body }) => body.stream_options)).toEqual([
      { include_usage: true },
      undefined,
      undefined,
    ]);
  });

  test('of the caller are kept beside ours', async () => {
    const request = { ...hello, providerOptions: { openai: { stream_options: { include_obfuscation: false } } } };
    await read(providerOf(server), request);
    expect(server.requests[0]?.body.stream_options).toEqual({ include_usage: true, include_obfuscation: false });
  });
});

test('a provider with streaming: false has no stream', async () => {
  expect(providerOf(server, { streaming: false }).stream).toBeUndefined();
});
