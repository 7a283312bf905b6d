import { describe, expect, it } from 'vitest';
import { priority } from '../../../src/routing/priority.ts';
import { aContext, aHealth, aProvider } from '../core/support.ts';

function choose(...waits: readonly number[]): string | undefined {
  const [first, ...rest] = waits.map((waitMs, index) => {
    const { health } = aHealth(aProvider({ name: `${index + 1}` }));
    health.estimateWaitMs = () => waitMs;
    return health;
  });
  if (first === undefined) throw new Error('no candidates');
  return priority()([first, ...rest], { prompt: 'Hi' }, aContext())?.name;
}

describe('priority', () => {
  it('takes the first that is listed', () => {
    expect(choose(0, 0, 0)).toBe('1');
  });

  it('does not leave the first for a wait that nobody notices', () => {
    expect(choose(200, 0)).toBe('1');
  });

  it('takes the next that would send soon when the first would not', () => {
    expect(choose(201, 150, 0)).toBe('2');
  });

  it('takes the one with the least wait when all have one, and the first of equals', () => {
    expect(choose(900, 500, 700)).toBe('2');
    expect(choose(900, 500, 500)).toBe('2');
    expect(choose(900)).toBe('1');
  });

  it('is named in events', () => {
    expect(priority().name).toBe('priority');
  });
});
