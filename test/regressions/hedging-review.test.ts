import { describe, expect, it } from 'vitest';
import { ProviderHealth } from '../../src/core/health.ts';
import type { Middleware, TransportOptions } from '../../src/core/types.ts';
import { wrap } from '../../src/index.ts';
import { callable } from '../../src/providers/callable.ts';
import { simulated } from '../../src/testing/index.ts';
import {
  advance,
  allSettled,
  broken,
  kept,
  requestsAt,
  settled,
  transport,
  virtualTime,
} from '../unit/middleware/support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const hedge = { afterMs: 500 };
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Fails after a while. */
const failing = (name: string, ms: number, status: number, domain = name) =>
  callable({
    name,
    domain,
    complete: async () => {
      await sleep(ms);
      throw Object.assign(new Error('no'), { status });
    },
  });

describe('a tool call that has no JSON form', () => {
  it.each([false, true])(
    'ends in an error like any other, and leaves nothing behind (streaming: %s)',
    async (stream) => {
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      for (const input of [{ n: 1n }, circular]) {
        const llm = transport({ providers: [simulated({ name: 'a', fault: 'http-500' })], retry: false });
        const call = llm.complete({
          messages: [
            { role: 'user', content: 'Hi' },
            { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 't', input }] },
            { role: 'tool', toolCallId: '1', content: 'x' },
          ],
          stream,
        } as never);
        expect((await broken(call)).code).toBe('server_error');
        expect(llm.health()[0]?.inFlight).toBe(0);
        expect(llm.events.filter(({ type }) => type === 'attempt:end' || type === 'call:end')).toHaveLength(2);
      }
    },
  );
});

describe('a hedge', () => {
  it('goes nowhere where it would wait: not to a provider that is not known yet and has its first attempts', async () => {
    const a = failing('a', 800, 500, 'd');
    const b = simulated({ name: 'b', firstTokenMs: 30_000 });
    const c = simulated({ name: 'c', domain: 'd', firstTokenMs: 10 });
    const toB =
      (name: string): TransportOptions['route'] =>
      (candidates) =>
        candidates.find((one) => one.name === name) ?? candidates[0];
    let target = 'b';
    const llm = transport({ providers: [a, b, c], hedge, route: (...args) => toB(target)?.(...args) });
    const held = [llm.complete(hello), llm.complete(hello)];
    target = 'a';
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'c' } });
    expect(result.ms).toBeLessThan(5_000);
    await allSettled(held);
  });

  it('that was not sent yet is not waited for when the first has failed', async () => {
    const before: Middleware = (next, mount) => async (request, context) => {
      if (mount.provider?.name === 'b') await sleep(20_000);
      return next(request, context);
    };
    const [b, c] = [simulated({ name: 'b' }), simulated({ name: 'c', firstTokenMs: 10 })];
    const llm = transport({ providers: [failing('a', 800, 500, 'c'), b, c], hedge, useEach: [before] });
    const { attempts } = await kept(llm.complete(hello));
    expect(attempts[0]?.provider).toBe('a');
  });

  it('goes to a healthy provider before one that finds out whether its quarantine is over', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 5_000 });
    const b = simulated({ name: 'b', fault: 'unauthorized' });
    const c = simulated({ name: 'c' });
    const llm = transport({ providers: [a, b, c], hedge });
    await kept(llm.complete({ ...hello, require: {} }));
    await advance(61_000);
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'c' } });
    expect(result.ms).toBeLessThan(600);
  });

  it('is not made for a call that is over', async () => {
    const later: Middleware = (next, mount) => async (request, context) => {
      if (mount.provider?.name !== 'a') return next(request, context);
      void sleep(100).then(() => next(request, context).catch(() => {}));
      return next(request, context);
    };
    const b = simulated({ name: 'b' });
    const llm = transport({ providers: [simulated({ name: 'a', words: 1 }), b], hedge, useEach: [later] });
    await kept(llm.complete(hello));
    await advance(2_000);
    expect(requestsAt(b)).toBe(0);
  });

  it('of a wrapped function never changes the kind of what the other returns', async () => {
    const streaming = async () =>
      (async function* () {
        await sleep(800);
        yield 'one';
        yield 'two';
      })();
    const plain = async () => {
      await sleep(100);
      return { error: { message: 'overloaded', type: 'server_error' } };
    };
    const ask = wrap(
      [
        { name: 'a', call: streaming as never },
        { name: 'b', call: plain as never },
      ],
      { hedge },
    );
    const answer = (await kept(ask({}))) as AsyncIterable<unknown>;
    const items: unknown[] = [];
    await kept(
      (async () => {
        for await (const item of answer) items.push(item);
      })(),
    );
    expect(items).toEqual(['one', 'two']);
    await kept(ask.transport.close());
  });

  it('is waited for when the first was refused by policy, where another answer is wanted', async () => {
    const refusing = callable({
      name: 'a',
      complete: async () => {
        await sleep(1_000);
        return { text: '', finishReason: 'content_filter' };
      },
    });
    const b = simulated({ name: 'b', firstTokenMs: 1_000 });
    const llm = transport({ providers: [refusing, b], hedge, retry: { contentFiltered: 'elsewhere' } });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'b' } });
    expect([result.ms < 1_600, requestsAt(b)]).toEqual([true, 1]);
    const strict = transport({ providers: [refusing, simulated({ name: 'b', firstTokenMs: 1_000 })], hedge });
    expect((await broken(strict.complete(hello))).code).toBe('content_filtered');
  });

  it('leaves nothing under way that a layer below has left there', async () => {
    const leaves: Middleware = (next) => async (request, context) => {
      void next(request, context).catch(() => {});
      throw new Error('no');
    };
    const a = simulated({ name: 'a', firstTokenMs: 60_000 });
    const llm = transport({ providers: [a], hedge, useEach: [leaves], timeout: false });
    await broken(llm.complete(hello));
    expect(a.inFlight).toBe(0);
  });
});

describe('a provider that is slow', () => {
  it('is not left out while the others would make everybody wait', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 600, words: 1 });
    const b = simulated({ name: 'b', firstTokenMs: 50, tokenMs: 100, words: 20, limits: { concurrency: 1 } });
    const llm = transport({ providers: [a, b], hedge });
    for (let call = 0; call < 3; call += 1) await kept(llm.complete(hello));
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 30; call += 1) {
      calls.push(llm.complete(hello));
      await advance(10);
    }
    const results = await allSettled(calls);
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThan(15_000);
  });
});

describe('what was learned of the length that a model takes', () => {
  it('runs out, however long the prompts are that come meanwhile', async () => {
    const estimate = { value: undefined, add: () => {}, forget: () => {} };
    const provider = simulated({ name: 'a' });
    const health = new ProviderHealth(provider, { firstContent: estimate, chunkGap: estimate });
    health.learnLength(2_000, true);
    for (let minute = 0; minute < 11; minute += 1) {
      await advance(60_000);
      health.learnLength(1_000_000, true);
    }
    expect(health.tooLong(3_000)).toBe(false);
    expect(health.tooLong(1_000_000)).toBe(true);
  });
});

describe('a time that is no number', () => {
  it('does not put a provider last for ever', () => {
    const estimate = { value: undefined, add: () => {}, forget: () => {} };
    const health = new ProviderHealth(simulated({ name: 'a' }), { firstContent: estimate, chunkGap: estimate });
    expect(health.park(Number.NaN)).toBe(false);
    expect(health.waitMs).toBe(0);
  });
});
