import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest, ErrorCode } from '../../src/core/types.ts';
import { clientOf, errorInfo, failure, providerOf, quotaFailure, retryInfo, whole } from './google-support.ts';
import { answering, contextFor, errorOf, hello, json, read, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(whole));
});
afterEach(() => server.close());

const complete = (request: CompletionRequest = hello, given = contextFor()) =>
  providerOf(server).complete(request, given.context);

describe('an error answer of Google', () => {
  test.each<[string, number, object | string, ErrorCode, number | undefined]>([
    [
      'a key that is no key (a 400)',
      400,
      failure(400, 'INVALID_ARGUMENT', 'API key not valid.', [errorInfo('API_KEY_INVALID')]),
      'authentication',
      undefined,
    ],
    [
      'a limit per minute that speaks of billing',
      429,
      failure(
        429,
        'RESOURCE_EXHAUSTED',
        'You exceeded your current quota, please check your plan and billing details.',
        [quotaFailure('GenerateRequestsPerMinutePerProjectPerModel'), retryInfo('48.5s')],
      ),
      'rate_limited',
      48_500,
    ],
    [
      'a limit per minute that tells the delay in words only',
      429,
      failure(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded. Please retry in 10h17m5.7s.'),
      'rate_limited',
      37_025_700,
    ],
    [
      'a limit per day',
      429,
      failure(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', [
        quotaFailure('GenerateRequestsPerDayPerProjectPerModel-FreeTier'),
        retryInfo('37025s'),
      ]),
      'quota_exhausted',
      37_025_000,
    ],
    [
      'a model that is not in the free tier',
      429,
      failure(
        429,
        'RESOURCE_EXHAUSTED',
        '* Quota exceeded for metric: free_tier_requests, limit: 0, model: gemini-3-pro',
        [quotaFailure('GenerateRequestsPerMinutePerProjectPerModel-FreeTier'), retryInfo('20s')],
      ),
      'quota_exhausted',
      undefined,
    ],
    [
      'no room on Vertex AI',
      429,
      failure(429, 'RESOURCE_EXHAUSTED', 'Resource exhausted. Try again later.'),
      'rate_limited',
      undefined,
    ],
    ['overload', 503, failure(503, 'UNAVAILABLE', 'The model is overloaded.'), 'overloaded', undefined],
    ['a failure', 500, failure(500, 'INTERNAL', 'An internal error has occurred.'), 'server_error', undefined],
    ['a deadline of theirs', 504, failure(504, 'DEADLINE_EXCEEDED', 'Deadline expired.'), 'server_error', undefined],
    ['a web page', 502, '<html>Bad gateway</html>', 'server_error', undefined],
    ['nothing', 503, '', 'overloaded', undefined],
    [
      'a prompt that is too long',
      400,
      failure(
        400,
        'INVALID_ARGUMENT',
        'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
      ),
      'context_length_exceeded',
      undefined,
    ],
    [
      'a request of too many bytes (a 400)',
      400,
      failure(400, 'INVALID_ARGUMENT', 'Request payload size exceeds the limit: 20971520 bytes.'),
      'context_length_exceeded',
      undefined,
    ],
    [
      'no permission',
      403,
      failure(403, 'PERMISSION_DENIED', 'Permission denied on resource project x.'),
      'permission',
      undefined,
    ],
    [
      'no key at all',
      403,
      failure(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers."),
      'authentication',
      undefined,
    ],
    [
      'a leaked key',
      403,
      failure(403, 'PERMISSION_DENIED', 'Your API key was reported as leaked.'),
      'authentication',
      undefined,
    ],
    [
      'no billing',
      403,
      failure(403, 'PERMISSION_DENIED', 'This API method requires billing.', [errorInfo('BILLING_DISABLED')]),
      'quota_exhausted',
      undefined,
    ],
    [
      'an expired token',
      401,
      failure(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
      'authentication',
      undefined,
    ],
    [
      'an unknown model',
      404,
      failure(
        404,
        'NOT_FOUND',
        'models/nope is not found for API version v1, or is not supported for generateContent.',
      ),
      'unsupported',
      undefined,
    ],
    [
      'a country without the service',
      400,
      failure(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
      'permission',
      undefined,
    ],
    [
      'a country without the free tier',
      400,
      failure(
        400,
        'FAILED_PRECONDITION',
        'The free tier is not available in your country. Please enable billing on your project.',
      ),
      'quota_exhausted',
      undefined,
    ],
    [
      'thinking that cannot be turned off',
      400,
      failure(400, 'INVALID_ARGUMENT', 'Budget 0 is invalid. This model only works in thinking mode.'),
      'unsupported',
      undefined,
    ],
    [
      'a schema beside tools',
      400,
      failure(400, 'INVALID_ARGUMENT', "Function calling with a response mime type: 'application/json' is unsupported"),
      'unsupported',
      undefined,
    ],
    [
      'a model without tools',
      400,
      failure(400, 'INVALID_ARGUMENT', 'Function calling is not enabled for models/gemma-3-27b-it'),
      'unsupported',
      undefined,
    ],
    [
      'anything else that is wrong',
      400,
      failure(400, 'INVALID_ARGUMENT', 'Invalid value at temperature'),
      'invalid_request',
      undefined,
    ],
  ])('that means %s, also for a stream', async (_, status, body, code, retryAfterMs) => {
    const type = typeof body === 'string' ? 'text/html' : 'application/json; charset=UTF-8';
    server.answer(json(body, status, { 'content-type': type }));
    for (const error of [await errorOf(complete()), (await read(providerOf(server))).error])
      expect([error?.code, error?.status, error?.retryAfterMs, error?.provider]).toEqual([
        code,
        status,
        retryAfterMs,
        'primary',
      ]);
  });

  test('is asked for once, whatever retries the client was made with, and shows its headers', async () => {
    const context = contextFor();
    server.answer(json(failure(503, 'UNAVAILABLE', 'busy'), 503, { 'retry-after': '7', 'x-request-id': 'proxy-1' }));
    const client = clientOf(server, { retryOptions: { attempts: 5, initialDelay: 0.001 } });
    const provider = providerOf(server, { client });
    const error = await errorOf(provider.complete(hello, context.context));
    await read(provider);
    expect(server.requests.length).toBe(2);
    expect(error).toMatchObject({
      code: 'overloaded',
      retryAfterMs: 7_000,
      providerRequestId: 'proxy-1',
      message: 'primary is overloaded (503): busy',
    });
    expect([context.header('retry-after'), context.requestId]).toEqual(['7', 'proxy-1']);
  });

  test('whose body breaks off is still judged by its status', async () => {
    server.answer((response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"error":');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    });
    expect(await errorOf(complete())).toMatchObject({ code: 'rate_limited', status: 429 });
  });
});
