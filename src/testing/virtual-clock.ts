/** The clock of a run in virtual time. */

import { type Callback, type TimerClock, TimerHeap, VirtualTimer } from './virtual-timers.ts';

/** Timers that are fired in one turn of Node's loop; what each of them sets off is run before the next. */
const timersPerTurn = 64;
/** Timers that fire at one moment, after which it is taken that time will never go on. */
const mostAtOnce = 2_000_000;
/** Real milliseconds to wait for who has no timer set: for a module to be loaded, say. */
const patienceMs = 2_000;

// As they were before anybody replaced them.
const { setTimeout: setTimeoutReally, setImmediate: setImmediateReally } = globalThis;
export const RealDate = Date;

/** Fires timers, one after the other, and says when it is. */
export class VirtualClock implements TimerClock {
  readonly #heap = new TimerHeap();
  readonly #startAt: number;
  #now = 0;
  #atOnce = 0;

  constructor(startAt: number) {
    this.#startAt = startAt;
  }

  get elapsedMs(): number {
    return this.#now;
  }

  get timers(): number {
    return this.#heap.size;
  }

  get epochMs(): number {
    return this.#startAt + this.#now;
  }

  make(callback: Callback, ms: number, args: readonly unknown[], repeats: boolean): VirtualTimer {
    return this.set(new VirtualTimer(this, callback, ms, args, repeats));
  }

  set(timer: VirtualTimer): VirtualTimer {
    timer.at = this.#now + timer.ms;
    this.#heap.push(timer);
    return timer;
  }

  clear(timer: VirtualTimer): void {
    if (timer.place >= 0) this.#heap.remove(timer);
  }

  /** Runs until the promise settles. */
  run<T>(body: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      let idleSince: number | undefined;
      const end = (settle: () => void): void => {
        isOver = true;
        settle();
      };
      const turn = (): void => {
        if (isOver) return;
        // Between two immediates Node runs all that the first has set off, at a tenth of what a turn of its loop takes.
        for (let count = 0; count < timersPerTurn; count += 1) setImmediateReally(step);
        setImmediateReally(next);
      };
      const step = (): void => {
        if (isOver) return;
        try {
          if (this.#fireNext()) idleSince = undefined;
        } catch (error) {
          end(() => reject(error));
        }
      };
      const next = (): void => {
        if (this.#heap.size > 0) return turn();
        idleSince ??= RealDate.now();
        if (RealDate.now() - idleSince < patienceMs) setTimeoutReally(turn, 1);
        else end(() => reject(new Error('Nothing is left to wait for, and the run in virtual time has not ended')));
      };
      body().then(
        (value) => end(() => resolve(value)),
        (error) => end(() => reject(error)),
      );
      turn();
    });
  }

  #fireNext(): boolean {
    const timer = this.#heap.pop();
    if (timer === undefined) return false;
    this.#atOnce = timer.at > this.#now ? 0 : this.#atOnce + 1;
    if (this.#atOnce > mostAtOnce) throw new Error('Timers are set again and again, and virtual time does not go on');
    this.#now = timer.at;
    if (timer.repeats) this.set(timer);
    timer.fire();
    return true;
  }
}
