import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest } from '../../src/core/types.ts';
import { rateLimitsOf } from '../../src/wire/rate-limit-headers.ts';
import { apiKey, clientOf, message, providerOf } from './anthropic-support.ts';
import { answering, contextFor, errorOf, hello, json, read, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(message));
});
afterEach(() => server.close());

const complete = (request: CompletionRequest = hello, given = contextFor()) =>
  providerOf(server).complete(request, given.context);

describe('an error answer', () => {
  test.each([
    [400, 'invalid_request_error', 'messages: field required', undefined, 'invalid_request', 'never'],
    [
      400,
      'invalid_request_error',
      'prompt is too long: 208310 tokens > 200000 maximum',
      undefined,
      'context_length_exceeded',
      'elsewhere',
    ],
    [
      400,
      'invalid_request_error',
      'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000',
      undefined,
      'context_length_exceeded',
      'elsewhere',
    ],
    [
      400,
      'invalid_request_error',
      'max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-x',
      undefined,
      'unsupported',
      'elsewhere',
    ],
    [
      400,
      'invalid_request_error',
      'Your credit balance is too low to access the Anthropic API.',
      undefined,
      'quota_exhausted',
      'elsewhere',
    ],
    [
      400,
      'invalid_request_error',
      'You have reached your specified API usage limits. You will regain access on 2026-12-01.',
      undefined,
      'quota_exhausted',
      'elsewhere',
    ],
    [
      400,
      'invalid_request_error',
      'Output blocked by content filtering policy',
      undefined,
      'content_filtered',
      'never',
    ],
    [400, 'invalid_request_error', 'This organization has been disabled.', undefined, 'permission', 'elsewhere'],
    [400, 'invalid_request_error', 'Please contact us.', 'organization_on_hold', 'permission', 'elsewhere'],
    [
      400,
      'invalid_request_error',
      "'claude-3-5-haiku' does not support output format.",
      undefined,
      'unsupported',
      'elsewhere',
    ],
    [400, 'invalid_request_error', 'Schema is too complex for compilation.', undefined, 'unsupported', 'elsewhere'],
    [401, 'authentication_error', 'invalid x-api-key', undefined, 'authentication', 'elsewhere'],
    [402, 'billing_error', 'There is an issue with your billing', undefined, 'quota_exhausted', 'elsewhere'],
    [402, 'billing_error', 'Cannot bill', 'linked_organization_billing_unavailable', 'quota_exhausted', 'elsewhere'],
    [403, 'permission_error', 'Your API key does not have permission', undefined, 'permission', 'elsewhere'],
    [404, 'not_found_error', 'model: claude-nope', undefined, 'unsupported', 'elsewhere'],
    [413, 'request_too_large', 'Request exceeds the maximum size', undefined, 'context_length_exceeded', 'elsewhere'],
    [429, 'rate_limit_error', 'This request would exceed your rate limit', undefined, 'rate_limited', 'again'],
    [429, 'rate_limit_error', 'Too steep', 'ramp_limit_exceeded', 'rate_limited', 'again'],
    [429, 'rate_limit_error', 'Limit', 'contract_spend_limit_reached', 'quota_exhausted', 'elsewhere'],
    [429, 'rate_limit_error', 'Limit', 'enforced_spend_limit_reached', 'quota_exhausted', 'elsewhere'],
    [500, 'api_error', 'Internal server error', undefined, 'server_error', 'again'],
    [503, 'api_error', 'Key', 'cmek_key_unreachable', 'overloaded', 'again'],
    [504, 'timeout_error', 'Timed out', undefined, 'server_error', 'again'],
    [529, 'overloaded_error', 'Overloaded', undefined, 'overloaded', 'again'],
  ] as const)('%i %s (%s, %s) is %s, %s', async (status, type, says, error_code, code, retry) => {
    const details = error_code === undefined ? undefined : { error_code };
    const headers = { 'retry-after': '16', 'request-id': 'req_9' };
    server.answer(
      json({ type: 'error', error: { type, message: says, details }, request_id: 'req_9' }, status, headers),
    );
    for (const error of [await errorOf(complete()), (await read(providerOf(server))).error]) {
      expect([error?.code, error?.retry, error?.status]).toEqual([code, retry, status]);
      expect([error?.provider, error?.providerRequestId]).toEqual(['primary', 'req_9']);
      if (code === 'rate_limited') expect(error?.retryAfterMs).toBe(16_000);
    }
  });

  test('is asked for once, and tells its headers', async () => {
    const context = contextFor();
    const headers = {
      'request-id': 'req_9',
      'anthropic-ratelimit-input-tokens-limit': '200000',
      'anthropic-ratelimit-input-tokens-remaining': '0',
      'anthropic-ratelimit-input-tokens-reset': new Date(Date.now() + 60_000).toISOString(),
      'x-should-retry': 'true',
    };
    server.answer(json({ type: 'error', error: { type: 'rate_limit_error', message: 'Slow' } }, 429, headers));
    const client = clientOf(server, { maxRetries: 5 });
    const error = await errorOf(providerOf(server, { client }).complete(hello, context.context));
    expect([server.requests.length, context.requestId, error.code]).toEqual([1, 'req_9', 'rate_limited']);
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(rateLimitsOf(context.facts[0]?.headers).inputTokens).toMatchObject({ limit: 200_000, remaining: 0 });
  });

  test('that says not to retry is for another provider', async () => {
    server.answer(
      json({ type: 'error', error: { type: 'api_error', message: 'down' } }, 500, { 'x-should-retry': 'false' }),
    );
    const error = await errorOf(complete());
    expect([error.code, error.retry]).toEqual(['server_error', 'elsewhere']);
  });

  test.each([
    ['a web page', '<html>502 Bad Gateway</html>'],
    ['nothing', ''],
  ])('of a proxy, with %s for a body, is a server error', async (_, body) => {
    server.answer(json(body, 502, { 'content-type': 'text/html' }));
    const error = await errorOf(complete());
    expect([error.code, error.message]).toEqual(['server_error', 'primary failed (502)']);
  });

  test.each([401, 400, 403, 500])(
    'with status %i never shows the key, the prompt or other credentials',
    async (status) => {
      const prompt = 'My secret diary: the treasure is under the old oak tree.';
      server.answer((response, got) => {
        const says = `invalid x-api-key ${apiKey}, gateway-token-99887766, hunter2-pass and ${prompt}`;
        json({ type: 'error', error: { type: 'invalid_request_error', message: says, got: got.headers } }, status)(
          response,
          got,
        );
      });
      const defaultHeaders = { 'X-Gateway-Auth': 'Bearer gateway-token-99887766' };
      for (const client of [
        clientOf(server, { defaultHeaders, defaultQuery: { token: 'hunter2-pass' } }),
        clientOf(server, { defaultHeaders, defaultQuery: { token: 'hunter2-pass' }, apiKey: null, authToken: apiKey }),
      ]) {
        const provider = providerOf(server, { client });
        for (const error of [
          await errorOf(provider.complete({ prompt }, contextFor().context)),
          (await read(provider, { prompt })).error,
        ]) {
          const shown = [
            inspect(error, { depth: 8, showHidden: true }),
            JSON.stringify(error),
            String(error?.stack),
          ].join('\n');
          for (const canary of [apiKey, 'gateway-token-99887766', 'hunter2-pass', 'treasure', 'oak tree'])
            expect(shown).not.toContain(canary);
        }
      }
    },
  );

  test.each([
    ['has no key', { apiKey: null, authToken: null }],
    ['cannot get its key', { apiKey: () => Promise.reject(new Error('the vault is closed')) }],
    ['gets an empty key', { apiKey: async () => '' }],
    ['has an unknown profile', { apiKey: undefined, profile: 'no-such-profile' }],
  ])('of a client that %s is about credentials, and nothing was sent', async (_, options) => {
    const client = clientOf(server, options);
    const error = await errorOf(providerOf(server, { client }).complete(hello, contextFor().context));
    expect([error.code, error.retry, server.requests.length]).toEqual(['authentication', 'elsewhere', 0]);
  });

  test('from nobody is a lost connection', async () => {
    await server.close();
    const error = await errorOf(complete());
    expect([error.code, error.provider, error.status]).toEqual(['connection', 'primary', undefined]);
    server = await answering(json(message));
  });
});
