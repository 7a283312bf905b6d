/**
 * A binary heap of items by key, the lowest first, and of equals the one that came first.
 * Source: Williams, "Algorithm 232: Heapsort", CACM 1964.
 */
export class Heap<T> {
  #nodes: { readonly key: number; readonly sequence: number; readonly item: T }[] = [];
  #sequence = 0;

  /** Items in it. */
  get size(): number {
    return this.#nodes.length;
  }

  /** The first, which stays. */
  peek(): T | undefined {
    return this.#nodes[0]?.item;
  }

  /** Puts one in, in O(log n). */
  push(key: number, item: T): void {
    this.#nodes.push({ key, sequence: this.#sequence, item });
    this.#sequence += 1;
    this.#rise(this.#nodes.length - 1);
  }

  /** Takes the first out, in O(log n). */
  pop(): T | undefined {
    const first = this.#nodes[0];
    const last = this.#nodes.pop();
    if (first === undefined || last === undefined) return undefined;
    if (this.#nodes.length > 0) {
      this.#nodes[0] = last;
      this.#sink(0);
    }
    return first.item;
  }

  /** Keeps those that are wished, in O(n); the order stays. */
  keep(isWished: (item: T) => boolean): void {
    this.#nodes = this.#nodes.filter(({ item }) => isWished(item));
    for (let at = (this.#nodes.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at);
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#nodes.length && this.#before(child, first)) first = child;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(one: number, other: number): void {
    const nodes = this.#nodes;
    const moved = nodes[one] as (typeof nodes)[number];
    nodes[one] = nodes[other] as (typeof nodes)[number];
    nodes[other] = moved;
  }

  #before(one: number, other: number): boolean {
    const nodes = this.#nodes;
    const a = nodes[one] as (typeof nodes)[number];
    const b = nodes[other] as (typeof nodes)[number];
    return a.key === b.key ? a.sequence < b.sequence : a.key < b.key;
  }
}
