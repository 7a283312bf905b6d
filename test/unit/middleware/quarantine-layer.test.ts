import { describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { itinerary } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { ErrorCode, Handler } from '../../../src/core/types.ts';
import { quarantine } from '../../../src/middleware/quarantine.ts';
import { aCall, aHealth, aProvider, completionOf } from '../core/support.ts';
import { advance, flush, given, virtualTime } from './support.ts';

virtualTime();

const minute = 60_000;
const failing = (code: ErrorCode, provider = 'one') =>
  new TransportError(code, 'x', { provider, status: code === 'authentication' ? 401 : undefined });

/** The layer alone, over what `answers` is at the time of a call. */
function layer() {
  let changes = 0;
  const { health } = aHealth(aProvider(), () => {
    changes += 1;
  });
  const call = aCall();
  const answers = { handler: (async () => replyFrom(completionOf())) as Handler, asked: 0 };
  const handler = quarantine(health)(
    (...args) => {
      answers.asked += 1;
      return answers.handler(...args);
    },
    { provider: undefined, onClose: () => {} },
  );
  const hop = { probe: false };
  const context = call.context.with(itinerary.of({ ...call.context.get(itinerary), hop }));
  const ask = (within = context) => handler({ prompt: 'Hi' }, within);
  const fail = (error: TransportError) => {
    answers.handler = () => Promise.reject(error);
    return ask().catch((thrown: TransportError) => thrown);
  };
  const published = (type: string) => call.seen.filter((event) => event.type === type);
  return { health, answers, ask, fail, hop, published, bare: call.context, changes: () => changes };
}

describe('the quarantine of a provider', () => {
  it.each(['authentication', 'quota_exhausted', 'permission'] as const)('begins with %s', async (code) => {
    const { health, fail, published } = layer();
    const error = failing(code);
    expect(await fail(error)).toBe(error);
    const until = Date.now() + minute;
    expect(health.quarantine).toEqual({ code, status: error.status, until, times: 1, probing: false });
    expect(published('provider:quarantine')).toMatchObject([{ provider: 'one', code, until }]);
  });

  it.each([
    ['another kind of error', failing('server_error')],
    ["another provider's key", failing('authentication', 'two')],
  ])('does not begin with %s', async (_, error) => {
    const { health, fail, published } = layer();
    expect(await fail(error)).toBe(error);
    expect(health.quarantined).toBe(false);
    expect(published('provider:quarantine')).toEqual([]);
  });

  it('refuses whoever comes meanwhile, and asks nobody', async () => {
    const { answers, ask, fail } = layer();
    await fail(failing('authentication'));
    await expect(ask()).rejects.toMatchObject({ code: 'authentication', blame: 'transport', retryAfterMs: minute });
    expect(answers.asked).toBe(1);
  });

  it('is ended by one that finds it over, which is marked as a probe for those above', async () => {
    const { health, answers, ask, fail, hop, published } = layer();
    await fail(failing('authentication'));
    expect(hop.probe).toBe(false);
    vi.setSystemTime(Date.now() + minute);
    answers.handler = async () => replyFrom(completionOf());
    await ask();
    expect(hop.probe).toBe(true);
    expect(health.quarantined).toBe(false);
    expect(published('provider:release')).toMatchObject([{ provider: 'one', code: undefined, until: Date.now() }]);
  });

  it('can be probed where nobody above wants to know', async () => {
    const { health, answers, ask, fail, bare } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    answers.handler = async () => replyFrom(completionOf());
    await ask(bare);
    expect(health.quarantined).toBe(false);
  });

  it('lets one probe pass at a time', async () => {
    const { answers, ask, fail } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    answers.handler = () => new Promise(() => {});
    void ask();
    await flush();
    await expect(ask()).rejects.toMatchObject({ code: 'authentication', blame: 'transport' });
    expect(answers.asked).toBe(2);
  });

  it('is as it was after a probe that found out nothing, and can be probed again at once', async () => {
    const { health, fail, ask, answers } = layer();
    await fail(failing('authentication'));
    const imposed = health.quarantine;
    vi.setSystemTime(Date.now() + minute);
    await fail(failing('server_error'));
    expect(health.quarantine).toEqual({ ...imposed, probing: false });
    answers.handler = async () => replyFrom(completionOf());
    await ask();
    expect(health.quarantined).toBe(false);
  });

  it('is not imposed anew by a probe that fails after a reset', async () => {
    const { health, answers, ask, fail, published } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    for (const error of [failing('server_error'), failing('authentication')]) {
      health.setQuarantine({ code: 'authentication', status: 401, until: Date.now(), times: 1, probing: false });
      answers.handler = async () => {
        health.reset();
        throw error;
      };
      await ask().catch(() => {});
      expect(health.quarantined).toBe(false);
    }
    expect(published('provider:quarantine')).toHaveLength(1);
  });

  it('is not ended by a probe that is answered after a newer one was imposed', async () => {
    const { health, answers, ask, fail, published } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    const newer = { code: 'quota_exhausted', status: 402, until: Date.now() + 1, times: 1, probing: false } as const;
    answers.handler = async () => {
      health.setQuarantine(newer);
      return replyFrom(completionOf());
    };
    await ask();
    expect(health.quarantine).toBe(newer);
    expect(published('provider:release')).toEqual([]);
  });

  /** A quarantine whose time is over, and attempts that find out, and end when they are told to. */
  async function probed() {
    const scene = layer();
    await scene.fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    const imposed = given(scene.health.quarantine);
    const probes: { succeed(): Promise<void>; fail(error: TransportError): Promise<void> }[] = [];
    scene.answers.handler = () =>
      new Promise((resolve, reject) => {
        const settle = async (run: () => void) => {
          run();
          await flush();
        };
        probes.push({
          succeed: () => settle(() => resolve(replyFrom(completionOf()))),
          fail: (error) => settle(() => reject(error)),
        });
      });
    /** Returns the code with which it was refused, if it was. */
    const begin = async (): Promise<string | undefined> => {
      let refused: string | undefined;
      scene.ask().catch((error: TransportError) => {
        refused = error.code;
      });
      await flush();
      return refused;
    };
    const at = (index: number) => given(probes[index]);
    return { ...scene, imposed, probes, begin, at };
  }

  it('can be probed by the next when a probe has shown nothing for ten seconds, and everybody is told', async () => {
    const { health, changes, begin } = await probed();
    expect(await begin()).toBeUndefined();
    await advance(9_999);
    const before = changes();
    expect([health.unavailable(), await begin()]).toEqual(['quarantined', 'authentication']);
    await advance(1);
    expect([health.unavailable(), changes() - before]).toEqual([undefined, 1]);
    expect([await begin(), await begin()]).toEqual([undefined, 'authentication']);
  });

  it.each([
    ['succeeds', 'released'],
    ['is refused again', 'imposed anew'],
    ['fails for another reason', 'as it was'],
  ] as const)('is, when a probe that has hung %s at last, %s', async (how, state) => {
    const { health, imposed, at, begin, published } = await probed();
    await begin();
    await advance(10_000);
    if (how === 'succeeds') await at(0).succeed();
    else await at(0).fail(failing(how === 'is refused again' ? 'authentication' : 'server_error'));
    const times = { released: undefined, 'imposed anew': 2, 'as it was': 1 }[state];
    expect([health.quarantine?.times, health.quarantine?.probing]).toEqual([times, times && false]);
    expect(health.quarantine === imposed).toBe(state === 'as it was');
    expect(published('provider:release')).toHaveLength(state === 'released' ? 1 : 0);
    expect(published('provider:quarantine')).toHaveLength(state === 'imposed anew' ? 2 : 1);
  });

  it('is probed by one at a time also when one that has hung fails while the next finds out', async () => {
    const { health, at, begin } = await probed();
    await begin();
    await advance(10_000);
    await begin();
    await at(0).fail(failing('server_error'));
    expect([health.unavailable(), await begin()]).toEqual(['quarantined', 'authentication']);
    // The time of the second is its own.
    await advance(9_999);
    expect(await begin()).toBe('authentication');
    await at(1).fail(failing('server_error'));
    expect([health.unavailable(), await begin()]).toEqual([undefined, undefined]);
  });

  it('is ended once, and stays ended, when one that has hung and the next both find it over', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { health, at, begin, published } = await probed();
      await begin();
      await advance(10_000);
      await begin();
      for (const index of order) await at(index).succeed();
      expect([health.quarantined, published('provider:release').length]).toEqual([false, 1]);
    }
  });

  it('that the next has found to hold is not ended by one that was sent before', async () => {
    const { health, at, begin, published } = await probed();
    await begin();
    await advance(10_000);
    await begin();
    await at(1).fail(failing('authentication'));
    await at(0).succeed();
    expect([health.quarantine?.times, health.unavailable(), published('provider:release')]).toEqual([
      2,
      'quarantined',
      [],
    ]);
  });

  it.each(['succeed', 'fail'] as const)('leaves no timer of a probe behind: %s', async (how) => {
    const { at, begin } = await probed();
    const before = vi.getTimerCount();
    await begin();
    expect(vi.getTimerCount()).toBe(before + 1);
    if (how === 'succeed') await at(0).succeed();
    else await at(0).fail(failing('server_error'));
    expect(vi.getTimerCount()).toBe(before);
  });
});
