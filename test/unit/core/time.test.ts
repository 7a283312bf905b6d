import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { longestTimerMs, MovableTimer, now, sleep } from '../../../src/core/time.ts';
import { listenersOf } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('sleep', () => {
  it('waits, and leaves nothing behind', async () => {
    let awake = false;
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    void sleep(100, signal).then(() => {
      awake = true;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake).toBe(true);
    expect([listeners(), getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
  });

  it('rejects with the reason when the signal aborts, and its timer is gone', async () => {
    const controller = new AbortController();
    const reason = new TransportError('deadline_exceeded', 'late');
    const sleeping = sleep(100, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(sleep(100, controller.signal)).rejects.toBe(reason);
  });

  it('takes a negative time for none', async () => {
    // Node warns of a negative one.
    const timers = vi.spyOn(globalThis, 'setTimeout');
    let awake = false;
    void sleep(-5, new AbortController().signal).then(() => {
      awake = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect([awake, timers.mock.calls.map(([, ms]) => ms)]).toEqual([true, [0]]);
  });
});

describe('a movable timer', () => {
  /** A timer, and the times at which it fired: a faked immediate, its second look, takes one millisecond. */
  function timer() {
    const fired: number[] = [];
    const began = now();
    return { timer: new MovableTimer(() => fired.push(Math.round(now() - began) - 1)), fired };
  }

  it('fires when it is due, once', async () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toEqual([100]);
  });

  it('costs no new Node timer when it is moved to later', async () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    const set = vi.spyOn(globalThis, 'setTimeout');
    for (let step = 0; step < 50; step += 1) {
      vi.advanceTimersByTime(1);
      one.arm(100);
    }
    expect(set).not.toHaveBeenCalled();
    set.mockRestore();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toEqual([150]);
  });

  it('costs no new Node timer when it is armed for the same moment', () => {
    const { timer: one } = timer();
    one.arm(100);
    const set = vi.spyOn(globalThis, 'setTimeout');
    one.arm(100);
    expect(set).not.toHaveBeenCalled();
    set.mockRestore();
    one.stop();
  });

  it('is not a millisecond early, when it was moved by one', async () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    vi.advanceTimersByTime(1);
    one.arm(100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toEqual([101]);
  });

  it('fires earlier when it is moved to earlier', async () => {
    const { timer: one, fired } = timer();
    one.arm(1_000);
    one.arm(10);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(fired).toEqual([10]);
  });

  it('does not fire when it is stopped, paused or armed for ever', async () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    one.stop();
    expect(vi.getTimerCount()).toBe(0);
    one.arm(100);
    one.arm(Number.POSITIVE_INFINITY);
    expect(vi.getTimerCount()).toBe(0);
    one.arm(100);
    one.pause();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toEqual([]);
  });

  it('fires again when it is armed again, after a pause with the Node timer that it has', async () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    one.pause();
    const set = vi.spyOn(globalThis, 'setTimeout');
    one.arm(200);
    expect(set).not.toHaveBeenCalled();
    set.mockRestore();
    await vi.advanceTimersByTimeAsync(1_000);
    one.arm(100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toEqual([200, 1_100]);
  });

  it('is armed again after a pause that has outlasted its Node timer', async () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    one.pause();
    await vi.advanceTimersByTimeAsync(500);
    one.arm(100);
    await vi.advanceTimersByTimeAsync(500);
    expect(fired).toEqual([600]);
  });

  it('looks a second time before it fires: what the loop has read meanwhile counts', () => {
    const { timer: one, fired } = timer();
    one.arm(100);
    vi.advanceTimersByTime(99);
    // The timer runs; its second look is behind the sockets.
    const immediates: (() => void)[] = [];
    const immediate = vi.spyOn(globalThis, 'setImmediate').mockImplementation(((run: () => void) => {
      immediates.push(run);
      return undefined;
    }) as never);
    vi.advanceTimersByTime(1);
    expect(immediates).toHaveLength(1);
    expect(fired).toEqual([]);
    immediates[0]?.();
    expect(fired).toEqual([99]);
    immediate.mockRestore();
  });

  it('does not fire when it is moved, paused or stopped between the two looks', () => {
    for (const act of ['arm', 'pause', 'stop'] as const) {
      const { timer: one, fired } = timer();
      one.arm(100);
      vi.advanceTimersByTime(99);
      setTimeout(() => one[act](10_000), 1);
      // Both are due now; the second look comes after both.
      vi.advanceTimersByTime(1);
      vi.advanceTimersByTime(50);
      expect(fired).toEqual([]);
      one.stop();
    }
  });

  describe('after the loop has stalled', () => {
    let stalled = 0;
    /** Lets the clock run on while nothing else does. */
    const stall = (ms: number): void => {
      stalled += ms;
    };
    beforeEach(() => {
      stalled = 0;
      const { now: fake } = performance;
      vi.spyOn(performance, 'now').mockImplementation(() => fake.call(performance) + stalled);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });

    it.each([
      [300, 100 + 300 + 300],
      [5_000, 100 + 5_000 + 1_000],
      // Every loop is a little late.
      [40, 100 + 40],
    ])('for %s ms, so that it is late itself, waits as long again, a second at most', async (stalledMs, at) => {
      const { timer: one, fired } = timer();
      one.arm(100);
      vi.advanceTimersByTime(50);
      stall(stalledMs);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(fired).toEqual([at]);
    });

    it('does so once for each time that it is armed', async () => {
      const { timer: one, fired } = timer();
      one.arm(100);
      stall(300);
      await vi.advanceTimersByTimeAsync(390);
      // At the end of what it was given, once more.
      stall(300);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(fired).toEqual([100 + 300 + 300 + 300]);
      const armedAt = 390 + 1_000 + 600;
      one.arm(100);
      stall(300);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(fired[1]).toBe(armedAt + 100 + 300 + 300);
    });
  });

  it('waits longer than a Node timer can', async () => {
    const { timer: one, fired } = timer();
    const set = vi.spyOn(globalThis, 'setTimeout');
    one.arm(longestTimerMs + 1_000);
    // Node fires a timer that is longer than that at once.
    expect(set.mock.calls.map(([, ms]) => ms)).toEqual([longestTimerMs]);
    set.mockRestore();
    await vi.advanceTimersByTimeAsync(longestTimerMs + 500);
    expect(fired).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toEqual([longestTimerMs + 1_000]);
  });
});
