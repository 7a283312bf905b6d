import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type QueueClass, QueueDiscipline } from '../../../src/control/queue-discipline.ts';

const classes: readonly QueueClass[] = ['interactive', 'default', 'batch'];

/** The slowest line that is right: an array that is sorted whenever somebody leaves. */
class SortedLine {
  #places: { id: string; queueClass: QueueClass; sequence: number }[] = [];
  #sequence = 0;

  get ids(): string[] {
    return this.#places.map(({ id }) => id);
  }

  enter(id: string, queueClass: QueueClass): void {
    this.#places.push({ id, queueClass, sequence: this.#sequence });
    this.#sequence += 1;
    this.#places.sort(
      (a, b) => classes.indexOf(a.queueClass) - classes.indexOf(b.queueClass) || a.sequence - b.sequence,
    );
  }

  leave(): string | undefined {
    return this.#places.shift()?.id;
  }

  remove(id: string): void {
    this.#places = this.#places.filter((place) => place.id !== id);
  }
}

type Step =
  | { readonly do: 'enter'; readonly queueClass: QueueClass }
  | { readonly do: 'leave' | 'peek' }
  | { readonly do: 'remove'; readonly which: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('enter' as const), queueClass: fc.constantFrom(...classes) }) },
    { weight: 2, arbitrary: fc.constantFrom<Step>({ do: 'leave' }, { do: 'peek' }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat() }) },
  ),
  { maxLength: 300 },
);

describe('a waiting line', () => {
  it('serves interactive before default before batch, and in a class whoever came first', () => {
    const line = new QueueDiscipline<string>();
    for (const id of ['b1', 'd1', 'i1', 'b2', 'd2', 'i2']) {
      const queueClass = classes.find((one) => one.startsWith(id[0] as string)) as QueueClass;
      line.enter(id, queueClass, id);
    }
    expect(Array.from({ length: 7 }, () => line.leave())).toEqual(['i1', 'i2', 'd1', 'd2', 'b1', 'b2', undefined]);
  });

  it('does what a sorted array does, whatever happens to it', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const line = new QueueDiscipline<string>();
        const model = new SortedLine();
        let entered = 0;
        for (const step of history) {
          switch (step.do) {
            case 'enter':
              entered += 1;
              line.enter(`${entered}`, step.queueClass, `${entered}`);
              model.enter(`${entered}`, step.queueClass);
              break;
            case 'leave':
              expect(line.leave()).toBe(model.leave());
              break;
            case 'peek':
              expect(line.peek()).toBe(model.ids[0]);
              break;
            case 'remove': {
              // One that waits, or one that does not any more.
              const id = entered === 0 ? 'nobody' : `${(step.which % entered) + 1}`;
              line.remove(id);
              model.remove(id);
            }
          }
          expect(line.size).toBe(model.ids.length);
          expect([...line].sort()).toEqual(model.ids.sort());
        }
        const left: (string | undefined)[] = [];
        while (line.size > 0) left.push(line.leave());
        expect(left).toEqual(model.ids.map(() => model.leave()));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps its order when most of it has given up', () => {
    const line = new QueueDiscipline<string>();
    for (let n = 0; n < 100; n += 1) line.enter(`batch ${n}`, 'batch', `batch ${n}`);
    for (let n = 0; n < 100; n += 1) line.enter(`default ${n}`, 'default', `default ${n}`);
    for (let n = 0; n < 100; n += 1) line.enter(`interactive ${n}`, 'interactive', `interactive ${n}`);
    for (const queueClass of classes) for (let n = 0; n < 98; n += 1) line.remove(`${queueClass} ${n}`);
    const left = Array.from({ length: 7 }, () => line.leave());
    expect(left).toEqual([...classes.flatMap((one) => [`${one} 98`, `${one} 99`]), undefined]);
  });

  it('serves a hundred thousand in order, a third of whom have given up', () => {
    const line = new QueueDiscipline<number>();
    const count = 100_000;
    for (let n = 0; n < count; n += 1) line.enter(`${n}`, classes[(n * 7919) % 3] as QueueClass, n);
    for (let n = 0; n < count; n += 3) line.remove(`${n}`);
    expect(line.size).toBe(count - Math.ceil(count / 3));
    const served: number[] = [];
    for (let next = line.leave(); next !== undefined; next = line.leave()) served.push(next);
    expect(served).toHaveLength(count - Math.ceil(count / 3));
    const rank = (n: number): number => (n * 7919) % 3;
    const inOrder = served.every((n, at) => {
      const before = served[at - 1];
      return before === undefined || rank(before) < rank(n) || (rank(before) === rank(n) && before < n);
    });
    expect(inOrder).toBe(true);
  });

  it('keeps nothing of those who have left from the middle, while somebody before them still waits', () => {
    const line = new QueueDiscipline<object>();
    line.enter('first', 'interactive', {});
    const gone: WeakRef<object>[] = [];
    for (let n = 0; n < 1_000; n += 1) {
      const item = { n };
      gone.push(new WeakRef(item));
      line.enter(`${n}`, 'default', item);
      line.remove(`${n}`);
    }
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      (globalThis as { gc?: () => void }).gc?.();
      // A few may wait for the next tidying up.
      expect(gone.filter((item) => item.deref() !== undefined).length).toBeLessThan(200);
      expect(line.size).toBe(1);
    });
  });
});
