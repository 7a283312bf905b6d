import { describe, expect, it, vi } from 'vitest';
import { budget } from '../../src/middleware/budget.ts';
import { simulated } from '../../src/testing/index.ts';
import { advance, broken, kept, transport, virtualTime } from '../unit/middleware/support.ts';

/**
 * A clock that is set back: whoever reads the end of a quarantine from it leaves a provider alone for as much longer, and whoever reads the
 * period of a budget from it gives that a second time.
 */

virtualTime();

const hour = 3_600_000;
const hello = { prompt: 'Hello' };

describe('a provider in quarantine, when the clock is set back', () => {
  it.each([1, 24, 24 * 365])('by %i hours, is asked again after a minute all the same', async (hours) => {
    const a = simulated({ script: ({ index }) => (index === 0 ? 'unauthorized' : 'ok') });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello));
    vi.setSystemTime(Date.now() - hours * hour);
    expect(llm.health()[0]?.waitMs).toBeLessThanOrEqual(60_000);
    const refused = await broken(llm.complete(hello));
    expect(refused).toMatchObject({ code: 'authentication', attempts: [] });
    expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
    await advance(60_000);
    await kept(llm.complete(hello));
    expect(llm.health()[0]).toMatchObject({ quarantined: false });
  });

  it('is left alone for as long as it would have been, when it is refused again', async () => {
    const a = simulated({ fault: 'unauthorized' });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello));
    vi.setSystemTime(Date.now() - hour);
    await advance(60_000);
    await broken(llm.complete(hello));
    await advance(119_000);
    await broken(llm.complete(hello));
    expect(a.requests).toHaveLength(2);
    await advance(1_000);
    await broken(llm.complete(hello));
    expect(a.requests).toHaveLength(3);
  });
});

describe('a budget of each minute, when the clock is set back', () => {
  const minute = 60_000;
  const ask = { prompt: 'Hello', maxOutputTokens: 10 };
  const setUp = () => {
    const limit = budget({ tokens: 15, everyMs: minute });
    const llm = transport({ providers: [simulated({ words: 4 })], useEach: [limit] });
    const passes = async (): Promise<boolean> => {
      const [result] = await Promise.allSettled([llm.complete(ask)]);
      return result?.status === 'fulfilled';
    };
    const edge = Math.ceil(Date.now() / minute) * minute;
    return { llm, passes, setClock: (minutes: number) => vi.setSystemTime(edge + minutes * minute) };
  };

  it.each([2, 3, 60, 60 * 24 * 365])('by %i minutes, is not whole once more', async (back) => {
    const { llm, passes, setClock } = setUp();
    setClock(0.5);
    expect([await passes(), await passes()]).toEqual([true, false]);
    setClock(0.5 - back);
    expect(await passes()).toBe(false);
    // Neither at the next edge, which may be close. It is told when it will be.
    const { retryAfterMs } = await broken(llm.complete(ask));
    expect(retryAfterMs).toBe(1.5 * minute);
    setClock(1 - back);
    expect(await passes()).toBe(false);
    setClock(2 - back);
    expect([await passes(), await passes()]).toEqual([true, false]);
  });

  it('after it had been ahead for a while, is whole in a period that nothing was spent in, and in no other', async () => {
    const { passes, setClock } = setUp();
    for (const [minutes, isWhole] of [
      ...[[0, true] as const, [1, true] as const],
      ...[[90, true] as const, [1, false] as const, [2, false] as const, [3, true] as const],
      ...[[90, true] as const, [4, true] as const, [5, true] as const],
    ]) {
      setClock(minutes + 0.1);
      expect([minutes, await passes(), await passes()]).toEqual([minutes, isWhole, false]);
    }
  });
});
