import { reasonOf } from './signals.ts';

/** Milliseconds on a clock that never jumps, for durations. For moments use `Date.now()`. */
export function now(): number {
  return performance.now();
}

/** The longest a Node timer can wait; a longer one would fire at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** Waits. Rejects with the signal's reason as a `TransportError` when it aborts first. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(reasonOf(signal));
    const timer = setTimeout(finish, Math.min(Math.max(0, ms), longestTimerMs));
    signal.addEventListener('abort', finish, { once: true });
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      if (signal.aborted) reject(reasonOf(signal));
      else resolve();
    }
  });
}

/** What comes within `ms` milliseconds, else `undefined`. */
export function soon<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), Math.min(ms, longestTimerMs));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A timer that fires later than this shows that the event loop has stalled; so much more it is then given at most. Milliseconds. */
const stallMs = 50;
const longestGraceMs = 1_000;

/**
 * A timer that is moved far more often than it fires. Moving it costs a clock reading: when the Node timer fires early, it is set
 * again for what is left. When it fires late, because the event loop has stalled, it waits as long again, once: what it waits for had
 * no time either.
 */
export class MovableTimer {
  readonly #fire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #set = 0;
  #graced = false;
  #immediate: NodeJS.Immediate | undefined;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  /** Fires `ms` from now, instead of whenever it would have. `Infinity`: never. `at`: what `now()` is, where it is known. */
  arm(ms: number, at = now()): void {
    this.#disarmImmediate();
    this.#due = at + ms;
    this.#graced = false;
    if (ms === Number.POSITIVE_INFINITY) return this.stop();
    // A timer that is due earlier is left alone: it will look at the new time when it fires.
    if (this.#timer !== undefined && this.#set <= this.#due) return;
    clearTimeout(this.#timer);
    this.#start();
  }

  stop(): void {
    this.#disarmImmediate();
    this.#due = Number.POSITIVE_INFINITY;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Like `stop()`, but keeps the Node timer for the next `arm()`: for pauses that come with every chunk. */
  pause(): void {
    this.#disarmImmediate();
    this.#due = Number.POSITIVE_INFINITY;
  }

  #start(): void {
    this.#set = this.#due;
    const ms = Math.min(Math.max(0, this.#due - now()), longestTimerMs);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#due === Number.POSITIVE_INFINITY) return;
      const lateMs = now() - this.#due;
      if (lateMs <= -1) return this.#start();
      if (lateMs > stallMs && !this.#graced) {
        this.#graced = true;
        this.#due += lateMs + Math.min(lateMs, longestGraceMs);
        return this.#start();
      }
      // Node runs due timers before it polls sockets: after the loop has stalled, the data may be there, unread. Look again.
      this.#immediate = setImmediate(() => {
        this.#immediate = undefined;
        this.#fire();
      });
    }, ms);
  }

  #disarmImmediate(): void {
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }
}
