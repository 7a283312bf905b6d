import { describe, expect, it, vi } from 'vitest';
import type { Middleware } from '../../../src/core/types.ts';
import { answerTo, simulated } from '../../../src/testing/index.ts';
import {
  advance,
  broken,
  flush,
  kept,
  readAll,
  requestsAt,
  settled,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

describe('deadline', () => {
  it('ends a call that is being answered, closes its connection in the same tick and gives the slot back', async () => {
    const a = simulated({ name: 'a', tokenMs: 100, limits: { concurrency: 1 } });
    const llm = transport({ providers: [a] });
    const error = await broken(llm.complete(hello, { timeoutMs: 450 }));
    expect(error).toMatchObject({ code: 'deadline_exceeded', ms: 450, blame: 'caller', retry: 'never' });
    expect(error.attempts).toMatchObject([{ provider: 'a', outcome: 'deadline_exceeded' }]);
    expect(a.requests[0]?.closedByClientAt).toBe(Date.now());
    expect([a.inFlight, llm.health()[0]?.inFlight, llm.health()[0]?.circuit]).toEqual([0, 0, 'closed']);
  });

  it('breaks a stream that is being read, and what had come can be read', async () => {
    const a = simulated({ name: 'a', tokenMs: 100 });
    const llm = transport({ providers: [a] });
    const stream = await kept(llm.complete({ ...hello, stream: true }, { timeoutMs: 450 }));
    const { text, error } = await kept(readAll(stream));
    expect(error).toMatchObject({ code: 'deadline_exceeded', partial: { text } });
    expect(text).toBe(answerTo('Hello').split(' ').slice(0, 5).join(' '));
    expect(a.requests[0]?.closedByClientAt).toBe(Date.now());
  });

  it('counts waiting and retries in', async () => {
    const a = simulated({ name: 'a', fault: 'http-500', firstTokenMs: 10 });
    const llm = transport({ providers: [a] });
    const error = await broken(llm.complete(hello, { timeoutMs: 5_000 }));
    expect(error.ms).toBeLessThanOrEqual(5_000);
    expect(requestsAt(a)).toBeGreaterThan(3);
  });

  it('zero is no time at all: nothing is sent', async () => {
    const a = simulated({ name: 'a' });
    expect(await broken(transport({ providers: [a] }).complete(hello, { timeoutMs: 0 }))).toMatchObject({
      code: 'deadline_exceeded',
      ms: 0,
    });
    expect(requestsAt(a)).toBe(0);
  });

  it('none is needed, and Infinity is none', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 50_000 });
    const llm = transport({ providers: [a] });
    expect(await settled(llm.complete(hello, { timeoutMs: Number.POSITIVE_INFINITY }))).toMatchObject({ ok: true });
    expect(await settled(llm.complete(hello))).toMatchObject({ ok: true, ms: 50_000 });
  });

  it('does not fire after the answer, and leaves no timer', async () => {
    const a = simulated({ name: 'a', words: 2 });
    const llm = transport({ providers: [a] });
    const before = vi.getTimerCount();
    const stream = await kept(llm.complete({ ...hello, stream: true }, { timeoutMs: 1_000 }));
    await kept(llm.complete(hello, { timeoutMs: 1_000 }));
    expect(vi.getTimerCount()).toBe(before);
    await advance(2_000);
    expect((await kept(readAll(stream))).error).toBeUndefined();
  });

  it('is seen by layers below and by the provider', async () => {
    const seen: number[] = [];
    const look: Middleware = (next) => (request, context) => {
      seen.push(context.deadline - Date.now());
      return next(request, context);
    };
    const llm = transport({ providers: [simulated()], use: [look], useEach: [look] });
    await kept(llm.complete(hello, { timeoutMs: 7_000 }));
    await kept(llm.complete(hello));
    expect(seen).toEqual([7_000, 7_000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it('ends a call whose provider takes no notice of its signal', async () => {
    const deaf = {
      ...{ name: 'deaf', domain: 'deaf', kind: 'test', model: 'm' },
      complete: () => new Promise<never>(() => {}),
    };
    const llm = transport({ providers: [deaf] });
    expect(await broken(llm.complete(hello, { timeoutMs: 300 }))).toMatchObject({ code: 'deadline_exceeded', ms: 300 });
    const call = watch(llm.complete(hello, { signal: AbortSignal.abort() }));
    await flush();
    expect(call.result?.code).toBe('cancelled');
  });
});
