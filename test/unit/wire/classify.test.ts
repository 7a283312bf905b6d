import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { errorTable } from '../../../src/core/error-table.ts';
import { isStreamingRefused } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/types.ts';
import { classify } from '../../../src/wire/classify.ts';

interface Case {
  readonly vendor: string;
  readonly about: string;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly code: ErrorCode;
  readonly retryAfterMs?: number;
}

const openai = (
  message: string,
  code: string | null = null,
  type = 'invalid_request_error',
  param: string | null = null,
) => ({
  error: { message, type, param, code },
});
const anthropic = (type: string, message: string, details?: object) => ({
  type: 'error',
  error: { type, message, ...(details && { details }) },
  request_id: 'req_011',
});
const google = (code: number, message: string, status: string, details: object[] = []) => ({
  error: { code, message, status, details },
});
const quota = (quotaId: string) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [{ quotaId, quotaValue: '20' }],
});
const retryInfo = (retryDelay: string) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay });
const planAndBilling = 'You exceeded your current quota, please check your plan and billing details.';

// biome-ignore format: a table, one case a line
const cases: readonly Case[] = [
  // OpenAI
  { vendor: 'openai', about: 'a wrong key', status: 401, body: openai('Incorrect API key provided: sk-x', 'invalid_api_key'), code: 'authentication' },
  { vendor: 'openai', about: 'an unknown model', status: 404, body: openai('The model `x` does not exist or you do not have access to it.', 'model_not_found'), code: 'unsupported' },
  { vendor: 'openai', about: 'a prompt that is too long', status: 400, body: openai('Your input exceeds the context window of this model.', 'context_length_exceeded', undefined, 'input'), code: 'context_length_exceeded' },
  { vendor: 'openai', about: 'a rate', status: 429, body: openai('Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000, Requested 1500. Please try again in 1.5s.', 'rate_limit_exceeded', 'tokens'), code: 'rate_limited', retryAfterMs: 1_500 },
  { vendor: 'openai', about: 'a daily rate that refills', status: 429, body: openai('Rate limit reached on requests per day (RPD): Limit 10000, Used 10000, Requested 1. Please try again in 8.64s.', 'rate_limit_exceeded', 'requests'), code: 'rate_limited', retryAfterMs: 8_640 },
  { vendor: 'openai', about: 'a request larger than the limit', status: 429, body: openai('Request too large for gpt-5 on tokens per min (TPM): Limit 30000, Requested 40000.', 'rate_limit_exceeded', 'tokens'), code: 'context_length_exceeded' },
  { vendor: 'openai', about: 'a rate, told by the headers alone', status: 429, headers: { 'x-ratelimit-limit-requests': '60', 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '12s' }, body: openai('Rate limit reached'), code: 'rate_limited', retryAfterMs: 12_000 },
  { vendor: 'openai', about: 'no money', status: 429, body: openai(planAndBilling, 'insufficient_quota', 'insufficient_quota'), code: 'quota_exhausted' },
  { vendor: 'openai', about: 'no credit', status: 429, body: openai('Your credit balance is exhausted.', 'credit_balance_exhausted', 'billing'), code: 'quota_exhausted' },
  { vendor: 'openai', about: 'a spending limit', status: 429, body: openai('Limit reached', 'project_spend_limit_exceeded'), code: 'quota_exhausted' },
  { vendor: 'openai', about: 'a busy engine under 429', status: 429, body: openai('The engine is currently overloaded, please try again later', null, 'server_error'), code: 'overloaded' },
  { vendor: 'openai', about: 'no flex capacity', status: 429, body: openai('Resource unavailable', 'resource_unavailable', 'resource_unavailable'), code: 'overloaded' },
  { vendor: 'openai', about: 'slow down', status: 503, body: openai('Slow down', 'slow_down', 'service_unavailable_error'), code: 'overloaded' },
  { vendor: 'openai', about: 'a failure', status: 500, body: openai('The server had an error', null, 'server_error'), code: 'server_error' },
  { vendor: 'openai', about: 'a wrong value', status: 400, body: openai("Invalid value for 'temperature'.", 'invalid_value', undefined, 'temperature'), code: 'invalid_request' },
  { vendor: 'openai', about: 'an unsupported parameter', status: 400, body: openai("Unsupported parameter: 'foo'.", 'unsupported_parameter', undefined, 'foo'), code: 'invalid_request' },
  { vendor: 'openai', about: 'a parameter that this model lacks', status: 400, body: openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", 'unsupported_parameter', undefined, 'max_tokens'), code: 'unsupported' },
  { vendor: 'openai', about: 'a flagged prompt', status: 400, body: openai('Invalid prompt: your prompt was flagged as potentially violating our usage policy.', 'invalid_prompt'), code: 'content_filtered' },
  { vendor: 'openai', about: 'a policy', status: 400, body: openai('Your request was rejected by our safety system.', 'content_policy_violation'), code: 'content_filtered' },
  { vendor: 'openai', about: 'a country', status: 403, body: openai('Country, region, or territory not supported', 'unsupported_country_region_territory', 'request_forbidden'), code: 'permission' },
  { vendor: 'openai', about: 'a model without access', status: 403, body: openai('Project `p` does not have access to model `m`', 'model_not_found'), code: 'permission' },
  // Azure
  { vendor: 'azure', about: 'a rate', status: 429, headers: { 'retry-after': '1', 'retry-after-ms': '0' }, body: { error: { code: 'RateLimitReached', message: 'have exceeded rate limit.' } }, code: 'rate_limited', retryAfterMs: 1_000 },
  { vendor: 'azure', about: 'a rate in a sentence', status: 429, body: { error: { code: '429', message: 'Requests to the ChatCompletions_Create Operation have exceeded token rate limit. Please retry after 26 seconds.' } }, code: 'rate_limited', retryAfterMs: 26_000 },
  { vendor: 'azure', about: 'a key', status: 401, body: { error: { code: '401', message: 'Access denied due to invalid subscription key or wrong API endpoint.' } }, code: 'authentication' },
  { vendor: 'azure', about: 'a key, the code alone', body: { error: { code: '401', message: 'Access denied' } }, code: 'authentication' },
  { vendor: 'azure', about: 'a deployment', status: 404, body: { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } }, code: 'unsupported' },
  { vendor: 'azure', about: 'a filter', status: 400, body: { error: { message: 'The response was filtered', type: null, param: 'prompt', code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } } }, code: 'content_filtered' },
  { vendor: 'azure', about: 'a filter that only the inner error names', status: 400, body: { error: { message: 'Bad request', code: 'BadRequest', innererror: { code: 'ResponsibleAIPolicyViolation' } } }, code: 'content_filtered' },
  // Anthropic
  { vendor: 'anthropic', about: 'overload', status: 529, body: anthropic('overloaded_error', 'Overloaded'), code: 'overloaded' },
  { vendor: 'anthropic', about: 'overload in a stream', body: anthropic('overloaded_error', 'Overloaded'), code: 'overloaded' },
  { vendor: 'anthropic', about: 'a failure in a stream', body: anthropic('api_error', 'Internal server error'), code: 'server_error' },
  { vendor: 'anthropic', about: 'a key', status: 401, headers: { 'x-should-retry': 'false' }, body: anthropic('authentication_error', 'invalid x-api-key'), code: 'authentication' },
  { vendor: 'anthropic', about: 'a prompt that is too long', status: 400, headers: { 'x-should-retry': 'false' }, body: anthropic('invalid_request_error', 'prompt is too long: 3333404 tokens > 200000 maximum'), code: 'context_length_exceeded' },
  { vendor: 'anthropic', about: 'too large a request', status: 413, body: anthropic('request_too_large', 'Request exceeds the maximum size'), code: 'context_length_exceeded' },
  { vendor: 'anthropic', about: 'a rate', status: 429, headers: { 'retry-after': '16', 'x-should-retry': 'true' }, body: anthropic('rate_limit_error', 'This request would exceed your rate limit of 200,000 input tokens per minute.'), code: 'rate_limited', retryAfterMs: 16_000 },
  { vendor: 'anthropic', about: 'a ramp limit', status: 429, headers: { 'retry-after': '5' }, body: anthropic('rate_limit_error', 'Ramp', { error_code: 'ramp_limit_exceeded' }), code: 'rate_limited', retryAfterMs: 5_000 },
  { vendor: 'anthropic', about: 'a spending limit', status: 429, body: anthropic('rate_limit_error', 'Limit', { error_code: 'enforced_spend_limit_reached' }), code: 'quota_exhausted' },
  { vendor: 'anthropic', about: 'no credit, under 400', status: 400, body: anthropic('invalid_request_error', 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.'), code: 'quota_exhausted' },
  { vendor: 'anthropic', about: 'a usage limit, under 400', status: 400, body: anthropic('invalid_request_error', 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.'), code: 'quota_exhausted' },
  { vendor: 'anthropic', about: 'an unavailable key store', status: 503, body: anthropic('api_error', 'Key', { error_code: 'cmek_key_unreachable' }), code: 'overloaded' },
  { vendor: 'anthropic', about: 'a model', status: 404, body: anthropic('not_found_error', 'model: claude-x'), code: 'unsupported' },
  { vendor: 'anthropic', about: 'a permission', status: 403, body: anthropic('permission_error', 'Your API key does not have permission to use the specified resource.'), code: 'permission' },
  // Google
  { vendor: 'gemini', about: 'a rate per minute that talks of billing', status: 429, body: google(429, `${planAndBilling} Please retry in 48.939935699s.`, 'RESOURCE_EXHAUSTED', [quota('InputTokensPerModelPerMinute'), retryInfo('48s')]), code: 'rate_limited', retryAfterMs: 48_940 },
  { vendor: 'gemini', about: 'a daily quota', status: 429, body: google(429, planAndBilling, 'RESOURCE_EXHAUSTED', [quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier'), retryInfo('34s')]), code: 'quota_exhausted', retryAfterMs: 34_000 },
  { vendor: 'gemini', about: 'a rate without details (Vertex)', status: 429, body: google(429, 'Resource has been exhausted (e.g. check quota).', 'RESOURCE_EXHAUSTED'), code: 'rate_limited' },
  { vendor: 'gemini', about: 'a list around the error', status: 429, body: [google(429, 'Slow. Please retry in 2s.', 'RESOURCE_EXHAUSTED')], code: 'rate_limited', retryAfterMs: 2_000 },
  { vendor: 'gemini', about: 'a key, under 400', status: 400, body: google(400, 'API key not valid. Please pass a valid API key.', 'INVALID_ARGUMENT', [{ reason: 'API_KEY_INVALID' }]), code: 'authentication' },
  { vendor: 'gemini', about: 'a leaked key, under 403', status: 403, body: google(403, 'Your API key was reported as leaked. Please use another API key.', 'PERMISSION_DENIED'), code: 'authentication' },
  { vendor: 'gemini', about: 'a service that is off', status: 403, body: google(403, 'Generative Language API has not been used in project 1', 'PERMISSION_DENIED', [{ reason: 'SERVICE_DISABLED' }]), code: 'permission' },
  { vendor: 'gemini', about: 'a place', status: 400, body: google(400, 'User location is not supported for the API use.', 'FAILED_PRECONDITION'), code: 'permission' },
  { vendor: 'gemini', about: 'a prompt that is too long', status: 400, body: google(400, 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 'INVALID_ARGUMENT'), code: 'context_length_exceeded' },
  { vendor: 'gemini', about: 'overload', status: 503, body: google(503, 'The model is overloaded. Please try again later.', 'UNAVAILABLE'), code: 'overloaded' },
  { vendor: 'gemini', about: 'overload in a stream', body: google(503, 'The model is overloaded.', 'UNAVAILABLE'), code: 'overloaded' },
  { vendor: 'gemini', about: 'a wrong argument', status: 400, body: google(400, 'Invalid JSON payload received. Unknown name "foo"', 'INVALID_ARGUMENT'), code: 'invalid_request' },
  // xAI
  { vendor: 'xai', about: 'a key, under 400, with error as a text', status: 400, body: { code: 'invalid-argument', error: 'Incorrect API key provided: xa***3. You can obtain an API key from https://console.x.ai.' }, code: 'authentication' },
  { vendor: 'xai', about: 'no credits, under 403', status: 403, body: { code: 'The caller does not have permission to execute the specified operation', error: "Your newly created team doesn't have any credits yet. You can purchase credits on https://console.x.ai." }, code: 'quota_exhausted' },
  // Mistral
  { vendor: 'mistral', about: 'a key, with detail', status: 401, body: { detail: 'Invalid API Key' }, code: 'authentication' },
  { vendor: 'mistral', about: 'a validation', status: 422, body: { object: 'error', message: { detail: [{ type: 'missing', loc: ['body', 'model'], msg: 'Field required' }] }, type: 'invalid_request_error' }, code: 'invalid_request' },
  { vendor: 'mistral', about: 'no capacity, under 429', status: 429, body: { object: 'error', message: 'Service tier capacity exceeded for this model.', type: 'service_tier_capacity_exceeded', code: '3505' }, code: 'overloaded' },
  { vendor: 'mistral', about: 'a model', status: 400, body: { object: 'error', message: 'Invalid model: mistral-x', type: 'invalid_model', code: '1500' }, code: 'unsupported' },
  // Groq
  { vendor: 'groq', about: 'a daily limit that refills', status: 429, headers: { 'retry-after': '433' }, body: openai('Rate limit reached on tokens per day (TPD): Limit 100000, Used 99000, Requested 1500. Please try again in 7m12.345s.', 'rate_limit_exceeded', 'tokens'), code: 'rate_limited', retryAfterMs: 433_000 },
  { vendor: 'groq', about: 'a request larger than the limit', status: 413, body: openai('Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 7000', 'rate_limit_exceeded', 'tokens'), code: 'context_length_exceeded' },
  { vendor: 'groq', about: 'no flex capacity', status: 498, body: openai('Flex tier capacity exceeded', 'capacity_exceeded'), code: 'overloaded' },
  { vendor: 'groq', about: 'a model that is gone', status: 400, body: openai('The model `mixtral` has been decommissioned and is no longer supported.', 'model_decommissioned'), code: 'unsupported' },
  { vendor: 'groq', about: 'output that is no JSON', status: 400, body: openai('Failed to generate JSON.', 'json_validate_failed'), code: 'bad_response' },
  // OpenRouter
  { vendor: 'openrouter', about: 'a flagged input', status: 403, body: { error: { code: 403, message: 'Your input was rejected', metadata: { reasons: ['violence'], flagged_input: 'x', provider_name: 'p' } } }, code: 'content_filtered' },
  { vendor: 'openrouter', about: 'no credits', status: 402, body: { error: { code: 402, message: 'This request requires more credits, or fewer max_tokens.' } }, code: 'quota_exhausted' },
  { vendor: 'openrouter', about: 'a budget that comes back', status: 402, headers: { 'retry-after': '4' }, body: { error: { code: 402, message: 'Too much in flight', metadata: { error_type: 'in_flight_budget_exhausted' } } }, code: 'rate_limited', retryAfterMs: 4_000 },
  { vendor: 'openrouter', about: 'a limit of free models per day', status: 429, body: { error: { code: 429, message: 'Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day' } }, code: 'quota_exhausted' },
  { vendor: 'openrouter', about: 'a limit with headers in the body', status: 429, body: { error: { code: 429, message: 'Rate limit exceeded: free-models-per-min.', metadata: { headers: { 'X-RateLimit-Limit': '20', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '1767268805000' } } } }, code: 'rate_limited', retryAfterMs: 5_000 },
  { vendor: 'openrouter', about: 'the error of the provider behind it', status: 400, body: { error: { code: 400, message: 'Provider returned error', metadata: { raw: '{"error":{"message":"This model\'s maximum context length is 8192 tokens."}}', provider_name: 'p' } } }, code: 'context_length_exceeded' },
  { vendor: 'openrouter', about: 'a model', status: 400, body: { error: { code: 400, message: 'foo/bar is not a valid model ID' } }, code: 'unsupported' },
  { vendor: 'openrouter', about: 'a provider that is gone, in a stream', body: { error: { code: 502, message: 'Provider disconnected' } }, code: 'server_error' },
  { vendor: 'openrouter', about: 'a time-out of Cloudflare', status: 524, body: '<html>A timeout occurred</html>', code: 'server_error' },
  // Others
  { vendor: 'deepseek', about: 'no money', status: 402, body: openai('Insufficient Balance', 'invalid_request_error', 'unknown_error'), code: 'quota_exhausted' },
  { vendor: 'deepseek', about: 'a risk', status: 400, body: openai('Content Exists Risk', 'invalid_request_error'), code: 'content_filtered' },
  { vendor: 'deepseek', about: 'a prompt that is too long', status: 400, body: openai("This model's maximum context length is 65536 tokens. However, you requested 70000 tokens (62000 in the messages, 8000 in the completion). Please reduce the length of the messages or completion."), code: 'context_length_exceeded' },
  { vendor: 'cohere', about: 'too many tokens', status: 400, body: { error_type: 'TOO_MANY_TOKENS', message: 'too many tokens: size limit exceeded by 100 tokens.' }, code: 'context_length_exceeded' },
  { vendor: 'cohere', about: 'a monthly limit', status: 429, body: { message: 'You are using a Trial key, which is limited to 1000 API calls / month.' }, code: 'quota_exhausted' },
  { vendor: 'cohere', about: 'a limit by the minute', status: 429, body: { message: 'You are using a Trial key, which is limited to 20 API calls / minute.' }, code: 'rate_limited' },
  { vendor: 'together', about: 'overload', status: 503, body: openai('The server is overloaded or not ready yet.', null, 'service_unavailable'), code: 'overloaded' },
  { vendor: 'bedrock', about: 'throttling, under 400', status: 400, body: { __type: 'ThrottlingException', message: 'Too many requests, please wait before trying again.' }, code: 'rate_limited' },
  { vendor: 'bedrock', about: 'an expired token', status: 403, body: { __type: 'ExpiredTokenException', message: 'The security token included in the request is expired' }, code: 'authentication' },
  { vendor: 'bedrock', about: 'a prompt that is too long', status: 400, body: { __type: 'ValidationException', message: 'Input is too long for requested model.' }, code: 'context_length_exceeded' },
  { vendor: 'ollama', about: 'a model', status: 404, body: { error: "model 'llama9' not found" }, code: 'unsupported' },
  { vendor: 'ollama', about: 'a model without tools', status: 400, body: { error: 'registry.ollama.ai/library/gemma does not support tools' }, code: 'unsupported' },
  { vendor: 'vllm', about: 'a prompt that is too long', status: 400, body: { object: 'error', message: "This model's maximum context length is 4096 tokens.", type: 'BadRequestError', code: 400 }, code: 'context_length_exceeded' },
  { vendor: 'huggingface', about: 'a model that is loading', status: 503, body: { error: 'Model x is currently loading', estimated_time: 20 }, code: 'overloaded', retryAfterMs: 20_000 },
  { vendor: 'replicate', about: 'no money', status: 402, body: { title: 'Insufficient credit', detail: 'You have insufficient credit to run this model.', status: 402 }, code: 'quota_exhausted' },
  { vendor: 'qwen', about: 'an inspection', status: 400, body: openai('Input data may contain inappropriate content.', 'data_inspection_failed', 'data_inspection_failed'), code: 'content_filtered' },
  { vendor: 'a proxy', about: 'a web page', status: 502, body: '<html><h1>502 Bad Gateway</h1></html>', code: 'server_error' },
  { vendor: 'a proxy', about: 'a web page under 403', status: 403, body: '<!DOCTYPE html><title>Attention Required! | Cloudflare</title>', code: 'permission' },
  { vendor: 'a proxy', about: 'nothing', status: 504, code: 'server_error' },
  { vendor: 'a proxy', about: 'a time-out', status: 408, code: 'server_error' },
  { vendor: 'a proxy', about: 'a conflict', status: 409, code: 'server_error' },
  { vendor: 'a proxy', about: 'too many, and no more', status: 429, code: 'rate_limited' },
  { vendor: 'a proxy', about: 'something unknown inside a 200', status: 200, body: { error: { message: 'Hm' } }, code: 'bad_response' },
];

describe('an error of', () => {
  test.each(cases)('$vendor about $about is $code', ({ code, retryAfterMs, vendor, ...error }) => {
    const classified = classify({ ...error, provider: vendor, now: 1_767_268_800_000 });
    expect([classified.code, classified.retryAfterMs]).toEqual([code, retryAfterMs]);
    const { retry, blame } = errorTable[code];
    expect([classified.retry, classified.blame]).toEqual([retry, blame]);
  });

  test('at least eight vendors is known, in at least forty forms', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40);
    expect(new Set(cases.map(({ vendor }) => vendor)).size).toBeGreaterThanOrEqual(8);
  });
});

describe('a refusal of streaming', () => {
  test.each([
    ['by the parameter', openai('Unsupported value', 'unsupported_value', undefined, 'stream')],
    ['by the sentence', openai('Your organization must be verified to stream this model.')],
    ['by another sentence', { error: 'streaming is not supported for this model' }],
  ])('is recognised %s', (_, body) => {
    const error = classify({ status: 400, body });
    expect([error.code, isStreamingRefused(error)]).toEqual(['unsupported', true]);
  });

  test('is not what an error about stream_options is', () => {
    const body = openai("Unsupported parameter: 'stream_options'.", 'unknown_parameter', undefined, 'stream_options');
    expect(isStreamingRefused(classify({ status: 400, body }))).toBe(false);
  });
});

describe('what is said of an error', () => {
  test('names the provider, the status and the request', () => {
    const body = anthropic('overloaded_error', 'Overloaded');
    const error = classify({ status: 529, body, provider: 'claude' });
    expect(error).toMatchObject({
      message: 'claude is overloaded (529): Overloaded',
      provider: 'claude',
      status: 529,
      providerRequestId: 'req_011',
    });
    const headers = { 'request-id': 'req_header' };
    expect(classify({ status: 529, body, headers }).providerRequestId).toBe('req_header');
  });

  test('that is not to be retried is for another provider, and what cannot be retried anyway stays so', () => {
    const headers = { 'x-should-retry': 'false' };
    expect(classify({ status: 503, headers }).retry).toBe('elsewhere');
    expect(classify({ status: 400, headers }).retry).toBe('never');
    expect(classify({ status: 503, headers: { 'x-should-retry': 'true' } }).retry).toBe('again');
  });

  test('quotes no web page, no key and none of the caller’s words', () => {
    const prompt = 'The launch code of the rocket is swordfish, tell nobody.';
    const key = 'my-own-kind-of-key-123';
    const body = openai(`Cannot do "${prompt}" for ${key} with Bearer abcdefghijkl`);
    const error = classify({ status: 400, body, secrets: [key], texts: [prompt] });
    expect(error.message).not.toMatch(/swordfish|my-own-kind|abcdefghijkl/);
    expect(classify({ status: 502, body: '<html>secret</html>', provider: 'p' }).message).toBe('p failed (502)');
    expect(inspect(error, { depth: 9 })).not.toMatch(/swordfish|my-own-kind/);
  });

  test('about credentials quotes nothing', () => {
    const body = openai('Incorrect API key provided: something-short', 'invalid_api_key');
    expect(classify({ status: 401, body, provider: 'p' }).message).toBe('p did not accept the credentials (401)');
  });

  test('is not judged by the caller’s words that it repeats', () => {
    const prompt = 'Explain: insufficient_quota, prompt is too long, content policy, invalid api key.';
    const body = openai(`Could not parse the message "${prompt}"`);
    expect(classify({ status: 400, body, texts: [prompt] }).code).toBe('invalid_request');
  });
});
