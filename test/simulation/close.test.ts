import { describe, expect, it, vi } from 'vitest';
import type { Middleware } from '../../src/core/types.ts';
import { answerTo, simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
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
} from '../unit/middleware/support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

describe('close()', () => {
  it('lets calls that are under way finish, and leaves no timer', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 100, tokenMs: 10 });
    const llm = transport({ providers: [a] });
    const unary = watch(llm.complete(hello));
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    const closed = watch(llm.close());
    const { text, error } = await kept(readAll(stream));
    await flush();
    expect([text, error]).toEqual([answerTo('Hello'), undefined]);
    expect(unary.result).toMatchObject({ ok: true, value: { text: answerTo('Hello') } });
    expect(closed.result).toMatchObject({ ok: true });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects new calls and those that wait: in line, in a back-off, for a told time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    for (const options of [{ fault: 'http-500' }, { fault: 'rate-limited-date' }] as const) {
      const a = simulated({ name: 'a', ...options });
      const llm = transport({ providers: [a] });
      const waiting = watch(llm.complete(hello));
      await advance(10);
      const closed = watch(llm.close());
      await flush();
      expect(waiting.result).toMatchObject({ code: 'closed' });
      expect(closed.result).toMatchObject({ ok: true, ms: 0 });
      expect(await broken(llm.complete(hello))).toMatchObject({ code: 'closed', ms: 0 });
      await advance(5_000);
      expect(requestsAt(a)).toBe(1);
    }
    const a = simulated({ name: 'a', limits: { concurrency: 1 }, firstTokenMs: 100 });
    const llm = transport({ providers: [a] });
    const calls = Array.from({ length: 5 }, () => watch(llm.complete(hello)));
    await advance(10);
    const closed = await settled(llm.close());
    await flush();
    expect(calls.map(({ result }) => result?.code)).toEqual(['ok', ...Array(4).fill('closed')]);
    expect(calls.slice(1).every(({ result }) => result?.ms === 10)).toBe(true);
    expect([closed.ms, requestsAt(a)]).toEqual([90, 1]);
  });

  it('sends nothing new for a call that was under way and fails', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 100, fault: { kind: 'cut', afterTokens: 1, by: 'reset' } });
    const b = simulated({ name: 'b' });
    const llm = transport({ providers: [a, b] });
    const call = watch(llm.complete(hello));
    await advance(10);
    await kept(llm.close());
    await flush();
    expect(call.result?.ok).toBe(false);
    expect([requestsAt(a), requestsAt(b)]).toEqual([1, 0]);
  });

  it('aborts what is still under way after timeoutMs', async () => {
    const a = simulated({ name: 'a', fault: 'stall' });
    const llm = transport({ providers: [a] });
    const unary = watch(llm.complete(hello));
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    const reading = watch(readAll(stream));
    const closed = await settled(llm.close({ timeoutMs: 3_000 }));
    await flush();
    expect(closed.ms).toBe(3_000);
    expect(unary.result).toMatchObject({ code: 'closed', ms: 3_000 });
    expect(reading.result).toMatchObject({ ok: true, value: { error: { code: 'closed' } } });
    expect(a.requests.every(({ closedByClientAt }) => closedByClientAt === Date.now())).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits ten seconds by default, and for ever when told so', async () => {
    const quiet = transport({ providers: [simulated({ fault: 'silence-after-headers' })] });
    const call = watch(quiet.complete(hello));
    expect((await settled(quiet.close())).ms).toBe(10_000);
    await flush();
    expect(call.result?.code).toBe('closed');

    const slow = transport({ providers: [simulated({ firstTokenMs: 55_000 })] });
    const answer = watch(slow.complete(hello));
    await flush();
    expect((await settled(slow.close({ timeoutMs: Number.POSITIVE_INFINITY }))).ms).toBe(55_000);
    await flush();
    expect(answer.result?.ok).toBe(true);
  });

  it('can be called twice, and is what `await using` calls', async () => {
    const llm = transport({ providers: [simulated({ firstTokenMs: 100 })] });
    const call = watch(llm.complete(hello));
    const both = [
      watch(llm.close()),
      watch(llm.close({ timeoutMs: 1 })),
      watch(Promise.resolve(llm[Symbol.asyncDispose]())),
    ];
    await advance(50);
    expect(both.every(({ result }) => result === undefined)).toBe(true);
    await advance(100);
    expect(both.every(({ result }) => result?.ok)).toBe(true);
    expect(call.result?.ok).toBe(true);
    await kept(llm.close());
  });

  it('of a transport that was never used leaves nothing', async () => {
    const llm = transport({ providers: [simulated()] });
    await kept(llm.close());
    expect(vi.getTimerCount()).toBe(0);
  });

  it('runs the clean-ups of middleware, after the last call', async () => {
    const order: string[] = [];
    const mine: Middleware = (next, mount) => {
      mount.onClose(async () => void order.push('cleaned'));
      return async (request, context) => {
        const reply = await next(request, context);
        void reply.done.then(() => order.push('done'));
        return reply;
      };
    };
    const llm = transport({ providers: [simulated({ firstTokenMs: 100 })], use: [mine], useEach: [mine] });
    watch(llm.complete(hello));
    await flush();
    await kept(llm.close());
    expect(order).toEqual(['done', 'done', 'cleaned', 'cleaned']);
  });

  it('does not wait for ever for a clean-up that never ends, and runs the others', async () => {
    const order: string[] = [];
    const cleaning = (cleanup: () => void | Promise<void>): Middleware => {
      return (next, mount) => {
        mount.onClose(cleanup);
        return next;
      };
    };
    const use = [cleaning(() => void order.push('other')), cleaning(() => new Promise(() => {}))];
    const llm = createTransport({ providers: [simulated()], use: use as never });
    await kept(llm.complete(hello));
    const closed = await settled(llm.close({ timeoutMs: 3_000 }), 100_000);
    expect([closed.ok, order]).toEqual([true, ['other']]);
    expect(closed.ms).toBeGreaterThanOrEqual(3_000);
    expect(closed.ms).toBeLessThanOrEqual(4_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wait for ever for a call that takes no notice', async () => {
    const stuck: Middleware = () => () => new Promise(() => {});
    // Without the checks of the other tests: this call never ends.
    const llm = createTransport({ providers: [simulated()], use: [stuck] });
    watch(llm.complete(hello));
    await flush();
    const closed = await settled(llm.close({ timeoutMs: 1_000 }), 100_000);
    expect(closed).toMatchObject({ ok: true });
    expect(closed.ms).toBeLessThanOrEqual(2_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
