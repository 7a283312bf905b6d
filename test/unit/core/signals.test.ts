import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import {
  AbortRace,
  abandoned,
  cancellation,
  forkSignal,
  isAbandoned,
  onAbort,
  raceAbort,
  reasonOf,
} from '../../../src/core/signals.ts';
import { flush, listenersOf, unhandledIn } from './support.ts';

const late = new TransportError('deadline_exceeded', 'late');

describe('why a signal was aborted', () => {
  it('is the error, when it is one of ours', () => {
    expect(reasonOf(AbortSignal.abort(late))).toBe(late);
  });

  it('is a cancellation otherwise, with the reason as its cause if somebody gave one', () => {
    const plain = reasonOf(AbortSignal.abort());
    expect(plain.code).toBe('cancelled');
    expect(plain.cause).toBeUndefined();
    expect(reasonOf(AbortSignal.abort(new RangeError('shut')))).toMatchObject({
      code: 'cancelled',
      cause: { name: 'RangeError', message: 'shut' },
    });
    expect(reasonOf(AbortSignal.abort('user left'))).toMatchObject({
      code: 'cancelled',
      cause: { message: 'user left' },
    });
  });

  it('is told in words, with the cause where the reason is more than the abort itself', () => {
    expect(reasonOf(AbortSignal.abort()).message).toBe('The call was cancelled');
    expect(reasonOf(AbortSignal.abort(new DOMException('30 s are over', 'TimeoutError'))).cause).toMatchObject({
      name: 'TimeoutError',
      message: '30 s are over',
    });
    // Not the platform's own: somebody has something to say.
    const theirs = Object.assign(new Error('the user has left'), { name: 'AbortError' });
    expect(reasonOf(AbortSignal.abort(theirs)).cause).toMatchObject({ message: 'the user has left' });
  });
});

describe("a caller's abort", () => {
  it('is a cancellation, and nothing more when nothing more was said', () => {
    const error = cancellation(AbortSignal.abort());
    expect(error).toMatchObject({ code: 'cancelled', message: 'The call was cancelled' });
    expect(error.cause).toBeUndefined();
  });

  it("is one also when its reason is another call's error, which is then the cause", () => {
    expect(cancellation(AbortSignal.abort(late))).toMatchObject({
      code: 'cancelled',
      message: 'The call was cancelled',
      cause: late,
    });
  });

  it('keeps the cancellation of another call as it is', () => {
    const other = new TransportError('cancelled', 'The reader has left');
    expect(cancellation(AbortSignal.abort(other))).toBe(other);
  });
});

describe('an attempt whose call is over', () => {
  it('is told from one that was cancelled', () => {
    const error = abandoned();
    expect(error).toMatchObject({ code: 'cancelled', message: 'The call was over before this attempt was' });
    expect(isAbandoned(AbortSignal.abort(error))).toBe(true);
    expect(isAbandoned(AbortSignal.abort(late))).toBe(false);
    expect(isAbandoned(AbortSignal.abort('left'))).toBe(false);
    expect(isAbandoned(AbortSignal.abort(null))).toBe(false);
    expect(isAbandoned(new AbortController().signal)).toBe(false);
  });
});

describe('a forked signal', () => {
  it('follows its parent, with the same reason', () => {
    const parent = new AbortController();
    const fork = forkSignal(parent.signal);
    expect(fork.signal.aborted).toBe(false);
    parent.abort(late);
    expect(fork.signal.reason).toBe(late);
  });

  it('is aborted from the start when its parent is', () => {
    expect(forkSignal(AbortSignal.abort(late)).signal.reason).toBe(late);
  });

  it('can be aborted by itself, which its parent and its siblings do not notice', () => {
    const parent = new AbortController();
    const fork = forkSignal(parent.signal);
    const sibling = forkSignal(parent.signal);
    fork.abort(late);
    expect(fork.signal.reason).toBe(late);
    expect(parent.signal.aborted).toBe(false);
    expect(sibling.signal.aborted).toBe(false);
  });

  it('follows no more once it is released, and leaves no listener', () => {
    const parent = new AbortController();
    const listeners = listenersOf(parent.signal);
    const fork = forkSignal(parent.signal);
    expect(listeners()).toBe(1);
    fork.release();
    expect(listeners()).toBe(0);
    parent.abort();
    expect(fork.signal.aborted).toBe(false);
  });

  it('needs no parent', () => {
    const fork = forkSignal(undefined);
    fork.abort(late);
    fork.release();
    expect(fork.signal.aborted).toBe(true);
  });
});

describe('listening for an abort', () => {
  it('calls back once, at once when it has happened', () => {
    let called = 0;
    const controller = new AbortController();
    onAbort(controller.signal, () => {
      called += 1;
    });
    controller.abort();
    expect(called).toBe(1);
    onAbort(controller.signal, () => {
      called += 1;
    });
    expect(called).toBe(2);
  });

  it('can be stopped', () => {
    let called = 0;
    const controller = new AbortController();
    onAbort(controller.signal, () => {
      called += 1;
    })();
    controller.abort();
    expect(called).toBe(0);
  });
});

describe('racing a promise against a signal', () => {
  it('has the outcome of the promise, and leaves no listener', async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    expect(await raceAbort(Promise.resolve(1), signal)).toBe(1);
    await expect(raceAbort(Promise.reject(late), signal)).rejects.toBe(late);
    await flush();
    expect(listeners()).toBe(0);
  });

  it('rejects as soon as the signal aborts, although the promise never settles', async () => {
    const controller = new AbortController();
    const race = raceAbort(new Promise(() => {}), controller.signal);
    controller.abort(late);
    await expect(race).rejects.toBe(late);
    await expect(raceAbort(new Promise(() => {}), controller.signal)).rejects.toBe(late);
  });

  it('does not leave a promise unhandled that rejects afterwards', async () => {
    const unhandled = await unhandledIn(async () => {
      const controller = new AbortController();
      let reject: (error: Error) => void = () => {};
      const race = raceAbort(
        new Promise((_, no) => {
          reject = no;
        }),
        controller.signal,
      );
      controller.abort(late);
      await race.catch(() => {});
      reject(new Error('too late'));
    });
    expect(unhandled).toEqual([]);
  });
});

describe('racing many promises against a signal, one after the other', () => {
  it('has the outcome of each, with one listener for all, which is let go of', async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const race = new AbortRace(signal);
    expect(await race.of(Promise.resolve(1))).toBe(1);
    await expect(race.of(Promise.reject(late))).rejects.toBe(late);
    expect(await race.of(Promise.resolve(2))).toBe(2);
    expect(listeners()).toBe(1);
    race.stop();
    expect(listeners()).toBe(0);
  });

  it('rejects the one that is waited for as soon as the signal aborts, and all that come after', async () => {
    const controller = new AbortController();
    const race = new AbortRace(controller.signal);
    await race.of(Promise.resolve(1));
    const waiting = race.of(new Promise(() => {}));
    controller.abort(late);
    await expect(waiting).rejects.toBe(late);
    await expect(race.of(new Promise(() => {}))).rejects.toBe(late);
    await expect(race.of(Promise.resolve(3))).rejects.toBe(late);
  });

  it('can be begun when the signal has aborted, or be aborted when nothing is waited for', async () => {
    await expect(new AbortRace(AbortSignal.abort(late)).of(new Promise(() => {}))).rejects.toBe(late);
    const controller = new AbortController();
    const unhandled = await unhandledIn(async () => {
      new AbortRace(controller.signal);
      controller.abort(late);
    });
    expect(unhandled).toEqual([]);
  });
});
