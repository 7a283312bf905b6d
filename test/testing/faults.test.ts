import { get } from 'node:http';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorTable } from '../../src/core/error-table.ts';
import { OptionsError } from '../../src/core/errors.ts';
import {
  answerTo,
  type FaultChoice,
  faultCases,
  faults,
  type SimulatedServer,
  simulated,
  simulatedServer,
} from '../../src/testing/index.ts';
import type { ServiceOptions } from '../../src/testing/service.ts';
import { asking, readStream, sdkOf } from './support.ts';

const five = answerTo('Hello', { words: 5 });
const sixty = answerTo('Hello');

let server: SimulatedServer;
let client: OpenAI;
beforeEach(async () => {
  server = await simulatedServer();
  client = sdkOf(server);
});
afterEach(() => server.close());

/** The error of a whole answer, or of a stream. */
async function failure(stream = false): Promise<InstanceType<typeof OpenAI.APIError>> {
  if (stream) return (await readStream(client)).error as InstanceType<typeof OpenAI.APIError>;
  const error = await client.chat.completions.create(asking('Hello')).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error as InstanceType<typeof OpenAI.APIError>;
}

/** What happens within a moment. Only to see that nothing does: whatever takes longer on a busy machine looks the same. */
async function withinAMoment<T>(promise: Promise<T>): Promise<T | 'nothing'> {
  const { resolve, promise: moment } = deferred<'nothing'>();
  const timer = setTimeout(() => resolve('nothing'), 45);
  const first = await Promise.race([promise, moment]);
  clearTimeout(timer);
  return first;
}

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The raw bytes of a streamed answer, without an SDK in between. */
async function rawStream(body: object = {}): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`${server.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-canary' },
    body: JSON.stringify({ ...asking('Hello'), stream: true, ...body }),
  });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

describe('the list of faults', () => {
  it('says of each what the error table makes of it', () => {
    expect(faultCases.map(({ name }) => name)).toEqual(Object.keys(faults));
    for (const { name, code, recoverable, strikes } of faultCases) {
      expect(code === undefined, name).toBe(strikes === 'harmless');
      expect(recoverable, name).toBe(code !== undefined && errorTable[code].retry !== 'never');
    }
  });

  it.each(faultCases.filter(({ strikes }) => strikes !== 'harmless'))(
    '$name: the SDK never gets a whole answer out of it, streamed or not',
    async ({ name, strikes, code }) => {
      await server.setFault(name);
      for (const stream of [true, false]) {
        const controller = new AbortController();
        const answer = stream
          ? readStream(client, 'Hello', { signal: controller.signal })
          : client.chat.completions.create(asking('Hello'), { signal: controller.signal }).then(
              (completion) => ({ text: completion?.choices?.[0]?.message.content ?? '' }),
              () => ({ text: '' }),
            );
        if (code === 'timeout') {
          expect(await withinAMoment(answer)).toBe('nothing');
          controller.abort();
        }
        const { text, finishReason } = { finishReason: undefined, ...(await answer) };
        if (strikes === 'beforeContent') expect(text).toBe('');
        // With a missing terminal event all the text is there, but nothing says so.
        if (name !== 'missing-terminal-event') expect(text).not.toBe(sixty);
        else expect(finishReason).toBeUndefined();
      }
      expect(server.requests.every(({ whole, fault }) => !whole || fault?.kind !== 'cut')).toBe(true);
    },
  );
});

describe('a fault that there is not', () => {
  const none = 'http-530' as FaultChoice;
  const at = { fromMs: 0, fault: none };

  it.each<[string, ServiceOptions]>([
    ['always', { fault: none }],
    ['as a step', { script: ['ok', none] }],
    ['by time', { schedule: [at] }],
    ['by chance', { random: { ratio: 0, faults: ['ok', none] } }],
    ['by a name that every object has', { fault: 'constructor' as FaultChoice }],
    ['for a script', { script: 'http-503' as never }],
  ])('is refused before anything is served without it: %s', async (_, options) => {
    expect(() => simulated(options)).toThrow(OptionsError);
    await expect(simulatedServer(options)).rejects.toThrow(OptionsError);
  });

  it('is refused later, too, with those that there are', () => {
    expect(() => server.setFault(none)).toThrow("'http-530' is no fault (there are ok, http-500, ");
    expect(() => simulated().setFault(none)).toThrow(OptionsError);
  });
});

describe('faults by status', () => {
  it.each([
    ['http-500', 500],
    ['http-502-html', 502],
    ['http-503', 503],
    ['http-504', 504],
    ['http-498', 498],
    ['http-529', 529],
    ['context-length', 400],
    ['content-policy', 400],
    ['invalid-request', 400],
    ['unauthorized', 401],
    ['payment-required', 402],
    ['forbidden', 403],
    ['model-not-found', 404],
    ['too-large', 413],
    ['unprocessable', 422],
    ['rate-limited', 429],
    ['insufficient-quota', 429],
  ] as const)('%s is a %i, streamed or not', async (name, status) => {
    await server.setFault(name);
    for (const stream of [false, true]) expect((await failure(stream)).status).toBe(status);
    expect(server.requests.map((record) => record.status)).toEqual([status, status]);
    expect(server.billed).toEqual({ inputTokens: 0, outputTokens: 0 });
  });

  it.each([
    ['context-length', 'context_length_exceeded', 'messages'],
    ['content-policy', 'content_policy_violation', null],
    ['model-not-found', 'model_not_found', null],
    ['insufficient-quota', 'insufficient_quota', null],
    ['streaming-refused', 'unsupported_value', 'stream'],
    ['stream-options-refused', 'unknown_parameter', 'stream_options'],
  ] as const)('%s says %s', async (name, code, param) => {
    await server.setFault(name);
    const error = await failure(true);
    expect(error).toMatchObject({ code, param });
    expect(error.requestID).toMatch(/^req_/);
  });

  it('tells by headers when to come back', async () => {
    const headersOf = async (fault: FaultChoice) => {
      await server.setFault(fault);
      return (await failure()).headers;
    };
    expect((await headersOf('rate-limited'))?.get('retry-after')).toBe('1');
    expect((await headersOf('rate-limited-600s'))?.get('retry-after')).toBe('600');
    expect((await headersOf('rate-limited-ms'))?.get('retry-after-ms')).toBe('700');
    expect((await headersOf('do-not-retry'))?.get('x-should-retry')).toBe('false');
    const asked = Date.now();
    const date = Date.parse((await headersOf('rate-limited-date'))?.get('retry-after') ?? '');
    expect(date).toBeGreaterThanOrEqual(asked + 2_000);
    const none = await headersOf('rate-limited-no-hint');
    expect([...(none?.keys() ?? [])].filter((name) => name.startsWith('retry-after'))).toEqual([]);
  });

  it('repeats the key of the caller only when it is to', async () => {
    await server.setFault('unauthorized');
    expect((await rawStream()).text).not.toContain('sk-canary');
    await server.setFault('unauthorized-repeats-key');
    expect((await rawStream()).text).toContain('sk-canary');
  });

  it('refuses streaming only, or stream options only', async () => {
    await server.setFault('streaming-refused');
    expect((await failure(true)).status).toBe(400);
    expect(await failure(false)).toBeUndefined();
    await server.setFault('stream-options-refused');
    expect((await failure(true)).status).toBe(400);
    expect((await rawStream()).text).toContain('[DONE]');
  });

  it('sends a page of HTML for a bad gateway', async () => {
    await server.setFault('http-502-html');
    const { type, text } = await rawStream();
    expect(type).toBe('text/html');
    expect(text).toMatch(/^<html>/);
  });
});

describe('faults of the connection', () => {
  it('refuses connections, and accepts them again on the same port', async () => {
    await client.chat.completions.create(asking('Hello'));
    await server.setFault('connection-refused');
    expect(server.openSockets).toBe(0);
    const error = await failure();
    expect(error).toBeInstanceOf(OpenAI.APIConnectionError);
    expect(causes(error)).toContain('ECONNREFUSED');
    expect(server.requests).toHaveLength(1);
    await server.setFault(undefined);
    await expect(client.chat.completions.create(asking('Hello'))).resolves.toBeDefined();
  });

  it('ends up as it was last told, however quickly it is told', async () => {
    void server.setFault('connection-refused');
    void server.setFault(undefined);
    void server.setFault('connection-refused');
    await server.setFault(undefined);
    expect(await failure()).toBeUndefined();
  });

  it.each(['reset-before-headers', 'reset-after-headers', 'cut-reset'] as const)(
    '%s is an ECONNRESET',
    async (name) => {
      await server.setFault(name);
      expect(causes(await failure(true))).toMatch(/ECONNRESET/);
      const record = await (await server.received(1)).closed;
      expect(record.closedByClientAt).toBeUndefined();
      expect(record.status).toBe(name === 'reset-before-headers' ? undefined : 200);
    },
  );

  it.each(['cut-reset', 'cut-close'] as const)('%s delivers five tokens first', async (name) => {
    await server.setFault(name);
    const { text, error } = await readStream(client);
    expect(text).toBe(five);
    expect(causes(error)).toMatch(/terminated|ECONNRESET|UND_ERR_SOCKET/);
    expect(server.requests[0]).toMatchObject({ tokensSent: 5, outputTokens: 5, whole: false });
    expect(server.requests[0]?.billed).toEqual({ inputTokens: 1, outputTokens: 5 });
  });

  it('cut-end looks like a clean end', async () => {
    await server.setFault('cut-end');
    expect(await readStream(client)).toMatchObject({ text: five, error: undefined, finishReason: undefined });
    expect(await failure(false)).toBeInstanceOf(SyntaxError);
  });

  it('keeps silent before or after the headers', async () => {
    await server.setFault('silence-before-headers');
    const controller = new AbortController();
    const init = {
      method: 'POST',
      body: JSON.stringify({ ...asking('Hello'), stream: true }),
      signal: controller.signal,
    };
    const before = fetch(`${server.baseURL}/chat/completions`, init);
    expect(await withinAMoment(before)).toBe('nothing');
    await server.setFault('silence-after-headers');
    const after = await fetch(`${server.baseURL}/chat/completions`, init);
    expect(after.status).toBe(200);
    const reading = after.text();
    expect(await withinAMoment(reading)).toBe('nothing');
    controller.abort();
    await Promise.allSettled([before, reading]);
    const records = await Promise.all(server.requests.map(({ closed }) => closed));
    for (const record of records) expect(record.closedByClientAt).toBeDefined();
  });

  it('is down for a span of time, and up again', async () => {
    const flaky = await simulatedServer({ schedule: [{ fromMs: 0, toMs: 300, fault: 'connection-refused' }] });
    const ask = () =>
      fetch(`${flaky.baseURL}/chat/completions`, { method: 'POST', body: JSON.stringify(asking('Hello')) });
    await expect(ask()).rejects.toThrow();
    await expect
      .poll(
        () =>
          ask().then(
            ({ status }) => status,
            () => 0,
          ),
        { interval: 5 },
      )
      .toBe(200);
    await flaky.close();
  });
});

describe('faults inside a stream', () => {
  it('leaves out the terminal event, or only [DONE]', async () => {
    await server.setFault('missing-terminal-event');
    const without = await rawStream();
    expect(without.text).not.toContain('[DONE]');
    expect(without.text).not.toContain('"finish_reason":"stop"');
    expect(await readStream(client)).toMatchObject({ text: sixty, finishReason: undefined, error: undefined });
    await server.setFault('missing-done');
    const almost = await rawStream();
    expect(almost.text).not.toContain('[DONE]');
    expect(almost.text).toContain('"finish_reason":"stop"');
    expect(await readStream(client)).toMatchObject({ text: sixty, finishReason: 'stop', error: undefined });
    expect(server.requests.map(({ whole }) => whole)).toEqual([false, false, true, true]);
  });

  it('sends an error after the role chunk, or after five tokens', async () => {
    await server.setFault('stream-error-before-content');
    const before = await readStream(client);
    expect(before.chunks).toHaveLength(1);
    expect(before.error).toMatchObject({ type: 'server_error', status: undefined });
    await server.setFault('stream-error-after-content');
    const after = await readStream(client);
    expect(after.text).toBe(five);
    expect(after.error).toMatchObject({ type: 'server_error' });
    expect((await failure(false)).status).toBe(500);
    expect(server.requests.map(({ billed }) => billed.outputTokens)).toEqual([0, 5, 0]);
  });

  it.each([
    ['stall', ''],
    ['stall-comments', ': keep-alive\n\n'],
    ['stall-empty-deltas', '"delta":{}'],
  ] as const)('%s: five tokens, then nothing but %j', async (name, heartbeat) => {
    await server.setFault({ ...faults[name], heartbeatMs: 5 });
    const controller = new AbortController();
    const response = await fetch(`${server.baseURL}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...asking('Hello'), stream: true }),
      signal: controller.signal,
    });
    let text = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true });
    })().catch(() => {});
    await expect.poll(() => text.match(/"content":"[^"]/g)).toHaveLength(5);
    if (heartbeat !== '') await expect.poll(() => text.split(heartbeat).length).toBeGreaterThan(3);
    expect(await withinAMoment(reading)).toBe('nothing');
    if (heartbeat === '') expect(text).toMatch(/"content":" 5:[^"]*"[^\n]*\n\n$/);
    controller.abort();
    await reading;
    expect(text.match(/"content":"[^"]/g)).toHaveLength(5);
    const record = await (await server.received(1)).closed;
    expect(record.closedByClientAt).toBeDefined();
  });

  it('breaks an event in place of a token, or ends in the middle of one', async () => {
    await server.setFault('malformed-json');
    const malformed = await readStream(client);
    expect(malformed.text).toBe(five);
    expect(malformed.error).toBeInstanceOf(SyntaxError);
    expect((await rawStream()).text).toContain('[DONE]');
    expect(await failure(false)).toBeInstanceOf(SyntaxError);
    await server.setFault('truncated-json');
    const truncated = await readStream(client);
    expect(truncated.text).toBe(five);
    expect(truncated.error).toBeInstanceOf(SyntaxError);
    expect(await failure(false)).toBeInstanceOf(SyntaxError);
  });

  it('is slow with its first token only', async () => {
    await server.setFault({ kind: 'slow', firstTokenMs: 30 });
    expect((await readStream(client)).text).toBe(sixty);
    const { receivedAt, firstTokenAt } = server.requests[0] ?? {};
    // A timer may be a millisecond early.
    expect((firstTokenAt ?? 0) - (receivedAt ?? 0)).toBeGreaterThanOrEqual(28);
  });
});

describe('answers that are none', () => {
  it('sends an error, or nothing, with a 200', async () => {
    await server.setFault('error-in-200');
    const error = await rawStream();
    expect(error).toMatchObject({ status: 200, type: 'application/json' });
    expect(JSON.parse(error.text)).toHaveProperty('error.message');
    expect(await readStream(client)).toMatchObject({ chunks: [], error: undefined });
    await server.setFault('empty-200');
    expect(await rawStream()).toMatchObject({ status: 200, text: '' });
    expect(await client.chat.completions.create(asking('Hello'))).toBeUndefined();
  });

  it('ends with stop and has no content, or only reasoning', async () => {
    await server.setFault('empty-answer');
    expect(await readStream(client)).toMatchObject({ text: '', finishReason: 'stop' });
    await server.setFault('reasoning-only');
    expect(await readStream(client)).toMatchObject({ text: '', finishReason: 'stop' });
    expect((await rawStream()).text).toContain('"reasoning_content"');
  });

  it('refuses by finish reason or by field', async () => {
    await server.setFault('refusal');
    expect(await readStream(client)).toMatchObject({ text: '', finishReason: 'content_filter' });
    await server.setFault('refusal-after-content');
    expect(await readStream(client)).toMatchObject({ text: five, finishReason: 'content_filter' });
    await server.setFault('refusal-field');
    const { chunks, text } = await readStream(client);
    expect(text).toBe('');
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.refusal ?? '').join('')).toMatch(/^I'm sorry/);
    const whole = await client.chat.completions.create(asking('Hello'));
    expect(whole.choices[0]?.message.refusal).toMatch(/^I'm sorry/);
  });

  it('stops at a length', async () => {
    await server.setFault('length');
    expect(await readStream(client)).toMatchObject({ text: five, finishReason: 'length' });
  });

  it('answers a stream with one body', async () => {
    await server.setFault('stream-ignored');
    const { type, text } = await rawStream();
    expect(type).toBe('application/json');
    expect(JSON.parse(text)).toMatchObject({ object: 'chat.completion' });
    expect(await readStream(client)).toMatchObject({ chunks: [], error: undefined });
  });
});

describe('which request meets which fault', () => {
  it('goes through a script, then serves', async () => {
    const scripted = await simulatedServer({ script: ['http-503', 'ok', { kind: 'status', status: 418 }] });
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) {
      const body = JSON.stringify(asking('Hello'));
      const response = await fetch(`${scripted.baseURL}/chat/completions`, { method: 'POST', body });
      await response.text();
      statuses.push(response.status);
    }
    expect(statuses).toEqual([503, 200, 418, 200]);
    await scripted.close();
  });

  it('asks a function, which sees the request', async () => {
    const server = await simulatedServer({ script: ({ prompt }) => (prompt === 'bad' ? 'http-500' : undefined) });
    const asked = sdkOf(server);
    await expect(asked.chat.completions.create(asking('bad'))).rejects.toThrow(OpenAI.InternalServerError);
    await expect(asked.chat.completions.create(asking('good'))).resolves.toBeDefined();
    await server.close();
  });
});

it('speaks HTTP also to those who do not ask for anything', async () => {
  const status = await new Promise((resolve) => get(server.url, (response) => resolve(response.resume().statusCode)));
  expect(status).toBe(400);
});

function causes(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) texts.push(at.message, (at as { code?: string }).code ?? '');
  return texts.join(' ');
}
