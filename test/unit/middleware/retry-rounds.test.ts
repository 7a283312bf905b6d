import { beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { TransportError, type TransportErrorFields } from '../../../src/core/errors.ts';
import { Health, type ProviderHealth } from '../../../src/core/health.ts';
import { type Itinerary, itinerary, nobodyLeft } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { Attempt, Context, ErrorCode, Outcome, Reply, RetryOptions } from '../../../src/core/types.ts';
import { retry } from '../../../src/middleware/retry.ts';
import { aCall, aHealth, aProvider, attempt, completionOf } from '../core/support.ts';
import { advance, flush, given, settled, virtualTime, watch } from './support.ts';

virtualTime();

beforeEach(() => {
  // Every wait is half of its bound: 250 ms before the second round, then 500, 1,000 …
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});

const failure = (code: ErrorCode = 'server_error', fields: TransportErrorFields = {}) =>
  new TransportError(code, 'x', { provider: 'a', ...fields });
/** What the router says when nobody can be asked for so long. */
const nobody = (backMs: number) => nobodyLeft(backMs, new TransportError('no_provider', 'nobody'));
const wrong = failure('invalid_request');

/** One time that the layer has asked what is below it. */
interface Hop {
  readonly count: number;
  readonly at: number;
  readonly hops: Itinerary;
  /** The attempt went out to a provider, and ended like this. */
  sent(provider?: string): void;
  probe(): void;
  /** Another attempt, made beside it, has failed. */
  hedged(error: TransportError): void;
}

interface Scene {
  readonly names?: readonly string[];
  readonly options?: RetryOptions;
  readonly left?: number;
  readonly deadline?: number;
}

/** The layer alone: `play` is what is below it, and throws or returns the error of each hop, or a reply. */
function layer(play: (hop: Hop) => unknown, { names = ['a'], options = {}, left = 400, deadline }: Scene = {}) {
  const health = new Health();
  for (const name of names) health.providers.push(aHealth(aProvider({ name }), health.changed).health);
  const quota = new RetryQuota();
  while (quota.left > left) quota.withdraw();
  const controller = new AbortController();
  const call = aCall({ signal: controller.signal, deadline });
  const made: Hop[] = [];
  const begun = Date.now();
  const next = async (_: unknown, context: Context): Promise<Reply> => {
    const hops = context.get(itinerary);
    const hop: Hop = {
      ...{ count: made.length + 1, at: Date.now() - begun },
      hops: { ...hops, tried: new Set(hops.tried), givenUp: new Set(hops.givenUp) },
      sent: (provider = 'a') => {
        (call.call.attempts as Attempt[]).push(attempt({ provider }));
      },
      probe: () => {
        if (hops.hop !== undefined) hops.hop.probe = true;
      },
      hedged: (error) => {
        if (hops.hop !== undefined) hops.hop.hedged = error;
      },
    };
    made.push(hop);
    const played = play(hop);
    if (played instanceof Error) throw played;
    return (played as Reply | undefined) ?? replyFrom(completionOf());
  };
  const handler = retry(options, { quota, health })(next, { provider: undefined, onClose: () => {} });
  const run = () => handler({ prompt: 'Hi' }, call.above);
  const provider = (name: string): ProviderHealth => given(health.providers.find((one) => one.name === name));
  const waits = () => call.seen.flatMap((event) => (event.type === 'retry' ? [event.waitMs] : []));
  return { run, quota, made, provider, health, waits, controller };
}

const after = (made: readonly Hop[]) =>
  made.map(({ hops: { tried, givenUp } }) => ({ tried: [...tried], givenUp: [...givenUp] }));

describe('an attempt that cannot be paid for', () => {
  /** Fails once, and would be answered then. */
  const flaky = (hop: Hop) => {
    hop.sent();
    return hop.count === 1 ? failure() : undefined;
  };

  it('is made when others have filled the purse, and not before', async () => {
    const { run, made, quota, provider, waits } = layer(flaky, { left: 0 });
    provider('a').inFlight = 1;
    const call = watch(run());
    await advance(2_000);
    expect(made).toHaveLength(1);
    expect(waits()).toEqual([250, 500, 1_000, 1_000]);
    for (let count = 0; count < 5; count += 1) quota.deposit();
    await advance(1_000);
    expect(call.result).toMatchObject({ ok: true });
    expect(made).toHaveLength(2);
    // It was paid for, and has come back with the success.
    expect(quota.left).toBe(5);
  });

  it('waits its turn, whatever becomes of the providers meanwhile', async () => {
    const { run, made, quota, provider } = layer(flaky, { left: 0 });
    provider('a').inFlight = 1;
    void run();
    await advance(100);
    for (let count = 0; count < 5; count += 1) quota.deposit();
    provider('a').reset();
    await advance(100);
    expect(made).toHaveLength(1);
    await advance(100);
    expect(made).toHaveLength(2);
  });

  it('is not waited for when nothing is under way that could fill the purse, but for a first time', async () => {
    const { run, made } = layer(flaky, { left: 0 });
    expect(await settled(run())).toMatchObject({ ok: false, code: 'server_error', ms: 250 });
    expect(made).toHaveLength(1);
  });

  it('is waited for while somebody else’s attempt is under way, at whichever provider', async () => {
    const { run, provider } = layer(flaky, { left: 0, names: ['a', 'b'] });
    provider('b').inFlight = 1;
    const call = watch(run());
    await advance(5_000);
    expect(call.result).toBeUndefined();
    provider('b').inFlight = 0;
    await advance(5_000);
    expect(call.result).toMatchObject({ ok: false, code: 'server_error' });
  });

  it.each<[string, (provider: ProviderHealth) => void]>([
    ['its circuit is open', (provider) => Object.assign(provider, { circuit: 'open' })],
    ['it is parked', (provider) => provider.park(Date.now() + 60_000)],
  ])('is made without, to find out whether somebody is back, while nobody serves: %s', async (_, turn) => {
    const { run, made, quota, provider, waits } = layer(
      (hop) => {
        hop.sent();
        if (hop.count > 1) hop.probe();
        return [failure(), failure('circuit_open'), wrong][hop.count - 1];
      },
      { left: 0 },
    );
    turn(provider('a'));
    expect(await settled(run())).toMatchObject({ ok: false, code: 'invalid_request' });
    expect(made.map(({ at }) => at)).toEqual([0, 250, 250]);
    // Nobody is left whom it could go on to.
    expect(waits()).toEqual([250]);
    expect(quota.left).toBe(0);
  });

  it('is not made without when another provider serves than the one that fails', async () => {
    const { run, made, provider } = layer(flaky, { left: 0, names: ['a', 'b'] });
    provider('a').circuit = 'open';
    provider('b').inFlight = 1;
    void run();
    await advance(5_000);
    expect(made).toHaveLength(1);
  });

  it('is made without when all that serve have been given up by the call', async () => {
    const { run, made, provider } = layer(
      (hop) => {
        hop.sent(hop.count === 1 ? 'b' : 'a');
        return [failure('authentication', { provider: 'b' }), failure()][hop.count - 1];
      },
      { left: 0, names: ['a', 'b'] },
    );
    provider('a').circuit = 'open';
    provider('b').inFlight = 1;
    expect(await settled(run())).toMatchObject({ ok: true, ms: 250 });
    expect(made).toHaveLength(3);
  });
});

describe('the purse', () => {
  it('is filled by a success, and not by a stream that breaks after it was answered', async () => {
    const reply = (outcome: Outcome): Reply => ({ ...replyFrom(completionOf()), done: Promise.resolve(outcome) });
    const good = layer(() => reply({ ok: true, completion: completionOf() }));
    await settled(good.run());
    const bad = layer(() => reply({ ok: false, error: failure() }));
    await settled(bad.run());
    await flush();
    expect([good.quota.left, bad.quota.left]).toEqual([401, 400]);
  });

  it('gets nothing back for a probe that nobody has paid for', async () => {
    const { run, quota } = layer((hop) => {
      hop.sent();
      hop.probe();
      return [failure(), wrong][hop.count - 1];
    });
    await settled(run());
    expect(quota.left).toBe(400);
  });

  it('gets back what was paid for an attempt that turned out to be a probe', async () => {
    const { run, quota } = layer((hop) => {
      hop.sent();
      if (hop.count === 2) hop.probe();
      return [failure(), failure(), wrong][hop.count - 1];
    });
    const levels: number[] = [];
    const { withdraw } = quota;
    quota.withdraw = () => {
      levels.push(quota.left);
      return withdraw.call(quota);
    };
    await settled(run());
    expect([...levels, quota.left]).toEqual([400, 400]);
  });

  it('pays nothing after a refusal of ours, for which nothing was sent', async () => {
    const levels: number[] = [];
    const { run, quota } = layer((hop) => {
      levels.push(quota.left);
      return [failure('server_error'), failure('overloaded'), wrong][hop.count - 1];
    });
    await settled(run());
    expect(levels).toEqual([400, 400, 400]);
  });
});

describe('what a call knows of its providers', () => {
  it('is that one will not help it, when the provider itself has said so', async () => {
    const { run, made } = layer(
      (hop) => {
        if (hop.count === 1) hop.sent();
        return [failure('authentication'), wrong][hop.count - 1];
      },
      { names: ['a', 'b'] },
    );
    await settled(run());
    expect(after(made)[1]).toEqual({ tried: [], givenUp: ['a'] });
  });

  it('is that one will not help it, when only its caller can change that: no round brings a price', async () => {
    const { run, made } = layer(
      (hop) => [failure('budget_exceeded', { retry: 'elsewhere', blame: 'caller' }), wrong][hop.count - 1],
      { names: ['a', 'b'] },
    );
    await settled(run());
    expect(after(made)[1]).toEqual({ tried: [], givenUp: ['a'] });
  });

  it.each<[string, boolean, TransportErrorFields]>([
    ['a refusal of ours before anything was sent', false, { blame: 'transport' }],
    ['a refusal of ours after something was sent', true, { blame: 'transport' }],
    ['an error of before anything was sent', false, { blame: 'provider' }],
    ['a refusal for the caller to mend that says when it is over', false, { blame: 'caller', retryAfterMs: 50 }],
  ])('is only for this round after %s', async (_, isSent, fields) => {
    const { run, made } = layer(
      (hop) => {
        if (isSent && hop.count === 1) hop.sent();
        return [failure('circuit_open', fields), wrong][hop.count - 1];
      },
      { names: ['a', 'b'] },
    );
    await settled(run());
    expect(after(made)[1]).toEqual({ tried: ['a'], givenUp: [] });
  });

  it.each([
    ['again', { tried: ['b', 'a'], givenUp: [] }],
    ['elsewhere', { tried: ['a'], givenUp: ['b'] }],
    ['never', { tried: ['b', 'a'], givenUp: [] }],
  ] as const)('is also how the other of two attempts at once has failed: %s', async (judged, known) => {
    const { run, made } = layer(
      (hop) => {
        hop.sent();
        if (hop.count === 1) hop.hedged(failure('unsupported', { provider: 'b', retry: judged }));
        return [failure('overloaded'), wrong][hop.count - 1];
      },
      { names: ['a', 'b'] },
    );
    await settled(run());
    expect(after(made)[1]).toEqual(known);
  });

  it('is nothing of another attempt at once that says of no provider', async () => {
    const { run, made } = layer((hop) => {
      hop.sent();
      if (hop.count === 1) hop.hedged(failure('server_error', { provider: undefined }));
      return [failure('overloaded'), wrong][hop.count - 1];
    });
    await settled(run());
    expect(after(made)[1]).toEqual({ tried: ['a'], givenUp: [] });
  });

  it('is nothing of an error that says of no provider: the call is over', async () => {
    const { run, made } = layer(() => failure('server_error', { provider: undefined }));
    expect(await settled(run())).toMatchObject({ ok: false, code: 'server_error', ms: 0 });
    expect(made).toHaveLength(1);
  });

  it('does not depend on whether an error is a new one', async () => {
    const same = failure();
    const { run, made, waits } = layer(
      (hop) => {
        hop.sent(['a', 'b'][hop.count - 1]);
        return [same, same, wrong][hop.count - 1];
      },
      { names: ['a', 'b', 'c'] },
    );
    await settled(run());
    expect(waits()).toEqual([0, 0]);
    expect(made).toHaveLength(3);
  });
});

describe('the wait for a next round', () => {
  const inRounds = (backMs: number) => (hop: Hop) => {
    if (hop.count % 2 === 0) return nobody(backMs);
    hop.sent();
    return hop.count < 5 ? failure() : undefined;
  };

  it('is one of full jitter when all can be asked again at once', async () => {
    const { run, made, waits } = layer(inRounds(0));
    expect(await settled(run())).toMatchObject({ ok: true, ms: 750 });
    // Each is told once: nobody else was left to be asked at once.
    expect(waits()).toEqual([250, 500]);
    // What is left of the time that a call may wait in all goes along.
    expect(made.map(({ hops }) => hops.patienceMs)).toEqual([60_000, 60_000, 59_750, 59_750, 59_250]);
  });

  it('is as long as was told when somebody says to be back, and a little longer: not everybody at once', async () => {
    expect(await settled(layer(inRounds(1_000)).run())).toMatchObject({ ok: true, ms: 2_050 });
    // The little is never more than what was told.
    expect(await settled(layer(inRounds(20)).run())).toMatchObject({ ok: true, ms: 60 });
  });

  it('may be as long as the call may wait, and not longer', async () => {
    const just = layer(inRounds(0), { options: { maxWaitMs: 750 } });
    expect(await settled(just.run())).toMatchObject({ ok: true, ms: 750 });
    const less = layer(inRounds(0), { options: { maxWaitMs: 749 } });
    expect(await settled(less.run())).toMatchObject({ ok: false, code: 'server_error', ms: 250 });
  });

  it('must end before the deadline', async () => {
    const just = layer(inRounds(0), { deadline: Date.now() + 250 });
    expect(await settled(just.run())).toMatchObject({ ok: false, code: 'server_error', ms: 0 });
    const more = layer(inRounds(0), { deadline: Date.now() + 251 });
    const call = watch(more.run());
    await advance(250);
    expect(more.made.length).toBeGreaterThan(2);
    expect(call.result).toMatchObject({ ok: false });
  });

  it('is none when nobody will ever be back, and nobody says when', async () => {
    const { run } = layer(inRounds(Number.POSITIVE_INFINITY), { options: { maxWaitMs: Number.POSITIVE_INFINITY } });
    const result = await settled(run());
    expect(result).toMatchObject({ ok: false, code: 'server_error', ms: 0 });
    expect(result.ok || result.error.retryAfterMs).toBeUndefined();
  });

  it('is none when all lines are full, unless something was sent or nobody says for how long', async () => {
    const lines = (fields: TransportErrorFields, isSent = false) =>
      layer((hop) => {
        if (hop.count === 2) return nobody(0);
        if (isSent && hop.count === 1) hop.sent();
        return hop.count === 1 ? failure('queue_full', fields) : undefined;
      });
    expect(await settled(lines({ retryAfterMs: 9 }).run())).toMatchObject({ ok: false, code: 'queue_full', ms: 0 });
    expect(await settled(lines({}).run())).toMatchObject({ ok: true, ms: 250 });
    expect(await settled(lines({ retryAfterMs: 9 }, true).run())).toMatchObject({ ok: true, ms: 250 });
  });
});

describe('who is back before the time that was told', () => {
  /** Fails once at each of two; a second round would be answered. */
  function waiting(scene: Scene = {}) {
    const play = (hop: Hop) => {
      if (hop.count === 3) return nobody(1_000);
      hop.sent(['a', 'b'][hop.count - 1]);
      return hop.count < 3 ? failure('overloaded', { provider: ['a', 'b'][hop.count - 1] }) : undefined;
    };
    const scened = layer(play, { names: ['a', 'b'], ...scene });
    for (const name of ['a', 'b']) scened.provider(name).park(Date.now() + 1_000);
    return scened;
  }

  it.each(['a', 'b'])('ends the wait of a call, whichever of the providers it is: %s', async (name) => {
    const { run, made, provider } = waiting();
    const call = watch(run());
    await advance(300);
    expect(made).toHaveLength(3);
    provider(name).reset();
    await advance(0);
    // Not all that wait in the same tick.
    expect(made).toHaveLength(3);
    await advance(25);
    expect(made).toHaveLength(4);
    expect(call.result).toMatchObject({ ok: true });
  });

  it('does not when that is only a little before', async () => {
    const { run, made, provider } = waiting();
    void run();
    await advance(500);
    // It would be back within the time by which those who wait are spread out.
    provider('a').gate = { backMs: () => 480, failureRatio: () => 0, reset: () => {} };
    provider('a').reset();
    await advance(400);
    expect(made).toHaveLength(3);
    await advance(125);
    expect(made).toHaveLength(4);
  });

  it('does when that is clearly before, but still to come', async () => {
    const { run, made, provider } = waiting();
    void run();
    await advance(500);
    const backAt = Date.now() + 300;
    const backMs = () => Math.max(0, backAt - Date.now());
    provider('a').gate = { backMs, failureRatio: () => 0, reset: () => {} };
    provider('a').reset();
    await advance(290);
    expect(made).toHaveLength(3);
    await advance(70);
    expect(made).toHaveLength(4);
  });

  it('is not one that goes to see when another has gone already', async () => {
    const { run, made, provider } = waiting();
    void run();
    await advance(500);
    // Somebody's probe is under way as soon as there is room for one.
    let looked = 0;
    const backMs = () => (looked++ === 0 ? 0 : 400);
    provider('a').gate = { backMs, failureRatio: () => 0, reset: () => {} };
    provider('a').reset();
    await advance(200);
    expect(made).toHaveLength(3);
  });

  it('does not when nothing has changed for the better', async () => {
    const { run, made, provider, health } = waiting();
    void run();
    await advance(300);
    health.changed();
    provider('a').park(Date.now() + 5_000);
    await advance(500);
    expect(made).toHaveLength(3);
  });

  it('does not when it is in quarantine, or was given up by the call', async () => {
    const { run, made, provider } = layer(
      (hop) => {
        if (hop.count === 3) return nobody(1_000);
        hop.sent(['a', 'b'][hop.count - 1]);
        if (hop.count === 1) return failure('authentication', { provider: 'a' });
        return hop.count === 2 ? failure('overloaded', { provider: 'b' }) : undefined;
      },
      { names: ['a', 'b'] },
    );
    provider('b').setQuarantine({ code: 'permission', status: 403, until: 0, times: 1, probing: false });
    void run();
    await advance(300);
    provider('a').reset();
    provider('b').park(Date.now() + 1);
    await advance(500);
    expect(made).toHaveLength(3);
    await advance(300);
    expect(made).toHaveLength(4);
  });

  it('does not end a wait that is only a back-off', async () => {
    const { run, made, health } = layer((hop) => {
      if (hop.count === 2) return nobody(0);
      hop.sent();
      return hop.count === 1 ? failure() : undefined;
    });
    void run();
    await advance(100);
    health.changed();
    await advance(100);
    expect(made).toHaveLength(2);
    await advance(60);
    expect(made).toHaveLength(3);
  });
});

describe('the error of a call', () => {
  it('is not given a time after which to come again when that could not help', async () => {
    const { run } = layer((hop) => {
      if (hop.count === 2) return nobody(300);
      hop.sent();
      return hop.count === 1 ? failure() : wrong;
    });
    const result = await settled(run());
    expect(result).toMatchObject({ ok: false, error: { code: 'invalid_request', retryAfterMs: undefined } });
  });

  it('says of a deadline what the time was spent on, and of nothing else', async () => {
    const stopped = async (reason: TransportError | undefined, failed: boolean) => {
      const { run, controller } = layer((hop) => {
        if (failed && hop.count === 1) {
          hop.sent();
          return failure();
        }
        controller.abort(reason);
        return new TransportError('cancelled', 'stopped below');
      });
      const result = await settled(run());
      return result.ok ? undefined : result.error;
    };
    const late = new TransportError('deadline_exceeded', 'The time for the call is over');
    expect(await stopped(late, true)).toMatchObject({ code: 'deadline_exceeded', cause: { code: 'server_error' } });
    expect(await stopped(late, false)).toBe(late);
    const cancelled = await stopped(undefined, true);
    expect(cancelled).toMatchObject({ code: 'cancelled', message: 'The call was cancelled' });
    expect(cancelled?.cause).toBeUndefined();
  });
});
