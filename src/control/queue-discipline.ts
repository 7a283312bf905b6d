import { Heap } from './heap.ts';

/** Who goes first: interactive before default before batch. */
export type QueueClass = 'interactive' | 'default' | 'batch';

/** What the line knows of one who waits. */
export interface Place<T> {
  readonly id: string;
  readonly queueClass: QueueClass;
  /** When it came, in milliseconds. */
  readonly enteredAt: number;
  /** Tokens that it is expected to take. */
  readonly tokens: number;
  /** Milliseconds that it may wait without any harm; `Infinity` when it has all the time there is, and is never turned away. */
  readonly targetMs: number;
  readonly item: T;
}

/** A call without a deadline, or with a far one, goes where one would that had so many milliseconds left when it came. */
const patienceMs = 60_000;
/** Every so many turns the one who has waited longest goes first, if that was longer than this: nobody starves. */
const fairTurn = 8;
const agedMs = 30_000;
/** So many who were removed are not worth tidying up after. */
const fewRemoved = 32;
/** Milliseconds in which nobody was served within their target: then the line is standing, and is cut. */
const intervalMs = 5_000;
/** Who has waited so many times the target of a standing line is turned away. */
const overdueRatio = 2;

/** The line of one class, and how long those waited who were served lately. */
class Lane<T> {
  readonly heap = new Heap<Place<T>>();
  /** Those who are in the heap and have not left. */
  size = 0;
  isStanding = false;
  /** The least that somebody waited in this interval, in proportion to the target. */
  #least = Number.POSITIVE_INFINITY;
  #intervalEnd = Number.NEGATIVE_INFINITY;

  /** Somebody was served. */
  served({ enteredAt, targetMs }: Place<T>, atMs: number): void {
    if (targetMs === Number.POSITIVE_INFINITY) return;
    const waited = (atMs - enteredAt) / targetMs;
    if (atMs >= this.#intervalEnd) {
      this.isStanding = this.#least !== Number.POSITIVE_INFINITY && this.#least > 1;
      this.#intervalEnd = atMs + intervalMs;
      this.#least = waited;
    } else {
      this.#least = Math.min(this.#least, waited);
    }
    if (waited <= 1) this.isStanding = false;
  }
}

/**
 * A waiting line: by class, in a class by deadline and then first come, first served; now and then whoever has waited longest. When
 * nobody of a class is served within their target for a while, its line is standing, and those who have waited for twice their
 * target are to be turned away: the line would only make them late.
 * O(log n) to enter and to leave, also from the middle.
 * Source: earliest deadline first, Liu and Layland (1973); shedding is CoDel's (RFC 8289), as in folly's `Codel`.
 */
export class QueueDiscipline<T> {
  readonly #lanes: Readonly<Record<QueueClass, Lane<T>>> = {
    interactive: new Lane(),
    default: new Lane(),
    batch: new Lane(),
  };
  readonly #waiting = new Map<string, Place<T>>();
  /** Ids in the order of arrival, from `#gone` on; some have left from the middle. */
  #arrivals: string[] = [];
  #gone = 0;
  #tokens = 0;
  #turns = 0;

  /** Those who wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Tokens that those who wait are expected to take. */
  get tokens(): number {
    return this.#tokens;
  }

  /** @param deadline milliseconds, on the same clock as `enteredAt`; `Infinity` without one. */
  enter(place: Place<T>, deadline = Number.POSITIVE_INFINITY): void {
    this.#waiting.set(place.id, place);
    this.#arrivals.push(place.id);
    this.#tokens += place.tokens;
    const lane = this.#lanes[place.queueClass];
    lane.size += 1;
    lane.heap.push(Math.min(deadline, place.enteredAt + patienceMs), place);
  }

  /** Who is next, without taking it out. @param atMs the time now, in milliseconds. */
  peek(atMs: number): T | undefined {
    return this.#next(atMs)?.item;
  }

  /** Takes out who is next. */
  leave(atMs: number): T | undefined {
    const place = this.#next(atMs);
    if (place === undefined) return undefined;
    this.#turns += 1;
    this.#lanes[place.queueClass].served(place, atMs);
    this.#forget(place);
    // By now it is at the front of its lane, or will be skipped there.
    return place.item;
  }

  /** Takes one out of the middle. */
  remove(id: string): void {
    const place = this.#waiting.get(id);
    if (place === undefined) return;
    this.#forget(place);
    const { heap } = this.#lanes[place.queueClass];
    // Those that were removed are dropped when they come to the front, or when they are more than those who wait.
    if (heap.size > 2 * this.#waiting.size + fewRemoved) heap.keep((one) => this.#isWaiting(one));
  }

  /** How many would be served before one of this class. */
  ahead(queueClass: QueueClass): number {
    let ahead = 0;
    for (const [name, { size }] of Object.entries(this.#lanes)) {
      ahead += size;
      if (name === queueClass) break;
    }
    return ahead;
  }

  /** Who has waited too long in a line that is standing. */
  overdue(atMs: number): T[] {
    const late: T[] = [];
    if (!Object.values(this.#lanes).some(({ isStanding }) => isStanding)) return late;
    for (const { queueClass, enteredAt, targetMs, item } of this.#waiting.values()) {
      if (this.#lanes[queueClass].isStanding && atMs - enteredAt > overdueRatio * targetMs) late.push(item);
    }
    return late;
  }

  /** Everyone in the line, in the order in which they came. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const { item } of this.#waiting.values()) yield item;
  }

  #next(atMs: number): Place<T> | undefined {
    if (this.#turns % fairTurn === fairTurn - 1) {
      const oldest = this.#oldest();
      if (oldest !== undefined && atMs - oldest.enteredAt > agedMs) return oldest;
    }
    for (const { heap } of Object.values(this.#lanes)) {
      let first = heap.peek();
      while (first !== undefined && !this.#isWaiting(first)) {
        heap.pop();
        first = heap.peek();
      }
      if (first !== undefined) return first;
    }
    return undefined;
  }

  /** Who came first of those who wait. Of a map's entries the first would be slow to find: those that were deleted are walked over. */
  #oldest(): Place<T> | undefined {
    for (; this.#gone < this.#arrivals.length; this.#gone += 1) {
      const first = this.#waiting.get(this.#arrivals[this.#gone] as string);
      if (first !== undefined) return first;
    }
    return undefined;
  }

  #isWaiting(place: Place<T>): boolean {
    return this.#waiting.get(place.id) === place;
  }

  #forget(place: Place<T>): void {
    this.#waiting.delete(place.id);
    this.#lanes[place.queueClass].size -= 1;
    this.#tokens -= place.tokens;
    if (this.#arrivals.length <= 2 * this.#waiting.size + fewRemoved) return;
    this.#arrivals = this.#arrivals.filter((id) => this.#waiting.has(id));
    this.#gone = 0;
  }
}
