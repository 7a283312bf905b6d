import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isStreamingRefused, TransportError } from '../../src/core/errors.ts';
import {
  answering,
  contextFor,
  delta,
  done,
  errorOf,
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

const wholeAnswer = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-test-2026',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 2 },
};
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

  test('leaves its connection usable for the next call', async () => {
    const provider = providerOf(server);
    for (let turn = 0; turn < 3; turn += 1) {
      await read(provider);
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

describe('a stream that breaks', () => {
  const half = [role, delta({ content: 'Hel' })];

  test.each([
    ['ends cleanly without saying why', sse(half), 'truncated'],
    ['ends with [DONE] without saying why', sse([...half, done]), 'truncated'],
    ['ends in the middle of an event', sse([...half, 'data: {"choices":[{"del']), 'truncated'],
    [
      'ends in the middle of a character',
      sse([...half, 'data: {"choices":[{"delta":{"content":"\u00e9'.slice(0, -1)]),
      'truncated',
    ],
    ['sends an event that is no JSON', sse([...half, 'data: {oops}\n\n']), 'bad_response'],
    ['has only comments', sse([': PROCESSING\n\n', ': PROCESSING\n\n']), 'truncated'],
    ['has no body', sse([]), 'empty_response'],
  ])('when it %s', async (_, answer, code) => {
    server.answer(answer);
    const { error } = await read(providerOf(server));
    expect(error).toBeInstanceOf(TransportError);
    expect([error?.code, error?.provider, error?.blame]).toEqual([code, 'primary', 'provider']);
  });

  test('because the connection was reset is a lost connection', async () => {
    server.answer(sse(half, { end: (response) => setTimeout(() => response.socket?.resetAndDestroy(), 20) }));
    const { text, error } = await read(providerOf(server));
    expect([text, error?.code]).toEqual(['Hel', 'connection']);
  });

  test.each([
    [
      "OpenAI's shape",
      { error: { message: 'The server had an error', type: 'server_error', code: null } },
      'server_error',
    ],
    ['overload', { error: { message: 'Overloaded', type: 'overloaded_error' } }, 'overloaded'],
    ['rate limit', { error: { message: 'Slow', type: 'rate_limit_error' } }, 'rate_limited'],
    [
      "OpenRouter's numeric code",
      { ...delta({ content: '' }), error: { code: 502, message: 'Provider disconnected' } },
      'server_error',
    ],
    [
      'an error inside the choice',
      { choices: [{ index: 0, delta: {}, error: { code: 503, message: 'busy' } }] },
      'overloaded',
    ],
    ['fields straight in the event', { object: 'error', message: 'CUDA ran out', code: 500 }, 'server_error'],
    ['something unknown', { error: { message: 'Hm' } }, 'bad_response'],
  ])('with an error in the stream: %s', async (_, event, code) => {
    server.answer(sse([...half, event, done]));
    const { error } = await read(providerOf(server));
    expect([error?.code, error?.partial?.text]).toEqual([code, 'Hel']);
  });

  test('with an error in the stream before any content yields nothing', async () => {
    server.answer(sse([role, { error: { message: 'Overloaded', type: 'overloaded_error' } }]));
    const { chunks, error } = await read(providerOf(server));
    expect([chunks, error?.code]).toEqual([[], 'overloaded']);
  });

  test('because the provider lacks resources is overload', async () => {
    server.answer(sse([...half, delta({}, 'insufficient_system_resource'), done]));
    expect((await read(providerOf(server))).error?.code).toBe('overloaded');
  });
});

describe('a refusal in a stream', () => {
  test.each([
    ['by the finish reason', [delta({}, 'content_filter')]],
    [
      'by the refusal field',
      [delta({ refusal: 'I cannot help' }), delta({ refusal: ' with that.' }), delta({}, 'stop')],
    ],
  ])('%s is content_filtered, with what had arrived', async (_, events) => {
    server.answer(sse([delta({ reasoning: 'Hm' }), delta({ content: 'Hel' }), ...events, done]));
    const { error, finish } = await read(providerOf(server));
    expect([error?.code, error?.retry, finish]).toEqual(['content_filtered', 'never', []]);
    expect(error?.partial).toEqual({ text: 'Hel', toolCalls: [], reasoning: 'Hm' });
  });
});

describe('a server that does not stream', () => {
  test('and answers JSON: that is the answer, and no second stream is asked of it', async () => {
    server.answer(json(wholeAnswer));
    const provider = providerOf(server);
    const first = await read(provider);
    expect([first.text, first.finish.length, first.error]).toEqual(['Hello', 1, undefined]);
    expect(first.raw).toEqual(wholeAnswer);

    const second = await read(provider);
    expect(isStreamingRefused(second.error)).toBe(true);
    expect(server.requests.length).toBe(1);
    expect((await provider.complete(hello, contextFor().context)).text).toBe('Hello');
  });

  test('and answers JSON under another type is recognised by the JSON', async () => {
    server.answer(json(wholeAnswer, 200, { 'content-type': 'text/event-stream' }));
    expect((await read(providerOf(server))).text).toBe('Hello');
  });

  test('and says so with a 400: streaming is refused, now and later', async () => {
    const message = 'Your organization must be verified to stream this model.';
    server.answer(
      json({ error: { message, type: 'invalid_request_error', param: 'stream', code: 'unsupported_value' } }, 400),
    );
    const provider = providerOf(server);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(server.requests.length).toBe(1);
  });

  test.each([
    ['an error inside the 200', { error: { message: 'boom', type: 'server_error' } }, 'server_error'],
    ['an error inside the 200 that says nothing', { error: { message: 'boom' } }, 'bad_response'],
    ['no choices', { choices: [] }, 'bad_response'],
    ['an empty body', '', 'empty_response'],
    ['a web page', '<html>Bad gateway</html>', 'bad_response'],
    ['JSON that stops', '{"choices":[{"message":{"content":"Hel', 'truncated'],
  ])('and answers with %s has failed, and is not remembered as one that cannot stream', async (_, body, code) => {
    server.answer(json(body));
    const provider = providerOf(server);
    expect((await read(provider)).error?.code).toBe(code);
    server.answer(sse(good));
    expect((await read(provider)).text).toBe('Hello');
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

describe('leaving a stream', () => {
  const stall = sse([delta({ content: 'Hel' })], { end: () => {} });

  test('closes the socket at once', async () => {
    server.answer(stall);
    for await (const chunk of providerOf(server).stream?.(hello, contextFor().context) ?? []) {
      expect(chunk).toEqual({ type: 'text', text: 'Hel' });
      break;
    }
    await until(() => server.openSockets === 0);
  });

  test('closes the socket also while a chunk is awaited, and that wait ends quietly', async () => {
    server.answer(stall);
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    await iterator?.next();
    const waiting = iterator?.next();
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.openSockets === 0);
  });

  test('closes the socket also before the headers have come', async () => {
    server.answer(() => {});
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    const waiting = iterator?.next();
    await until(() => server.requests.length === 1);
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.openSockets === 0);
  });

  test.each([
    ['before the headers', () => {}],
    ['after the headers', sse([], { end: () => {} })],
    ['after some content', stall],
  ])('by an abort %s rejects with its reason and closes the socket', async (_, answer) => {
    server.answer(answer);
    const controller = new AbortController();
    const reason = new TransportError('timeout', 'too slow');
    const reading = read(providerOf(server), hello, contextFor(controller.signal));
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort(reason);
    expect((await reading).error).toBe(reason);
    await until(() => server.openSockets === 0);
  });

  test('by a plain abort is a cancellation', async () => {
    server.answer(stall);
    const controller = new AbortController();
    const reading = read(providerOf(server), hello, contextFor(controller.signal));
    await until(() => server.requests.length === 1);
    controller.abort();
    expect((await reading).error?.code).toBe('cancelled');
  });

  test('that was aborted before it began sends nothing', async () => {
    const { error } = await read(providerOf(server), hello, contextFor(AbortSignal.abort()));
    expect([error?.code, server.requests.length]).toEqual(['cancelled', 0]);
  });

  test('leaves no listener on the signal', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    await read(providerOf(server), hello, contextFor(signal));
    expect(listeners).toBe(0);
  });
});

test('a provider with streaming: false has no stream', async () => {
  expect(providerOf(server, { streaming: false }).stream).toBeUndefined();
});

test('an answer that is not streamed can be aborted while its body comes', async () => {
  server.answer((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"choices":');
  });
  const controller = new AbortController();
  const asking = errorOf(providerOf(server).complete(hello, contextFor(controller.signal).context));
  await until(() => server.requests.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort();
  expect((await asking).code).toBe('cancelled');
  await until(() => server.openSockets === 0);
});
