import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { replyFrom } from '../../src/core/reply.ts';
import type { Chunk, Completion, CompletionRequest, Middleware, Outcome, Provider } from '../../src/core/types.ts';
import { callable } from '../../src/providers/callable.ts';
import { createTransport } from '../../src/transport.ts';
import { retryAfterInText } from '../../src/wire/retry-after.ts';
import { wrap } from '../../src/wrap.ts';

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const inTime = <T>(promise: Promise<T>) =>
  Promise.race([promise.catch((error: unknown) => error), pause(2_500).then(() => 'hung')]);

const unhandled: unknown[] = [];
const keep = (error: unknown): void => {
  unhandled.push(error);
};
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', keep);
});
afterEach(async () => {
  await pause(0);
  process.off('unhandledRejection', keep);
  expect(unhandled).toEqual([]);
});

function streaming(next: () => unknown): Provider {
  return {
    name: 'odd',
    domain: 'odd',
    kind: 'test',
    model: 'm',
    complete: () => Promise.reject(new Error('not asked')),
    stream: () => ({ [Symbol.asyncIterator]: () => ({ next }) as AsyncIterator<Chunk> }),
  };
}

function throwing(): object {
  const get = () => {
    throw new Error('in a getter');
  };
  return Object.defineProperties({}, { message: { get }, name: { get } });
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('An adapter', () => {
  it.each([
    { what: 'gives no iterator result', next: () => Promise.resolve(undefined) },
    { what: 'throws an error whose getters throw', next: () => Promise.reject(throwing()) },
    { what: 'throws a revoked proxy', next: () => Promise.reject(revoked()) },
  ])('that $what ends its call', async ({ next }) => {
    const llm = createTransport({ providers: [streaming(next)], retry: false });
    expect(await inTime(llm.complete({ prompt: 'Hi' }))).toMatchObject({ code: 'internal', provider: 'odd' });
    expect(llm.health()[0]?.inFlight).toBe(0);
    await llm.close();
  });

  it('that answers with no text has not answered', async () => {
    const { stream: _, ...unary } = streaming(() => undefined);
    const provider = { ...unary, complete: () => Promise.resolve({} as never) };
    const llm = createTransport({ providers: [provider], retry: false });
    await expect(llm.complete({ prompt: 'Hi' })).rejects.toMatchObject({ code: 'bad_response' });
    await llm.close();
  });

  it.each([null, {}, { inputTokens: Number.NaN, outputTokens: 1 }, { inputTokens: Infinity, outputTokens: 1 }])(
    'that counts its tokens as %j does not break the limits',
    async (usage) => {
      const provider = callable({
        name: 'odd',
        limits: { tokensPerMinute: 6_000 },
        complete: () => ({ text: 'Hello', usage: usage as never }),
      });
      const llm = createTransport({ providers: [provider], retry: false });
      expect((await llm.complete({ prompt: 'Hi' })).usage).toBeUndefined();
      // The burst is 1,000 tokens: 501 for the first call, 401 for one more, and too few for another.
      const call = () =>
        llm.complete({ prompt: 'Hi', maxOutputTokens: 400 }, { timeoutMs: 100 }).then(
          () => 'ok',
          () => 'held',
        );
      expect(await Promise.all([call(), call()])).toEqual(['ok', 'held']);
      await llm.close();
    },
  );
});

describe('A middleware', () => {
  const answering = (change: (done: Promise<Outcome>) => Promise<Outcome>): Middleware =>
    function odd(next) {
      return async (request, context) => {
        const reply = await next(request, context);
        return { ...reply, done: change(reply.done) };
      };
    };
  const passing = (request: unknown): Middleware =>
    function odd(next) {
      return (_, context) => next(request as CompletionRequest, context);
    };

  describe.each(['use', 'useEach'] as const)('in %s', (place) => {
    it.each([
      { what: 'whose done rejects', layer: answering((done) => done.then(() => Promise.reject(new Error('odd')))) },
      { what: 'whose done is no outcome', layer: answering((done) => done.then(() => undefined as never)) },
      { what: 'that passes on no request', layer: passing(undefined) },
      { what: 'that passes on half a request', layer: passing({ messages: [{ role: 'user', content: undefined }] }) },
      { what: 'that answers with no completion', layer: () => async () => replyFrom({} as Completion) },
    ])('$what is blamed', async ({ layer }) => {
      const llm = createTransport({
        providers: [callable({ name: 'one', stream: () => ['Hello'] })],
        rateLimit: false,
        retry: false,
        [place]: [layer],
      });
      expect(await inTime(llm.complete({ prompt: 'Hi' }))).toMatchObject({ code: 'middleware' });
      await llm.close();
    });

    it('whose done never settles does not outlast the deadline for long', async () => {
      const layer = answering(() => new Promise(() => {}));
      const providers = [callable({ name: 'one', complete: () => 'Hello' })] as const;
      const llm = createTransport({ providers, [place]: [layer], retry: false });
      const call = llm.complete({ prompt: 'Hi' }, { timeoutMs: 50 });
      expect(await inTime(call)).toMatchObject({ code: 'deadline_exceeded' });
      await llm.close({ timeoutMs: 0 });
    });
  });

  it('that asks twice at once keeps the attempt that is under way when the transport is closed', async () => {
    let asked = 0;
    const provider = callable({
      name: 'one',
      complete: async () => {
        asked += 1;
        if (asked > 1) throw Object.assign(new Error('no'), { status: 400 });
        await pause(100);
        return 'Hello';
      },
    });
    const twice: Middleware = (next) => (request, context) =>
      Promise.any([next(request, context), pause(10).then(() => next(request, context))]);
    const llm = createTransport({ providers: [provider], use: [twice] });
    const call = llm.complete({ prompt: 'Hi' });
    await pause(50);
    await llm.close();
    expect((await call).text).toBe('Hello');
  });
});

describe('A wrapped stream', () => {
  it.each([
    { what: 'returns at once', leave: () => ({ done: true, value: undefined }) },
    {
      what: 'throws',
      leave: () => {
        throw new Error('odd');
      },
    },
  ])('that $what when it is left breaks for its own reason', async ({ leave }) => {
    const broken = new Error('Service unavailable');
    const next = () => Promise.reject(Object.assign(broken, { status: 503 }));
    const ask = wrap(async () => ({ [Symbol.asyncIterator]: () => ({ next, return: leave as never }) }), {
      retry: false,
    });
    await expect(ask({})).rejects.toMatchObject({ code: 'overloaded' });
    await ask.transport.close();
  });

  it('is asked with an input that throws when it is read', async () => {
    const ask = wrap(async () => 'Hello', { retry: false });
    const get = () => {
      throw new Error('in a getter');
    };
    const input = Object.defineProperty({}, 'x', { enumerable: true, get });
    await expect(ask(input)).resolves.toBe('Hello');
    await ask.transport.close();
  });
});

describe('A probe under way', () => {
  it('does not turn away calls that have less time than its lease', async () => {
    let down = true;
    let asked = 0;
    const provider = callable({
      name: 'one',
      complete: async () => {
        asked += 1;
        if (asked > 3) await pause(100);
        if (down) throw new TransportError('overloaded', 'no', { provider: 'one' });
        return 'Hello';
      },
    });
    const llm = createTransport({ providers: [provider], circuitBreaker: { openMs: 20, maxOpenMs: 50 } });
    const once = () => llm.complete({ prompt: 'Hi' }, { timeoutMs: 5_000 });
    const first = [once(), once(), once()];
    while (asked < 4) await pause(5);
    expect(llm.health()[0]?.circuit).toBe('half-open');
    down = false;
    const texts = await Promise.all([...first, once(), once()].map((call) => call.then(({ text }) => text)));
    expect(texts).toEqual(Array.from({ length: 5 }, () => 'Hello'));
    await llm.close();
  });
});

describe('A time to come back', () => {
  it('is looked for in a long run of spaces without blocking', () => {
    expect(retryAfterInText('Please retry after: 3s')).toBe(3_000);
    expect(retryAfterInText('Please retry: 2 seconds')).toBe(2_000);
    const took = [1, 2, 3, 4, 5].map(() => {
      const from = performance.now();
      expect(retryAfterInText(`Please retry${' '.repeat(19_000)}`)).toBeUndefined();
      return performance.now() - from;
    });
    // The quickest of five: a machine that is busy with something else does not hold up all of them.
    expect(Math.min(...took)).toBeLessThan(100);
  });
});
