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

  it('compares two keys for each doubling to give one away, one to take one in, and four for each that it keeps', () => {
    let compared = 0;
    // As a number it is the key; asked for that by a comparison, it counts. Two of them are one comparison.
    const counting = (key: number): number => {
      const counted = {
        valueOf: () => {
          compared += 0.5;
          return key;
        },
      };
      return counted as unknown as number;
    };
    const of = (work: () => void): number => {
      compared = 0;
      work();
      return compared;
    };
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: 500 }), (keys) => {
        const heap = new Heap<number>();
        const levels = Math.ceil(Math.log2(keys.length + 1));
        for (const key of keys) expect(of(() => heap.push(counting(key), key))).toBeLessThanOrEqual(levels);
        expect(of(() => heap.keep((key) => key % 3 !== 0))).toBeLessThanOrEqual(4 * keys.length);
        while (heap.size > 0) expect(of(() => heap.pop())).toBeLessThanOrEqual(2 * levels);
      }),
    );
  });
});
