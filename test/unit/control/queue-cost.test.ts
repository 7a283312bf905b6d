import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Place, QueueClass } from '../../../src/control/queue-discipline.ts';
import { QueueDiscipline } from '../../../src/control/queue-discipline.ts';

/** What a line does is counted, not timed: comparisons of keys, and looks at those who wait. */
const work = vi.hoisted(() => ({ compared: 0, looked: 0 }));

vi.mock(import('../../../src/control/heap.ts'), async (original) => {
  const { Heap } = await original();
  class CountingHeap<T> extends Heap<T> {
    override push(key: number, item: T): void {
      // As a number it is the key; asked for that by a comparison, it counts.
      const counting = {
        valueOf: () => {
          work.compared += 1;
          return key;
        },
      };
      super.push(counting as unknown as number, item);
    }
  }
  return { Heap: CountingHeap };
});

const classes: readonly QueueClass[] = ['interactive', 'default', 'batch'];

/** Waits, and counts who looks. */
function place(n: number, enteredAt: number, queueClass: QueueClass): Place<number> {
  return {
    get id() {
      work.looked += 1;
      return `${n}`;
    },
    get enteredAt() {
      work.looked += 1;
      return enteredAt;
    },
    queueClass,
    tokens: 1,
    targetMs: 1,
    item: n,
  };
}

/** A line of so many; no two came at once. */
function lineOf(count: number): QueueDiscipline<number> {
  const line = new QueueDiscipline<number>();
  for (let n = 0; n < count; n += 1) line.enter(place(n, (n * 7919) % count, classes[n % 3] as QueueClass));
  return line;
}

/** What a turn took of each on average, of so many turns in which somebody goes and somebody comes. */
function perTurn(count: number, turns: number, atMs: number) {
  const line = lineOf(count);
  Object.assign(work, { compared: 0, looked: 0 });
  for (let turn = 0; turn < turns; turn += 1) {
    line.leave(atMs);
    // Goes to the very front, or to the very end.
    const enteredAt = turn % 2 === 0 ? -turn - 1 : count + turn;
    line.enter(place(count + turn, enteredAt, classes[turn % 3] as QueueClass));
  }
  // A comparison asks for two keys.
  return { compared: work.compared / 2 / turns, looked: work.looked / turns };
}

describe('the cost of a waiting line', () => {
  beforeEach(() => {
    Object.assign(work, { compared: 0, looked: 0 });
  });

  it.each([10, 1_000, 20_000])('is a few comparisons for each doubling, in a line of %s', (count) => {
    // As late as that the aged have their turns as well.
    for (const atMs of [0, count + 1_000_000]) {
      const { compared, looked } = perTurn(count, 2_000, atMs);
      expect(compared).toBeGreaterThan(0);
      // For each level two to give one away, and one to take one in.
      expect(compared).toBeLessThanOrEqual(3 * Math.ceil(Math.log2(count + 1)));
      expect(looked).toBeLessThan(20);
    }
  });

  it('is as little on average for those who give up: a tidying is paid for by those who left before it', () => {
    const perRemoval = (count: number): number => {
      const line = lineOf(count);
      Object.assign(work, { compared: 0, looked: 0 });
      for (let n = 0; n < count; n += 1) line.remove(`${(n * 104_729) % count}`);
      expect(line.size).toBe(0);
      return (work.compared / 2 + work.looked) / count;
    };
    expect(perRemoval(5_000)).toBeLessThan(20);
    expect(perRemoval(5_000)).toBeLessThan(2 * perRemoval(100) + 5);
  });
});
