import { beforeEach, describe, expect, it, vi } from 'vitest';
import { alternatives, others, waitedMs, watchers } from '../../../src/core/context.ts';
import { TransportError, type TransportErrorFields } from '../../../src/core/errors.ts';
import { Health, type ProviderHealth } from '../../../src/core/health.ts';
import { itinerary } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { CompletionRequest, Context, ErrorCode, Limits, Outcome, Reply } from '../../../src/core/types.ts';
import { rateLimit } from '../../../src/middleware/rate-limit.ts';
import { aCall, aHealth, aProvider, completionOf, listenersOf } from '../core/support.ts';
import { advance, flush, given, type Settled, virtualTime, watch } from './support.ts';

virtualTime();

beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  // Not at zero, where a sum of two times is as good as their difference.
  vi.advanceTimersByTime(10_000);
});

/** What is below the layer, at one attempt. */
interface Sent {
  readonly context: Context;
  /** The provider shows that it is there. */
  content(): void;
  answer(usage?: { inputTokens: number; outputTokens: number }): Promise<void>;
  fail(error: unknown): Promise<void>;
}

interface Ask {
  readonly alternatives?: number;
  /** Their names. */
  readonly others?: readonly string[];
  readonly patienceMs?: number;
  readonly timeoutMs?: number;
  readonly request?: CompletionRequest;
}

interface Asked {
  readonly result: Settled<Reply> | undefined;
  readonly abort: (error?: TransportError) => void;
  readonly listeners: () => number;
}

/** The layer alone, of a provider with these limits. */
function line({ limits = { concurrency: 1 }, maxQueued }: { limits?: Limits; maxQueued?: number } = {}) {
  const all = new Health();
  const { health } = aHealth(aProvider({ limits }), all.changed);
  all.providers.push(health);
  let listening = 0;
  const { onChange } = all;
  all.onChange = (listener) => {
    listening += 1;
    const stop = onChange.call(all, listener);
    return () => {
      listening -= 1;
      stop();
    };
  };
  const closers: (() => void)[] = [];
  const sent: Sent[] = [];
  const events: { readonly type: string }[] = [];
  const handler = rateLimit({ maxQueued }, { health, all })(
    (_, context) =>
      new Promise((resolve, reject) => {
        const settle = async (run: () => void) => {
          run();
          await flush();
        };
        sent.push({
          context,
          content: () => {
            for (const watcher of context.get(watchers)) {
              watcher.answered?.();
              watcher.content?.();
            }
          },
          answer: (usage) => settle(() => resolve(replyFrom(completionOf({ usage })))),
          fail: (error) => settle(() => reject(error)),
        });
      }),
    { provider: health, onClose: (close) => closers.push(close as () => void) },
  );
  const ask = async ({ patienceMs = 60_000, timeoutMs, request = { prompt: 'Hi' }, ...more }: Ask = {}) => {
    const controller = new AbortController();
    const listeners = listenersOf(controller.signal);
    const call = aCall({
      signal: controller.signal,
      deadline: timeoutMs === undefined ? undefined : Date.now() + timeoutMs,
    });
    call.events.on('*', (event) => events.push(event));
    const hops = { ...call.context.get(itinerary), patienceMs, hop: { probe: false } };
    const context = call.context.with(
      alternatives.of(more.alternatives ?? 0),
      others.of(more.others ?? []),
      itinerary.of(hops),
    );
    const watched = watch(handler(request, context));
    await flush();
    const abort = (error?: TransportError) => controller.abort(error);
    return {
      ...{ abort, listeners },
      get result() {
        return watched.result;
      },
    } satisfies Asked as Asked;
  };
  /** An attempt is answered, after so long: from then on the provider is known to be there. */
  const warm = async (ms = 0): Promise<void> => {
    await ask();
    const attempt = given(sent.at(-1));
    await advance(ms);
    attempt.content();
    await attempt.answer({ inputTokens: 1, outputTokens: 0 });
  };
  const close = () => {
    for (const closer of closers) closer();
  };
  return { ask, sent, health, all, events, warm, close, listening: () => listening };
}

const failure = (code: ErrorCode, fields: TransportErrorFields = {}) =>
  new TransportError(code, 'x', { provider: 'one', ...fields });
const quarantine = {
  code: 'authentication',
  status: 401,
  until: Number.POSITIVE_INFINITY,
  times: 1,
  probing: false,
} as const;
const openGate = { backMs: () => 500, failureRatio: () => 1, reset: () => {} };

describe('who waits in the line of a provider', () => {
  /** One attempt is under way in the only slot, and one waits. */
  async function waiting(options: Ask = {}) {
    const scene = line();
    await scene.warm();
    await scene.ask();
    const waiter = await scene.ask(options);
    expect([scene.sent.length, scene.health.queued]).toEqual([2, 1]);
    return { ...scene, waiter, under: given(scene.sent[1]) };
  }

  it.each([
    ['is parked', { code: 'rate_limited', message: 'one was parked: left its line; nothing was sent' }],
    ['has a circuit that opens', { code: 'circuit_open', message: 'one is failing: left its line; nothing was sent' }],
  ])('leaves it when that %s, and there is another', async (what, error) => {
    const { waiter, health, all, sent } = await waiting({ alternatives: 1 });
    if (what === 'is parked') health.park(Date.now() + 10);
    else {
      health.gate = openGate;
      all.changed();
    }
    await flush();
    expect(waiter.result).toMatchObject({
      error: { ...error, provider: 'one', retry: 'elsewhere', blame: 'transport' },
    });
    expect([health.queued, waiter.listeners(), sent.length]).toEqual([0, 0, 2]);
  });

  it('leaves it when that is quarantined, whether or not there is another', async () => {
    const { waiter, health } = await waiting();
    health.setQuarantine(quarantine);
    await flush();
    expect(waiter.result).toMatchObject({ error: { code: 'authentication', blame: 'transport', status: 401 } });
    expect(health.queued).toBe(0);
  });

  it('stays when the circuit of a lone provider opens', async () => {
    const { waiter, health, all, under, sent } = await waiting();
    health.gate = openGate;
    all.changed();
    await flush();
    expect(waiter.result).toBeUndefined();
    await under.answer();
    expect(sent).toHaveLength(3);
  });

  it.each([
    ['longer than it may wait', 1_500, 500, 1_001, false],
    ['exactly as long as it may still wait', 1_500, 500, 1_000, false],
    ['a little less', 1_500, 500, 999, true],
  ])('stays when a lone provider is parked, unless that is %s', async (_, patienceMs, passedMs, parkedMs, stays) => {
    const { waiter, health, under, sent } = await waiting({ patienceMs });
    await advance(passedMs);
    health.park(Date.now() + parkedMs);
    await flush();
    expect(waiter.result?.ok).toBe(stays ? undefined : false);
    if (!stays) return;
    // Its slot is free, and the provider is not back.
    await under.answer();
    expect(sent).toHaveLength(2);
    await advance(parkedMs - 1);
    expect(sent).toHaveLength(2);
    await advance(1);
    expect(sent).toHaveLength(3);
  });

  it('stays no longer than its deadline leaves it', async () => {
    const { waiter, health } = await waiting({ timeoutMs: 800 });
    health.park(Date.now() + 900);
    await flush();
    expect(waiter.result).toMatchObject({ code: 'rate_limited' });
  });

  it('is sent as soon as the provider is back before its time', async () => {
    const { health, under, sent } = await waiting();
    health.park(Date.now() + 5_000);
    await under.answer();
    await advance(1_000);
    health.reset();
    await flush();
    expect(sent).toHaveLength(3);
  });

  it('leaves it when its call is stopped, and nothing of it is left', async () => {
    const { waiter, health, under, sent } = await waiting();
    waiter.abort(new TransportError('deadline_exceeded', 'over'));
    await flush();
    expect(waiter.result).toMatchObject({ code: 'deadline_exceeded' });
    expect([health.queued, waiter.listeners()]).toEqual([0, 0]);
    await under.answer();
    expect(sent).toHaveLength(2);
  });

  it('leaves it when the transport is closed; who is under way does not', async () => {
    const { waiter, close, under, sent, health, listening } = await waiting();
    expect(listening()).toBe(1);
    close();
    await flush();
    expect(waiter.result).toMatchObject({ error: { code: 'closed', message: 'The transport was closed' } });
    expect([health.queued, listening()]).toEqual([0, 0]);
    expect(under.context.signal.aborted).toBe(false);
    await under.answer();
    expect(sent).toHaveLength(2);
  });

  it('tells how long it has waited, from a millisecond on', async () => {
    const { under, sent, events } = await waiting();
    await advance(1);
    await under.answer();
    expect(given(sent[2]).context.get(waitedMs)).toBe(1);
    expect(events.filter(({ type }) => type === 'queue:wait')).toMatchObject([{ provider: 'one', waitMs: 1 }]);
  });
});

describe('a provider that is back', () => {
  const isolate = (health: ProviderHealth) => {
    health.setQuarantine({ ...quarantine, until: Date.now() + 5_000 });
    setTimeout(() => health.setQuarantine(undefined), 5_000);
  };
  const trip = (health: ProviderHealth, all: Health) => {
    const turn = (state: ProviderHealth['circuit']) => {
      health.circuit = state;
      all.changed();
    };
    turn('open');
    setTimeout(() => turn('closed'), 5_000);
  };

  it.each([
    ['it is no longer in quarantine', isolate],
    ['its circuit is closed', trip],
  ] as const)(
    'is sent those who come when %s in small numbers, which grow up to as many as before',
    async (_, leave) => {
      const { ask, sent, warm, health, all } = line({ limits: {} });
      await warm();
      const before = health.window;
      leave(health, all);
      await advance(5_000);
      for (let count = 0; count < 150; count += 1) await ask();
      const bursts = [sent.length - 1];
      while (given(bursts.at(-1)) > 0) {
        const from = sent.length;
        for (const attempt of sent.slice(-given(bursts.at(-1)))) {
          attempt.content();
          await attempt.answer();
        }
        bursts.push(sent.length - from);
      }
      expect(bursts[0]).toBe(8);
      // Each of the eight has made room for itself, and has shown twice that there is room for more: with its content, and when it was whole.
      expect(bursts[1]).toBe(24);
      expect(Math.max(...bursts)).toBeLessThanOrEqual(before);
      expect(sent).toHaveLength(151);
    },
  );
});

describe('a line that an outage has gathered', () => {
  it.each([
    ['is not cut, because it will be gone', 900, 0],
    ['is not what comes later', 1_100, 5],
  ])('%s', async (_, afterMs, least) => {
    const { ask, sent, warm, health, all } = line({ limits: { requestsPerMinute: 60, concurrency: 50 } });
    await warm();
    health.circuit = 'open';
    all.changed();
    await advance(1_000);
    health.circuit = 'closed';
    all.changed();
    await advance(afterMs);
    const calls = await Promise.all(Array.from({ length: 40 }, () => ask({ timeoutMs: 60_000 })));
    for (let second = 0; second < 40; second += 1) {
      for (const attempt of sent) {
        attempt.content();
        await attempt.answer({ inputTokens: 1, outputTokens: 0 });
      }
      await advance(1_000);
    }
    const turnedAway = calls.filter(({ result }) => result?.code === 'queue_full').length;
    if (least === 0) expect([turnedAway, health.queued]).toEqual([0, 0]);
    else expect(turnedAway).toBeGreaterThanOrEqual(least);
  });
});

describe('who has long to wait', () => {
  const turnMs = 2_000;

  /** One attempt is under way in the only slot, three wait, and another provider has room for one. */
  async function waiting({ ms = turnMs, more = {} as Ask, look = (_: ProviderHealth): unknown => undefined } = {}) {
    const scene = line();
    const two = aHealth(aProvider({ name: 'two' })).health;
    Object.assign(two, { window: 2, inFlight: 2 });
    scene.all.providers.push(two);
    await scene.warm(ms);
    await scene.ask();
    const mobile = { alternatives: 1, others: ['two'], ...more };
    const waiters = [await scene.ask(mobile), await scene.ask(mobile), await scene.ask(mobile)];
    await advance(250);
    two.inFlight = 1;
    look(two);
    await given(scene.sent[1]).fail(failure('server_error'));
    return waiters.map(({ result }) => result);
  }

  it('goes to whom there is room at, the last in line first, and as many as there is room for', async () => {
    const [next, second, last] = await waiting();
    expect([next, second]).toEqual([undefined, undefined]);
    expect(last).toMatchObject({
      error: {
        ...{ code: 'queue_full', message: 'one has a long line: left its line; nothing was sent', provider: 'one' },
        ...{ retry: 'elsewhere', blame: 'transport' },
      },
    });
    const [, both] = await waiting({ look: (two) => Object.assign(two, { inFlight: 0 }) });
    expect(both).toMatchObject({ code: 'queue_full' });
  });

  it.each<[string, Parameters<typeof waiting>[0]]>([
    ['there is no room', { look: (two) => Object.assign(two, { inFlight: 2 }) }],
    ['the other is on trial', { look: (two) => Object.assign(two, { circuit: 'half-open' }) }],
    ['the other was parked', { look: (two) => two.park(Date.now() + 1) }],
    ['one would wait there too', { look: (two) => Object.assign(two, { estimateWaitMs: () => 1 }) }],
    ['the other cannot be asked for this', { more: { others: ['three'] } }],
    ['nobody above would ask another', { more: { alternatives: 0 } }],
    ['it is not so long', { ms: 150 }],
  ])('stays when %s', async (_, how) => {
    expect(await waiting(how)).toEqual([undefined, undefined, undefined]);
  });
});

describe('who would not be answered in time', () => {
  const firstContentMs = 10_000;

  /** One attempt is under way in the only slot, and one waits that has time enough, when all goes as usual. */
  async function waiting(timeoutMs: number | undefined) {
    const scene = line();
    await scene.warm(firstContentMs);
    scene.health.answeredAfter(firstContentMs, 0);
    await scene.ask();
    const waiter = await scene.ask({ timeoutMs });
    expect([scene.sent.length, scene.health.queued]).toEqual([2, 1]);
    return { ...scene, waiter, under: given(scene.sent[1]) };
  }

  it.each([
    ['is not sent with less than half of what the first content takes', 21_000, 16_001, false],
    ['is sent with half of it', 21_000, 16_000, true],
    ['is sent with all the time there is', undefined, 16_001, true],
  ])('%s, when it is their turn', async (_, timeoutMs, ms, isSent) => {
    const { waiter, under, sent, health } = await waiting(timeoutMs);
    await advance(ms);
    await under.answer();
    expect([sent.length, health.queued]).toEqual([isSent ? 3 : 2, 0]);
    if (isSent) return;
    expect(waiter.result).toMatchObject({
      error: { code: 'queue_full', provider: 'one', message: '1 calls wait for one already; nothing was sent' },
    });
    expect(waiter.result?.ok === false && waiter.result.error.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(waiter.listeners()).toBe(0);
  });

  it('makes way for who still can be', async () => {
    const { ask, waiter, under, sent } = await waiting(21_000);
    await advance(10_000);
    const patient = await ask({ timeoutMs: 60_000 });
    await advance(7_000);
    await under.answer();
    expect([waiter.result?.code, patient.result, sent.length]).toEqual(['queue_full', undefined, 3]);
    await given(sent[2]).answer();
    expect(patient.result?.ok).toBe(true);
  });

  it('is sent all the same by one of which no first content was seen', async () => {
    const { ask, sent, warm } = line();
    await warm();
    await ask();
    await ask({ timeoutMs: 1_000 });
    await advance(999);
    await given(sent[1]).answer();
    expect(sent).toHaveLength(3);
  });

  it('is sent all the same by one that has not answered yet: nobody knows what it takes', async () => {
    const { ask, sent, health } = line({ limits: {} });
    health.answeredAfter(firstContentMs, 0);
    await ask();
    await ask();
    await ask({ timeoutMs: 1_000 });
    expect(sent).toHaveLength(2);
    await advance(900);
    await given(sent[0]).fail(failure('server_error'));
    expect(sent).toHaveLength(3);
  });

  it('is sent all the same by one that is on its way back', async () => {
    const { ask, sent, warm, health } = line({ limits: {} });
    await warm();
    health.answeredAfter(firstContentMs, 0);
    health.setQuarantine({ ...quarantine, until: Date.now() + 1_000 });
    await advance(1_000);
    health.setQuarantine(undefined);
    for (let count = 0; count < 9; count += 1) await ask({ timeoutMs: 6_000 });
    expect([sent.length, health.queued]).toEqual([1 + 8, 1]);
    await advance(2_000);
    await given(sent[1]).fail(failure('server_error'));
    expect([sent.length, health.queued]).toEqual([1 + 9, 0]);
  });
});

describe('a call that was stopped before it came', () => {
  it('is not sent', async () => {
    const { sent, health, all } = line();
    const call = aCall({ signal: AbortSignal.abort() });
    const handler = rateLimit({}, { health, all })(async () => replyFrom(completionOf()), {
      ...{ provider: health, onClose: () => {} },
    });
    await expect(handler({ prompt: 'Hi' }, call.context)).rejects.toMatchObject({ code: 'cancelled' });
    expect([sent.length, health.queued]).toEqual([0, 0]);
  });
});

describe('a provider that has not answered yet', () => {
  it('is left by who waits and can go elsewhere after two seconds, and again by who came later', async () => {
    const { ask, health } = line({ limits: {} });
    await ask();
    await ask();
    const [other, patient] = [await ask({ alternatives: 1 }), await ask()];
    expect(health.queued).toBe(2);
    await advance(1_999);
    expect(other.result).toBeUndefined();
    await advance(1);
    expect(other.result).toMatchObject({
      error: { code: 'queue_full', message: 'one has not answered yet: left its line; nothing was sent' },
    });
    expect(patient.result).toBeUndefined();
    const later = await ask({ alternatives: 1 });
    await advance(2_000);
    expect(later.result).toMatchObject({ code: 'queue_full' });
  });

  it('is left in the same way when what was known of it has been forgotten', async () => {
    const { ask, health, sent } = line({ limits: {} });
    await ask();
    given(sent[0]).content();
    expect(health.window).toBe(32);
    health.reset();
    await ask();
    const waiter = await ask({ alternatives: 1 });
    expect([sent.length, health.window, health.queued]).toEqual([2, 2, 1]);
    await advance(2_000);
    expect(waiter.result).toMatchObject({ code: 'queue_full' });
  });

  it('is not left for its silence by who waits until it is no longer parked: nobody has asked it', async () => {
    const { ask, health, sent } = line({ limits: {} });
    health.park(Date.now() + 5_000);
    const waiter = await ask({ alternatives: 1 });
    await advance(4_999);
    expect(waiter.result).toBeUndefined();
    await advance(1);
    expect(sent).toHaveLength(1);
  });

  it('is not left for its silence any more once it has answered', async () => {
    const { ask, sent } = line({ limits: { concurrency: 2 } });
    await ask();
    await ask();
    const waiter = await ask({ alternatives: 1 });
    given(sent[0]).content();
    await advance(10_000);
    expect(waiter.result).toBeUndefined();
  });

  it.each<[string, TransportError, boolean]>([
    ['refuses a request for its own sake', failure('invalid_request', { status: 400 }), true],
    ['is not the one who refuses it', failure('invalid_request'), false],
    ['fails', failure('server_error', { status: 500 }), false],
    ['is another', failure('invalid_request', { status: 400, provider: 'two' }), false],
  ])('has shown that it is there when it %s', async (_, error, warm) => {
    const { ask, sent, health, events } = line({ limits: { concurrency: 5 } });
    await ask();
    await given(sent[0]).fail(error);
    expect(health.window).toBe(warm ? 5 : 2);
    expect(events.filter(({ type }) => type === 'window:change')).toMatchObject(
      warm ? [{ provider: 'one', from: 2, to: 5 }] : [],
    );
  });

  it('has no wider window afterwards when that is all there is', async () => {
    const { warm, health, events } = line({ limits: { concurrency: 2 } });
    await warm();
    expect(health.window).toBe(2);
    expect(events).toEqual([]);
  });
});

describe('how long a call would have to wait', () => {
  it('is as long as those before it take, for each slot', async () => {
    const { ask, warm, health } = line({ limits: { concurrency: 2 } });
    await warm(300);
    expect(health.waitMs).toBe(0);
    await ask();
    expect(health.waitMs).toBe(0);
    await ask();
    expect(health.waitMs).toBe(150);
    await ask();
    await ask();
    expect(health.waitMs).toBe(450);
  });

  it('is what the first content takes while no answer has been whole, and a second while nothing is known', async () => {
    const known = line();
    await known.ask();
    given(known.sent[0]).content();
    known.health.answeredAfter(70, 0);
    expect(known.health.waitMs).toBe(70);
    const unknown = line();
    await unknown.ask();
    given(unknown.sent[0]).content();
    expect(unknown.health.waitMs).toBe(1_000);
  });

  it('is as long as no slot has come free, when that is more than twice as long as it should have taken', async () => {
    const { ask, warm, health } = line({ limits: { concurrency: 2 } });
    await warm(300);
    await ask();
    await ask();
    await advance(300);
    expect(health.waitMs).toBe(150);
    await advance(1);
    expect(health.waitMs).toBe(301);
    await advance(500);
    expect(health.waitMs).toBe(801);
  });

  it('is nothing at one that has not answered for up to a second, and then as long as that has taken', async () => {
    const { ask, health } = line({ limits: {} });
    await ask();
    await advance(400);
    await ask();
    expect(health.waitMs).toBe(0);
    await advance(600);
    expect(health.waitMs).toBe(0);
    await advance(1);
    expect(health.waitMs).toBe(1_001);
  });

  it('is as long as its tokens take to come in, or those of who is next', async () => {
    const { ask, warm, health } = line({ limits: { inputTokensPerMinute: 6_000 } });
    await warm();
    // A burst of 1,000 tokens, of which 999 are left; a hundred come in every second.
    await ask({ request: { prompt: 'x'.repeat(4 * 999) } });
    const before = health.waitMs;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThanOrEqual(1_000);
    await ask({ request: { prompt: 'x'.repeat(4 * 500) } });
    expect(health.waitMs).toBeGreaterThan(4_000);
  });
});

describe('what an attempt takes of the limits', () => {
  const limits = { requestsPerMinute: 6 };

  it.each<[string, unknown, boolean]>([
    ['is given back when nothing was sent', failure('circuit_open'), true],
    ['is not when the provider has failed', failure('server_error'), false],
    ['is not when the provider has refused', failure('invalid_request', { status: 400 }), false],
    ['is not when somebody threw what is no error', 'odd', false],
  ])('%s', async (_, error, again) => {
    const { ask, sent } = line({ limits });
    const first = await ask();
    await given(sent[0]).fail(error);
    expect(first.result).toMatchObject({ ok: false, error });
    await ask();
    expect(sent).toHaveLength(again ? 2 : 1);
    await advance(10_000);
    expect(sent).toHaveLength(2);
  });

  it('does not change what is thrown, whatever that is', async () => {
    const { health, all } = line();
    const throwing = rateLimit({}, { health, all })(() => Promise.reject(null), {
      provider: health,
      onClose: () => {},
    });
    await expect(throwing({ prompt: 'Hi' }, aCall().context)).rejects.toBeNull();
  });

  it('is looked at again when the line was left empty for a while', async () => {
    const { ask, warm, sent, health } = line({ limits });
    await warm();
    const waiter = await ask();
    expect([sent.length, health.queued]).toEqual([1, 1]);
    waiter.abort();
    await flush();
    await advance(30_000);
    const next = await ask();
    await advance(0);
    expect(sent).toHaveLength(2);
    await given(sent[1]).answer();
    expect(next.result).toMatchObject({ ok: true });
    await advance(10_000);
    await ask();
    expect(sent).toHaveLength(3);
  });

  it('may not be little enough to get past who waits, nor past the end of the line', async () => {
    const { ask, warm, sent } = line({ limits: { inputTokensPerMinute: 6_000 }, maxQueued: 1 });
    await warm();
    await ask({ request: { prompt: 'x'.repeat(3_600) } });
    await ask({ request: { prompt: 'x'.repeat(3_600) } });
    expect(sent).toHaveLength(2);
    const small = await ask({ request: { prompt: 'x', maxOutputTokens: 1 } });
    expect(small.result).toMatchObject({
      error: { code: 'queue_full', message: '1 calls wait for one already; nothing was sent', provider: 'one' },
    });
  });
});

describe('a provider that says that it is too much', () => {
  it('and not for how long, is left alone for a guess that doubles, up to about a minute', async () => {
    const { ask, sent, health } = line({ limits: {} });
    const guesses: number[] = [];
    for (let count = 0; count < 9; count += 1) {
      await ask();
      await given(sent.at(-1)).fail(failure('rate_limited'));
      guesses.push(health.parkedUntil - Date.now());
      await advance(guesses.at(-1) ?? 0);
    }
    expect(guesses).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000, 45_000]);
  });

  it('is left alone for no guess when it says for how long, or when another says so', async () => {
    const { ask, sent, health } = line({ limits: {} });
    for (const fields of [{ retryAfterMs: 5_000 }, { provider: 'two' }]) {
      await ask();
      await given(sent.at(-1)).fail(failure('rate_limited', fields));
    }
    expect(health.parkedUntil).toBe(0);
  });

  it('is told of once', async () => {
    const { ask, sent, events, health } = line({ limits: {} });
    await ask();
    await ask();
    await given(sent[0]).fail(failure('rate_limited'));
    await given(sent[1]).fail(failure('rate_limited'));
    expect(events.filter(({ type }) => type === 'provider:park')).toMatchObject([
      { provider: 'one', code: 'rate_limited', until: health.parkedUntil },
    ]);
  });
});

describe('a slot', () => {
  it('is kept until a stream is done', async () => {
    const all = new Health();
    const { health } = aHealth(aProvider({ limits: { concurrency: 1 } }), all.changed);
    let settle: (outcome: Outcome) => void = () => {};
    let asked = 0;
    const handler = rateLimit({}, { health, all })(
      async () => {
        asked += 1;
        const done = new Promise<Outcome>((resolve) => {
          settle = resolve;
        });
        return { ...replyFrom(completionOf()), done };
      },
      { provider: health, onClose: () => {} },
    );
    const ask = () => watch(handler({ prompt: 'Hi', stream: true }, aCall().context));
    const [first, second] = [ask(), ask()];
    await flush();
    expect([first.result?.ok, second.result, asked]).toEqual([true, undefined, 1]);
    settle({ ok: false, error: failure('truncated') });
    await flush();
    expect([second.result?.ok, asked]).toEqual([true, 2]);
  });
});
