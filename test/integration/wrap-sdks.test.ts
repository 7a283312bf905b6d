import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';
import { describe, expect, it } from 'vitest';
import type { TransportError } from '../../src/core/errors.ts';
import type { Attempt, CallInfo, ErrorCode, TimeoutOptions } from '../../src/core/types.ts';
import { answerTo, type FaultChoice, type FaultName, type SimulatedServer } from '../../src/testing/index.ts';
import { wrap } from '../../src/wrap.ts';
import { Bench, typed, until, upTo } from './support.ts';
import { type Client, clients } from './wrap-clients.ts';

const prompt = 'Tell me about the canary in this prompt';
const ways = [false, true];

interface Seen {
  /** What came out: the result, or the items. */
  readonly values: readonly unknown[];
  readonly error: TransportError | undefined;
  readonly attempts: readonly Attempt[];
}

/** A call through `wrap()`, without `describe` and without `classify`. */
async function ask(client: Client, server: SimulatedServer, stream: boolean, retries = 0): Promise<Seen> {
  const asked = wrap(client.make(server), { retry: { retries } });
  const attempts: Attempt[] = [];
  asked.transport.on('attempt:end', ({ ledger }) => attempts.push(ledger));
  const values: unknown[] = [];
  let error: TransportError | undefined;
  try {
    const result = await asked({ prompt, stream });
    if (stream) for await (const item of result as AsyncIterable<unknown>) values.push(item);
    else values.push(result);
  } catch (thrown) {
    error = typed(thrown);
  }
  await asked.transport.close();
  return { values, error, attempts };
}

const textOf = (client: Client, { values }: Seen) => values.map((value) => client.textOf(value)).join('');

/** Without `stream_options` these are not told how many tokens a stream had. */
const untold = ['mistral', 'openrouter'];

/** A field of its own, or a prompt that was blocked. What other SDKs make of the field does not show that it was there. */
const inOtherWords: Readonly<Record<string, readonly FaultName[]>> = {
  'openai, chat': ['refusal-field'],
  'openai, responses': ['refusal-field'],
  groq: ['refusal-field'],
  together: ['refusal-field'],
  openrouter: ['refusal-field'],
  google: ['content-policy'],
};

// Each has servers of its own, and most of the time they wait.
describe.concurrent.each(clients)('wrap() around $name', (client) => {
  it.each(ways)('knows the usage, the end and the text, streaming: %s', async (stream) => {
    await using bench = new Bench();
    const server = await bench.server();
    const seen = await ask(client, server, stream);
    expect([seen.error, textOf(client, seen)]).toEqual([undefined, answerTo(prompt)]);
    const told = !(stream && untold.includes(client.name));
    expect(seen.attempts).toMatchObject([{ outcome: 'ok', usageEstimated: !told }]);
    if (told) expect(seen.attempts[0]?.usage).toMatchObject(server.billed);
  });

  it.each(ways)('takes an empty answer for what it is, streaming: %s', async (stream) => {
    await using bench = new Bench();
    const server = await bench.server({ fault: 'empty-answer' });
    const { error } = await ask(client, server, stream);
    expect(error?.code).toBe('empty_response');
  });

  it.each(ways)('takes an answer that was cut at a length for an answer, streaming: %s', async (stream) => {
    await using bench = new Bench();
    const server = await bench.server({ fault: 'length' });
    const seen = await ask(client, server, stream);
    expect([seen.error, textOf(client, seen)]).toEqual([undefined, upTo(5, prompt)]);
  });

  it.each(ways)('takes a refusal for what it is, and asks nobody else, streaming: %s', async (stream) => {
    await using bench = new Bench();
    for (const fault of ['refusal', ...(inOtherWords[client.name] ?? [])] as const) {
      const server = await bench.server({ fault });
      const { error } = await ask(client, server, stream, 2);
      expect([fault, error?.code, error?.retry]).toEqual([fault, 'content_filtered', 'never']);
      expect(server.requests).toHaveLength(1);
    }
  });

  it('never takes a stream that was cut for whole', async () => {
    await using bench = new Bench();
    for (const fault of ['cut-end', 'missing-terminal-event', 'cut-reset'] as const) {
      const server = await bench.server({ fault });
      const seen = await ask(client, server, true);
      expect([fault, seen.error?.code]).toEqual([fault, 'stream_interrupted']);
      const outcome = fault === 'cut-reset' ? expect.stringMatching(/connection|truncated/) : 'truncated';
      expect(seen.attempts).toMatchObject([{ outcome }]);
      expect(answerTo(prompt).startsWith(textOf(client, seen))).toBe(true);
    }
  });

  it.each(ways)('knows when to come back, streaming: %s', async (stream) => {
    await using bench = new Bench();
    const server = await bench.server({ fault: 'rate-limited-600s' });
    const { error } = await ask(client, server, stream, 3);
    expect(error).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(error?.retryAfterMs).toBeGreaterThan(590_000);
    expect(server.requests).toHaveLength(1);
  });

  const refusals: readonly (readonly [FaultName, ErrorCode])[] = [
    ['http-503', 'overloaded'],
    ['http-500', 'server_error'],
    ['unauthorized', 'authentication'],
    ['insufficient-quota', 'quota_exhausted'],
    ['context-length', 'context_length_exceeded'],
    ['model-not-found', 'unsupported'],
  ];
  it.each(refusals)('%s is %s', async (fault, code) => {
    await using bench = new Bench();
    const server = await bench.server({ fault });
    for (const stream of ways) {
      const { error } = await ask(client, server, stream);
      expect([stream, error?.code]).toEqual([stream, code]);
      expect(JSON.stringify([error, error?.message, error?.cause])).not.toContain('canary');
    }
  });

  const lost: readonly FaultChoice[] = [
    'stream-error-before-content',
    'http-503',
    'reset-before-headers',
    'empty-200',
    { kind: 'cut', afterTokens: 0, by: 'end' },
  ];
  it.each(lost)('runs the call again until its first content, unseen: %j', async (fault) => {
    await using bench = new Bench();
    const server = await bench.server({ script: [fault] });
    const seen = await ask(client, server, true, 2);
    expect([seen.error, textOf(client, seen)]).toEqual([undefined, answerTo(prompt)]);
    expect(seen.attempts.map(({ outcome }) => outcome === 'ok')).toEqual([false, true]);
    expect(server.requests).toHaveLength(2);
  });
});

describe('wrap() around a function that returns what streamText does', () => {
  const streaming = (server: SimulatedServer, timeout?: TimeoutOptions) =>
    wrap(
      async (text: string, { signal }: CallInfo) =>
        streamText({
          model: createOpenAI({ baseURL: server.baseURL, apiKey: 'sk-test' })('m'),
          ...{ prompt: text, maxRetries: 0, abortSignal: signal },
          onError() {},
        }),
      { timeout },
    );

  it('hands out the very object, as soon as it has content, and knows how it ended', async () => {
    await using bench = new Bench();
    const server = await bench.server({ script: ['http-503', 'stream-error-before-content'] });
    const asked = streaming(server);
    const attempts: Attempt[] = [];
    asked.transport.on('attempt:end', ({ ledger }) => attempts.push(ledger));
    const result = await asked(prompt);
    let text = '';
    for await (const piece of result.textStream) text += piece;
    expect([text, await result.text, await result.finishReason]).toEqual([answerTo(prompt), answerTo(prompt), 'stop']);
    await until(() => attempts.length === 3, 'three attempts');
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['overloaded', 'server_error', 'ok']);
    expect(attempts[2]?.usage).toMatchObject(server.requests[2]?.billed ?? {});
    await asked.transport.close();
  });

  it('does not wait for its end', async () => {
    await using bench = new Bench();
    const server = await bench.server({ fault: 'stall' });
    const asked = streaming(server);
    const controller = new AbortController();
    const result = await asked(prompt, { signal: controller.signal });
    expect(asked.transport.health()).toMatchObject([{ inFlight: 1 }]);
    const [iterator] = [result.textStream[Symbol.asyncIterator]()];
    expect((await iterator.next()).value).toBe(upTo(1, prompt));
    controller.abort();
    const record = await server.received(1);
    expect((await record.closed).closedByClientAt).toBeDefined();
    await until(() => asked.transport.health()[0]?.inFlight === 0, 'nothing in flight');
    await asked.transport.close();
  });

  it('takes what comes for a sign of life, though it is the application that reads it', async () => {
    await using bench = new Bench();
    const server = await bench.server({ words: 40, tokenMs: 15 });
    const asked = streaming(server, { idleMs: 250 });
    const result = await asked(prompt);
    expect(await result.text).toBe(answerTo(prompt, { words: 40 }));
    await asked.transport.close();
  });

  it('is done with a long one that nobody has read', async () => {
    await using bench = new Bench();
    const server = await bench.server({ words: 5_000 });
    const asked = streaming(server);
    const attempts: Attempt[] = [];
    asked.transport.on('attempt:end', ({ ledger }) => attempts.push(ledger));
    await asked(prompt);
    await until(() => attempts.length === 1, 'the end of the attempt');
    expect(attempts).toMatchObject([{ outcome: 'ok', usage: { outputTokens: 5_000 } }]);
    await asked.transport.close();
  });

  it('holds a break after its first content against the provider', async () => {
    await using bench = new Bench();
    const server = await bench.server({ fault: 'cut-end' });
    const asked = streaming(server);
    const attempts: Attempt[] = [];
    asked.transport.on('attempt:end', ({ ledger }) => attempts.push(ledger));
    const result = await asked(prompt);
    expect(await result.text).toBe(upTo(5, prompt));
    await until(() => attempts.length === 1, 'the end of the attempt');
    expect(attempts).toMatchObject([{ outcome: 'truncated' }]);
    expect(server.requests).toHaveLength(1);
    await asked.transport.close();
  });
});
