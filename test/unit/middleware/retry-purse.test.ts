import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { Health } from '../../../src/core/health.ts';
import { type Itinerary, itinerary, nobodyLeft } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { Context, Reply, RetryOptions } from '../../../src/core/types.ts';
import { retry } from '../../../src/middleware/retry.ts';
import { aCall, aHealth, aProvider, attempt, completionOf } from '../core/support.ts';
import { advance, settled, watch } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const overloaded = (provider: string): TransportError => new TransportError('overloaded', 'x', { provider });
const nobody = (backMs: number): TransportError => nobodyLeft(backMs, new TransportError('no_provider', 'nobody'));

/** What the layers below do with an attempt: send it and fail, refuse it, or answer. */
type Step = { readonly sent?: TransportError; readonly refused?: TransportError; readonly probe?: boolean } | 'ok';

function calls(steps: readonly Step[], options: RetryOptions = {}, quota = new RetryQuota()) {
  const health = new Health();
  const providers = ['a', 'b'].map((name) => aHealth(aProvider({ name }), health.changed).health);
  health.providers.push(...providers);
  const controller = new AbortController();
  const { call, above, seen } = aCall({ signal: controller.signal });
  const hops: Itinerary[] = [];
  let made = 0;
  const next = async (_: unknown, context: Context): Promise<Reply> => {
    const hop = context.get(itinerary);
    hops.push({ ...hop, tried: new Set(hop.tried), givenUp: new Set(hop.givenUp) });
    const step = steps[made];
    made += 1;
    if (step === undefined) throw new Error(`Attempt ${made} was not expected`);
    if (step === 'ok') return replyFrom(completionOf());
    if (step.probe === true && hop.hop !== undefined) hop.hop.probe = true;
    if (step.sent !== undefined) call.attempts.push(attempt({ provider: step.sent.provider ?? '?' }));
    throw step.sent ?? step.refused;
  };
  const handler = retry(options, { quota, health })(next, { provider: undefined, onClose: () => {} });
  const answer = handler({ prompt: 'Hi' }, above);
  return { answer, quota, providers, hops, seen, controller, made: () => made };
}

const purse = (left: number): RetryQuota => {
  const quota = new RetryQuota();
  while (quota.left > left) quota.withdraw();
  return quota;
};

describe('a retry is paid', () => {
  it('five, which come back when it succeeds; an answer at once brings one', async () => {
    const retried = calls([{ sent: overloaded('a') }, 'ok'], {}, purse(100));
    expect((await settled(retried.answer)).ok).toBe(true);
    expect(retried.quota.left).toBe(100);
    const failed = calls(
      [{ sent: overloaded('a') }, { sent: overloaded('b') }, { refused: nobody(1e9) }],
      {},
      purse(100),
    );
    expect((await settled(failed.answer)).ok).toBe(false);
    // The third was paid for, and not made.
    expect(failed.quota.left).toBe(95);
    const first = calls(['ok'], {}, purse(100));
    await settled(first.answer);
    expect(first.quota.left).toBe(101);
  });

  it('nothing when somebody else is asked because this one cannot help', async () => {
    const unsupported = new TransportError('unsupported', 'x', { provider: 'a' });
    const { answer, quota } = calls([{ sent: unsupported }, 'ok'], {}, purse(100));
    await settled(answer);
    expect(quota.left).toBe(101);
  });

  it('nothing when it was a probe: what was paid comes back', async () => {
    const { answer, quota } = calls(
      [{ sent: overloaded('a') }, { sent: overloaded('b'), probe: true }, { refused: nobody(1e9) }],
      {},
      purse(100),
    );
    await settled(answer);
    expect(quota.left).toBe(100);
  });
});

describe('a purse that is empty', () => {
  it('ends a call when nothing is under way that could fill it', async () => {
    const { answer, quota, made } = calls([{ sent: overloaded('a') }], {}, purse(0));
    const result = await settled(answer);
    expect(result).toMatchObject({ ok: false, code: 'overloaded' });
    expect([made(), quota.left]).toEqual([1, 0]);
    // After one look again: those who have just paid are not under way at once.
    expect(result.ms).toBeGreaterThan(0);
    expect(result.ms).toBeLessThan(2_000);
  });

  it('is waited for while somebody is under way, and the call goes on where it was', async () => {
    const { answer, quota, providers, made, hops } = calls([{ sent: overloaded('a') }, 'ok'], {}, purse(0));
    Object.assign(providers[1] ?? {}, { inFlight: 1 });
    const result = watch(answer);
    await advance(5_000);
    expect([made(), result.result]).toEqual([1, undefined]);
    for (let success = 0; success < 5; success += 1) quota.deposit();
    await advance(2_100);
    expect(result.result).toMatchObject({ ok: true });
    expect(made()).toBe(2);
    expect(hops[1]?.tried).toEqual(new Set(['a']));
    // It succeeded: what it took is back.
    expect(quota.left).toBe(5);
  });

  it('is not needed while nobody serves: to find out whether a provider is back costs nothing', async () => {
    const { answer, providers, made, quota } = calls(
      [{ sent: overloaded('a') }, { refused: nobody(700) }, 'ok'],
      {},
      purse(0),
    );
    for (const one of providers) Object.assign(one, { circuit: 'open' });
    const result = await settled(answer);
    expect(result.ok).toBe(true);
    expect(made()).toBe(3);
    expect(quota.left).toBe(1);
  });

  it.each<[string, (one: object) => void]>([
    ['whose circuit is not closed', (one) => Object.assign(one, { circuit: 'half-open' })],
    ['that asked to be left alone', (one) => (one as { park(until: number): void }).park(Date.now() + 60_000)],
  ])('is not needed for providers %s', async (_, spoil) => {
    const { answer, providers, made } = calls([{ sent: overloaded('a') }, { refused: nobody(1e9) }], {}, purse(0));
    providers.forEach(spoil);
    await settled(answer);
    expect(made()).toBe(2);
  });
});

describe('a round', () => {
  it('waits as long as it is told and a little more, never less, and begins with nobody tried', async () => {
    const { answer, hops, seen } = calls([{ sent: overloaded('a') }, { refused: nobody(3_000) }, 'ok']);
    const result = await settled(answer);
    expect(result).toMatchObject({ ok: true, ms: 3_025 });
    expect(hops[2]?.tried).toEqual(new Set());
    expect(hops.map(({ patienceMs }) => Math.round(patienceMs))).toEqual([60_000, 60_000, 56_975]);
    expect(seen.filter(({ type }) => type === 'retry')).toMatchObject([{ waitMs: 0 }, { waitMs: 3_025 }]);
  });

  it('begins as soon as somebody is back, however long that was said to take', async () => {
    const { answer, providers } = calls([{ sent: overloaded('a') }, { refused: nobody(30_000) }, 'ok']);
    const [a, b] = providers;
    a?.park(Date.now() + 30_000);
    b?.park(Date.now() + 30_000);
    const result = watch(answer);
    await advance(1_000);
    expect(result.result).toBeUndefined();
    b?.reset();
    await advance(100);
    expect(result.result).toMatchObject({ ok: true });
  });

  it('is not begun early for one that is given up, or in quarantine', async () => {
    const unsupported = new TransportError('unsupported', 'x', { provider: 'a' });
    const { answer, providers } = calls([{ sent: unsupported }, { refused: nobody(5_000) }, 'ok']);
    const [a, b] = providers;
    b?.setQuarantine({ code: 'authentication', status: 401, times: 1, probing: false, until: Date.now() + 3_600_000 });
    const result = watch(answer);
    await advance(1_000);
    a?.reset();
    await advance(1_000);
    expect(result.result).toBeUndefined();
    await advance(4_000);
    expect(result.result).toMatchObject({ ok: true });
  });

  it('is none when every line is full: to come back at once would only make them longer', async () => {
    const full = new TransportError('queue_full', 'x', { provider: 'a', retryAfterMs: 4_000 });
    const { answer, made } = calls([{ refused: full }, { refused: nobody(0) }]);
    expect(await settled(answer)).toMatchObject({ ok: false, code: 'queue_full', ms: 0 });
    expect(made()).toBe(2);
  });

  it('is none that would end after the call has waited as long as it may', async () => {
    const { answer } = calls([{ sent: overloaded('a') }, { refused: nobody(3_000) }], { maxWaitMs: 3_024 });
    const result = await settled(answer);
    expect(result).toMatchObject({ ok: false, code: 'overloaded', ms: 0 });
    expect(result.ok ? undefined : result.error.retryAfterMs).toBe(3_000);
  });

  it('may be stopped while it is waited for, and a deadline says what it was spent on', async () => {
    const { answer, controller } = calls([{ sent: overloaded('a') }, { refused: nobody(30_000) }]);
    const result = watch(answer);
    await advance(1_000);
    controller.abort(new TransportError('deadline_exceeded', 'late'));
    await advance(1);
    expect(result.result).toMatchObject({
      ok: false,
      code: 'deadline_exceeded',
      error: { cause: { code: 'overloaded' } },
    });
    const cancelled = calls([{ sent: overloaded('a') }, { refused: nobody(30_000) }]);
    const other = watch(cancelled.answer);
    await advance(1_000);
    cancelled.controller.abort(new TransportError('cancelled', 'enough'));
    await advance(1);
    expect(other.result).toMatchObject({ ok: false, code: 'cancelled' });
    expect(other.result?.ok === false && other.result.error.cause).toBeUndefined();
  });
});
