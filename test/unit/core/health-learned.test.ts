import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aHealth, aProvider } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
  // Not at zero, where a sum of two times is as good as their difference.
  vi.advanceTimersByTime(10_000);
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a provider that others have to rescue', () => {
  /** Rescued so many times in a row. */
  function rescued(times: number) {
    const { health } = aHealth();
    for (let time = 0; time < times; time += 1) health.rescued();
    return health;
  }

  it('is slow from the third time in a row on', () => {
    expect([0, 1, 2, 3, 4].map((times) => rescued(times).slow)).toEqual([false, false, false, true, true]);
  });

  it('is slow for five seconds, and again as soon as it has to be rescued once more', () => {
    const health = rescued(3);
    vi.advanceTimersByTime(4_999);
    expect(health.slow).toBe(true);
    vi.advanceTimersByTime(1);
    expect(health.slow).toBe(false);
    health.rescued();
    expect(health.slow).toBe(true);
  });

  it('is found out by one attempt at a time', () => {
    const health = rescued(3);
    vi.advanceTimersByTime(5_000);
    health.asked();
    expect(health.slow).toBe(true);
    vi.advanceTimersByTime(5_000);
    expect(health.slow).toBe(false);
  });

  it('is not slow because it is asked', () => {
    const health = rescued(2);
    health.asked();
    expect(health.slow).toBe(false);
  });

  it.each([
    ['answers', 'answeredAfter'],
    ['is forgotten', 'reset'],
  ] as const)('starts anew when it %s', (_, how) => {
    const health = rescued(3);
    if (how === 'reset') health.reset();
    else health.answeredAfter(10, 0);
    expect(health.slow).toBe(false);
    health.rescued();
    health.rescued();
    expect(health.slow).toBe(false);
    health.rescued();
    expect(health.slow).toBe(true);
  });
});

describe('the length that a model takes', () => {
  const lengths = [99, 100, 101];

  it('is what it declares', () => {
    const { health } = aHealth(aProvider({ traits: { contextWindow: 100 } }));
    expect(lengths.map((tokens) => health.tooLong(tokens))).toEqual([false, false, true]);
    expect(health.limitsLength).toBe(true);
  });

  it('is any while nothing is known', () => {
    const { health } = aHealth();
    expect(lengths.map((tokens) => health.tooLong(tokens))).toEqual([false, false, false]);
    expect(health.limitsLength).toBe(false);
  });

  it('is less than what it has refused, for ten minutes', () => {
    const { health } = aHealth();
    health.learnLength(100, true);
    expect(lengths.map((tokens) => health.tooLong(tokens))).toEqual([false, true, true]);
    expect(health.limitsLength).toBe(true);
    vi.advanceTimersByTime(599_999);
    expect(health.tooLong(100)).toBe(true);
    vi.advanceTimersByTime(1);
    expect(health.tooLong(100)).toBe(false);
  });

  it('is learned also where one was declared, and the smaller holds', () => {
    const { health } = aHealth(aProvider({ traits: { contextWindow: 100 } }));
    health.learnLength(50, true);
    expect([49, 50, 101].map((tokens) => health.tooLong(tokens))).toEqual([false, true, true]);
    const roomy = aHealth(aProvider({ traits: { contextWindow: 100 } })).health;
    roomy.learnLength(200, true);
    expect([100, 101].map((tokens) => roomy.tooLong(tokens))).toEqual([false, true]);
  });

  it('is the smallest that it has refused: a longer one says nothing new, and does not make it last', () => {
    const { health } = aHealth();
    health.learnLength(100, true);
    vi.advanceTimersByTime(400_000);
    health.learnLength(101, true);
    expect(health.tooLong(100)).toBe(true);
    vi.advanceTimersByTime(200_000);
    expect(health.tooLong(101)).toBe(false);
    health.learnLength(100, true);
    health.learnLength(50, true);
    expect([49, 50].map((tokens) => health.tooLong(tokens))).toEqual([false, true]);
  });

  it('counts anew from a refusal of the same length', () => {
    const { health } = aHealth();
    health.learnLength(100, true);
    vi.advanceTimersByTime(400_000);
    health.learnLength(100, true);
    vi.advanceTimersByTime(400_000);
    expect(health.tooLong(100)).toBe(true);
  });

  it('is learned from a longer one when what it refused before no longer counts', () => {
    const { health } = aHealth();
    health.learnLength(100, true);
    vi.advanceTimersByTime(600_000);
    health.learnLength(150, true);
    expect([100, 149, 150].map((tokens) => health.tooLong(tokens))).toEqual([false, false, true]);
  });

  it('is unknown again when it takes as much, or is forgotten, and not when it takes less', () => {
    const { health } = aHealth();
    health.learnLength(100, true);
    health.learnLength(99, false);
    expect(health.tooLong(100)).toBe(true);
    health.learnLength(100, false);
    expect([health.tooLong(100), health.limitsLength]).toEqual([false, false]);
    health.learnLength(100, true);
    health.reset();
    expect([health.tooLong(100), health.limitsLength]).toEqual([false, false]);
  });
});
