/**
 * The gotchas of the wire by their numbers in `../shared/reference/wire.md`: what providers and their SDKs really do, and that the
 * adapters and the wire layer have an answer to each. Here once and briefly; in breadth in test/providers and test/unit/wire.
 *
 * Not here, because no adapter meets them: 3 (the failed status of OpenAI's Responses: with its adapter), 11 (errors thrown from our
 * own `fetch`: with that door), 24 and 25 (SDKs of other vendors, and the AI SDK at OpenRouter: with the doors that sit in them),
 * 27 (names of OpenTelemetry). Of 8 and 15 the choice is made above the adapters; of 10 the fetch door must still warn.
 */
import { gzipSync } from 'node:zlib';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransportError } from '../src/core/errors.ts';
import type { Chunk, ErrorCode, Provider, TransportOptions } from '../src/core/types.ts';
import { anthropic } from '../src/providers/anthropic.ts';
import { google } from '../src/providers/google.ts';
import { openai } from '../src/providers/openai.ts';
import {
  answerTo,
  type FaultChoice,
  type SimulatedServer,
  simulatedServer,
  type WireName,
} from '../src/testing/index.ts';
import { createTransport } from '../src/transport.ts';
import { classify } from '../src/wire/classify.ts';
import { rateLimitsOf } from '../src/wire/rate-limit-headers.ts';
import { retryAfterMs } from '../src/wire/retry-after.ts';
import * as claude from './providers/anthropic-support.ts';
import * as gemini from './providers/google-support.ts';
import * as chat from './providers/support.ts';
import { type Answer, answering, contextFor, errorOf, hello, json, read } from './providers/support.ts';

const wires = ['openai', 'anthropic', 'google'] as const satisfies WireName[];
const apiKey = 'sk-canary';
const asked = { prompt: hello.prompt ?? '' };
type Fetch = typeof globalThis.fetch;

/** The adapter of a wire on the real SDK, with retries of the SDK's own that nobody should notice. */
function at(wire: WireName, { url }: { readonly url: string }, fetch?: Fetch): Provider {
  const given = { ...(fetch !== undefined && { fetch }) };
  const stainless = { apiKey, maxRetries: 5, logLevel: 'off' as const, ...given };
  if (wire === 'openai')
    return openai({ name: wire, model: 'm', client: new OpenAI({ baseURL: `${url}/v1`, ...stainless }) });
  if (wire === 'anthropic')
    return anthropic({ name: wire, model: 'm', client: new Anthropic({ baseURL: url, ...stainless }) });
  const httpOptions = { baseUrl: url, retryOptions: { attempts: 5 }, ...given };
  return google({ name: wire, model: 'm', client: new GoogleGenAI({ apiKey, httpOptions }) });
}

let server: SimulatedServer;
beforeEach(async () => {
  server = await simulatedServer();
});
afterEach(() => server.close());

/** A provider whose server gives one answer, written out. */
async function replying<T>(wire: WireName, answer: Answer, use: (provider: Provider) => Promise<T>): Promise<T> {
  const own = await answering(answer);
  try {
    return await use(at(wire, { url: `http://${own.host}` }));
  } finally {
    await own.close();
  }
}

const whole = (wire: WireName, answer: Answer) =>
  replying(wire, answer, (provider) => provider.complete(hello, contextFor().context));
const refused = (wire: WireName, answer: Answer) =>
  replying(wire, answer, (provider) => errorOf(provider.complete(hello, contextFor().context)));
const streamed = (wire: WireName, answer: Answer) => replying(wire, answer, (provider) => read(provider));

/** Both ways to ask, under a fault. */
async function errorsUnder(wire: WireName, fault: FaultChoice) {
  await server.setFault(fault);
  const { error } = await read(at(wire, server));
  return { stream: error, whole: await errorOf(at(wire, server).complete(hello, contextFor().context)) };
}

/** What Node's `fetch` hands to its dispatcher meanwhile. */
async function dispatched<T>(run: () => Promise<T>): Promise<{ result: T; options: object[] }> {
  const symbol = Symbol.for('undici.globalDispatcher.1');
  const globals = globalThis as unknown as Record<symbol, { dispatch(options: object, handler: object): boolean }>;
  const before = globals[symbol];
  const options: object[] = [];
  globals[symbol] = {
    dispatch: (one, handler) => {
      options.push(one);
      return before?.dispatch(one, handler) ?? false;
    },
  };
  try {
    return { result: await run(), options };
  } finally {
    if (before !== undefined) globals[symbol] = before;
  }
}

/** Runs a call on a transport that is closed afterwards. */
async function calling<T>(options: TransportOptions, use: (llm: ReturnType<typeof createTransport>) => Promise<T>) {
  const llm = createTransport(options);
  try {
    return await use(llm);
  } finally {
    await llm.close({ timeoutMs: 0 });
  }
}

describe.each(wires)('on the wire of %s', (wire) => {
  test('1: silent truncation is the norm, so the terminal marker is required', async () => {
    for (const fault of ['cut-end', 'missing-terminal-event'] as const) {
      await server.setFault(fault);
      const { error, finish, text } = await read(at(wire, server));
      expect(finish).toEqual([]);
      expect(error).toMatchObject({ code: 'truncated', retry: 'again', blame: 'provider', partial: { text } });
      expect(text).not.toBe('');
    }
  });

  test('2: aborting mid-stream ends silently in the SDKs, and rejects with the reason here', async () => {
    await server.setFault('stall');
    const controller = new AbortController();
    const reason = new TransportError('timeout', 'silent');
    const reading = read(at(wire, server), hello, contextFor(controller.signal));
    await server.received(1);
    setTimeout(() => controller.abort(reason), 20);
    expect((await reading).error).toBe(reason);
  });

  test.each(['stall-comments', 'stall-empty-deltas', 'stall'] as const)(
    '4: SDK time-outs do not cover stalls, nor must keep-alives reset a content timer: %s',
    async (fault) => {
      await server.setFault(fault);
      const providers = [at(wire, server)] as const;
      const error = await calling({ providers, retry: false, timeout: { firstContentMs: 5_000, idleMs: 120 } }, (llm) =>
        errorOf(llm.complete(asked)),
      );
      expect(error.code).toBe('timeout');
    },
  );

  test('5: mid-stream errors have no status: type and code say what they are', async () => {
    const inStream = (status: number, type: string) => ({
      kind: 'streamError' as const,
      afterTokens: 2,
      status,
      error: { type, message: 'No' },
    });
    const codes: ErrorCode[] = [];
    for (const fault of [
      inStream(503, 'overloaded_error'),
      inStream(429, 'rate_limit_error'),
      inStream(500, 'api_error'),
    ]) {
      await server.setFault(fault);
      codes.push((await read(at(wire, server))).error?.code ?? 'internal');
    }
    expect(codes).toEqual(['overloaded', 'rate_limited', 'server_error']);
  });

  test('8: retry-after of ten minutes: another provider is asked, else the call fails fast and says when', async () => {
    await server.setFault('rate-limited-600s');
    const providers = [at(wire, server)] as const;
    // Not slept through: no test takes so long.
    const error = await calling({ providers }, (llm) => errorOf(llm.complete(asked)));
    expect(error.code).toBe('rate_limited');
    expect(error.retryAfterMs).toBeGreaterThan(590_000);

    await using backup = await simulatedServer();
    const other = wire === 'openai' ? 'google' : 'openai';
    const answer = await calling({ providers: [...providers, at(other, backup)] }, (llm) => llm.complete(asked));
    expect(answer.attempts.map(({ outcome }) => outcome)).toEqual(['rate_limited', 'ok']);
  });

  test('10: retries multiply, so the SDK makes none of its own', async () => {
    await server.setFault('http-503');
    await errorOf(at(wire, server).complete(hello, contextFor().context));
    await read(at(wire, server));
    expect(server.requests).toHaveLength(2);
  });

  test('12: breaking out of the loop cancels upstream: the socket is closed', async () => {
    await server.setFault('stall');
    const stream = at(wire, server).stream?.(hello, contextFor().context) as AsyncIterable<Chunk>;
    for await (const _ of stream) break;
    const record = await server.received(1);
    expect((await record.closed).closedByClientAt).toBeDefined();
  });

  test('13: the abort signal is in init, never only in a Request, and each attempt has its own', async () => {
    const seen: { readonly input: unknown; readonly signal: unknown }[] = [];
    const fetch: Fetch = (input, init) => {
      seen.push({ input, signal: init?.signal });
      return globalThis.fetch(input, init);
    };
    const provider = at(wire, server, fetch);
    await provider.complete(hello, contextFor().context);
    await read(provider);
    expect(seen.map(({ input }) => input instanceof Request)).toEqual([false, false]);
    expect(seen.every(({ signal }) => signal instanceof AbortSignal)).toBe(true);
    expect(seen[0]?.signal).not.toBe(seen[1]?.signal);
  });

  test("14: Node's fetch gives up after 300 s: a unary call is streamed on the wire, and at Google it never gives up", async () => {
    const { result, options } = await dispatched(() =>
      calling({ providers: [at(wire, server)] }, (llm) => llm.complete(asked)),
    );
    expect([result.text, server.requests[0]?.stream]).toEqual([answerTo(asked.prompt), true]);
    // As in Google's SDK, which turns the limits off unless it is given a `fetch`.
    const limits = wire === 'google' ? { headersTimeout: 0, bodyTimeout: 0 } : {};
    expect(options).toEqual([expect.objectContaining(limits)]);
  });

  test('15: no idempotency key exists, so what may have been billed is counted', async () => {
    const faults: FaultChoice[] = ['cut-reset', 'ok'];
    await using shaky = await simulatedServer({ script: faults });
    const { attempts } = await calling({ providers: [at(wire, shaky)] }, (llm) => llm.complete(asked));
    expect(attempts.map(({ outcome, mayBeBilled }) => [outcome, mayBeBilled])).toEqual([
      ['connection', true],
      ['ok', true],
    ]);
    expect(shaky.billed.inputTokens).toBe(2 * (shaky.requests[0]?.inputTokens ?? 0));
  });

  test('16: 200 with an error body, an empty 200 and an HTML 502 are failures of the provider', async () => {
    for (const fault of ['error-in-200', 'empty-200', 'http-502-html'] as const) {
      const errors = await errorsUnder(wire, fault);
      for (const error of [errors.stream, errors.whole])
        expect([fault, error?.retry, error?.blame]).toEqual([fault, 'again', 'provider']);
    }
  });
});

test('6: 429 is three things: wait, daily quota, money', () => {
  const ofGemini = (quotaId: string, retryDelay: string) =>
    gemini.failure(
      429,
      'RESOURCE_EXHAUSTED',
      'You exceeded your current quota, please check your plan and billing details.',
      [gemini.quotaFailure(quotaId), gemini.retryInfo(retryDelay)],
    );
  const judged = (body: unknown, headers = {}) => {
    const { code, retry, retryAfterMs: ms } = classify({ status: 429, headers, body });
    return [code, retry, ms];
  };
  const wait = ['rate_limited', 'again'];
  const spent = ['quota_exhausted', 'elsewhere'];
  expect(judged(ofGemini('GenerateRequestsPerMinutePerProjectPerModel', '48s'))).toEqual([...wait, 48_000]);
  expect(judged(ofGemini('GenerateRequestsPerDayPerProjectPerModel-FreeTier', '36000s'))).toEqual([
    ...spent,
    36_000_000,
  ]);
  expect(judged({ error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'No' } })).toEqual([
    ...spent,
    undefined,
  ]);
  const ofAnthropic = (error_code: string) => ({
    error: { type: 'rate_limit_error', message: 'Limit', details: { error_code } },
  });
  expect(judged(ofAnthropic('enforced_spend_limit_reached'))).toEqual([...spent, undefined]);
  expect(judged(ofAnthropic('ramp_limit_exceeded'), { 'retry-after': '5' })).toEqual([...wait, 5_000]);
});

test('7: retry-after on a 200 means nothing; of two that disagree the larger counts, and 0 is absent', async () => {
  await using chatty = await simulatedServer({ headers: { 'retry-after': '53' } });
  const parkedUntil = await calling({ providers: [at('anthropic', chatty)] }, async (llm) => {
    await llm.complete(asked);
    return llm.health()[0]?.parkedUntil ?? 0;
  });
  expect(parkedUntil).toBeLessThanOrEqual(Date.now());
  expect(retryAfterMs({ 'retry-after': '1', 'retry-after-ms': '0' })).toBe(1_000);
  expect(retryAfterMs({ 'retry-after': '0', 'retry-after-ms': '0' })).toBeUndefined();
});

test("9: Gemini's delay is only in the body, and the SDK drops the headers: both are seen", async () => {
  const retryAfter = { as: 'seconds', ms: 7_000 } as const;
  const tooMany = { kind: 'status', status: 429, error: { code: 'rate_limit_exceeded' }, retryAfter } as const;
  await server.setFault({ ...tooMany, headers: { 'x-seen': 'yes' } });
  const given = contextFor();
  const { error } = await read(at('google', server), hello, given);
  expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 7_000 });
  expect([given.header('retry-after'), given.header('x-seen')]).toEqual([undefined, 'yes']);
});

test('17: auth errors are 400 at Gemini and xAI; errors are strings, details, numbers', () => {
  const bodies: readonly (readonly [status: number | undefined, body: unknown])[] = [
    [400, gemini.failure(400, 'INVALID_ARGUMENT', 'API key not valid.', [gemini.errorInfo('API_KEY_INVALID')])],
    [400, { code: 'invalid-argument', error: 'Incorrect API key provided: xa***3.' }],
    [401, { detail: 'Invalid API Key' }],
    [401, { error: { code: 401, message: 'No auth credentials found' } }],
    [undefined, { error: { code: '401', message: 'Access denied' } }],
  ];
  for (const [status, body] of bodies) expect(classify({ status, body }).code).toBe('authentication');
  expect(classify({ status: 404, body: { error: "model 'llama9' not found" } }).code).toBe('unsupported');
});

test('18: a content filter has four faces, and none is retried', async () => {
  const azure = { id: 'c', choices: [{ index: 0, finish_reason: 'content_filter', content_filter_results: {} }] };
  const errors = [
    await refused('openai', json(azure)),
    await refused('google', json({ candidates: [{ content: {}, finishReason: 'SAFETY', index: 0 }] })),
    await refused('google', json({ promptFeedback: { blockReason: 'MODEL_ARMOR' }, usageMetadata: {} })),
    await refused('anthropic', json({ ...claude.message, content: [], stop_reason: 'refusal' })),
  ];
  for (const error of errors)
    expect(error).toMatchObject({ code: 'content_filtered', retry: 'never', blame: 'caller' });
});

test('19: reset formats: Go durations, RFC 3339, integers, none, and -1', () => {
  const now = Date.parse('2026-08-19T14:34:00Z');
  const reset = (headers: Record<string, string>) => rateLimitsOf(headers, now).requests?.resetMs;
  expect(reset({ 'x-ratelimit-limit-requests': '60', 'x-ratelimit-reset-requests': '20m52.666s' })).toBe(1_252_666);
  expect(reset({ 'x-ratelimit-limit-requests': '60', 'x-ratelimit-reset-requests': '11.354999999s' })).toBe(11_355);
  expect(reset({ 'anthropic-ratelimit-requests-reset': '2026-08-19T14:34:11Z' })).toBe(11_000);
  expect(reset({ 'x-ratelimit-limit': '2', 'x-ratelimit-reset': '1' })).toBe(1_000);
  expect(reset({ 'x-ratelimit-limit-requests': '60', 'x-ratelimit-remaining-requests': '59' })).toBeUndefined();
  const azure = {
    'x-ratelimit-remaining-requests': '-1',
    'x-ratelimit-limit-requests': '0',
    'x-ratelimit-reset-requests': '0',
  };
  expect(rateLimitsOf(azure, now).requests).toBeUndefined();
});

test('20: "requests" are per day at Groq and per minute elsewhere, and names change: read by pattern', () => {
  const ofGroq = { 'x-groq-region': 'fra', 'x-ratelimit-limit-requests': '14400', 'x-ratelimit-limit-tokens': '6000' };
  const { requests, tokens } = rateLimitsOf(ofGroq);
  expect([requests?.per, tokens?.per]).toEqual(['day', 'minute']);
  for (const [subject, per] of [
    ['req-minute', 'minute'],
    ['req-10-second', '10 seconds'],
  ])
    expect(rateLimitsOf({ [`x-ratelimit-limit-${subject}`]: '30' }).requests).toEqual({ limit: 30, per });
});

test('21: usage is told in three ways and means one thing', async () => {
  const cached = { inputTokens: 22, outputTokens: 9, cachedInputTokens: 7, cacheWriteInputTokens: 5 };
  expect((await whole('anthropic', json(claude.message))).usage).toEqual({ ...cached, reasoningTokens: 4 });
  // Of the deltas each has the sum so far.
  const turns = [...claude.half, claude.turn(null, {}, { output_tokens: 4 }), claude.turn('end_turn'), claude.stop];
  expect((await streamed('anthropic', chat.sse(turns))).finish[0]?.usage).toEqual(cached);
  expect((await whole('google', json(gemini.whole))).usage).toEqual(gemini.counted);
  const ofOpenAI = {
    inputTokens: 12,
    outputTokens: 5,
    cachedInputTokens: 4,
    cacheWriteInputTokens: 2,
    reasoningTokens: 3,
  };
  expect((await streamed('openai', chat.sse(chat.good))).finish[0]?.usage).toEqual(ofOpenAI);
});

test('22: Anthropic is asked with a bearer key or x-api-key, by any version: nothing is told by headers', async () => {
  await using strict = await simulatedServer({ requireKey: apiKey });
  const { context } = contextFor();
  expect((await at('anthropic', strict).complete(hello, context)).text).toBe(answerTo(asked.prompt));
  const body = JSON.stringify({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hello' }] });
  const headers = { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' };
  const older = await fetch(`${strict.url}/v1/messages`, { method: 'POST', headers, body });
  expect([older.status, ((await older.json()) as { type: string }).type]).toEqual([200, 'message']);
});

test('23: SSE has CRLF, comments, padding keys, empty choices first and last, trailing spaces, gzip', async () => {
  const events = [
    { ...chat.usageChunk, usage: null, prompt_filter_results: [] },
    chat.role,
    { ...chat.delta({ content: 'Grü' }), obfuscation: 'x'.repeat(9), p: 'abc' },
    chat.delta({ content: 'ße' }, 'stop'),
    chat.usageChunk,
  ];
  const lines = events
    .map((event) => `data: ${JSON.stringify(event)}   \r\n\r\n`)
    .join(': OPENROUTER PROCESSING\r\n\r\n');
  const answer: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    response.end(gzipSync(`: hello\r\n\r\n${lines}data: [DONE]\r\n\r\n`));
  };
  const { chunks, finish, error } = await streamed('openai', answer);
  expect(error).toBeUndefined();
  expect(chunks.slice(0, 2)).toEqual([
    { type: 'text', text: 'Grü' },
    { type: 'text', text: 'ße' },
  ]);
  expect(finish[0]).toMatchObject({ finishReason: 'stop', usage: { inputTokens: 12 } });
});

test('26: an error chunk that fails the schema of its vendor’s SDK is read for what it says', async () => {
  const begun = [chat.role, chat.delta({ content: 'Hel' })];
  const ofMistral = {
    object: 'error',
    message: 'Capacity exceeded',
    type: 'service_tier_capacity_exceeded',
    code: '3505',
  };
  const ofOpenRouter = {
    ...chat.delta({ content: '' }, 'error'),
    error: { code: 502, message: 'Provider disconnected' },
  };
  const judged = async (event: object) => (await streamed('openai', chat.sse([...begun, event, chat.done]))).error;
  expect(await judged(ofMistral)).toMatchObject({ code: 'overloaded', partial: { text: 'Hel' } });
  expect(await judged(ofOpenRouter)).toMatchObject({ code: 'server_error', partial: { text: 'Hel' } });
});

test('28: retryable statuses outside the usual set: 498, 402 in flight, 520 to 529', () => {
  const inFlight = { error: { code: 402, message: 'Wait', metadata: { error_type: 'in_flight_budget_exhausted' } } };
  expect(classify({ status: 402, body: inFlight }).code).toBe('rate_limited');
  for (const status of [498, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530])
    expect([status, classify({ status, body: '<html>' }).retry]).toEqual([status, 'again']);
});
