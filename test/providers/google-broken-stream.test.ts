import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isStreamingRefused, TransportError } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/types.ts';
import { chunk, failure, good, providerOf, retryInfo, stop, stream, usage, whole } from './google-support.ts';
import { answering, contextFor, errorOf, hello, json, read, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(stream(good));
});
afterEach(() => server.close());

const half = [chunk([{ text: 'Hm', thought: true }]), chunk([{ text: 'Hel' }])];
const partial = { text: 'Hel', toolCalls: [], reasoning: 'Hm' };

describe('a stream of Gemini that breaks', () => {
  test.each([
    ['ends cleanly without saying why, which the SDK takes for success', half, 'truncated'],
    [
      'says only that its end is unspecified',
      [...half, chunk([], { finishReason: 'FINISH_REASON_UNSPECIFIED' })],
      'truncated',
    ],
    ['ends in the middle of an event', [...half, 'data: {"candidates":[{"con'], 'truncated'],
    ['ends in the middle of a character', [...half, Buffer.from('data: \u00e9').subarray(0, -1)], 'truncated'],
    ['ends before the end of its last event', [...half, `data: ${JSON.stringify(whole)}`], 'truncated'],
    ['sends an event that is no JSON', [...half, 'data: {oops}\r\n\r\n'], 'bad_response'],
  ])('when it %s', async (_, events, code) => {
    server.answer(stream(events));
    const { error, finish } = await read(providerOf(server));
    expect(error).toBeInstanceOf(TransportError);
    expect([error?.code, error?.provider, error?.blame, finish]).toEqual([code, 'primary', 'provider', []]);
    expect([error?.partial, error?.providerRequestId]).toEqual([partial, 'resp_1']);
  });

  test.each([
    ['has no body', [], 'empty_response'],
    ['has only comments', [': PROCESSING\r\n\r\n'], 'truncated'],
    ['has only usage', [{ usageMetadata: usage, modelVersion: 'm' }], 'truncated'],
  ])('when it %s', async (_, events, code) => {
    server.answer(stream(events));
    expect((await read(providerOf(server))).error?.code).toBe(code);
  });

  test('because the connection was reset is a lost connection', async () => {
    server.answer(stream(half, { end: (response) => setTimeout(() => response.socket?.resetAndDestroy(), 20) }));
    const { text, error } = await read(providerOf(server));
    expect([text, error?.code]).toEqual(['Hel', 'connection']);
  });

  const overloaded = failure(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.');
  const limited = failure(429, 'RESOURCE_EXHAUSTED', 'Resource exhausted', [retryInfo('48s')]);
  test.each([
    ['an event', overloaded, 'overloaded', 503, undefined],
    ['an event that is a list', [limited], 'rate_limited', 429, 48_000],
    ['a bare body on one line', JSON.stringify(overloaded), 'overloaded', 503, undefined],
    ['a bare body on many lines', JSON.stringify(limited, null, 2), 'rate_limited', 429, 48_000],
    ['a bare list', `${JSON.stringify([overloaded], null, 2)}\r\n`, 'overloaded', 503, undefined],
    [
      'fields straight in the event',
      { code: 500, message: 'Internal', status: 'INTERNAL' },
      'server_error',
      500,
      undefined,
    ],
    ['something unknown', { error: { message: 'Hm' } }, 'bad_response', undefined, undefined],
  ])('with an error in the stream, as %s', async (_, sent, code, status, retryAfterMs) => {
    server.answer(stream([...half, Array.isArray(sent) ? `data: ${JSON.stringify(sent)}\r\n\r\n` : sent]));
    const { error } = await read(providerOf(server));
    expect([error?.code, error?.status, error?.retryAfterMs]).toEqual([code, status, retryAfterMs]);
    expect(error?.partial).toEqual(partial);
  });

  test('with an error in the stream before any content yields nothing', async () => {
    server.answer(stream([chunk([]), overloaded]));
    const { chunks, error } = await read(providerOf(server));
    expect([chunks, error?.code]).toEqual([[], 'overloaded']);
  });
});

const endings: readonly (readonly [code: ErrorCode, retry: string, reasons: readonly string[]])[] = [
  [
    'content_filtered',
    'never',
    [
      ...['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'MODEL_ARMOR', 'SOME_NEW_SAFETY'],
      ...['IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'],
    ],
  ],
  [
    'bad_response',
    'again',
    [
      ...['MALFORMED_FUNCTION_CALL', 'MALFORMED_RESPONSE', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS'],
      ...['NO_IMAGE', 'IMAGE_OTHER', 'OTHER'],
    ],
  ],
  ['unsupported', 'elsewhere', ['LANGUAGE', 'MISSING_THOUGHT_SIGNATURE']],
];

describe('an answer that Gemini ended badly', () => {
  test.each(endings.flatMap(([code, retry, reasons]) => reasons.map((reason) => ({ reason, code, retry }))))(
    'by $reason is $code ($retry), with what had arrived',
    async ({ reason: finishReason, code, retry }) => {
      server.answer((response, got) => {
        const events = [...half, { candidates: [{ content: {}, finishReason }] }];
        if (got.url.includes('stream')) stream(events)(response, got);
        else json(events)(response, got);
      });
      for (const error of [
        (await read(providerOf(server))).error,
        await errorOf(providerOf(server).complete(hello, contextFor().context)),
      ]) {
        expect([error?.code, error?.retry, error?.partial]).toEqual([code, retry, partial]);
        expect(error?.message).toContain(finishReason);
      }
    },
  );

  test.each(['SAFETY', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'IMAGE_SAFETY', 'MODEL_ARMOR', 'JAILBREAK', 'NEW'])(
    'before it began, blocked by %s, is content_filtered, without candidates and without usage',
    async (blockReason) => {
      const body = {
        promptFeedback: { blockReason, blockReasonMessage: 'no' },
        usageMetadata: { trafficType: 'ON_DEMAND' },
      };
      server.answer(stream([body]));
      const { error, chunks } = await read(providerOf(server));
      expect([error?.code, error?.retry, chunks]).toEqual(['content_filtered', 'never', []]);
      server.answer(json(body));
      expect((await errorOf(providerOf(server).complete(hello, contextFor().context))).code).toBe('content_filtered');
    },
  );
});

describe('a server of Gemini that does not stream', () => {
  test.each([
    ['JSON', json(whole)],
    ['JSON under another type', json(whole, 200, { 'content-type': 'text/event-stream' })],
    ['a list of chunks', json([chunk([{ text: 'Hel' }]), chunk([{ text: 'lo' }], stop)])],
  ])('and answers %s: that is the answer, and no second stream is asked of it', async (_, answer) => {
    server.answer(answer);
    const provider = providerOf(server);
    const first = await read(provider);
    expect([first.text, first.finish.length, first.error]).toEqual(['Hello', 1, undefined]);

    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(server.requests.length).toBe(1);
    expect((await provider.complete(hello, contextFor().context)).text).toBe('Hello');
  });

  test('and says so with a 400: streaming is refused, now and later', async () => {
    server.answer(json(failure(400, 'INVALID_ARGUMENT', 'Streaming is not supported for this model.'), 400));
    const provider = providerOf(server);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(server.requests.length).toBe(1);
  });

  test.each([
    ['an error inside the 200', JSON.stringify(failure(503, 'UNAVAILABLE', 'busy')), 'overloaded'],
    ['an error in a list', JSON.stringify([failure(500, 'INTERNAL', 'oops')]), 'server_error'],
    ['an error inside the 200 that says nothing', '{"error":{"message":"boom"}}', 'bad_response'],
    ['an empty body', '', 'empty_response'],
    ['a web page', '<html>Bad gateway</html>', 'bad_response'],
    ['JSON that stops', '{"candidates":[{"content":{"parts":[{"text":"Hel', 'truncated'],
  ])('and answers with %s has failed, and is not remembered as one that cannot stream', async (_, body, code) => {
    server.answer(json(body));
    const provider = providerOf(server);
    expect((await read(provider)).error?.code).toBe(code);
    server.answer(stream(good));
    expect((await read(provider)).text).toBe('Hello');
  });
});
