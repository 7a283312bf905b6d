/** Who goes first: interactive before default before batch. */
export type QueueClass = 'interactive' | 'default' | 'batch';

const rank: Readonly<Record<QueueClass, number>> = { interactive: 0, default: 1, batch: 2 };

/** So many who were removed are not worth tidying up after. */
const fewRemoved = 32;

interface Place<T> {
  readonly id: string;
  readonly rank: number;
  readonly sequence: number;
  readonly item: T;
}

/**
 * A waiting line: by class, and in a class first come, first served. A binary heap with lazy removal: O(log n) to enter and to
 * leave, also from the middle.
 * Source: Williams, "Algorithm 232: Heapsort", CACM 1964.
 */
export class QueueDiscipline<T> {
  #heap: Place<T>[] = [];
  readonly #waiting = new Map<string, Place<T>>();
  #sequence = 0;

  get size(): number {
    return this.#waiting.size;
  }

  enter(id: string, queueClass: QueueClass, item: T): void {
    const place = { id, rank: rank[queueClass], sequence: this.#sequence, item };
    this.#sequence += 1;
    this.#waiting.set(id, place);
    this.#heap.push(place);
    this.#rise(this.#heap.length - 1);
  }

  /** Who is next, without taking it out. */
  peek(): T | undefined {
    this.#skipRemoved();
    return this.#heap[0]?.item;
  }

  /** Takes out who is next. */
  leave(): T | undefined {
    this.#skipRemoved();
    const first = this.#heap[0];
    if (first === undefined) return undefined;
    this.#waiting.delete(first.id);
    this.#dropFirst();
    return first.item;
  }

  /** Takes one out of the middle. */
  remove(id: string): void {
    this.#waiting.delete(id);
    // Those that were removed are dropped when they come to the front, or when they are more than those who wait.
    if (this.#heap.length > 2 * this.#waiting.size + fewRemoved) this.#tidy();
  }

  /** Everyone in the line, in no order. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const { item } of this.#waiting.values()) yield item;
  }

  #skipRemoved(): void {
    for (let first = this.#heap[0]; first !== undefined && this.#waiting.get(first.id) !== first; first = this.#heap[0])
      this.#dropFirst();
  }

  #tidy(): void {
    this.#heap = [...this.#waiting.values()];
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at);
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      [heap[at], heap[parent]] = [heap[parent] as Place<T>, heap[at] as Place<T>];
      at = parent;
    }
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let at = from; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && this.#before(child, first)) first = child;
      if (first === at) return;
      [heap[at], heap[first]] = [heap[first] as Place<T>, heap[at] as Place<T>];
      at = first;
    }
  }

  #before(one: number, other: number): boolean {
    const a = this.#heap[one] as Place<T>;
    const b = this.#heap[other] as Place<T>;
    return a.rank === b.rank ? a.sequence < b.sequence : a.rank < b.rank;
  }
}
