import { describe, expect, it } from 'vitest';
import { type FaultName, simulated } from '../../../src/testing/index.ts';
import {
  advance,
  allSettled,
  broken,
  flush,
  kept,
  requestsAt,
  settled,
  tally,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const minute = 60_000;

const grounds = {
  unauthorized: 'authentication',
  forbidden: 'permission',
  'payment-required': 'quota_exhausted',
  'insufficient-quota': 'quota_exhausted',
} as const satisfies Partial<Record<FaultName, string>>;

describe.each(Object.entries(grounds))('%s', (name, code) => {
  const fault = name as FaultName;

  it('from cold: at most two requests are in flight until the first verdict, and none after, for a thousand calls', {
    tags: ['load'],
  }, async () => {
    const a = simulated({ name: 'a', fault });
    const llm = transport({ providers: [a] });
    const results = await allSettled(Array.from({ length: 1_000 }, () => llm.complete(hello)));
    expect(tally(results)).toEqual({ [code]: 1_000 });
    expect(requestsAt(a)).toBeLessThanOrEqual(2);
    expect(llm.events.filter(({ type }) => type === 'provider:quarantine')).toMatchObject([{ provider: 'a', code }]);
    expect(llm.health()[0]).toMatchObject({ quarantined: true, circuit: 'closed', lastError: code });
  });

  it('with a backup, a thousand calls are answered by it', { tags: ['load'] }, async () => {
    const [a, b] = [simulated({ name: 'a', fault, words: 2 }), simulated({ name: 'b', words: 2, firstTokenMs: 100 })];
    const llm = transport({ providers: [a, b] });
    const results = await allSettled(Array.from({ length: 1_000 }, () => llm.complete(hello)));
    expect(tally(results)).toEqual({ ok: 1_000 });
    expect(requestsAt(a)).toBeLessThanOrEqual(2);
    expect(llm.events.filter(({ type }) => type === 'provider:quarantine')).toHaveLength(1);
  });
});

describe('quarantine', () => {
  it('is one event and no further request when many were under way', async () => {
    const a = simulated({ name: 'a', words: 2, firstTokenMs: 50 });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    a.setFault('unauthorized');
    const results = await allSettled(Array.from({ length: 100 }, () => llm.complete(hello)));
    expect(tally(results)).toEqual({ authentication: 100 });
    expect(llm.events.filter(({ type }) => type === 'provider:quarantine')).toHaveLength(1);
    const before = requestsAt(a);
    for (let count = 0; count < 100; count++) await broken(llm.complete(hello));
    expect(requestsAt(a)).toBe(before);
  });

  it('is probed by one request after a minute, then after two, four … up to an hour', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'unauthorized' }), simulated({ name: 'b', words: 1 })];
    const llm = transport({ providers: [a, b] });
    await kept(llm.complete(hello));
    for (let passed = 0; passed < 8 * 60; passed++) {
      await allSettled(Array.from({ length: 5 }, () => llm.complete(hello)));
      await advance(minute);
    }
    const times = a.requests.map(({ receivedAt }) => receivedAt);
    const gaps = times.slice(1).map((at, index) => Math.round((at - (times[index] ?? 0)) / minute));
    expect(gaps.slice(0, 9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('ends with a probe that is answered: one request, then all', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized', words: 1, firstTokenMs: 50 });
    const b = simulated({ name: 'b', words: 1 });
    const llm = transport({ providers: [a, b] });
    await kept(llm.complete(hello));
    a.setFault(undefined);
    await advance(minute);
    const calls = Array.from({ length: 20 }, () => watch(llm.complete(hello)));
    await flush();
    expect([requestsAt(a), requestsAt(b)]).toEqual([2, 20]);
    await advance(50);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
    expect(llm.health()[0]?.quarantined).toBe(false);
    expect(llm.events.filter(({ type }) => type === 'provider:release')).toHaveLength(1);
    await kept(llm.complete(hello));
    expect(requestsAt(a)).toBe(3);
  });

  it('is probed again when the probe was cancelled, or failed for another reason', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized', firstTokenMs: 100 });
    const llm = transport({ providers: [a], retry: false });
    await broken(llm.complete(hello));
    a.setFault(undefined);
    await advance(minute);
    expect(await broken(llm.complete(hello, { timeoutMs: 50 }))).toMatchObject({ code: 'deadline_exceeded' });
    a.setFault('http-500');
    expect(await broken(llm.complete(hello))).toMatchObject({ code: 'server_error' });
    expect(llm.health()[0]?.quarantined).toBe(true);
    a.setFault(undefined);
    await kept(llm.complete(hello));
    expect(llm.health()[0]?.quarantined).toBe(false);
  });

  it('does not end with an answer that was under way before', async () => {
    const a = simulated({
      name: 'a',
      words: 2,
      script: [{ kind: 'slow', firstTokenMs: 10 }, { kind: 'slow', firstTokenMs: 100 }, 'unauthorized'],
    });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    const slow = watch(llm.complete(hello));
    await flush();
    await broken(llm.complete(hello));
    await advance(200);
    expect(slow.result?.ok).toBe(true);
    expect(llm.health()[0]?.quarantined).toBe(true);
  });

  it('ends at once with reset()', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized' });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello));
    a.setFault(undefined);
    llm.reset('a');
    await kept(llm.complete(hello));
    expect(llm.events.filter(({ type }) => type === 'provider:release')).toHaveLength(1);
    expect(llm.health()[0]?.quarantined).toBe(false);
  });

  it('begins anew with a minute after reset()', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized' });
    const llm = transport({ providers: [a] });
    for (const wait of [0, 1, 2]) {
      await advance(wait * minute);
      await broken(llm.complete(hello));
    }
    llm.reset('a');
    const error = await broken(llm.complete(hello));
    expect(requestsAt(a)).toBe(4);
    expect((await broken(llm.complete(hello))).retryAfterMs).toBe(minute);
    expect(error.code).toBe('authentication');
  });

  it('says when a new call can help, and names nobody to blame', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized' });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello));
    await advance(10_000);
    expect(await broken(llm.complete(hello))).toMatchObject({
      code: 'authentication',
      provider: 'a',
      status: 401,
      retryAfterMs: 50_000,
      blame: 'transport',
      attempts: [],
    });
  });

  it('works without the rate-limit layer too', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized' });
    const llm = transport({ providers: [a, simulated({ name: 'b' })], rateLimit: false });
    for (let count = 0; count < 20; count++) await kept(llm.complete(hello));
    expect(requestsAt(a)).toBe(1);
    expect(llm.events.filter(({ type }) => type === 'provider:quarantine')).toHaveLength(1);
  });

  it('leaves a provider alone that both is parked and has no money', async () => {
    const a = simulated({ name: 'a', script: ['rate-limited-600s', 'unauthorized'] });
    const llm = transport({ providers: [a] });
    const results = await allSettled([llm.complete(hello), llm.complete(hello), llm.complete(hello)]);
    expect(requestsAt(a)).toBe(2);
    expect(results.every(({ ok }) => !ok)).toBe(true);
    const { ms } = await settled(llm.complete(hello));
    expect([ms, requestsAt(a)]).toEqual([0, 2]);
  });
});
