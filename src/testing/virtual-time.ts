/** Time that passes only while everybody waits: hours in milliseconds, and the same run for the same seed. */

import { checkNames } from '../core/option-names.ts';
import { randomFrom } from './answer.ts';
import { RealDate, VirtualClock } from './virtual-clock.ts';
import { type Callback, VirtualTimer } from './virtual-timers.ts';

/** How a run in virtual time is begun. */
export interface VirtualTimeOptions {
  /** `Math.random` gives the same sequence for the same seed. @default 1 */
  readonly seed?: number;
  /** Epoch milliseconds at the beginning. @default 1_767_225_600_000 */
  readonly startAt?: number;
}

/** The clock of a run. */
export interface VirtualTime {
  /** Milliseconds since the run began. */
  readonly elapsedMs: number;
  /** Timers that are set and have not fired: those of `setTimeout`, `setInterval` and `setImmediate`. */
  readonly timers: number;
}

/** The options that are not given. It begins on the first of January 2026. */
export const virtualTimeDefaults: Required<VirtualTimeOptions> = { seed: 1, startAt: 1_767_225_600_000 };
/** What `performance.now()` begins with: zero is never the time of anything. */
const performanceStart = 1_000;
const longestTimerMs = 2 ** 31 - 1;

let isRunning = false;

/**
 * Runs `body` in virtual time, until its promise settles. Timers, `Date`, `performance.now()` and `Math.random` are replaced meanwhile:
 * whenever all that can be done at a moment is done, the clock jumps to the next timer. Like Node's, timers take at least one
 * millisecond, and whole ones. What waits for anything but timers and promises, such as a socket, finds that hours have passed.
 *
 * @throws OptionsError for a name that is no option.
 * @throws Error when nothing is left that could end the run, or another one is under way in this thread.
 */
export async function inVirtualTime<T>(
  body: (time: VirtualTime) => Promise<T>,
  options: VirtualTimeOptions = {},
): Promise<T> {
  checkNames('inVirtualTime', options, Object.keys(virtualTimeDefaults));
  const { seed = virtualTimeDefaults.seed, startAt = virtualTimeDefaults.startAt } = options;
  if (isRunning) throw new Error('Another run in virtual time is under way in this thread');
  const clock = new VirtualClock(startAt);
  isRunning = true;
  const restore = replaceGlobals(clock, randomFrom(seed));
  try {
    return await clock.run(() => body(clock));
  } finally {
    restore();
    isRunning = false;
  }
}

/** Puts the clock in the place of the globals. Returns the way back. */
function replaceGlobals(clock: VirtualClock, seeded: () => number): () => void {
  const make =
    (repeats: boolean) =>
    (callback: Callback, ms?: number, ...args: unknown[]) =>
      clock.make(callback, wholeMs(ms), args, repeats);
  const clear = (clearReal: (timer: never) => void) => (timer: unknown) => {
    if (timer instanceof VirtualTimer) clock.clear(timer);
    else clearReal(timer as never);
  };
  const { random } = Math;
  const before = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, Date };
  const now = Object.getOwnPropertyDescriptor(performance, 'now');
  Math.random = seeded;
  // An own property hides the prototype's method, also for who imports `performance` from Node.
  performance.now = () => performanceStart + clock.elapsedMs;
  Object.assign(globalThis, {
    setTimeout: make(false),
    setInterval: make(true),
    setImmediate: (callback: Callback, ...args: unknown[]) => clock.make(callback, 0, args, false),
    clearTimeout: clear(before.clearTimeout),
    clearInterval: clear(before.clearInterval),
    clearImmediate: clear(before.clearImmediate),
    Date: virtualDate(clock),
  });
  return () => {
    Object.assign(globalThis, before);
    Math.random = random;
    if (now === undefined) Reflect.deleteProperty(performance, 'now');
    else Object.defineProperty(performance, 'now', now);
  };
}

function wholeMs(ms: unknown): number {
  const number = Math.trunc(Number(ms));
  return number >= 1 && number <= longestTimerMs ? number : 1;
}

function virtualDate(clock: VirtualClock): DateConstructor {
  function VirtualDate(...args: []): unknown {
    if (new.target === undefined) return new RealDate(clock.epochMs).toString();
    return Reflect.construct(RealDate, args.length === 0 ? [clock.epochMs] : args, new.target);
  }
  // With the prototype of the real one, dates of before and after the run are dates in it, and the other way round.
  VirtualDate.prototype = RealDate.prototype;
  VirtualDate.now = () => clock.epochMs;
  return Object.setPrototypeOf(VirtualDate, RealDate) as DateConstructor;
}
