import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { Health } from '../../../src/core/health.ts';
import { aHealth, aProvider, listenersOf } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const quarantine = { code: 'authentication', status: 401, times: 1, probing: false } as const;

describe("a provider's health", () => {
  it('begins well, and with its description', () => {
    const traits = { tags: ['eu'] };
    const { health } = aHealth(aProvider({ traits, limits: { concurrency: 3 } }));
    expect(health).toMatchObject({ name: 'one', domain: 'one', model: 'm-1', traits, limits: { concurrency: 3 } });
    expect(health).toMatchObject({ circuit: 'closed', inFlight: 0, queued: 0, window: Number.POSITIVE_INFINITY });
    expect(health.unavailable()).toBeUndefined();
    expect(health.backMs()).toBe(0);
    expect(health.waitMs).toBe(0);
  });

  it('has the estimates that it is fed', () => {
    const { health, firstContent, chunkGap } = aHealth();
    health.answeredAfter(120, 1);
    health.pace.chunkGap(10, 2);
    expect(firstContent.samples).toEqual([120]);
    expect(chunkGap.samples).toEqual([10]);
    expect(health).toMatchObject({ firstContentMs: 120, chunkGapMs: 10 });
  });

  it('was rescued after at least so long as it had been waited for', () => {
    const { health, firstContent } = aHealth();
    health.rescued();
    expect(firstContent.samples).toEqual([]);
    health.rescued(900);
    health.rescued(700);
    health.rescued(1_200);
    expect(firstContent.samples).toEqual([900, 1_200]);
  });

  it('is slow after three rescues in a row, until it answers sooner than those were late', () => {
    const { health } = aHealth();
    for (const ms of [900, 800, 1_000]) {
      expect(health.slow).toBe(false);
      health.rescued(ms);
    }
    health.answeredAfter(800, 1);
    expect(health.slow).toBe(true);
    health.answeredAfter(799, 2);
    expect(health.slow).toBe(false);
    for (let time = 0; time < 3; time += 1) health.rescued(900);
    expect(health.slow).toBe(true);
    health.reset();
    expect(health.slow).toBe(false);
  });

  it('waits as long as its line or its return takes, whichever is longer', () => {
    const { health } = aHealth();
    health.estimateWaitMs = () => 50;
    expect(health.waitMs).toBe(50);
    health.park(Date.now() + 400);
    expect(health.waitMs).toBe(400);
  });

  it('forgets all that was learned, and lets everybody know', () => {
    let changes = 0;
    const { health } = aHealth(aProvider(), () => {
      changes += 1;
    });
    let resets = 0;
    health.gate = {
      backMs: () => 0,
      failureRatio: () => 0.5,
      reset: () => {
        resets += 1;
      },
    };
    health.answeredAfter(1, 1);
    health.pace.chunkGap(1, 1);
    health.park(Date.now() + 1_000);
    health.setQuarantine({ ...quarantine, until: Date.now() + 1_000 });
    expect(health.failureRatio).toBe(0.5);
    health.lastError = 'timeout';
    changes = 0;
    health.reset();
    expect(health).toMatchObject({ parkedUntil: 0, quarantined: false, lastError: undefined });
    expect(health).toMatchObject({ firstContentMs: undefined, chunkGapMs: undefined });
    expect([resets, changes]).toEqual([1, 1]);
  });

  it('can forget also without a circuit', () => {
    const { health } = aHealth();
    health.park(Date.now() + 1_000);
    health.reset();
    expect(health.unavailable()).toBeUndefined();
  });

  it('shows itself in a snapshot that does not change', () => {
    const { health } = aHealth();
    const snapshot = health.snapshot();
    health.inFlight = 3;
    expect(Object.isFrozen(snapshot)).toBe(true);
    expect(snapshot.inFlight).toBe(0);
    expect(Object.keys(snapshot).sort()).toEqual(
      [
        ...['chunkGapMs', 'circuit', 'domain', 'failureRatio', 'firstContentMs', 'inFlight', 'lastError', 'model'],
        ...['name', 'parkedUntil', 'quarantined', 'queued', 'traits', 'waitMs', 'window'],
      ].sort(),
    );
  });
});

describe('a parked provider', () => {
  it('is left alone until then', () => {
    const { health } = aHealth();
    health.park(Date.now() + 100);
    expect(health.unavailable()).toBe('parked');
    expect(health.backMs()).toBe(100);
    vi.advanceTimersByTime(100);
    expect(health.unavailable()).toBeUndefined();
    expect(health.backMs()).toBe(0);
  });

  it('keeps the later of two moments, and is news once', () => {
    let changes = 0;
    const { health } = aHealth(aProvider(), () => {
      changes += 1;
    });
    const until = Date.now() + 100;
    expect(health.park(until)).toBe(true);
    expect(health.park(until - 50)).toBe(false);
    expect(health.park(until)).toBe(false);
    expect(health.parkedUntil).toBe(until);
    expect(changes).toBe(1);
    expect(health.park(until + 50)).toBe(false);
    expect(health.parkedUntil).toBe(until + 50);
    expect(changes).toBe(2);
    vi.advanceTimersByTime(150);
    expect(Date.now()).toBe(until + 50);
    expect(health.park(Date.now() + 10)).toBe(true);
  });

  it.each([3_600_000, -3_600_000])('is left alone no longer and no shorter when the clock is set by %s ms', (ms) => {
    const { health } = aHealth();
    health.park(Date.now() + 100);
    vi.setSystemTime(Date.now() + ms);
    expect([health.unavailable(), health.backMs(), health.waitMs, health.serves]).toEqual(['parked', 100, 100, false]);
    vi.advanceTimersByTime(100);
    expect([health.unavailable(), health.backMs(), health.waitMs, health.serves]).toEqual([undefined, 0, 0, true]);
  });

  it('is left alone for a day when it says a year, and lets nobody know of what is no time', () => {
    let changes = 0;
    const { health } = aHealth(aProvider(), () => {
      changes += 1;
    });
    health.park(Number.NaN);
    expect([health.unavailable(), changes]).toEqual([undefined, 0]);
    health.park(Date.now() + 365 * 86_400_000);
    expect([health.backMs(), health.snapshot().parkedUntil]).toEqual([86_400_000, Date.now() + 86_400_000]);
  });
});

describe('a provider in quarantine', () => {
  it('refuses with what it was quarantined for, and nothing is sent', () => {
    const { health } = aHealth();
    health.setQuarantine({ ...quarantine, until: Date.now() + 60_000 });
    vi.advanceTimersByTime(20_000);
    expect(health.refusal()).toMatchObject({
      ...{ code: 'authentication', status: 401, provider: 'one', retry: 'elsewhere', blame: 'transport' },
      ...{ retryAfterMs: 40_000, message: 'one is quarantined (authentication, 401); nothing was sent' },
    });
    health.setQuarantine({ ...quarantine, code: 'quota_exhausted', status: undefined, until: 0 });
    expect(health.refusal()).toMatchObject({ retryAfterMs: 0, message: expect.stringContaining('(quota_exhausted);') });
  });

  it('lets everybody know when it begins and when it is over', () => {
    let changes = 0;
    const { health } = aHealth(aProvider(), () => {
      changes += 1;
    });
    health.setQuarantine({ ...quarantine, until: Date.now() + 1_000 });
    expect(changes).toBe(1);
    health.setQuarantine(undefined);
    expect(changes).toBe(2);
  });

  it('can be asked once its time is over, by one at a time', () => {
    const { health } = aHealth();
    const imposed = { ...quarantine, until: Date.now() + 100 };
    health.setQuarantine(imposed);
    expect(health.unavailable()).toBe('quarantined');
    vi.advanceTimersByTime(100);
    expect(health.unavailable()).toBeUndefined();
    expect(health.quarantined).toBe(true);
    imposed.probing = true as never;
    expect(health.unavailable()).toBe('quarantined');
    expect(health.backMs()).toBe(1_000);
    health.setQuarantine(undefined);
    expect(health.unavailable()).toBeUndefined();
  });
});

describe('a provider behind a gate', () => {
  it('is unavailable for as long as its circuit says', () => {
    const { health } = aHealth();
    let backMs = 70;
    health.gate = { backMs: () => backMs, failureRatio: () => 0, reset: () => {} };
    expect(health.unavailable()).toBe('circuit open');
    expect(health.backMs()).toBe(70);
    backMs = 0;
    expect(health.unavailable()).toBeUndefined();
  });
});

describe('the health of all', () => {
  it('knows whether somebody else serves', () => {
    const all = new Health();
    const one = aHealth(aProvider()).health;
    const other = aHealth(aProvider({ name: 'two' })).health;
    all.providers.push(one);
    expect(all.othersServe(one)).toBe(false);
    all.providers.push(other);
    expect(all.othersServe(one)).toBe(true);
    other.circuit = 'half-open';
    expect(all.othersServe(one)).toBe(false);
    other.circuit = 'closed';
    other.park(Date.now() + 1);
    expect(all.othersServe(one)).toBe(false);
  });

  it('tells its listeners of changes until they stop', () => {
    const all = new Health();
    let heard = 0;
    const stop = all.onChange(() => {
      heard += 1;
    });
    all.changed();
    stop();
    all.changed();
    expect(heard).toBe(1);
  });

  /** A health whose listeners are counted. */
  function counted() {
    const all = new Health();
    let listeners = 0;
    const { onChange } = all;
    all.onChange = (listener) => {
      listeners += 1;
      const stop = onChange.call(all, listener);
      return () => {
        listeners -= 1;
        stop();
      };
    };
    return { all, listeners: () => listeners };
  }

  it('lets somebody wait, at most so long', async () => {
    const { all, listeners } = counted();
    let awake = false;
    void all
      .wait(100, new AbortController().signal, () => false)
      .then(() => {
        awake = true;
      });
    all.changed();
    await vi.advanceTimersByTimeAsync(99);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake).toBe(true);
    expect(listeners()).toBe(0);
  });

  it('is over at once when its time is, and asks for no negative timer, of which Node warns', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const waiting = new Health().wait(-5, new AbortController().signal, () => false);
    await vi.advanceTimersByTimeAsync(0);
    await waiting;
    expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([0]);
    timers.mockRestore();
  });

  it('wakes who waits when a change makes them ready', async () => {
    const { all, listeners } = counted();
    let ready = false;
    const { signal } = new AbortController();
    const following = listenersOf(signal);
    const waiting = all.wait(100, signal, () => ready);
    expect(following()).toBe(1);
    all.changed();
    ready = true;
    all.changed();
    await waiting;
    expect([listeners(), following()]).toEqual([0, 0]);
  });

  it('rejects with the reason of who gives up, and forgets them', async () => {
    const { all, listeners } = counted();
    const controller = new AbortController();
    const reason = new TransportError('deadline_exceeded', 'late');
    const waiting = all.wait(Number.POSITIVE_INFINITY, controller.signal, () => false);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(all.wait(100, controller.signal, () => false)).rejects.toBe(reason);
    expect(listeners()).toBe(0);
  });
});
