import { describe, expect, it } from 'vitest';
import type { TransportOptions } from '../../src/core/types.ts';
import { answerTo, randomFrom, simulated } from '../../src/testing/index.ts';
import {
  advance,
  allSettled,
  asked,
  chance,
  finish,
  flush,
  requestsAt,
  settled,
  tally,
  transport,
  virtualTime,
  watch,
} from '../unit/middleware/support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const outage = (fromMs: number, toMs: number, fault = 'connection-refused' as const) => [{ fromMs, toMs, fault }];
const pair = (options: Parameters<typeof simulated>[0] = {}) =>
  [simulated({ name: 'a', words: 3, ...options }), simulated({ name: 'b', words: 3, ...options })] as const;

describe('a short outage', () => {
  it('of ten seconds of a lone provider is outlived by a single call, with no other traffic, within 30 s', async () => {
    const took: number[] = [];
    for (let seed = 1; seed <= 15; seed++) {
      for (const stream of [false, true]) {
        chance(seed);
        const a = simulated({ name: 'a', schedule: outage(0, 10_000) });
        const llm = transport({ providers: [a] });
        const call = stream
          ? llm.complete({ ...hello, stream: true }, { timeoutMs: 30_000 }).then((opened) => opened.completion)
          : llm.complete(hello, { timeoutMs: 30_000 });
        const result = await settled(call);
        expect(result).toMatchObject({ ok: true, value: { text: answerTo('Hello') } });
        took.push(result.ms);
        await finish(llm);
      }
    }
    expect(Math.max(...took)).toBeLessThanOrEqual(20_000);
  });

  it('of both providers is outlived by a single call too', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      chance(seed);
      const [a, b] = pair({ schedule: outage(0, 10_000) });
      const llm = transport({ providers: [a, b] });
      const result = await settled(llm.complete(hello, { timeoutMs: 30_000 }));
      expect(result.ok).toBe(true);
      expect(result.ms).toBeLessThanOrEqual(20_000);
      await finish(llm);
    }
  });

  it('of silence is outlived as well', async () => {
    const a = simulated({ name: 'a', schedule: [{ fromMs: 0, toMs: 10_000, fault: 'silence-before-headers' }] });
    const llm = transport({ providers: [a], timeout: { firstContentMs: 2_000 } });
    const result = await settled(llm.complete(hello, { timeoutMs: 30_000 }));
    expect(result.ok).toBe(true);
    expect(result.ms).toBeLessThanOrEqual(17_000);
  });

  it.each([1, 2])('at %s provider(s) under load: service is restored within five seconds of theirs', async (count) => {
    for (const [seed, lengthMs] of [3_000, 11_000, 27_000].entries()) {
      chance(seed);
      const providers = pair({ schedule: outage(5_000, 5_000 + lengthMs), firstTokenMs: 200 }).slice(0, count);
      const llm = transport({ providers } as unknown as TransportOptions);
      const backAt = Date.now() + 5_000 + lengthMs;
      const calls: { at: number; call: ReturnType<typeof watch> }[] = [];
      while (Date.now() < backAt + 8_000) {
        calls.push({ at: Date.now(), call: watch(llm.complete(hello)) });
        await advance(100);
      }
      await advance(60_000);
      const later = calls.filter(({ at }) => at >= backAt - 5_000);
      for (const { at, call } of later) {
        const end = at + (call.result?.ms ?? Number.POSITIVE_INFINITY);
        expect({ code: call.result?.code, late: end - Math.max(at, backAt) > 5_000 }).toEqual({
          code: 'ok',
          late: false,
        });
      }
      // Once it is back, it is back for everybody.
      const settledIn = calls.filter(({ at }) => at >= backAt + 5_000);
      expect(settledIn.every(({ call }) => (call.result?.ms ?? 0) <= 300)).toBe(true);
      await finish(llm);
    }
  });

  it('is outlived by idle callers alone: nobody else need come', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      chance(seed);
      const [a, b] = pair({ schedule: outage(0, 20_000, 'connection-refused') });
      const llm = transport({ providers: [a, b] });
      const results = await allSettled(Array.from({ length: 100 }, () => llm.complete(hello)));
      expect(tally(results)).toEqual({ ok: 100 });
      expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThanOrEqual(25_000);
      await finish(llm);
    }
  });
});

describe('everything down, a thousand concurrent calls', () => {
  const load = 1_000;

  it('from cold: very few requests, and each call ends in a typed error', async () => {
    const [a, b] = pair({ fault: 'http-503' });
    const llm = transport({ providers: [a, b], retry: { maxWaitMs: 10_000 } });
    const results = await allSettled(Array.from({ length: load }, () => llm.complete(hello)));
    expect(results.every((result) => !result.ok && result.error.name === 'TransportError')).toBe(true);
    expect(requestsAt(a, b)).toBeLessThanOrEqual(25);
  });

  it('when all were under way: at most 1.15 requests per call until the last has ended, probes included', async () => {
    const [a, b] = pair({ firstTokenMs: 50 });
    const llm = transport({ providers: [a, b] });
    await settled(llm.complete(hello));
    a.setFault('http-500');
    await settled(llm.complete(hello));
    const before = requestsAt(a, b);
    b.setFault('http-503');
    const results = await allSettled(Array.from({ length: load }, () => llm.complete(hello)));
    expect(results.every((result) => !result.ok && result.error.attempts !== undefined)).toBe(true);
    expect(requestsAt(a, b) - before).toBeLessThanOrEqual(load * 1.15);
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThanOrEqual(61_000);
  });

  it('steady load on two dead providers costs no more than the probes', async () => {
    const [a, b] = pair({ fault: 'http-500' });
    const llm = transport({ providers: [a, b], retry: { maxWaitMs: 5_000 } });
    const calls = [];
    for (let count = 0; count < 1_000; count++) {
      calls.push(watch(llm.complete(hello)));
      await advance(20);
    }
    await advance(10_000);
    expect(calls.filter(({ result }) => result === undefined || result.ok)).toHaveLength(0);
    // Twenty seconds of probes, each at most 3 s after the last, and what it took to open.
    expect(requestsAt(a, b)).toBeLessThanOrEqual(60);
  });
});

describe('a fifth of all requests fails', () => {
  it.each([false, true])(
    'at both: of a thousand concurrent calls at least 99.5 % are answered (warm: %s)',
    async (warm) => {
      for (let seed = 1; seed <= 3; seed++) {
        chance(seed);
        const random = { ratio: 0.2, faults: ['http-500', 'http-503', 'http-502-html'] } as const;
        const firstTokenMs = (draw: () => number) => 100 + draw() * 900;
        const a = simulated({ name: 'a', words: 3, random, firstTokenMs, seed });
        const b = simulated({ name: 'b', words: 3, random, firstTokenMs, seed: seed + 1_000 });
        const llm = transport({ providers: [a, b] });
        if (warm) await settled(llm.complete(hello));
        const before = requestsAt(a, b);
        const results = await allSettled(
          Array.from({ length: 1_000 }, (_, index) => llm.complete({ prompt: `Question ${index}` })),
        );
        const answered = results.filter(
          (result, index) => result.ok && result.value.text === answerTo(`Question ${index}`, { words: 3 }),
        );
        expect(answered.length).toBeGreaterThanOrEqual(995);
        expect(requestsAt(a, b) - before).toBeLessThanOrEqual(1_000 * 1.4);
        expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThanOrEqual(20_000);
        await finish(llm);
      }
    },
  );
});

describe('the primary is down', () => {
  it('the backup is asked in the tick in which the failure is known, however many calls there are', async () => {
    const a = simulated({ name: 'a', words: 3, fault: { kind: 'cut', afterTokens: 0, by: 'reset' }, firstTokenMs: 40 });
    const b = simulated({ name: 'b', words: 3, firstTokenMs: 20 });
    const llm = transport({ providers: [a, b] });
    const results = await allSettled(Array.from({ length: 90 }, () => llm.complete(hello)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    // Two at a time find out at a cold provider; whoever waited for them has left with the third failure.
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThanOrEqual(3 * 20);
    const later = await settled(llm.complete(hello));
    expect([later.ms, later.ok && asked(later.value)]).toEqual([20, ['b']]);
  });

  it('its return is noticed within about five seconds while the backup serves', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      chance(seed);
      const [a, b] = [
        simulated({ name: 'a', words: 2, schedule: outage(0, 12_000) }),
        simulated({ name: 'b', words: 2 }),
      ];
      const llm = transport({ providers: [a, b] });
      const backAt = Date.now() + 12_000;
      for (let count = 0; count < 400; count++) {
        const result = await settled(llm.complete(hello));
        expect(result).toMatchObject({ ok: true, ms: 0 });
        if (Date.now() > backAt + 5_100) expect(result.ok && result.value.provider).toBe('a');
        await advance(50);
      }
      await finish(llm);
    }
  });

  it('a failure of one call is not paid by another: each has its own rounds', async () => {
    const random = randomFrom(3);
    const a = simulated({
      name: 'a',
      words: 2,
      firstTokenMs: () => 50 + random() * 50,
      script: ({ prompt }) => (prompt === 'bad' ? 'invalid-request' : 'ok'),
    });
    const llm = transport({ providers: [a] });
    const calls = Array.from({ length: 50 }, (_, index) =>
      watch(llm.complete({ prompt: index % 2 === 0 ? 'bad' : 'good' })),
    );
    await advance(1_000);
    await flush();
    expect(calls.map(({ result }) => result?.code)).toEqual(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? 'invalid_request' : 'ok')),
    );
  });
});
