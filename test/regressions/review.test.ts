import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { replyFrom } from '../../src/core/reply.ts';
import type { CompletionRequest, Middleware, Provider } from '../../src/core/types.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { wrap } from '../../src/wrap.ts';

const hello = { prompt: 'Hello' };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Runs the clock until the promise has settled. */
async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const outcome = Promise.allSettled([promise]);
  let over = false;
  void outcome.then(() => {
    over = true;
  });
  while (!over) await vi.advanceTimersByTimeAsync(100);
  return (await outcome)[0];
}

const told = (status: number, retryAfterMs: number): Provider & { sentAt: number[] } => {
  const sentAt: number[] = [];
  const complete = async () => {
    sentAt.push(Date.now());
    throw new TransportError(status === 503 ? 'overloaded' : 'rate_limited', `said ${status}`, {
      provider: 'one',
      status,
      retryAfterMs,
    });
  };
  return { name: 'one', domain: 'one', kind: 'test', model: 'm', complete, sentAt };
};

describe('a time that the provider has told', () => {
  it.each([
    ['a 503', 503, {}],
    ['a 429 without the rate-limit layer', 429, { rateLimit: false } as const],
    ['a 503 without the rate-limit layer', 503, { rateLimit: false } as const],
  ])('is kept, for %s', async (_, status, options) => {
    const provider = told(status, 2_000);
    await using llm = createTransport({ providers: [provider], ...options });
    await settled(llm.complete(hello));
    expect(provider.sentAt.length).toBeGreaterThan(1);
    for (let index = 1; index < provider.sentAt.length; index += 1)
      expect((provider.sentAt[index] ?? 0) - (provider.sentAt[index - 1] ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  it('is no reason to wait when it is too far away', async () => {
    const provider = told(503, 600_000);
    await using llm = createTransport({ providers: [provider] });
    const outcome = await settled(llm.complete(hello));
    expect(outcome).toMatchObject({ reason: { code: 'overloaded', retryAfterMs: 600_000 } });
    expect(provider.sentAt).toHaveLength(1);
  });
});

describe('a signal that was aborted with an error of ours', () => {
  it.each(['server_error', 'authentication'] as const)(
    'is a cancellation, and nothing against the provider (%s)',
    async (code) => {
      const provider = simulated({ firstTokenMs: 1_000 });
      await using llm = createTransport({ providers: [provider] });
      await settled(llm.complete(hello));
      const controller = new AbortController();
      const calls = Array.from({ length: 4 }, () => llm.complete(hello, { signal: controller.signal }));
      const outcomes = Promise.allSettled(calls);
      await vi.advanceTimersByTimeAsync(10);
      controller.abort(new TransportError(code, 'another call failed', { provider: provider.name }));
      for (const outcome of await outcomes)
        expect(outcome).toMatchObject({ reason: { code: 'cancelled', cause: { code } } });
      expect(llm.health()[0]).toMatchObject({ circuit: 'closed', quarantined: false });
    },
  );
});

describe('a wrapped function', () => {
  it('gives its result to middleware as `raw`, and takes a kept one back', async () => {
    const kept = new Map<string, Parameters<typeof replyFrom>[0]>();
    const cache: Middleware = (next) => async (request, context) => {
      const known = kept.get(request.prompt ?? '');
      if (known !== undefined) return replyFrom(known);
      const reply = await next(request, context);
      void reply.done.then((outcome) => outcome.ok && kept.set(request.prompt ?? '', outcome.completion));
      return reply;
    };
    let runs = 0;
    const ask = wrap(async (input: string) => ({ answer: input, run: ++runs }), { use: [cache] });
    const first = await ask('Hello there');
    expect(first).toEqual({ answer: 'Hello there', run: 1 });
    expect(await ask('Hello there')).toBe(first);
    await ask.transport.close();
  });

  it('is not run with nothing when its transport is asked for a completion', async () => {
    const run = vi.fn(async (input: string) => input);
    const ask = wrap(run);
    await expect(ask.transport.complete(hello)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(run).not.toHaveBeenCalled();
    await ask.transport.close();
  });

  it('that answers after the call was given up has its stream closed, unread', async () => {
    const next = vi.fn(async () => ({ done: true as const, value: undefined }));
    const back = vi.fn(async () => ({ done: true as const, value: undefined }));
    const stream: AsyncIterable<string> = { [Symbol.asyncIterator]: () => ({ next, return: back }) };
    const ask = wrap(() => new Promise<AsyncIterable<string>>((resolve) => setTimeout(() => resolve(stream), 1_000)));
    const controller = new AbortController();
    const call = ask('Hello', { signal: controller.signal }).catch((error: TransportError) => error.code);
    await vi.advanceTimersByTimeAsync(10);
    controller.abort();
    expect(await call).toBe('cancelled');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(next).not.toHaveBeenCalled();
    expect(back).toHaveBeenCalledOnce();
    await ask.transport.close();
  });
});

describe('what a user brings', () => {
  it('a schema that never settles does not outlast the deadline', async () => {
    const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: () => new Promise(() => {}) } };
    await using llm = createTransport({ providers: [simulated({ answer: () => '{}' })] });
    const request = { ...hello, schema: { schema, jsonSchema: {} } };
    const outcome = await settled(llm.complete(request, { timeoutMs: 500 }));
    expect(outcome).toMatchObject({ reason: { code: 'deadline_exceeded' } });
  });

  it('a deadline that a middleware brings forward is kept', async () => {
    const sooner: Middleware = (next) => (request, context) =>
      next(request, context.fork({ deadline: Date.now() + 300 }));
    await using llm = createTransport({ providers: [simulated({ fault: 'silence-before-headers' })], use: [sooner] });
    const outcome = await settled(llm.complete(hello));
    expect(outcome).toMatchObject({ reason: { code: 'deadline_exceeded' } });
  });

  it("a middleware's `done` that rejects is that middleware's error", async () => {
    const bad: Middleware = (next) => async (request, context) => ({
      ...(await next(request, context)),
      done: Promise.reject(new Error('mine')),
    });
    await using llm = createTransport({ providers: [simulated()], use: [bad] });
    expect(await settled(llm.complete(hello))).toMatchObject({ reason: { code: 'middleware' } });
  });

  it('a strategy that throws is named', async () => {
    const route = function mine(): never {
      throw new RangeError('oops');
    };
    await using llm = createTransport({ providers: [simulated()], route });
    expect(await settled(llm.complete(hello))).toMatchObject({
      reason: { code: 'middleware', message: expect.stringContaining('mine') },
    });
  });

  it('a request in a variable compiles, and a request of either kind is answered in kind', async () => {
    await using llm = createTransport({ providers: [simulated()] });
    const ask = (request: CompletionRequest) => llm.complete(request);
    const [whole, stream] = [await settled(ask(hello)), await settled(ask({ ...hello, stream: true }))];
    expect(whole).toMatchObject({ value: { text: expect.any(String) } });
    expect(stream).toMatchObject({ value: { provider: 'simulated' } });
  });
});

describe('what a provider can do', () => {
  const image = { type: 'image', image: 'https://example.test/a.png' } as const;
  it.each([
    ['images', { messages: [{ role: 'user', content: [image] }] }],
    ['files', { messages: [{ role: 'user', content: [{ type: 'file', data: 'data:,x', mediaType: 'text/plain' }] }] }],
    ['reasoning', { prompt: 'Hello', reasoning: 'high' }],
  ] as const)('leaves it out for %s when it does not declare them', async (capability, request) => {
    const plain = simulated({ name: 'plain', traits: { capabilities: ['streaming', 'tools'] } });
    const able = simulated({ name: 'able', traits: { capabilities: [capability] } });
    await using llm = createTransport({ providers: [plain, able] });
    expect(await settled(llm.complete(request))).toMatchObject({ value: { provider: 'able' } });
  });
});

it('the window that opens with the first answer is told of', async () => {
  await using llm = createTransport({ providers: [simulated()] });
  const windows: unknown[] = [];
  llm.on('window:change', ({ from, to }) => windows.push([from, to]));
  await settled(llm.complete(hello));
  expect(windows).toEqual([[2, 32]]);
});

it('`hedge: false` is an option already', () => {
  expect(() => createTransport({ providers: [simulated()], hedge: false })).not.toThrow();
});
