import { describe, expect, it, vi } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { watchers } from '../../../src/core/context.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { Health } from '../../../src/core/health.ts';
import { type Itinerary, itinerary } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { Attempt, Context, Reply } from '../../../src/core/types.ts';
import { hedge } from '../../../src/middleware/hedge.ts';
import { aCall, aHealth, aProvider, attempt, completionOf, listenersOf } from '../core/support.ts';
import { flush, given, virtualTime, watch } from './support.ts';

virtualTime();

const afterMs = 100;

/** Lets it become late: a timer looks once more before it fires. */
const passOver = () => vi.advanceTimersByTime(afterMs + 1);

/** One of the two attempts, as what is below the layer would make it happen. */
interface Runner {
  readonly context: Context;
  readonly hops: Itinerary;
  /** The attempt goes out to a provider. */
  send(provider: string): void;
  content(): void;
  answer(reply?: Reply): Promise<void>;
  fail(error: TransportError): Promise<void>;
}

/** The health of providers of these names, each a failure domain. */
function healthOf(...names: readonly string[]): Health {
  const health = new Health();
  for (const name of names) health.providers.push(aHealth(aProvider({ name, domain: `domain of ${name}` })).health);
  return health;
}

/** The layer alone. */
function race(health = healthOf('one', 'two'), hops: Partial<Itinerary> = {}) {
  const quota = new RetryQuota(20, 5);
  const controller = new AbortController();
  const listeners = listenersOf(controller.signal);
  const call = aCall({ signal: controller.signal });
  const context = call.above.with(itinerary.of({ ...call.above.get(itinerary), ...hops }));
  const runners: Runner[] = [];
  const handler = hedge({ afterMs }, { quota, health })(
    (_, inner) =>
      new Promise((resolve, reject) => {
        const settle = async (run: () => void) => {
          run();
          await flush();
        };
        runners.push({
          context: inner,
          hops: inner.get(itinerary),
          send(provider) {
            (call.call.attempts as Attempt[]).push(attempt({ provider }));
            for (const watcher of inner.get(watchers)) watcher.waiting?.('stream');
          },
          content() {
            for (const watcher of inner.get(watchers)) watcher.answered?.();
          },
          answer: (reply = replyFrom(completionOf())) => settle(() => resolve(reply)),
          fail: (error) => settle(() => reject(error)),
        });
      }),
    { provider: undefined, onClose: () => {} },
  );
  const asked = watch(handler({ prompt: 'Hi' }, context));
  const first = given(runners[0]);
  /** Lets the first be sent and be late. */
  const late = (provider = 'one'): Runner => {
    first.send(provider);
    passOver();
    return given(runners[1]);
  };
  return { first, late, runners, asked, quota, listeners, call };
}

const broken = new TransportError('server_error', 'x');
const wrong = new TransportError('invalid_request', 'x');

describe('the second attempt of a race', () => {
  it('goes elsewhere than the first and whoever was tried before, and waits for nobody', () => {
    const { late } = race(healthOf('one', 'two', 'three'), { tried: new Set(['three']), patienceMs: 5_000 });
    expect(late('two').hops).toMatchObject({
      ...{ tried: new Set(['three', 'two']), givenUp: new Set(), last: 'two' },
      ...{ patienceMs: 0, paid: true, hop: undefined, beside: 'domain of two' },
    });
  });

  it('is told of with the provider that it was sent to', () => {
    const { late, call } = race();
    late().send('two');
    expect(call.seen.filter(({ type }) => type === 'hedge')).toMatchObject([{ provider: 'two', afterMs }]);
  });

  it('is made while the purse is half full, and not while there is less in it', () => {
    for (const [left, made] of [
      [10, 2],
      [9, 1],
    ]) {
      const { first, quota, runners } = race();
      while (quota.left > 5) quota.withdraw();
      while (quota.left < given(left)) quota.deposit();
      first.send('one');
      passOver();
      expect(runners).toHaveLength(given(made));
      expect(quota.left).toBe(given(left) - (made === 2 ? 5 : 0));
    }
  });

  it('is not made beside one that nobody knows', () => {
    const { first, runners } = race();
    first.send('stranger');
    passOver();
    expect(runners).toHaveLength(1);
  });

  it('is not made beside one that was not sent, however long it waits in line', () => {
    const { runners } = race();
    vi.advanceTimersByTime(60_000);
    expect(runners).toHaveLength(1);
  });

  it('is given back when it could not be sent, and not when it was sent and failed', async () => {
    const unsent = race();
    await unsent.late().fail(broken);
    expect(unsent.quota.left).toBe(20);

    const sent = race();
    const second = sent.late();
    second.send('two');
    await second.fail(broken);
    expect(sent.quota.left).toBe(15);
  });

  it('is not given back for the first, which nobody has paid for here', async () => {
    const { first, quota } = race();
    quota.withdraw();
    await first.fail(broken);
    expect(quota.left).toBe(15);
  });
});

describe('a hedge that cannot be paid for when it is time', () => {
  /** A race whose first attempt is sent while the purse is less than half full. */
  function poor() {
    const scene = race();
    while (scene.quota.left > 5) scene.quota.withdraw();
    scene.first.send('one');
    /** Lets it be time once more, so many times. */
    const looks = (times: number) => {
      for (let look = 0; look < times; look += 1) passOver();
    };
    const earn = () => {
      while (scene.quota.left < 10) scene.quota.deposit();
    };
    return { ...scene, looks, earn, made: () => scene.runners.length - 1 };
  }

  it.each([1, 2])(
    'is made as soon as it can be, after as long again (looks in vain: %s), and tells how long that was',
    (times) => {
      const { looks, earn, made, runners, quota, call } = poor();
      looks(times);
      earn();
      vi.advanceTimersByTime(afterMs - 2);
      expect(made()).toBe(0);
      vi.advanceTimersByTime(3);
      expect([made(), quota.left]).toEqual([1, 5]);
      given(runners[1]).send('two');
      expect(call.seen.filter(({ type }) => type === 'hedge')).toMatchObject([
        { provider: 'two', afterMs: (1 + times) * afterMs },
      ]);
    },
  );

  it('is looked at three times and no more', () => {
    const { looks, earn, made } = poor();
    const before = vi.getTimerCount();
    looks(2);
    expect(vi.getTimerCount()).toBe(before);
    looks(1);
    expect(vi.getTimerCount()).toBe(before - 1);
    earn();
    looks(10);
    expect(made()).toBe(0);
  });

  it.each(['answers', 'fails'])('is not made any more when the first %s meanwhile', async (how) => {
    const { first, looks, earn, made } = poor();
    looks(1);
    if (how === 'answers') first.content();
    else await first.fail(broken);
    earn();
    looks(10);
    expect([made(), vi.getTimerCount()]).toEqual([0, 0]);
    if (how === 'answers') await first.answer();
  });

  it('is made once, however often it was looked at', () => {
    const { looks, earn, made } = poor();
    looks(1);
    earn();
    looks(10);
    expect(made()).toBe(1);
  });
});

describe('whoever wins a race', () => {
  it('is the answer, and the other is stopped as one whose call is over', async () => {
    const { first, late, asked } = race();
    const second = late();
    second.send('two');
    const reply = replyFrom(completionOf({ provider: 'two' }));
    second.content();
    expect(first.context.signal.reason).toMatchObject({ code: 'cancelled' });
    expect(second.context.signal.aborted).toBe(false);
    await second.answer(reply);
    expect(asked.result).toMatchObject({ ok: true, value: reply });
  });

  it('may be answered by a layer that sends nothing: that ends the race too', async () => {
    const { first, late, asked } = race();
    const second = late();
    second.send('two');
    const reply = replyFrom(completionOf());
    await first.answer(reply);
    expect(asked.result).toMatchObject({ ok: true, value: reply });
    expect(second.context.signal.aborted).toBe(true);

    const alone = race();
    await alone.first.answer(reply);
    expect(alone.asked.result).toMatchObject({ ok: true, value: reply });
  });

  it('remains the answer when the other is answered all the same, or fails', async () => {
    for (const end of ['answer', 'fail'] as const) {
      const { first, late, asked, quota } = race();
      const second = late();
      second.send('two');
      second.content();
      if (end === 'answer') await first.answer();
      else await first.fail(broken);
      expect(asked.result).toBeUndefined();
      const reply = replyFrom(completionOf({ provider: 'two' }));
      await second.answer(reply);
      expect(asked.result).toMatchObject({ ok: true, value: reply });
      // One success, and not two.
      expect(quota.left).toBe(16);
    }
  });

  it('can still fail, before it is answered whole', async () => {
    const { late, asked } = race();
    const second = late();
    second.send('two');
    second.content();
    await second.fail(broken);
    expect(asked.result).toMatchObject({ ok: false, error: broken });
  });

  it('leaves no listener on the signal of its call, however the race ends', async () => {
    const alone = race();
    alone.first.send('one');
    alone.first.content();
    await alone.first.answer();

    const rescued = race();
    const rescuer = rescued.late();
    rescuer.send('two');
    rescuer.content();
    await rescuer.answer();

    const failed = race();
    const other = failed.late();
    await failed.first.fail(broken);
    await other.fail(broken);
    expect([alone, rescued, failed].map(({ listeners }) => listeners())).toEqual([0, 0, 0]);
  });
});

describe('a provider that loses races', () => {
  /** Who is slow after three races between the same two. */
  async function slowAfter(run: (first: Runner, second: Runner) => unknown): Promise<string[]> {
    const health = healthOf('one', 'two');
    for (let count = 0; count < 3; count += 1) {
      const { first, late } = race(health);
      const second = late();
      second.send('two');
      await run(first, second);
    }
    return health.providers.filter(({ slow }) => slow).map(({ name }) => name);
  }

  it('is slow when it was the first, and had shown nothing, three times in a row', async () => {
    expect(await slowAfter((_, second) => second.content())).toEqual(['one']);
  });

  it('is not slow when it failed', async () => {
    const failing = async (first: Runner, second: Runner) => {
      await first.fail(broken);
      second.content();
    };
    expect(await slowAfter(failing)).toEqual([]);
  });

  it('is not slow when it was the second', async () => {
    expect(await slowAfter((first) => first.content())).toEqual([]);
  });
});

describe('when both fail', () => {
  it('the error is the first one’s, whichever fails last', async () => {
    const other = new TransportError('overloaded', 'y');
    for (const firstFails of ['first', 'last']) {
      const { first, late, asked } = race();
      const second = late();
      if (firstFails === 'first') await first.fail(broken);
      await second.fail(other);
      if (firstFails === 'last') await first.fail(broken);
      expect(asked.result).toMatchObject({ ok: false, error: broken });
    }
  });

  it('the first for good: that is the end at once, and the second is stopped', async () => {
    const { first, late, asked } = race();
    const second = late();
    await first.fail(wrong);
    expect(asked.result).toMatchObject({ ok: false, error: wrong });
    expect(second.context.signal.aborted).toBe(true);
  });

  it('the first before there is a second: none is made afterwards', async () => {
    const { first, asked, runners } = race();
    first.send('one');
    await first.fail(broken);
    vi.advanceTimersByTime(10 * afterMs);
    expect(runners).toHaveLength(1);
    expect(asked.result).toMatchObject({ ok: false, error: broken });
  });
});
