import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lowestLatency } from '../../../src/routing/lowest-latency.ts';
import { randomFrom } from '../../../src/testing/index.ts';
import { candidates, choices, sharesOf } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
  vi.spyOn(Math, 'random').mockImplementation(randomFrom(3));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const fast = { firstContentMs: 100 };

describe('lowestLatency', () => {
  it('takes the faster of two', () => {
    expect(choices(lowestLatency(), candidates({ firstContentMs: 300 }, fast), 5)).toEqual(Array(5).fill('2'));
    expect(choices(lowestLatency(), candidates(fast, { firstContentMs: 300 }), 5)).toEqual(Array(5).fill('1'));
  });

  it('counts what is under way, and weight', () => {
    expect(choices(lowestLatency(), candidates({ ...fast, inFlight: 2 }, { firstContentMs: 250 }), 3)).toEqual(
      Array(3).fill('2'),
    );
    const heavy = { firstContentMs: 250, traits: { weight: 3 } };
    expect(choices(lowestLatency(), candidates(fast, heavy), 3)).toEqual(Array(3).fill('2'));
    expect(
      choices(lowestLatency(), candidates({ firstContentMs: 9_000 }, { ...fast, traits: { weight: 0 } }), 2),
    ).toEqual(['1', '1']);
  });

  it('draws two of several: the slowest is never chosen, the fastest as often as it is drawn', () => {
    const among = candidates({ firstContentMs: 400 }, fast, { firstContentMs: 200 }, { firstContentMs: 300 });
    const shares = sharesOf(choices(lowestLatency(), among, 6_000));
    expect(shares['1']).toBeUndefined();
    // Of six pairs three have the fastest in them, two more the next.
    expect(shares['2']).toBeCloseTo(3 / 6, 1);
    expect(shares['3']).toBeCloseTo(2 / 6, 1);
    expect(shares['4']).toBeCloseTo(1 / 6, 1);
  });

  it('asks one that is not known first, and once: one that never answers is no better than a slow one', () => {
    const strategy = lowestLatency();
    const never = candidates(fast, {});
    expect(choices(strategy, never, 800)).toEqual(['2', ...Array(799).fill('1')]);
    // It is found again all the same.
    vi.advanceTimersByTime(200_000);
    expect(choices(strategy, never, 3)).toEqual(['2', '1', '1']);
    expect(choices(lowestLatency(), candidates({ ...fast, inFlight: 40 }, { inFlight: 1 }), 2)).toEqual(['1', '1']);
    // Of two of whom nothing is known, the one with less to do.
    expect(choices(lowestLatency(), candidates({ inFlight: 2 }, { inFlight: 1 }), 2)).toEqual(['2', '2']);
  });

  it('asks a slow one again when both time and calls have passed, and once', () => {
    const strategy = lowestLatency();
    const among = candidates({ firstContentMs: 600 }, fast);
    expect(choices(strategy, among, 200)).not.toContain('1');
    vi.advanceTimersByTime(34_000);
    expect(choices(strategy, among, 20)).not.toContain('1');
    vi.advanceTimersByTime(4_000);
    expect(choices(strategy, among, 20).filter((name) => name === '1')).toHaveLength(1);
    // Time alone is not enough: a call a minute is no reason to ask a slow one every other time.
    const seldom: string[] = [];
    for (let call = 0; call < 80; call += 1) {
      vi.advanceTimersByTime(60_000);
      seldom.push(...choices(strategy, among, 1));
    }
    expect(seldom.filter((name) => name === '1').length).toBeLessThanOrEqual(1);
  });

  it('comes back to one that has recovered', () => {
    const strategy = lowestLatency();
    const among = candidates({ firstContentMs: 600 }, fast);
    choices(strategy, among, 200);
    vi.advanceTimersByTime(40_000);
    expect(choices(strategy, among, 1)).toEqual(['1']);
    // It was fast this time.
    among[0].answeredAfter(50, 1);
    expect(choices(strategy, among, 3)).toEqual(['1', '1', '1']);
  });

  it('passes over those that would make a call wait', () => {
    expect(choices(lowestLatency(), candidates({ ...fast, waitMs: 900 }, { firstContentMs: 700 }), 2)).toEqual([
      '2',
      '2',
    ]);
    expect(
      choices(lowestLatency(), candidates({ ...fast, waitMs: 900 }, { firstContentMs: 700, waitMs: 800 }), 1),
    ).toEqual(['2']);
    expect(lowestLatency().name).toBe('lowestLatency');
  });
});
