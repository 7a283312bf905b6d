import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { watchers } from '../../../src/core/context.ts';
import { endpoint } from '../../../src/core/endpoint.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { Health } from '../../../src/core/health.ts';
import { type Itinerary, itinerary } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import { isAbandoned } from '../../../src/core/signals.ts';
import type { Context, Reply } from '../../../src/core/types.ts';
import { hedge } from '../../../src/middleware/hedge.ts';
import { priority } from '../../../src/routing/priority.ts';
import { router } from '../../../src/routing/router.ts';
import {
  aCall,
  aHealth,
  answer as answerOf,
  aProvider,
  attempt,
  completionOf,
  flush,
  foreignReply,
  listenersOf,
  Source,
} from '../core/support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const failure = new TransportError('server_error', 'x', { provider: 'a' });

/** A hedge over two attempts that do what they are told, when they are told. */
function race(hops?: Partial<Itinerary>, quota = new RetryQuota()) {
  const health = new Health();
  for (const name of ['a', 'b']) health.providers.push(aHealth(aProvider({ name, domain: `${name}-domain` })).health);
  const { signal } = new AbortController();
  const listeners = listenersOf(signal);
  const { call, above } = aCall({ signal });
  const attempts: { context: Context; resolve(reply: Reply): void; reject(error: TransportError): void }[] = [];
  const handler = hedge({ afterMs: 100 }, { quota, health })(
    (_, context) => new Promise((resolve, reject) => attempts.push({ context, resolve, reject })),
    { provider: undefined, onClose: () => {} },
  );
  const context = hops === undefined ? above : above.with(itinerary.of({ ...above.get(itinerary), ...hops }));
  const answer = handler({ prompt: 'Hi' }, context);
  answer.catch(() => {});
  const at = (index: number) => {
    const one = attempts[index];
    if (one === undefined) throw new Error(`There is no attempt ${index}`);
    return one;
  };
  return {
    ...{ quota, health, answer, attempts, listeners, at },
    sent: (index: number, provider: string) => {
      call.attempts.push(attempt({ provider, outcome: undefined }));
      for (const watcher of at(index).context.get(watchers)) watcher.waiting?.('stream');
    },
    content: (index: number) => {
      for (const watcher of at(index).context.get(watchers)) watcher.answered?.();
    },
    succeed: (index: number, provider: string) => at(index).resolve(replyFrom(completionOf({ provider }))),
  };
}

/** The first is sent, shows nothing, and a second is made. */
function hedged(hops?: Partial<Itinerary>, quota?: RetryQuota) {
  const running = race(hops, quota);
  running.sent(0, 'a');
  vi.advanceTimersByTime(102);
  return running;
}

const purse = (left: number): RetryQuota => {
  const quota = new RetryQuota();
  while (quota.left > left) quota.withdraw();
  return quota;
};

describe('the purse of a hedge', () => {
  it('is not touched while the first is in time', async () => {
    const { quota, sent, content, succeed, answer } = race({ hop: { probe: false } });
    sent(0, 'a');
    vi.advanceTimersByTime(99);
    content(0);
    succeed(0, 'a');
    await answer;
    expect(quota.left).toBe(500);
  });

  it('pays for one that was sent, won or lost', async () => {
    const won = hedged({ hop: { probe: false } });
    won.sent(1, 'b');
    won.content(1);
    won.succeed(1, 'b');
    expect((await won.answer).provider).toBe('b');
    expect(won.quota.left).toBe(495);
    const lost = hedged({ hop: { probe: false } });
    lost.sent(1, 'b');
    lost.content(0);
    lost.succeed(0, 'a');
    expect((await lost.answer).provider).toBe('a');
    expect(lost.quota.left).toBe(495);
  });

  it('is given back what one cost that was refused, or answered, before anything was sent', async () => {
    const refused = hedged({ hop: { probe: false } });
    expect(refused.quota.left).toBe(495);
    refused.at(1).reject(new TransportError('no_provider', 'x'));
    await flush();
    expect(refused.quota.left).toBe(500);
    refused.succeed(0, 'a');
    await refused.answer;

    const cached = hedged({ hop: { probe: false } });
    cached.succeed(1, 'b');
    expect((await cached.answer).provider).toBe('b');
    expect(cached.quota.left).toBe(500);
    // Nobody was sent who could have been faster.
    for (let time = 0; time < 3; time += 1) cached.health.providers[0]?.rescued();
    expect(cached.health.providers[0]?.slow).toBe(true);
  });

  it('keeps half for retries', async () => {
    for (const [left, count] of [
      [250, 2],
      [245, 1],
    ] as const) {
      const { attempts, succeed, answer } = hedged({ hop: { probe: false } }, purse(left));
      expect(attempts).toHaveLength(count);
      succeed(0, 'a');
      await answer;
    }
  });

  it('is filled by successes only where no retry layer does that', async () => {
    const alone = race(undefined, purse(300));
    alone.succeed(0, 'a');
    await alone.answer;
    await flush();
    expect(alone.quota.left).toBe(301);
    const below = race({ hop: { probe: false } }, purse(300));
    below.succeed(0, 'a');
    await below.answer;
    await flush();
    expect(below.quota.left).toBe(300);
  });
});

describe('the second attempt', () => {
  it('is told where the first is, and what was tried before', async () => {
    const { at, succeed, answer } = hedged({
      tried: new Set(['z']),
      givenUp: new Set(['y']),
      last: 'z',
      patienceMs: 9,
    });
    expect(at(1).context.get(itinerary)).toMatchObject({
      ...{ tried: new Set(['z', 'a']), givenUp: new Set(['y']), last: 'a', patienceMs: 0, paid: true, hop: undefined },
      beside: 'a-domain',
    });
    succeed(0, 'a');
    await answer;
  });

  it('is one, however long both show nothing', async () => {
    const { attempts, sent, succeed, answer } = hedged();
    sent(1, 'b');
    vi.advanceTimersByTime(10_000);
    expect(attempts).toHaveLength(2);
    succeed(0, 'a');
    await answer;
  });

  it('is not made beside one whose provider nobody knows', async () => {
    const { attempts, sent, succeed, answer } = race();
    sent(0, 'stranger');
    vi.advanceTimersByTime(1_000);
    expect(attempts).toHaveLength(1);
    succeed(0, 'stranger');
    await answer;
  });
});

describe("a provider's own purse of retries", () => {
  /** A hedge over a router. The first provider shows nothing; the purse of the second holds two retries, and it answers, or never does. */
  async function routed(hops: Partial<Itinerary>, spent = 0, answers = true) {
    const health = new Health();
    const asked: string[] = [];
    const providers = ['a', 'b'].map((name) =>
      aProvider({
        ...{ name, domain: name },
        complete: () => {
          asked.push(name);
          return name === 'b' && answers ? Promise.resolve(answerOf({ text: 'Hello' })) : new Promise(() => {});
        },
      }),
    );
    const destinations = providers.map((provider) => {
      const { health: one } = aHealth(provider);
      health.providers.push(one);
      return { health: one, handler: endpoint(provider, one) };
    });
    const own = new RetryQuota(10, 5);
    for (let count = 0; count < spent; count += 1) own.withdraw();
    const [a, b] = health.providers;
    if (a === undefined || b === undefined) throw new Error('two are needed');
    b.retryQuota = own;
    const controller = new AbortController();
    const { above } = aCall({ signal: controller.signal });
    const handler = hedge({ afterMs: 100 }, { quota: new RetryQuota(), health })(router(priority(), destinations), {
      ...{ provider: undefined, onClose: () => {} },
    });
    const context = above.with(itinerary.of({ ...above.get(itinerary), ...hops }));
    b.inFlight += 1;
    const answer = handler({ prompt: 'Hi' }, context).catch((error: TransportError) => error);
    vi.advanceTimersByTime(102);
    const left = own.left;
    const before = [...asked];
    controller.abort();
    await answer;
    return { left, asked: before };
  }

  const before = { asked: new Set(['b']), last: 'b' };

  it.each<[string, Partial<Itinerary>, number]>([
    ['pays for a hedge to one that this call has asked before', before, 5],
    ['does not pay for a hedge to one that is asked for the first time', {}, 10],
    ['does not pay for a hedge to one when it was the other that was asked', { asked: new Set(['a']), last: 'a' }, 10],
  ])('%s', async (_, hops, left) => {
    expect(await routed(hops, 0, false)).toEqual({ left, asked: ['a', 'b'] });
  });

  it('when it is empty sends no hedge to one that this call has asked before', async () => {
    expect(await routed(before, 2)).toEqual({ left: 0, asked: ['a'] });
    expect(await routed({}, 2)).toMatchObject({ asked: ['a', 'b'] });
  });
});

describe('the end of a race', () => {
  it('stops the loser as soon as the other has content, and tells it why', async () => {
    const { at, sent, content, succeed, answer } = hedged();
    sent(1, 'b');
    content(1);
    expect(isAbandoned(at(0).context.signal)).toBe(true);
    expect(at(1).context.signal.aborted).toBe(false);
    // Too late: nothing of it is seen.
    content(0);
    succeed(0, 'a');
    succeed(1, 'b');
    expect((await answer).provider).toBe('b');
    expect(at(1).context.signal.aborted).toBe(false);
  });

  it('counts a rescue against the first only', async () => {
    for (const winner of [0, 1]) {
      const { health, sent, content, succeed, answer } = hedged();
      const [a, b] = health.providers;
      for (const one of [a, b]) for (let time = 0; time < 2; time += 1) one?.rescued();
      sent(1, 'b');
      content(winner);
      succeed(winner, winner === 0 ? 'a' : 'b');
      await answer;
      expect([a?.slow, b?.slow]).toEqual([winner === 1, false]);
    }
  });

  it('is the error of the one that had content first, when it breaks', async () => {
    const { at, sent, content, answer } = hedged();
    sent(1, 'b');
    content(1);
    const broken = new TransportError('truncated', 'x', { provider: 'b' });
    at(1).reject(broken);
    await expect(answer).rejects.toBe(broken);
    expect(isAbandoned(at(1).context.signal)).toBe(true);
  });

  it("is the first's error when both fail, with the other's told beside it", async () => {
    const hop: NonNullable<Itinerary['hop']> = { probe: false };
    const { at, sent, answer } = hedged({ hop });
    sent(1, 'b');
    const other = new TransportError('overloaded', 'x', { provider: 'b' });
    at(0).reject(failure);
    await flush();
    at(1).reject(other);
    await expect(answer).rejects.toBe(failure);
    expect(hop.hedged).toBe(other);

    const turned = hedged({ hop: { probe: false } });
    turned.sent(1, 'b');
    turned.at(1).reject(other);
    await flush();
    turned.at(0).reject(failure);
    await expect(turned.answer).rejects.toBe(failure);
  });

  it('tells nothing of a second that was not sent', async () => {
    const hop: NonNullable<Itinerary['hop']> = { probe: false };
    const { at, succeed, answer } = hedged({ hop });
    at(1).reject(new TransportError('circuit_open', 'x', { provider: 'b' }));
    await flush();
    expect(hop.hedged).toBeUndefined();
    succeed(0, 'a');
    await answer;
  });

  it('is at once when the first says that nothing can help, and the second is stopped', async () => {
    const { at, sent, answer } = hedged();
    sent(1, 'b');
    const wrong = new TransportError('invalid_request', 'x', { provider: 'a' });
    at(0).reject(wrong);
    await expect(answer).rejects.toBe(wrong);
    expect(isAbandoned(at(1).context.signal)).toBe(true);
  });

  it.each([true, false])('stops what the winner has left under way only when it breaks (whole: %s)', async (whole) => {
    const { at, sent, content, answer, listeners } = hedged();
    sent(1, 'b');
    content(1);
    const { reply, settle } = foreignReply(new Source());
    at(1).resolve(reply);
    expect(await answer).toBe(reply);
    settle(whole ? undefined : { ok: false, error: failure });
    await flush();
    expect([isAbandoned(at(1).context.signal), listeners()]).toEqual([!whole, 0]);
  });

  it('is not waited for beyond the first when the second was not sent', async () => {
    const { at, answer } = hedged();
    at(0).reject(failure);
    await expect(answer).rejects.toBe(failure);
    expect(isAbandoned(at(1).context.signal)).toBe(true);
  });

  it.each(['succeeds', 'fails'])('leaves no listener on the signal of the call when it %s', async (how) => {
    const { at, sent, content, succeed, answer, listeners } = hedged();
    sent(1, 'b');
    expect(listeners()).toBe(2);
    content(0);
    if (how === 'succeeds') succeed(0, 'a');
    else at(0).reject(failure);
    await answer.catch(() => {});
    await flush();
    expect(listeners()).toBe(0);
  });
});
