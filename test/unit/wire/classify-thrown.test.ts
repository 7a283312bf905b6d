import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { isStreamingRefused, TransportError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/types.ts';
import { classifyThrown } from '../../../src/wire/classify-thrown.ts';

const codeOf = (thrown: unknown) => classifyThrown(thrown)?.code;
/** An error as some library makes it: its class has a name, its object has fields. */
function made(className: string, message: string, fields: object = {}, cause?: unknown): Error {
  const Class = { [className]: class extends Error {} }[className] as typeof Error;
  const error = cause === undefined ? new Class(message) : new Class(message, { cause });
  return Object.assign(error, fields);
}
const coded = (code: string, message = code) => Object.assign(new Error(message), { code });
const failed = (cause: unknown) => new TypeError('fetch failed', { cause });

describe('what fetch throws', () => {
  test.each<[string, unknown, ErrorCode]>([
    ['a refused connection', failed(coded('ECONNREFUSED')), 'connection'],
    [
      'a refused connection on every address',
      failed(Object.assign(new AggregateError([coded('ECONNREFUSED')]), { code: 'ECONNREFUSED' })),
      'connection',
    ],
    ['a reset', failed(coded('ECONNRESET')), 'connection'],
    ['an unknown host', failed(coded('ENOTFOUND')), 'connection'],
    ['a name server that is away', failed(coded('EAI_AGAIN')), 'connection'],
    [
      'a body that breaks',
      new TypeError('terminated', { cause: coded('UND_ERR_SOCKET', 'other side closed') }),
      'connection',
    ],
    ['a body that breaks, without a cause', new TypeError('terminated'), 'connection'],
    ['a self-signed certificate', failed(coded('DEPTH_ZERO_SELF_SIGNED_CERT')), 'connection'],
    ['an expired certificate', failed(coded('CERT_HAS_EXPIRED')), 'connection'],
    ['a certificate of another host', failed(coded('ERR_TLS_CERT_ALTNAME_INVALID')), 'connection'],
    ['a connection that takes too long', failed(coded('UND_ERR_CONNECT_TIMEOUT')), 'connection'],
    ['headers that take too long', failed(coded('UND_ERR_HEADERS_TIMEOUT')), 'timeout'],
    ['a body that takes too long', new TypeError('terminated', { cause: coded('UND_ERR_BODY_TIMEOUT') }), 'timeout'],
    ['an abort', new DOMException('This operation was aborted', 'AbortError'), 'cancelled'],
    ['a time-out of the platform', new DOMException('The operation timed out', 'TimeoutError'), 'timeout'],
    ['JSON that is none', new SyntaxError('Unexpected token \'<\', "<html>" is not valid JSON'), 'bad_response'],
    ['HTTP that is none', failed(coded('HPE_INVALID_CONSTANT')), 'bad_response'],
  ])('for %s is known', (_, thrown, code) => expect(codeOf(thrown)).toBe(code));
});

describe('what SDKs throw', () => {
  const stainless = { headers: new Headers({ 'retry-after': '3', 'x-request-id': 'req_7' }), requestID: 'req_7' };
  const midStream = { status: undefined, headers: undefined, requestID: undefined };

  test.each<[string, unknown, ErrorCode]>([
    [
      'OpenAI: a rate',
      made('RateLimitError', '429 slow', { ...stainless, status: 429, error: { message: 'slow' } }),
      'rate_limited',
    ],
    [
      'OpenAI: no money',
      made('RateLimitError', '429 quota', {
        ...stainless,
        status: 429,
        code: 'insufficient_quota',
        error: { code: 'insufficient_quota' },
      }),
      'quota_exhausted',
    ],
    [
      'OpenAI: no body',
      made('InternalServerError', '503 status code (no body)', { ...stainless, status: 503, error: undefined }),
      'overloaded',
    ],
    [
      'OpenAI: an error in the stream',
      made('APIError', 'boom', {
        ...midStream,
        type: 'server_error',
        error: { type: 'server_error', message: 'boom' },
      }),
      'server_error',
    ],
    [
      'Anthropic: overload',
      made('OverloadedError', '529 x', {
        ...stainless,
        status: 529,
        error: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      }),
      'overloaded',
    ],
    [
      'Anthropic: overload in the stream',
      made('APIError', 'x', {
        ...midStream,
        type: 'overloaded_error',
        error: { type: 'error', error: { type: 'overloaded_error' } },
      }),
      'overloaded',
    ],
    [
      'Anthropic: a rate in the stream',
      made('APIError', 'x', { ...midStream, type: 'rate_limit_error', error: { error: { type: 'rate_limit_error' } } }),
      'rate_limited',
    ],
    ['an abort by the user', made('APIUserAbortError', 'Request was aborted.', midStream), 'cancelled'],
    ['a time-out', made('APIConnectionTimeoutError', 'Request timed out.', midStream), 'timeout'],
    [
      'no connection',
      made('APIConnectionError', 'Connection error.', midStream, failed(coded('ECONNREFUSED'))),
      'connection',
    ],
    [
      'no connection in time',
      made('APIConnectionError', 'Connection error.', midStream, failed(coded('UND_ERR_HEADERS_TIMEOUT'))),
      'timeout',
    ],
    [
      'genai: the body as message',
      made(
        'ApiError',
        JSON.stringify({ error: { code: 429, message: 'Slow. Please retry in 2s.', status: 'RESOURCE_EXHAUSTED' } }),
        { name: 'ApiError', status: 429 },
      ),
      'rate_limited',
    ],
    [
      'genai: a key',
      made(
        'ApiError',
        JSON.stringify({
          error: { code: 400, message: 'API key not valid.', details: [{ reason: 'API_KEY_INVALID' }] },
        }),
        { status: 400 },
      ),
      'authentication',
    ],
    ['genai: a stream that stops', new Error('Incomplete JSON segment at the end'), 'truncated'],
    [
      'AI SDK: a status',
      made('APICallError', 'Overloaded', {
        name: 'AI_APICallError',
        statusCode: 503,
        responseHeaders: {},
        responseBody: '{"error":{"message":"Overloaded"}}',
      }),
      'overloaded',
    ],
    [
      'AI SDK: a body that broke',
      made(
        'APICallError',
        'Failed to process successful response',
        { name: 'AI_APICallError', statusCode: 200 },
        new TypeError('terminated'),
      ),
      'connection',
    ],
    [
      'AI SDK: after its retries',
      made('RetryError', 'Failed after 3 attempts', {
        name: 'AI_RetryError',
        lastError: made('APICallError', 'x', { name: 'AI_APICallError', statusCode: 401 }),
      }),
      'authentication',
    ],
    [
      'AI SDK: no key',
      made('LoadAPIKeyError', 'OpenAI API key is missing.', { name: 'AI_LoadAPIKeyError' }),
      'authentication',
    ],
    [
      'AI SDK: nothing in it',
      made('NoContentGeneratedError', 'No content generated.', { name: 'AI_NoContentGeneratedError' }),
      'empty_response',
    ],
    [
      'Ollama: a model',
      made('ResponseError', "model 'x' not found", {
        name: 'ResponseError',
        status_code: 404,
        error: "model 'x' not found",
      }),
      'unsupported',
    ],
    ['Ollama: a stream that stops', new Error('Did not receive done or success response in stream.'), 'truncated'],
    [
      'Mistral: a status',
      made('SDKError', 'API error occurred', {
        statusCode: 401,
        body: '{"detail":"Invalid API Key"}',
        headers: new Headers(),
      }),
      'authentication',
    ],
    [
      'Mistral: an error in the stream',
      made('SDKValidationError', 'Input validation failed', { name: 'SDKValidationError' }),
      'bad_response',
    ],
    [
      'axios: a status',
      made('AxiosError', 'Request failed with status code 429', {
        name: 'AxiosError',
        code: 'ERR_BAD_REQUEST',
        response: { status: 429, headers: { 'retry-after': '3' }, data: { error: 'slow' } },
      }),
      'rate_limited',
    ],
    [
      'AWS: throttling',
      made('ThrottlingException', 'Too many requests', {
        name: 'ThrottlingException',
        $metadata: { httpStatusCode: 429 },
      }),
      'rate_limited',
    ],
    ['the stream helper of OpenAI: no end', made('OpenAIError', 'missing finish_reason for choice 0'), 'truncated'],
  ])('for %s is known', (_, thrown, code) => expect(codeOf(thrown)).toBe(code));

  test('carries what the provider said along', () => {
    const thrown = made('RateLimitError', '429 slow', { ...stainless, status: 429, error: { message: 'slow' } });
    expect(classifyThrown(thrown, { provider: 'p' })).toMatchObject({
      status: 429,
      retryAfterMs: 3_000,
      providerRequestId: 'req_7',
      provider: 'p',
      message: 'p asked to slow down (429): slow',
    });
  });

  test('may refuse streaming', () => {
    const error = { message: 'Your organization must be verified to stream this model.', param: 'stream' };
    expect(
      isStreamingRefused(classifyThrown(made('BadRequestError', '400 x', { status: 400, error, param: 'stream' }))),
    ).toBe(true);
  });
});

describe('what is thrown otherwise', () => {
  test('is given back as it is when it is ours, also from inside a cause', () => {
    const own = new TransportError('timeout', 'slow');
    expect(classifyThrown(own)).toBe(own);
    expect(classifyThrown(made('APIConnectionError', 'Connection error.', {}, failed(own)))).toBe(own);
    expect(classifyThrown(made('APIUserAbortError', 'Request was aborted.', {}, own))).toBe(own);
  });

  test.each([
    ['a plain error', new Error('no luck')],
    ['a bug', new TypeError('x is not a function')],
    ['a syntax error of code', new SyntaxError('Unexpected identifier')],
    ['a file that is missing', coded('ENOENT')],
    ['a text', 'no'],
    ['nothing', undefined],
    ['an object', { hello: 'there' }],
  ])('is nobody’s: %s', (_, thrown) => expect(classifyThrown(thrown)).toBeUndefined());

  test('may be a circle', () => {
    const one = new Error('one');
    const two = new Error('two', { cause: one });
    one.cause = two;
    expect(classifyThrown(one)).toBeUndefined();
  });
});

test('keeps nothing of an SDK’s error that holds a key, a header or the prompt', async () => {
  const key = 'sk-canary-0123456789';
  const prompt = 'The treasure lies under the old oak tree behind the mill.';
  const server = createServer((_, response) => {
    response.writeHead(401, { 'content-type': 'application/json', 'x-echo': key });
    response.end(JSON.stringify({ error: { message: `Bad key ${key} for ${prompt}`, code: 'invalid_api_key' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  const client = new OpenAI({ apiKey: key, baseURL: `http://127.0.0.1:${port}`, maxRetries: 0, logLevel: 'off' });
  const thrown = await client.chat.completions
    .create({ model: 'm', messages: [{ role: 'user', content: prompt }] })
    .catch((error: unknown) => error);
  server.close();
  expect(inspect(thrown)).toContain(key);

  const error = classifyThrown(thrown, { provider: 'p', texts: [prompt] });
  expect(error?.code).toBe('authentication');
  const shown = [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), error?.stack].join('\n');
  expect(shown).not.toContain(key);
  expect(shown).not.toContain('treasure');
});
