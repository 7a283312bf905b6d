import { describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { isAbandoned } from '../../../src/core/signals.ts';
import type { Context, Middleware } from '../../../src/core/types.ts';
import { deadline } from '../../../src/middleware/deadline.ts';
import { answerTo, simulated } from '../../../src/testing/index.ts';
import { aCall, foreignReply, listenersOf, Source } from '../core/support.ts';
import {
  advance,
  broken,
  flush,
  given,
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
    expect(error.message).toBe('The time for the call is over');
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

describe('the layer alone', () => {
  /** Over a reply that is under way; `below` are the contexts that it was asked with. */
  function layer(timeoutMs: number) {
    const controller = new AbortController();
    const listeners = listenersOf(controller.signal);
    const { above } = aCall({ signal: controller.signal, deadline: Date.now() + timeoutMs });
    const { reply, settle } = foreignReply(new Source());
    const below: Context[] = [];
    const answers = { handler: async () => reply };
    const handler = deadline()(
      (_, context) => {
        below.push(context);
        return answers.handler();
      },
      { provider: undefined, onClose: () => {} },
    );
    const ask = (context = above) => handler(hello, context);
    return { ask, below, answers, settle, listeners };
  }

  it('asks nobody once the time is over', async () => {
    for (const timeoutMs of [0, -1]) {
      const { ask, below } = layer(timeoutMs);
      await expect(ask()).rejects.toMatchObject({
        code: 'deadline_exceeded',
        message: 'The time for the call is over',
      });
      expect(below).toEqual([]);
    }
  });

  it('stops nothing after an answer, and lets go of the signal that it follows', async () => {
    const { ask, below, settle, listeners } = layer(1_000);
    await ask();
    expect(listeners()).toBe(1);
    settle();
    await flush();
    expect([listeners(), below[0]?.signal.aborted]).toEqual([0, false]);
    await advance(2_000);
    expect(below[0]?.signal.aborted).toBe(false);
  });

  it('stops what is still under way when the call is over without one', async () => {
    const broke = layer(1_000);
    await broke.ask();
    broke.settle({ ok: false, error: new TransportError('truncated', 'x') });
    await flush();
    expect(isAbandoned(given(broke.below[0]).signal)).toBe(true);

    const failed = layer(1_000);
    failed.answers.handler = () => Promise.reject(new TransportError('server_error', 'x'));
    await expect(failed.ask()).rejects.toMatchObject({ code: 'server_error' });
    expect(isAbandoned(given(failed.below[0]).signal)).toBe(true);
    expect([broke.listeners(), failed.listeners()]).toEqual([0, 0]);
  });

  it('watches a deadline once, and an earlier one anew', async () => {
    const { ask, below } = layer(1_000);
    await ask();
    const [first] = below;
    await ask(first);
    expect(below[1]).toBe(first);
    await ask(given(first).fork({ deadline: Date.now() + 500 }));
    expect(below[2]).not.toBe(first);
    await advance(600);
    expect([given(below[2]).signal.aborted, given(first).signal.aborted]).toEqual([true, false]);
    await advance(600);
    expect(given(first).signal.reason).toMatchObject({ code: 'deadline_exceeded' });
  });
});
