import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isStreamingRefused, TransportError } from '../../src/core/errors.ts';
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
describe('a stream that breaks', () => {
  const half = [role, delta({ content: 'Hel' })];

  test.each([
    ['ends cleanly without saying why', sse(half), 'truncated'],
    ['ends with [DONE] without saying why', sse([...half, done]), 'truncated'],
    ['ends in the middle of an event', sse([...half, 'data: {"choices":[{"del']), 'truncated'],
    ['ends in the middle of a character', sse([...half, Buffer.from('data: \u00e9').subarray(0, -1)]), 'truncated'],
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
