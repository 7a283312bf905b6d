import { describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import type { Middleware, Provider } from '../../../src/core/types.ts';
import { type SimulatedProvider, simulated } from '../../../src/testing/index.ts';
import { answer, aProvider } from '../core/support.ts';
import {
  advance,
  allSettled,
  asked,
  broken,
  flush,
  given,
  kept,
  readAll,
  requestsAt,
  settled,
  tally,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

/** The most that came in any span of so many milliseconds. */
function mostWithin(ms: number, events: readonly { at: number; amount: number }[]): number {
  let most = 0;
  let sum = 0;
  let from = 0;
  for (const { at, amount } of events) {
    sum += amount;
    while ((events[from]?.at ?? at) <= at - ms) {
      sum -= events[from]?.amount ?? 0;
      from += 1;
    }
    most = Math.max(most, sum);
  }
  return most;
}

const arrivals = ({ requests }: SimulatedProvider) => requests.map(({ receivedAt }) => ({ at: receivedAt, amount: 1 }));

describe('concurrency', () => {
  it('is never exceeded, and nobody is left behind', async () => {
    const a = simulated({
      name: 'a',
      words: 3,
      limits: { concurrency: 4 },
      firstTokenMs: (random) => random() * 100,
      tokenMs: 5,
    });
    const llm = transport({ providers: [a] });
    const results = await allSettled(Array.from({ length: 200 }, () => llm.complete(hello)));
    expect([tally(results), a.maxInFlight]).toEqual([{ ok: 200 }, 4]);
  });

  it('is two until the provider has answered once', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 100 });
    const llm = transport({ providers: [a] });
    const calls = Array.from({ length: 50 }, () => watch(llm.complete(hello)));
    await advance(99);
    expect([requestsAt(a), llm.health()[0]?.queued, llm.health()[0]?.window]).toEqual([2, 48, 2]);
    await advance(2);
    // Thirty-two in flight, and the more the more answers come.
    expect(requestsAt(a)).toBeGreaterThanOrEqual(34);
    expect([a.inFlight <= (llm.health()[0]?.window ?? 0) + 2, requestsAt(a) + (llm.health()[0]?.queued ?? 0)]).toEqual([
      true,
      50,
    ]);
    await advance(200);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
  });

  it.each(['invalid-request', 'content-policy', 'context-length'] as const)(
    'is what the limit says once the provider has refused a request for its own sake: %s',
    async (fault) => {
      const a = simulated({ name: 'a', script: [fault], firstTokenMs: 100 });
      const llm = transport({ providers: [a] });
      await broken(llm.complete(hello));
      for (let count = 0; count < 20; count++) watch(llm.complete(hello));
      await flush();
      expect(requestsAt(a)).toBe(21);
    },
  );

  /** Ways in which a call can leave its slot; each test sends twenty of them through one slot. */
  const exits: Record<string, (llm: ReturnType<typeof transport>) => Promise<unknown>> = {
    success: (llm) => llm.complete(hello),
    'a stream, read': async (llm) => readAll(await llm.complete({ ...hello, stream: true })),
    'a stream that is left': async (llm) => {
      for await (const _ of await llm.complete({ ...hello, stream: true })) break;
    },
    'return() before the first chunk': async (llm) => {
      const stream = await llm.complete({ ...hello, stream: true });
      await stream[Symbol.asyncIterator]().return?.();
    },
    'an abort': (llm) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 7);
      return llm.complete(hello, { signal: controller.signal });
    },
    'an abort after the answer began': async (llm) => {
      const controller = new AbortController();
      const stream = await llm.complete({ ...hello, stream: true }, { signal: controller.signal });
      controller.abort();
      return readAll(stream);
    },
    'the deadline': (llm) => llm.complete(hello, { timeoutMs: 7 }),
  };
  const faults = [
    'http-500',
    'cut-reset',
    'invalid-request',
    'refusal',
    'empty-answer',
    'silence-after-headers',
  ] as const;

  it.each(Object.keys(exits))('gives the slot back after %s', async (exit) => {
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 5, tokenMs: 5 });
    const llm = transport({ providers: [a] });
    for (let count = 0; count < 20; count++) await settled(exits[exit]?.(llm) ?? Promise.reject());
    await flush();
    expect([a.inFlight, llm.health()[0]?.inFlight, a.requests.length]).toEqual([0, 0, 20]);
    expect(await settled(llm.complete(hello))).toMatchObject({ ok: true, ms: 300 });
  });

  it.each(faults)('gives the slot back after %s', async (fault) => {
    for (const stream of [false, true]) {
      const a = simulated({ name: 'a', fault, limits: { concurrency: 1 } });
      const llm = transport({ providers: [a], retry: false, circuitBreaker: false, timeout: { firstContentMs: 50 } });
      for (let count = 0; count < 20; count++) {
        const call = llm.complete({ ...hello, stream } as never) as Promise<unknown>;
        await settled(stream ? call.then((opened) => readAll(opened as never)) : call);
        await flush();
      }
      a.setFault(undefined);
      await kept(llm.complete(hello));
      expect(requestsAt(a)).toBe(21);
    }
  });

  it('gives the slot back when a middleware throws', async () => {
    let throws = true;
    const faulty: Middleware = (next) => (request, context) => {
      if (throws) throw new Error('oops');
      return next(request, context);
    };
    const a = simulated({ name: 'a', limits: { concurrency: 1 } });
    const llm = transport({ providers: [a], useEach: [faulty] });
    for (let count = 0; count < 5; count++)
      expect(await broken(llm.complete(hello))).toMatchObject({ code: 'middleware' });
    throws = false;
    await kept(llm.complete(hello));
  });
});

describe('the line', () => {
  it('goes by priority, and first come first served within one', async () => {
    const a = simulated({ name: 'a', words: 1, limits: { concurrency: 1 }, firstTokenMs: 10 });
    const llm = transport({ providers: [a] });
    const calls = [llm.complete({ prompt: 'first' })];
    for (const priority of ['batch', 'default', 'interactive', 'batch', 'default', 'interactive'] as const)
      calls.push(llm.complete({ prompt: `${priority} ${calls.length}` }, { priority }));
    await allSettled(calls);
    expect(a.requests.map(({ prompt }) => prompt)).toEqual([
      'first',
      ...['interactive 3', 'interactive 6', 'default 2', 'default 5', 'batch 1', 'batch 4'],
    ]);
  });

  it('is bounded: who does not fit in goes elsewhere, or is told when to come back', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 100 });
    const alone = transport({ providers: [a], rateLimit: { maxQueued: 5 } });
    const calls = Array.from({ length: 6 }, () => watch(alone.complete(hello)));
    const refused = await broken(alone.complete(hello));
    expect(refused).toMatchObject({ code: 'queue_full', provider: 'a', attempts: [], ms: 0 });
    expect(refused.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    await advance(2_000);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);

    const [b, c] = [simulated({ name: 'b', limits: { concurrency: 1 }, firstTokenMs: 100 }), simulated({ name: 'c' })];
    const llm = transport({ providers: [b, c], rateLimit: { maxQueued: 0 } });
    const results = await allSettled(Array.from({ length: 3 }, () => llm.complete(hello)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect([requestsAt(b), requestsAt(c)]).toEqual([1, 2]);
  });

  it('says how long a call waited, in its ledger and in an event', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 100 });
    const llm = transport({ providers: [a] });
    const [, second] = await allSettled([llm.complete(hello), llm.complete(hello)]);
    expect(second?.ok && second.value.attempts[0]?.waitMs).toBe(100);
    expect(llm.events.filter(({ type }) => type === 'queue:wait')).toMatchObject([{ provider: 'a', waitMs: 100 }]);
  });

  it('is left at the deadline, at once and without a request', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 1_000 });
    const llm = transport({ providers: [a] });
    const first = watch(llm.complete(hello));
    expect(await broken(llm.complete(hello, { timeoutMs: 300 }))).toMatchObject({ code: 'deadline_exceeded', ms: 300 });
    await advance(1_000);
    expect([first.result?.ok, requestsAt(a), llm.health()[0]?.queued]).toEqual([true, 1, 0]);
  });

  it('is left by an abort, at once and without a request', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 1_000 });
    const llm = transport({ providers: [a] });
    watch(llm.complete(hello));
    const controller = new AbortController();
    const second = watch(llm.complete(hello, { signal: controller.signal }));
    await advance(10);
    expect(llm.health()[0]?.queued).toBe(1);
    controller.abort();
    await flush();
    expect(second.result).toMatchObject({ code: 'cancelled', ms: 10 });
    await advance(5_000);
    expect(requestsAt(a)).toBe(1);
  });

  const reasons = {
    parked: 'rate-limited-date',
    quarantined: 'unauthorized',
    'in an open circuit': 'http-500',
  } as const;
  it.each(Object.keys(reasons) as (keyof typeof reasons)[])(
    'is left by all when the provider is %s',
    async (reason) => {
      const a = simulated({ name: 'a', limits: { concurrency: 3 }, fault: { kind: 'slow', firstTokenMs: 100 } });
      const b = simulated({ name: 'b' });
      const llm = transport({ providers: [a, b] });
      await kept(llm.complete(hello));
      a.setFault(reasons[reason]);
      const results = await allSettled(Array.from({ length: 200 }, () => llm.complete(hello)));
      expect(tally(results)).toEqual({ ok: 200 });
      expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThan(100);
      expect(requestsAt(a)).toBe(1 + 3);
    },
  );

  it('is left by who would have to wait for a parked lone provider longer than calls wait', async () => {
    const a = simulated({ name: 'a', fault: 'rate-limited-600s' });
    const llm = transport({ providers: [a] });
    const results = await allSettled(Array.from({ length: 20 }, () => llm.complete(hello)));
    expect(tally(results)).toEqual({ rate_limited: 20 });
    expect(Math.max(...results.map(({ ms }) => ms))).toBe(0);
    expect(results.every((result) => !result.ok && (result.error.retryAfterMs ?? 0) > 599_000)).toBe(true);
    expect(requestsAt(a)).toBe(2);
  });

  it('is left by who has a deadline before a parked lone provider is back; the others wait', async () => {
    const a = simulated({ name: 'a', words: 2, script: ['rate-limited-date', 'rate-limited-date'] });
    const llm = transport({ providers: [a] });
    const patient = Array.from({ length: 5 }, () => watch(llm.complete(hello)));
    const hurried = await broken(llm.complete(hello, { timeoutMs: 1_500 }));
    expect(hurried).toMatchObject({ code: 'rate_limited', ms: 0 });
    await advance(2_200);
    expect(patient.map(({ result }) => result?.code)).toEqual(Array(5).fill('ok'));
  });

  it('does not hold calls at a cold provider that never answers, when there is another', async () => {
    const a = simulated({ name: 'a', fault: 'silence-after-headers' });
    const b = simulated({ name: 'b' });
    const llm = transport({ providers: [a, b] });
    for (let count = 0; count < 2; count++) watch(llm.complete(hello));
    const first = await allSettled(Array.from({ length: 98 }, () => llm.complete(hello)));
    expect(tally(first)).toEqual({ ok: 98 });
    expect(Math.max(...first.map(({ ms }) => ms))).toBeLessThanOrEqual(2_100);
    // Those who come later do not even try.
    const later = await allSettled(Array.from({ length: 100 }, () => llm.complete(hello)));
    expect(Math.max(...later.map(({ ms }) => ms))).toBe(0);
    expect(requestsAt(a)).toBe(2);
  });

  it('does not hold those either who come when the other is busy', async () => {
    const a = simulated({ name: 'a', fault: 'silence-after-headers' });
    // One every ten seconds: that is a longer wait than the silence has lasted.
    const b = simulated({ name: 'b', words: 2, limits: { requestsPerMinute: 6 } });
    const llm = transport({ providers: [a, b] });
    for (let count = 0; count < 2; count++) watch(llm.complete(hello));
    await advance(2_500);
    const later: Promise<unknown>[] = [];
    for (let count = 0; count < 4; count++) {
      later.push(llm.complete(hello));
      await flush();
    }
    const results = await allSettled(later);
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThanOrEqual(31_000);
  });

  it('is not joined when all slots are taken by long answers and another provider is free', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 2 }, firstTokenMs: 50, tokenMs: 100 });
    const b = simulated({ name: 'b', firstTokenMs: 50 });
    const llm = transport({ providers: [a, b] });
    await kept(llm.complete(hello));
    for (let count = 0; count < 2; count++) watch(llm.complete(hello));
    await advance(100);
    const result = await settled(llm.complete(hello));
    expect(result.ok && result.value.provider).toBe('b');
  });

  it('is not joined when all slots are taken by a provider that has fallen silent and another is free', async () => {
    const a = simulated({ name: 'a', limits: { concurrency: 2 } });
    const b = simulated({ name: 'b' });
    const llm = transport({ providers: [a, b] });
    await kept(llm.complete(hello));
    a.setFault('silence-after-headers');
    for (let count = 0; count < 2; count++) watch(llm.complete(hello));
    await advance(1_000);
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: 0, value: { provider: 'b' } });
  });

  it('leaves no timer behind when everybody has left it', async () => {
    const a = simulated({ name: 'a', words: 2, limits: { requestsPerMinute: 6 } });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    const before = vi.getTimerCount();
    const controller = new AbortController();
    const calls = Array.from({ length: 20 }, () => watch(llm.complete(hello, { signal: controller.signal })));
    await advance(10);
    controller.abort();
    await flush();
    expect(calls.every(({ result }) => result?.code === 'cancelled')).toBe(true);
    expect(vi.getTimerCount()).toBe(before);
  });
});

describe('requests and tokens a minute', () => {
  it.each([6, 60, 600])('%s requests a minute are never exceeded but for a burst of ten seconds', async (perMinute) => {
    const a = simulated({ name: 'a', words: 2, limits: { requestsPerMinute: perMinute } });
    const llm = transport({ providers: [a] });
    const results = await allSettled(Array.from({ length: Math.max(12, perMinute * 2) }, () => llm.complete(hello)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    const burst = Math.max(1, perMinute / 6);
    expect(mostWithin(60_000, arrivals(a))).toBeLessThanOrEqual(perMinute + burst);
    expect(mostWithin(1_000, arrivals(a))).toBeLessThanOrEqual(perMinute / 60 + burst + 1);
    // And no slower than it must be.
    const spanMs = (a.requests.at(-1)?.receivedAt ?? 0) - (a.requests[0]?.receivedAt ?? 0);
    expect(spanMs).toBeLessThanOrEqual(((a.requests.length - burst) / perMinute) * 60_000 + 100);
  });

  it.each(['tokensPerMinute', 'outputTokensPerMinute', 'inputTokensPerMinute'] as const)(
    '%s are never exceeded but for a burst of ten seconds',
    async (limit) => {
      const prompt = 'word '.repeat(40);
      const a = simulated({ name: 'a', words: 60, limits: { [limit]: 6_000 } });
      const llm = transport({ providers: [a] });
      const results = await allSettled(
        Array.from({ length: 150 }, () => llm.complete({ prompt, maxOutputTokens: 60 })),
      );
      expect(results.every(({ ok }) => ok)).toBe(true);
      const used = a.requests.map(({ receivedAt, inputTokens, outputTokens }) => ({
        at: receivedAt,
        amount:
          (limit === 'outputTokensPerMinute' ? 0 : inputTokens) + (limit === 'inputTokensPerMinute' ? 0 : outputTokens),
      }));
      expect(mostWithin(60_000, used)).toBeLessThanOrEqual(6_000 + 1_000 + 110);
    },
  );

  it('puts an estimate right: short answers do not use up what was set aside for long ones', async () => {
    const a = simulated({ name: 'a', words: 5, limits: { tokensPerMinute: 60_000 } });
    const llm = transport({ providers: [a] });
    const answered: number[] = [];
    for (let count = 0; count < 100; count++) {
      const { ms } = await settled(llm.complete({ ...hello, maxOutputTokens: 5_000 }));
      answered.push(ms);
    }
    expect(Math.max(...answered)).toBeLessThanOrEqual(10);
  });

  it('waits for a debt when answers were longer than estimated', async () => {
    const a = simulated({ name: 'a', words: 3_000, limits: { outputTokensPerMinute: 6_000 } });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    // 3,000 of a burst of 1,000 are gone: that is 20 s of inflow, and as many more are expected now: the bucket must be full.
    const { ms } = await settled(llm.complete(hello));
    expect(ms).toBeGreaterThanOrEqual(29_000);
    expect(ms).toBeLessThanOrEqual(31_000);
  });

  it('gives back what was taken for an attempt that was not sent', async () => {
    const a = simulated({ name: 'a', words: 1, limits: { requestsPerMinute: 60, concurrency: 1 }, fault: 'http-500' });
    const llm = transport({ providers: [a], retry: false });
    await allSettled(Array.from({ length: 10 }, () => llm.complete(hello)));
    expect(requestsAt(a)).toBe(3);
    a.setFault(undefined);
    llm.reset('a');
    const results = await allSettled(Array.from({ length: 7 }, () => llm.complete(hello)));
    expect(results.map(({ ms }) => ms)).toEqual(Array(7).fill(0));
  });

  it('sends nothing that a provider with the same limits would turn away', async () => {
    const limits = { requestsPerMinute: 120, tokensPerMinute: 12_000 };
    const a = simulated({ name: 'a', words: 50, limits, enforcedLimits: limits, firstTokenMs: 200 });
    const llm = transport({ providers: [a] });
    const results = await allSettled(
      Array.from({ length: 300 }, () => llm.complete({ ...hello, maxOutputTokens: 60 })),
    );
    expect(tally(results)).toEqual({ ok: 300 });
    expect(a.requests.filter(({ status }) => status === 429)).toEqual([]);
  });

  it('sends a call elsewhere when it would wait longer than 200 ms', async () => {
    const a = simulated({ name: 'a', words: 2, limits: { requestsPerMinute: 60 } });
    const b = simulated({ name: 'b', words: 2 });
    const llm = transport({ providers: [a, b] });
    await kept(llm.complete(hello));
    for (let count = 0; count < 20; count++) await kept(llm.complete(hello));
    expect([requestsAt(a), requestsAt(b)]).toEqual([10, 11]);
  });
});

describe('a provider that says it is too much', () => {
  it('without saying for how long is left alone for about a second, then two, four …', async () => {
    const a = simulated({ name: 'a', fault: 'rate-limited-no-hint' });
    const llm = transport({ providers: [a], retry: { retries: 4 } });
    await broken(llm.complete(hello));
    const times = a.requests.map(({ receivedAt }) => receivedAt);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(gaps).toHaveLength(4);
    for (const [index, gap] of gaps.entries()) {
      expect(gap).toBeGreaterThanOrEqual(750 * 2 ** index);
      expect(gap).toBeLessThanOrEqual(1_250 * 2 ** index + 55);
    }
  });

  it('says it once, however many attempts were under way', async () => {
    const a = simulated({ name: 'a', words: 2, firstTokenMs: 100 });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    a.setFault('rate-limited-no-hint');
    const calls = Array.from({ length: 50 }, () => watch(llm.complete(hello)));
    await flush();
    expect(requestsAt(a)).toBe(33);
    expect((llm.health()[0]?.parkedUntil ?? 0) - Date.now()).toBeLessThanOrEqual(1_250);
    expect(llm.events.filter(({ type }) => type === 'provider:park')).toHaveLength(1);
    a.setFault(undefined);
    await advance(2_000);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
  });

  it('is back to one second after an answer', async () => {
    const a = simulated({
      name: 'a',
      script: ['rate-limited-no-hint', 'rate-limited-no-hint', 'ok', 'rate-limited-no-hint'],
    });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    const { ms } = await settled(llm.complete(hello));
    expect(ms).toBeLessThanOrEqual(1_305);
  });

  it('keeps the later of two moments', async () => {
    const a = simulated({ name: 'a', words: 2, firstTokenMs: 100 });
    const llm = transport({ providers: [a, simulated({ name: 'b' })] });
    await kept(llm.complete(hello));
    a.setFault('rate-limited-600s');
    watch(llm.complete(hello));
    a.setFault('rate-limited');
    watch(llm.complete(hello));
    await flush();
    expect(given(llm.health()[0]).parkedUntil).toBeGreaterThanOrEqual(Date.now() + 599_000);
  });
});

describe('a provider whose headers say that nothing is left of what lasts longer than a minute', () => {
  const minuteMs = 60_000;
  const hour = (remaining: number, reset = '30m') => ({
    'x-ratelimit-limit-requests': '1000',
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': reset,
  });

  const day = (remaining: number, reset: string) =>
    Object.fromEntries(Object.entries(hour(remaining, reset)).map(([name, value]) => [`${name}-day`, value]));

  /** Answers with these headers, after so long. */
  function telling(headers: Record<string, string>, ms = 0) {
    const told = { headers, asked: 0 };
    const provider: Provider = aProvider({
      ...{ name: 'a', domain: 'a' },
      complete: async (_, context) => {
        told.asked += 1;
        await new Promise((resolve) => setTimeout(resolve, ms));
        context.received({ headers: Object.entries(told.headers) });
        return answer({ text: 'Hello' });
      },
    });
    return { provider, told };
  }
  const parked = ({ events }: ReturnType<typeof transport>) => events.filter(({ type }) => type === 'provider:park');

  it('is left alone for a minute, and another is asked at once', async () => {
    const [{ provider, told }, b] = [telling(hour(0)), simulated({ name: 'b', words: 1 })];
    const llm = transport({ providers: [provider, b] });
    await kept(llm.complete(hello));
    const results = await allSettled(Array.from({ length: 20 }, () => llm.complete(hello)));
    expect(results.map(({ ms }) => ms)).toEqual(Array(20).fill(0));
    expect([told.asked, requestsAt(b)]).toEqual([1, 20]);
    const until = Date.now() + minuteMs;
    expect(parked(llm)).toMatchObject([{ provider: 'a', code: 'rate_limited', until }]);
    expect(llm.health()[0]).toMatchObject({ parkedUntil: until, waitMs: minuteMs });
  });

  it('is left by those who wait in its line', async () => {
    const [{ provider, told }, b] = [telling(hour(0), 100), simulated({ name: 'b', words: 1 })];
    const llm = transport({
      providers: [{ ...provider, limits: { concurrency: 1 } }, b],
      retry: { maxWaitMs: 300_000 },
    });
    const results = await allSettled(Array.from({ length: 5 }, () => llm.complete(hello)));
    expect(results.map(({ code, ms }) => [code, ms])).toEqual(Array(5).fill(['ok', 100]));
    expect([told.asked, requestsAt(b)]).toEqual([1, 4]);
  });

  it.each([
    ['has less time', {}, { timeoutMs: 30_000 }],
    ['may wait for less', { retry: { maxWaitMs: 30_000 } }, {}],
  ])('turns away who %s when there is no other, and says when to come back', async (_, more, options) => {
    const { provider, told } = telling(hour(0));
    const llm = transport({ providers: [provider], ...more });
    await kept(llm.complete(hello));
    await advance(1_000);
    expect(await broken(llm.complete(hello, options))).toMatchObject({
      ...{ code: 'rate_limited', provider: 'a', attempts: [], ms: 0, retryAfterMs: minuteMs - 1_000 },
    });
    expect([told.asked, parked(llm).length]).toEqual([1, 1]);
  });

  it('is waited for by who has the time; one finds out, and the others go on waiting until it knows', async () => {
    const { provider, told } = telling(hour(0), 100);
    const llm = transport({ providers: [provider], retry: { maxWaitMs: 300_000 } });
    await kept(llm.complete(hello));
    const calls = Array.from({ length: 5 }, () => watch(llm.complete(hello)));
    await advance(minuteMs - 1);
    expect(told.asked).toBe(1);
    await advance(150);
    expect(told.asked).toBe(2);
    await advance(1_000);
    // It was told the same: one minute more.
    expect([told.asked, parked(llm).length]).toEqual([2, 2]);
    told.headers = hour(1_000);
    await advance(minuteMs);
    expect([told.asked, calls.map(({ result }) => result?.code)]).toEqual([6, Array(5).fill('ok')]);
  });

  it.each([
    ['something is left', hour(1)],
    ['it will be there within a second', day(0, '1s')],
    ['it is one of a minute', { ...hour(0, '60s'), 'x-ratelimit-limit-requests': '60' }],
  ])('is not left alone when %s', async (_, headers) => {
    const { provider } = telling(headers);
    const llm = transport({ providers: [provider] });
    await kept(llm.complete(hello));
    expect([parked(llm), llm.health()[0]?.parkedUntil]).toEqual([[], 0]);
  });

  it('is told of once, however many were under way, and when a refusal says the same', async () => {
    const { provider, told } = telling(hour(5), 100);
    const llm = transport({ providers: [provider] });
    await kept(llm.complete(hello));
    told.headers = hour(0);
    const complete: Provider['complete'] = async (request, context) => {
      await provider.complete(request, context);
      throw new TransportError('rate_limited', 'x', { provider: 'a', status: 429, retryAfterMs: 1_800_000 });
    };
    const refusing = transport({ providers: [{ ...provider, complete }] });
    const results = await allSettled([llm, refusing].flatMap((one) => [1, 2].map(() => one.complete(hello))));
    expect(tally(results)).toEqual({ ok: 2, rate_limited: 2 });
    expect([parked(llm).length, parked(refusing).length]).toEqual([1, 1]);
    // The later one of the two counts.
    expect(refusing.health()[0]?.waitMs).toBe(1_800_000);
  });
});

it('can be left out: no line, no limit, and a 429 is answered by the next provider', async () => {
  const a = simulated({ name: 'a', words: 2, limits: { concurrency: 1 }, firstTokenMs: 50 });
  const llm = transport({ providers: [a, simulated({ name: 'b' })], rateLimit: false });
  await allSettled(Array.from({ length: 20 }, () => llm.complete(hello)));
  expect(a.maxInFlight).toBe(20);
  a.setFault('rate-limited');
  expect(asked(await kept(llm.complete(hello)))).toEqual(['a', 'b']);
});
