import { performance as imported } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { inVirtualTime } from '../../src/testing/index.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('inVirtualTime()', () => {
  it('lets a year pass at once, on every clock', async () => {
    const began = performance.now();
    const [wall, steady, elapsed, date] = await inVirtualTime(async (time) => {
      const from = [Date.now(), imported.now()] as const;
      for (let day = 0; day < 365; day += 1) await sleep(86_400_000);
      return [Date.now() - from[0], imported.now() - from[1], time.elapsedMs, new Date().toISOString()];
    });
    expect([wall, steady, elapsed]).toEqual([31_536_000_000, 31_536_000_000, 31_536_000_000]);
    expect(date).toBe('2027-01-01T00:00:00.000Z');
    expect(performance.now() - began).toBeLessThan(31_536_000_000);
  });

  it('fires timers in the order of their times, and those of one moment in the order in which they were set', async () => {
    const fired = await inVirtualTime(async () => {
      const order: string[] = [];
      setTimeout(() => order.push('late'), 20);
      setTimeout(() => order.push('first'), 10);
      setTimeout(() => order.push('second'), 10);
      setImmediate(() => order.push('at once'));
      await sleep(30);
      return order;
    });
    expect(fired).toEqual(['at once', 'first', 'second', 'late']);
  });

  it('runs all that a timer sets off before the next timer, however many promises it takes', async () => {
    const order = await inVirtualTime(async () => {
      const seen: string[] = [];
      setTimeout(async () => {
        for (let hop = 0; hop < 500; hop += 1) await undefined;
        process.nextTick(() => queueMicrotask(() => seen.push('set off')));
      }, 10);
      setTimeout(() => seen.push('next'), 10);
      await sleep(11);
      return seen;
    });
    expect(order).toEqual(['set off', 'next']);
  });

  it('takes whole milliseconds, at least one, as Node does', async () => {
    const waited = await inVirtualTime(async (time) => {
      const results: number[] = [];
      for (const ms of [0, 0.4, 1.9, -5, Number.NaN, 2 ** 40]) {
        const from = time.elapsedMs;
        await sleep(ms);
        results.push(time.elapsedMs - from);
      }
      return results;
    });
    expect(waited).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('clears, repeats and sets again, and counts what is set', async () => {
    await inVirtualTime(async (time) => {
      let ticks = 0;
      const cleared = setTimeout(() => expect.unreachable(), 5);
      const interval = setInterval(() => {
        ticks += 1;
      }, 10);
      const again = setTimeout(() => {
        ticks += 100;
      }, 30).unref();
      const immediate = setImmediate(() => expect.unreachable());
      expect(time.timers).toBe(4);
      clearTimeout(cleared);
      clearImmediate(immediate);
      clearTimeout(undefined);
      expect(time.timers).toBe(2);
      await sleep(25);
      again.refresh();
      await sleep(20);
      expect([ticks, again.hasRef()]).toEqual([4, false]);
      await sleep(10);
      expect(ticks).toBe(105);
      clearInterval(interval);
      expect(time.timers).toBe(0);
    });
  });

  it('keeps no timer that was cleared: of 300,000 there is nothing left', async () => {
    const heap = (): number => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    await inVirtualTime(async (time) => {
      const before = heap();
      for (let count = 0; count < 300_000; count += 1) clearTimeout(setTimeout(() => {}, 60_000));
      expect(heap() - before).toBeLessThan(5_000_000);
      expect(time.timers).toBe(0);
    });
  });

  it('draws the same from Math.random for the same seed, and something else for another', async () => {
    const draw = (seed?: number) => inVirtualTime(async () => [Math.random(), Math.random()], { seed });
    const [one, again, other] = [await draw(7), await draw(7), await draw(8)];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('takes dates of either clock for dates', async () => {
    const before = new Date(0);
    const made = await inVirtualTime(
      async () => {
        expect(before).toBeInstanceOf(Date);
        expect([Date.UTC(2026, 0, 1), Date.parse('2026-01-01')]).toEqual([1_767_225_600_000, 1_767_225_600_000]);
        expect(Date().slice(11, 15)).toBe('2030');
        class Own extends Date {}
        expect(new Own()).toBeInstanceOf(Own);
        return [new Date(), new Date(5)];
      },
      { startAt: Date.UTC(2030, 5, 1) },
    );
    expect(made.map((date) => [date instanceof Date, date.toISOString()])).toEqual([
      [true, '2030-06-01T00:00:00.000Z'],
      [true, '1970-01-01T00:00:00.005Z'],
    ]);
  });

  it('gives the globals back, whether the run succeeds or fails', async () => {
    const globals = () => [setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, Date];
    const before = [...globals(), Math.random, performance.now];
    expect(await inVirtualTime(async () => 'done')).toBe('done');
    expect([...globals(), Math.random, performance.now]).toEqual(before);
    await expect(inVirtualTime(async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(
      inVirtualTime(async () => {
        setTimeout(() => {
          throw new Error('in a timer');
        }, 5);
        await sleep(10);
      }),
    ).rejects.toThrow('in a timer');
    expect([...globals(), Math.random, performance.now]).toEqual(before);
    expect(Object.hasOwn(performance, 'now')).toBe(false);
  });

  it('says so when nothing can end the run, and when another one is under way', async () => {
    await expect(inVirtualTime(() => new Promise(() => {}))).rejects.toThrow('Nothing is left to wait for');
    await inVirtualTime(async () => {
      await expect(inVirtualTime(async () => {})).rejects.toThrow('Another run');
    });
  });

  it('waits for who has no timer set, such as a module that is loaded', async () => {
    const result = await inVirtualTime(async () => (await import('node:zlib')).constants.Z_OK);
    expect(result).toBe(0);
  });

  it('ends a run in which timers keep time from going on', async () => {
    const spin = (): unknown => setImmediate(spin);
    await expect(inVirtualTime(() => new Promise(() => spin()))).rejects.toThrow('does not go on');
  });
});
