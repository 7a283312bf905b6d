import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isStreamingRefused, TransportError } from '../../src/core/errors.ts';
import { failure, good, half, message, ping, providerOf, start, stop, turn } from './anthropic-support.ts';
import { answering, contextFor, hello, json, read, type Server, sse, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(sse(good));
});
afterEach(() => server.close());

describe('a stream that breaks', () => {
  test.each([
    ['ends cleanly in the middle (the SDK ends silently)', sse(half), 'truncated'],
    ['ends cleanly after its reason, without message_stop', sse([...half, turn('end_turn')]), 'truncated'],
    ['ends in the middle of an event (the SDK drops it)', sse([...good.slice(0, -1), stop.trimEnd()]), 'truncated'],
    ['ends in the middle of a character', sse([...half, Buffer.from('data: \u00e9').subarray(0, -1)]), 'truncated'],
    ['sends an event that is no JSON', sse([...half, 'event: content_block_delta\ndata: {oops}\n\n']), 'bad_response'],
    ['has only pings', sse([ping, ping]), 'truncated'],
    ['is of another format', sse([{ choices: [{ delta: { content: 'Hi' } }] }, 'data: [DONE]\n\n']), 'truncated'],
    ['has no body', sse([]), 'empty_response'],
  ])('when it %s', async (_, answer, code) => {
    server.answer(answer);
    const { error, finish } = await read(providerOf(server));
    expect(error).toBeInstanceOf(TransportError);
    expect([error?.code, error?.provider, error?.blame, finish]).toEqual([code, 'primary', 'provider', []]);
  });

  test('because the connection was reset is a lost connection', async () => {
    server.answer(sse(half, { end: (response) => setTimeout(() => response.socket?.resetAndDestroy(), 20) }));
    const { text, error } = await read(providerOf(server));
    expect([text, error?.code]).toEqual(['Hel', 'connection']);
  });

  test.each([
    ['overloaded_error', undefined, 'overloaded', 'again'],
    ['rate_limit_error', undefined, 'rate_limited', 'again'],
    ['api_error', undefined, 'server_error', 'again'],
    ['timeout_error', undefined, 'server_error', 'again'],
    ['rate_limit_error', 'enforced_spend_limit_reached', 'quota_exhausted', 'elsewhere'],
    ['rate_limit_error', 'contract_spend_limit_reached', 'quota_exhausted', 'elsewhere'],
    ['billing_error', 'linked_organization_spend_limit_reached', 'quota_exhausted', 'elsewhere'],
    ['rate_limit_error', 'ramp_limit_exceeded', 'rate_limited', 'again'],
  ])('with %s (%s) in the stream is %s', async (type, error_code, code, retry) => {
    const details = error_code === undefined ? null : { error_code };
    // A Retry-After on the 200 means nothing.
    server.answer(
      sse([...half, failure({ type, message: 'Overdone', details })], { headers: { 'retry-after': '17' } }),
    );
    const { error } = await read(providerOf(server));
    expect([error?.code, error?.retry, error?.partial?.text]).toEqual([code, retry, 'Hel']);
    expect([error?.status, error?.retryAfterMs, error?.providerRequestId]).toEqual([
      undefined,
      undefined,
      'req_in_stream',
    ]);
  });

  test('with a refusal as an error in the stream is content_filtered', async () => {
    const error = { type: 'invalid_request_error', message: 'Output blocked by content filtering policy' };
    server.answer(sse([...half, failure(error)]));
    const { error: thrown } = await read(providerOf(server));
    expect([thrown?.code, thrown?.partial?.text]).toEqual(['content_filtered', 'Hel']);
  });

  test('with an error before any content yields nothing', async () => {
    server.answer(sse([start, ping, failure({ type: 'overloaded_error', message: 'Overloaded' })]));
    const { chunks, error } = await read(providerOf(server));
    expect([chunks, error?.code]).toEqual([[], 'overloaded']);
  });
});

describe('a server that does not stream', () => {
  test('and answers JSON: that is the answer, and no second stream is asked of it', async () => {
    server.answer(json(message));
    const provider = providerOf(server);
    const first = await read(provider);
    expect([first.text, first.finish.length, first.error]).toEqual(['Hello', 1, undefined]);
    expect(first.raw).toEqual(message);

    const second = await read(provider);
    expect(isStreamingRefused(second.error)).toBe(true);
    expect(server.requests.length).toBe(1);
    expect((await provider.complete(hello, contextFor().context)).text).toBe('Hello');
  });

  test('and says so with a 400: streaming is refused, now and later', async () => {
    const error = { type: 'invalid_request_error', message: 'Streaming is not supported for this model' };
    server.answer(json({ type: 'error', error }, 400));
    const provider = providerOf(server);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(server.requests.length).toBe(1);
  });

  test.each([
    ['an error inside the 200', { type: 'error', error: { type: 'api_error', message: 'boom' } }, 'server_error'],
    ['no content', { ...message, content: null }, 'bad_response'],
    ['an empty body', '', 'empty_response'],
    ['a web page', '<html>Bad gateway</html>', 'bad_response'],
    ['JSON that stops', '{"type":"message","content":[{"type":"text","text":"Hel', 'truncated'],
  ])('and answers with %s has failed, and is not remembered as one that cannot stream', async (_, body, code) => {
    server.answer(json(body));
    const provider = providerOf(server);
    expect((await read(provider)).error?.code).toBe(code);
    server.answer(sse(good));
    expect((await read(provider)).text).toBe('Hello');
  });
});

describe('leaving a stream', () => {
  const stall = sse(half, { end: () => {} });

  test('closes the socket at once, also while a chunk is awaited, and that wait ends quietly', async () => {
    server.answer(stall);
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    await iterator?.next();
    const waiting = iterator?.next();
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.openSockets === 0);
  });

  test('before the headers have come closes the socket', async () => {
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
    ['after some content (the SDK ends silently)', stall],
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

  test('that was aborted before it began sends nothing', async () => {
    const { error } = await read(providerOf(server), hello, contextFor(AbortSignal.abort()));
    expect([error?.code, server.requests.length]).toEqual(['cancelled', 0]);
  });

  test.each(['stream', 'unary'])('or having a whole answer (%s) leaves no listener on the signal', async (how) => {
    const { signal } = new AbortController();
    let listeners = 0;
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
    if (how === 'stream') await read(providerOf(server), hello, contextFor(signal));
    else {
      server.answer(json(message));
      await providerOf(server).complete(hello, contextFor(signal).context);
    }
    expect(listeners).toBe(0);
  });
});
