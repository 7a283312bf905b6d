import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type QueueClass, QueueDiscipline } from '../../../src/control/queue-discipline.ts';

const classes: readonly QueueClass[] = ['interactive', 'default', 'batch'];

interface Entry {
  readonly id: string;
  readonly queueClass: QueueClass;
  readonly enteredAt: number;
  readonly deadline: number;
}

/** The slowest line that is right: an array that is searched whenever somebody leaves. */
class SearchedLine {
  entries: Entry[] = [];
  #turns = 0;

  next(atMs: number): Entry | undefined {
    const [oldest] = this.entries;
    if (this.#turns % 8 === 7 && oldest !== undefined && atMs - oldest.enteredAt > 30_000) return oldest;
    const key = ({ deadline, enteredAt }: Entry): number => Math.min(deadline, enteredAt + 60_000);
    for (const queueClass of classes) {
      const lane = this.entries.filter((entry) => entry.queueClass === queueClass);
      const [first] = lane.sort((a, b) => key(a) - key(b));
      if (first !== undefined) return first;
    }
    return undefined;
  }

  leave(atMs: number): string | undefined {
    const entry = this.next(atMs);
    if (entry === undefined) return undefined;
    this.#turns += 1;
    this.remove(entry.id);
    return entry.id;
  }

  remove(id: string): void {
    this.entries = this.entries.filter((entry) => entry.id !== id);
  }
}

function enter(
  line: QueueDiscipline<string>,
  id: string,
  queueClass: QueueClass,
  enteredAt = 0,
  deadline?: number,
  targetMs = 1_000,
) {
  line.enter({ id, queueClass, enteredAt, tokens: 10, targetMs, item: id }, deadline);
}

const steps = fc.array(
  fc.record({
    what: fc.constantFrom('enter' as const, 'enter' as const, 'leave' as const, 'peek' as const, 'remove' as const),
    queueClass: fc.constantFrom(...classes),
    pauseMs: fc.nat(9_000),
    leftMs: fc.option(fc.nat(100_000), { nil: Number.POSITIVE_INFINITY }),
    which: fc.nat(),
  }),
  { maxLength: 300 },
);

describe('a waiting line', () => {
  it('serves interactive before default before batch, and in a class whoever came first', () => {
    const line = new QueueDiscipline<string>();
    for (const id of ['b1', 'd1', 'i1', 'b2', 'd2', 'i2']) {
      enter(line, id, classes.find((one) => one.startsWith(id[0] as string)) as QueueClass);
    }
    expect(Array.from({ length: 7 }, () => line.leave(0))).toEqual(['i1', 'i2', 'd1', 'd2', 'b1', 'b2', undefined]);
  });

  it('lets those go first in a class who have the least time', () => {
    const line = new QueueDiscipline<string>();
    enter(line, 'any time', 'default', 0);
    enter(line, 'in a day', 'default', 1, 86_400_000);
    enter(line, 'in a second', 'default', 2, 1_000);
    enter(line, 'in half a minute', 'default', 3, 30_000);
    expect(Array.from({ length: 4 }, () => line.leave(10))).toEqual([
      ...['in a second', 'in half a minute', 'any time', 'in a day'],
    ]);
  });

  it('gives every eighth turn to whoever has waited longest, once that is half a minute', () => {
    const line = new QueueDiscipline<string>();
    enter(line, 'patient', 'batch', 0);
    for (let n = 0; n < 40; n += 1) enter(line, `${n}`, 'interactive', 1_000);
    const early = Array.from({ length: 20 }, () => line.leave(29_000));
    expect(early).not.toContain('patient');
    const later = Array.from({ length: 8 }, () => line.leave(31_000));
    expect(later).toContain('patient');
  });

  it('does what a search does, whatever happens to it', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const line = new QueueDiscipline<string>();
        const model = new SearchedLine();
        let entered = 0;
        let at = 0;
        for (const { what, queueClass, pauseMs, leftMs, which } of history) {
          at += pauseMs;
          if (what === 'enter') {
            entered += 1;
            enter(line, `${entered}`, queueClass, at, at + leftMs);
            model.entries.push({ id: `${entered}`, queueClass, enteredAt: at, deadline: at + leftMs });
          } else if (what === 'leave') expect(line.leave(at)).toBe(model.leave(at));
          else if (what === 'peek') expect(line.peek(at)).toBe(model.next(at)?.id);
          else {
            // One that waits, or one that does not any more.
            const id = entered === 0 ? 'nobody' : `${(which % entered) + 1}`;
            line.remove(id);
            model.remove(id);
          }
          expect(line.size).toBe(model.entries.length);
          expect(line.tokens).toBe(10 * model.entries.length);
          expect([...line]).toEqual(model.entries.map(({ id }) => id));
        }
        while (line.size > 0) expect(line.leave(at)).toBe(model.leave(at));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps its order when most of it has given up', () => {
    const line = new QueueDiscipline<string>();
    for (const queueClass of [...classes].reverse())
      for (let n = 0; n < 100; n += 1) enter(line, `${queueClass} ${n}`, queueClass);
    for (const queueClass of classes) for (let n = 0; n < 98; n += 1) line.remove(`${queueClass} ${n}`);
    const left = Array.from({ length: 7 }, () => line.leave(0));
    expect(left).toEqual([...classes.flatMap((one) => [`${one} 98`, `${one} 99`]), undefined]);
  });

  it('serves a hundred thousand in order, a third of whom have given up', () => {
    const line = new QueueDiscipline<number>();
    const count = 100_000;
    const rank = (n: number): number => (n * 7919) % 3;
    for (let n = 0; n < count; n += 1)
      line.enter({
        id: `${n}`,
        queueClass: classes[rank(n)] as QueueClass,
        enteredAt: n,
        tokens: 1,
        targetMs: 1,
        item: n,
      });
    for (let n = 0; n < count; n += 3) line.remove(`${n}`);
    expect(line.size).toBe(count - Math.ceil(count / 3));
    const served: number[] = [];
    for (let next = line.leave(0); next !== undefined; next = line.leave(0)) served.push(next);
    expect(served).toHaveLength(count - Math.ceil(count / 3));
    const inOrder = served.every((n, at) => {
      const before = served[at - 1];
      return before === undefined || rank(before) < rank(n) || (rank(before) === rank(n) && before < n);
    });
    expect(inOrder).toBe(true);
  });

  it('keeps nothing of those who have left from the middle, while somebody before them still waits', () => {
    const line = new QueueDiscipline<object>();
    line.enter({ id: 'first', queueClass: 'interactive', enteredAt: 0, tokens: 1, targetMs: 1_000, item: {} });
    const gone: WeakRef<object>[] = [];
    for (let n = 0; n < 1_000; n += 1) {
      const item = { n };
      gone.push(new WeakRef(item));
      line.enter({ id: `${n}`, queueClass: 'default', enteredAt: 0, tokens: 1, targetMs: 1_000, item });
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

describe('a line that is standing', () => {
  /** Serves one a second of those who come twice a second, and turns away whom it should. */
  function overload(queueClass: QueueClass, forMs: number, targetMs = 1_000) {
    const line = new QueueDiscipline<{ readonly id: string; readonly at: number }>();
    const waits: number[] = [];
    let shed = 0;
    let id = 0;
    for (let at = 0; at < forMs; at += 500) {
      id += 1;
      line.enter({ id: `${id}`, queueClass, enteredAt: at, tokens: 1, targetMs, item: { id: `${id}`, at } });
      for (const late of line.overdue(at)) {
        line.remove(late.id);
        shed += 1;
      }
      if (at % 1_000 !== 0) continue;
      const next = line.leave(at);
      if (next !== undefined) waits.push(at - next.at);
    }
    return { waits, shed, line };
  }

  it.each([
    ['interactive', 1_000],
    ['default', 5_000],
    ['batch', 30_000],
  ] as const)('is cut at twice its target: %s', (queueClass, targetMs) => {
    const { waits, shed } = overload(queueClass, 600_000, targetMs);
    const later = waits.slice(waits.length / 2);
    expect(Math.max(...later)).toBeLessThanOrEqual(2 * targetMs + 500);
    // Nobody is turned away for whom there was time: as many are served as can be.
    expect(later.length).toBeGreaterThanOrEqual(waits.length / 2 - 1);
    expect(shed).toBeGreaterThan(200);
  });

  it('is none while somebody now and then need not wait: a burst is no overload', () => {
    const line = new QueueDiscipline<string>();
    let at = 0;
    for (let burst = 0; burst < 20; burst += 1) {
      for (let n = 0; n < 30; n += 1) enter(line, `${burst}/${n}`, 'interactive', at);
      while (line.size > 0) {
        line.leave(at);
        at += 200;
        expect(line.overdue(at)).toEqual([]);
      }
    }
  });

  it('turns nobody away who has all the time there is', () => {
    expect(overload('default', 600_000, Number.POSITIVE_INFINITY).shed).toBe(0);
  });

  it('is over as soon as somebody is served in time', () => {
    const { line } = overload('interactive', 60_000);
    expect(line.overdue(100_000)).not.toEqual([]);
    while (line.size > 2) line.leave(60_000);
    enter(line as never, 'new', 'interactive', 60_100, 60_101);
    line.leave(60_100);
    expect(line.overdue(100_000)).toEqual([]);
  });

  it('of one class does not hurt another', () => {
    const { line } = overload('batch', 600_000);
    line.enter({
      id: 'x',
      queueClass: 'interactive',
      enteredAt: 0,
      tokens: 1,
      targetMs: 1_000,
      item: { id: 'x', at: 0 },
    });
    expect(line.overdue(600_000).map(({ id }) => id)).not.toContain('x');
  });
});
