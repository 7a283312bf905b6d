import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap } from '../../../src/control/heap.ts';

const drained = <T>(heap: Heap<T>): T[] => {
  const items: T[] = [];
  for (let item = heap.pop(); item !== undefined; item = heap.pop()) items.push(item);
  return items;
};

describe('a heap', () => {
  it('gives the lowest key first, and of equals the one that came first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (keys) => {
        const heap = new Heap<number>();
        for (const [index, key] of keys.entries()) heap.push(key, index);
        const sorted = keys.map((key, index) => ({ key, index })).sort((a, b) => a.key - b.key || a.index - b.index);
        expect(heap.size).toBe(keys.length);
        expect(heap.peek()).toBe(sorted[0]?.index);
        expect(drained(heap)).toEqual(sorted.map(({ index }) => index));
        expect(heap.size).toBe(0);
      }),
    );
  });

  it('keeps those that are wished, in their order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 })), (keys) => {
        const heap = new Heap<number>();
        for (const key of keys) heap.push(key, key);
        heap.keep((key) => key % 3 !== 0);
        expect(drained(heap)).toEqual(keys.filter((key) => key % 3 !== 0).sort((a, b) => a - b));
      }),
    );
  });
});
