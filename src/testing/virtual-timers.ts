/** The timers of a run in virtual time, and which of them is next. */

export type Callback = (...args: never[]) => unknown;

/** Who sets timers, and takes them back. */
export interface TimerClock {
  set(timer: VirtualTimer): VirtualTimer;
  clear(timer: VirtualTimer): void;
}

/** What `setTimeout` and its like return. */
export class VirtualTimer {
  readonly ms: number;
  readonly repeats: boolean;
  /** When it fires; of two that fire at once, the one that was set first. */
  at = 0;
  sequence = 0;
  /** Its place in the heap; -1: it is not set. */
  place = -1;
  readonly #clock: TimerClock;
  readonly #callback: Callback;
  readonly #args: readonly unknown[];
  #isRef = true;

  constructor(clock: TimerClock, callback: Callback, ms: number, args: readonly unknown[], repeats: boolean) {
    this.#clock = clock;
    this.#callback = callback;
    this.#args = args;
    this.ms = ms;
    this.repeats = repeats;
  }

  fire(): void {
    (this.#callback as (...args: readonly unknown[]) => unknown)(...this.#args);
  }

  ref(): this {
    this.#isRef = true;
    return this;
  }

  unref(): this {
    this.#isRef = false;
    return this;
  }

  hasRef(): boolean {
    return this.#isRef;
  }

  refresh(): this {
    this.#clock.clear(this);
    this.#clock.set(this);
    return this;
  }

  close(): this {
    this.#clock.clear(this);
    return this;
  }

  [Symbol.dispose](): void {
    this.#clock.clear(this);
  }
}

/**
 * A binary heap of timers, the next one first. Each knows its place: most are cleared before they fire, and what they would have called,
 * often a whole call with all that belongs to it, must not be kept until their time has come.
 * Source: Williams, "Algorithm 232: Heapsort", CACM 1964.
 */
export class TimerHeap {
  readonly #timers: VirtualTimer[] = [];
  #sequence = 0;

  get size(): number {
    return this.#timers.length;
  }

  push(timer: VirtualTimer): void {
    timer.sequence = this.#sequence;
    this.#sequence += 1;
    this.#timers.push(timer);
    this.#rise(timer, this.#timers.length - 1);
  }

  /** Takes the next one out. */
  pop(): VirtualTimer | undefined {
    const first = this.#timers[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(timer: VirtualTimer): void {
    const { place } = timer;
    timer.place = -1;
    const last = this.#timers.pop();
    if (last === undefined || last === timer) return;
    // Into the gap; from there it has to go up or down, and is where it was when it has to do neither.
    this.#rise(last, place);
    this.#sink(last, last.place);
  }

  #rise(timer: VirtualTimer, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#timers[parent] as VirtualTimer;
      if (isBefore(above, timer)) break;
      this.#put(above, at);
      at = parent;
    }
    this.#put(timer, at);
  }

  #sink(timer: VirtualTimer, from: number): void {
    const timers = this.#timers;
    let at = from;
    for (let child = 2 * at + 1; child < timers.length; child = 2 * at + 1) {
      let below = timers[child] as VirtualTimer;
      const other = timers[child + 1];
      if (other !== undefined && isBefore(other, below)) below = other;
      if (isBefore(timer, below)) break;
      const { place } = below;
      this.#put(below, at);
      at = place;
    }
    this.#put(timer, at);
  }

  #put(timer: VirtualTimer, place: number): void {
    this.#timers[place] = timer;
    timer.place = place;
  }
}

function isBefore(one: VirtualTimer, other: VirtualTimer): boolean {
  return one.at < other.at || (one.at === other.at && one.sequence < other.sequence);
}
