import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { leastBusy } from '../../../src/routing/least-busy.ts';
import { randomFrom } from '../../../src/testing/index.ts';
import { candidates, choices, sharesOf } from './support.ts';

beforeEach(() => {
  vi.spyOn(Math, 'random').mockImplementation(randomFrom(7));
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('leastBusy', () => {
  it('takes the one with the fewest under way and waiting', () => {
    expect(choices(leastBusy(), candidates({ inFlight: 3 }, { inFlight: 1 }, { inFlight: 2 }), 2)).toEqual(['2', '2']);
    expect(choices(leastBusy(), candidates({ inFlight: 1, queued: 3 }, { inFlight: 3 }), 2)).toEqual(['2', '2']);
  });

  it('counts in proportion to weight', () => {
    const among = candidates({ inFlight: 5, traits: { weight: 10 } }, { inFlight: 1 });
    expect(choices(leastBusy(), among, 2)).toEqual(['1', '1']);
  });

  it('takes a weight of 0 only when there is nobody else', () => {
    const idle = { traits: { weight: 0 } };
    expect(choices(leastBusy(), candidates(idle, { inFlight: 50 }), 2)).toEqual(['2', '2']);
    expect(choices(leastBusy(), candidates({ ...idle, inFlight: 1 }, idle), 2)).toEqual(['2', '2']);
  });

  it('takes equals by chance, each as often', () => {
    const shares = sharesOf(choices(leastBusy(), candidates({ inFlight: 1 }, {}, {}, {}), 6_000));
    expect(Object.keys(shares).sort()).toEqual(['2', '3', '4']);
    for (const share of Object.values(shares)) expect(share).toBeCloseTo(1 / 3, 1);
  });

  it('passes over those that would make a call wait', () => {
    expect(choices(leastBusy(), candidates({ waitMs: 500 }, { inFlight: 9 }), 1)).toEqual(['2']);
    expect(choices(leastBusy(), candidates({ waitMs: 500 }, { waitMs: 400, inFlight: 9 }), 1)).toEqual(['2']);
    expect(leastBusy().name).toBe('leastBusy');
  });
});
