import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isStreamingRefused, TransportError } from '../../src/core/errors.ts';
import type { Chunk } from '../../src/core/types.ts';
import { answerTo, faultCases, type SimulatedOptions, simulated } from '../../src/testing/index.ts';
import { contextFor } from './support.ts';

const sixty = answerTo('Hello');

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Reads a stream to its end; with `signal`, until that aborts. */
async function read(options: SimulatedOptions = {}, signal?: AbortSignal) {
  const provider = simulated(options);
  const { context, facts } = contextFor(signal);
  const chunks: Chunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of provider.stream?.({ prompt: 'Hello' }, context) ?? []) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  const text = chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
  return { provider, chunks, text, finish: chunks.find(({ type }) => type === 'finish'), error, facts };
}

describe('simulated', () => {
  it('streams text, then one finish, and tells its id', async () => {
    const { chunks, text, facts, provider } = await read();
    expect(text).toBe(sixty);
    expect(chunks.at(-1)).toEqual({
      type: 'finish',
      finishReason: 'stop',
      usage: { inputTokens: 1, outputTokens: 60 },
      model: 'simulated-1',
    });
    expect(chunks.filter(({ type }) => type === 'finish')).toHaveLength(1);
    expect(facts[0]?.providerRequestId).toBe(provider.requests[0]?.requestId);
    expect(provider.requests[0]).toMatchObject({
      whole: true,
      stream: true,
      status: 200,
      tokensSent: 60,
      prompt: 'Hello',
    });
    expect(provider.billed).toEqual({ inputTokens: 1, outputTokens: 60 });
  });

  it('answers whole', async () => {
    const provider = simulated({ streaming: false });
    expect(provider.stream).toBeUndefined();
    const answer = await provider.complete({ prompt: 'Hello' }, contextFor().context);
    expect(answer).toMatchObject({ text: sixty, toolCalls: [], finishReason: 'stop', model: 'simulated-1' });
  });

  it('takes the time that it is told to, and no other', async () => {
    const began = Date.now();
    const reading = read({ firstTokenMs: 1_000, tokenMs: 10 });
    await vi.runAllTimersAsync();
    const { provider } = await reading;
    expect(provider.requests[0]?.firstTokenAt).toBe(began + 1_000);
    expect(provider.requests[0]?.endedAt).toBe(began + 1_000 + 59 * 10);
  });

  it('draws its times from a seed', async () => {
    const run = async (seed: number) => {
      const reading = read({ seed, tokenMs: (random) => 10 + random() * 100 });
      const began = Date.now();
      await vi.runAllTimersAsync();
      return ((await reading).provider.requests[0]?.endedAt ?? 0) - began;
    };
    expect(await run(1)).toBe(await run(1));
    expect(await run(1)).not.toBe(await run(2));
  });

  it('stops when it is aborted, throws the reason if it is one of ours, and records when', async () => {
    const controller = new AbortController();
    const reading = read({ tokenMs: 100 }, controller.signal);
    await vi.advanceTimersByTimeAsync(450);
    const reason = new TransportError('deadline_exceeded', 'too late');
    controller.abort(reason);
    const { error, provider, chunks } = await reading;
    expect(error).toBe(reason);
    expect(chunks).toHaveLength(5);
    expect(provider.requests[0]).toMatchObject({ closedByClientAt: Date.now(), whole: false, outputTokens: 5 });
    expect(provider.inFlight).toBe(0);
  });

  it('throws cancelled for any other reason, and at once if it was aborted before', async () => {
    const { error, provider } = await read({}, AbortSignal.abort());
    expect(error).toMatchObject({ code: 'cancelled' });
    expect(provider.requests[0]?.billed).toEqual({ inputTokens: 0, outputTokens: 0 });
  });

  it('records a reader who leaves', async () => {
    const provider = simulated();
    const { context } = contextFor();
    for await (const _ of provider.stream?.({ prompt: 'Hello' }, context) ?? []) break;
    expect(provider.requests[0]).toMatchObject({ whole: false, tokensSent: 1 });
    expect(provider.requests[0]?.closedByClientAt).toBeDefined();
  });

  it('calls tools, whole, before the finish', async () => {
    const provider = simulated();
    const tool = (name: string) => ({
      name,
      inputSchema: { jsonSchema: { type: 'object', properties: { city: { type: 'string' } } } },
    });
    const request = { prompt: 'first_tool and second_tool', tools: [tool('second_tool'), tool('first_tool')] };
    const answer = await provider.complete(request, contextFor().context);
    expect(answer.finishReason).toBe('tool_calls');
    expect(answer.toolCalls.map(({ name }) => name)).toEqual(['first_tool', 'second_tool']);
    expect(answer.toolCalls[0]?.input).toEqual({ city: expect.any(String) });
    const chunks: Chunk[] = [];
    for await (const chunk of provider.stream?.(request, contextFor().context) ?? []) chunks.push(chunk);
    expect(chunks.map(({ type }) => type)).toEqual(['toolCall', 'toolCall', 'finish']);
  });

  it('goes through its script, then serves', async () => {
    const provider = simulated({ script: ['http-503', 'rate-limited', 'ok'] });
    const codes: string[] = [];
    for (let count = 0; count < 4; count++)
      codes.push(
        await provider.complete({ prompt: 'Hello' }, contextFor().context).then(
          () => 'ok',
          (error: TransportError) => error.code,
        ),
      );
    expect(codes).toEqual(['overloaded', 'rate_limited', 'ok', 'ok']);
  });

  it('enforces limits, and tells of them', async () => {
    const provider = simulated({ enforcedLimits: { requestsPerMinute: 60, burstRatio: 1 / 60 } });
    const ask = () => provider.complete({ prompt: 'Hello' }, contextFor().context);
    await ask();
    await expect(ask()).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 1_000, status: 429 });
    vi.advanceTimersByTime(1_000);
    const { context, facts } = contextFor();
    await provider.complete({ prompt: 'Hello' }, context);
    expect(Object.fromEntries(facts[0]?.headers ?? [])).toMatchObject({ 'x-ratelimit-limit-requests': '60' });
  });

  it('is out of order for a span of time', async () => {
    const provider = simulated({ schedule: [{ fromMs: 1_000, toMs: 2_000, fault: 'connection-refused' }] });
    const ask = () =>
      provider.complete({ prompt: 'Hello' }, contextFor().context).then(
        () => 'ok',
        (error: TransportError) => error.code,
      );
    const outcomes: string[] = [];
    for (let second = 0; second < 3; second++) {
      outcomes.push(await ask());
      vi.advanceTimersByTime(1_000);
    }
    expect(outcomes).toEqual(['ok', 'connection', 'ok']);
  });

  it('keeps only the latest records when told to', async () => {
    const provider = simulated({ keepRequests: 2 });
    for (let count = 0; count < 5; count++) await provider.complete({ prompt: 'Hello' }, contextFor().context);
    expect(provider.requests.map(({ index }) => index)).toEqual([3, 4]);
    expect(provider.billed).toEqual({ inputTokens: 5, outputTokens: 300 });
  });
});

describe('faults in process', () => {
  /** Judged by the transport's endpoint, not by a provider: what the provider does instead. */
  const judgedAbove = new Set(['timeout', 'empty_response', 'content_filtered', 'truncated']);

  it.each(faultCases)('$name', async ({ name, fault, code, strikes }) => {
    const controller = new AbortController();
    const reading = read({ fault: name, tokenMs: 1 }, controller.signal);
    await vi.advanceTimersByTimeAsync(5_000);
    controller.abort(new TransportError('timeout', 'too quiet'));
    const { error, text, finish, provider } = await reading;

    if (code === undefined && fault.kind === 'status' && fault.only === 'stream')
      expect(isStreamingRefused(error)).toBe(true);
    else if (fault.kind === 'streamIgnored') expect(isStreamingRefused(error)).toBe(true);
    else if (code === undefined)
      expect({ error, finish: finish?.type }).toEqual({ error: undefined, finish: 'finish' });
    else if (code === 'timeout' || !judgedAbove.has(code) || fault.kind === 'empty200' || fault.kind === 'status')
      expect(error).toMatchObject({ code });
    else expect(error).toBeUndefined();

    if (code === 'truncated') expect(finish).toBeUndefined();
    if (code === 'empty_response' && fault.kind !== 'empty200')
      expect({ text, finish }).toMatchObject({ text: '', finish: { finishReason: 'stop' } });
    if (fault.kind === 'refusal') expect(finish).toMatchObject({ finishReason: 'content_filter' });
    if (strikes === 'beforeContent') expect(text).toBe('');
    expect(provider.inFlight).toBe(0);
  });

  it('says by the error when to come back', async () => {
    expect((await read({ fault: 'rate-limited' })).error).toMatchObject({ retryAfterMs: 1_000 });
    expect((await read({ fault: 'rate-limited-600s' })).error).toMatchObject({ retryAfterMs: 600_000 });
    expect((await read({ fault: 'rate-limited-no-hint' })).error).toMatchObject({ retryAfterMs: undefined });
    expect((await read({ fault: 'do-not-retry' })).error).toMatchObject({ code: 'overloaded', retry: 'elsewhere' });
  });

  it('says truncated of a whole answer without its terminal event', async () => {
    const provider = simulated({ fault: 'missing-terminal-event' });
    await expect(provider.complete({ prompt: 'Hello' }, contextFor().context)).rejects.toMatchObject({
      code: 'truncated',
    });
  });
});
