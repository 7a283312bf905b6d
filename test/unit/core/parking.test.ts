import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Parking } from '../../../src/core/parking.ts';

beforeEach(() => {
  vi.useFakeTimers();
  // Not at zero, where a sum of two times is as good as their difference.
  vi.advanceTimersByTime(10_000);
});
afterEach(() => {
  vi.useRealTimers();
});

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** One that is parked for so long from now. */
function parked(ms: number): Parking {
  const parking = new Parking();
  parking.park(Date.now() + ms);
  return parking;
}

describe('the parking of a provider', () => {
  it('has no time left that was never parked', () => {
    expect(new Parking()).toMatchObject({ leftMs: 0, until: 0 });
  });

  it('is over when its time is', () => {
    const parking = parked(5_000);
    expect(parking).toMatchObject({ leftMs: 5_000, until: Date.now() + 5_000 });
    vi.advanceTimersByTime(4_999);
    expect(parking.leftMs).toBe(1);
    vi.advanceTimersByTime(1);
    expect(parking.leftMs).toBe(0);
    vi.advanceTimersByTime(1);
    expect(parking.leftMs).toBe(0);
  });

  it.each([
    ['forth', hourMs],
    ['back', -hourMs],
  ])('is neither longer nor shorter when somebody sets the clock an hour %s', (_, ms) => {
    const parking = parked(5_000);
    const { until } = parking;
    vi.setSystemTime(Date.now() + ms);
    expect(parking).toMatchObject({ leftMs: 5_000, until });
    vi.advanceTimersByTime(4_999);
    expect(parking.leftMs).toBe(1);
    vi.advanceTimersByTime(1);
    expect(parking.leftMs).toBe(0);
  });

  it.each([
    ['forth', hourMs],
    ['back', -hourMs],
  ])('is measured anew by who is told of one after the clock was set an hour %s', (_, ms) => {
    const parking = parked(5_000);
    vi.setSystemTime(Date.now() + ms);
    // Sooner over than what is known already, whatever the clock says.
    expect(parking.park(Date.now() + 4_000)).toBe(false);
    expect(parking.leftMs).toBe(5_000);
    expect(parking.park(Date.now() + 6_000)).toBe(false);
    expect(parking).toMatchObject({ leftMs: 6_000, until: Date.now() + 6_000 });
  });

  it.each([
    ['a year', 365 * dayMs],
    ['ever', Number.POSITIVE_INFINITY],
  ])('that is told for %s is one for a day', (_, ms) => {
    expect(parked(ms)).toMatchObject({ leftMs: dayMs, until: Date.now() + dayMs });
    expect(parked(dayMs - 1).leftMs).toBe(dayMs - 1);
  });

  it.each([Number.NaN, Number.NEGATIVE_INFINITY])('is none until %s, and changes none that is known', (until) => {
    const parking = new Parking();
    expect(parking.park(until)).toBe(false);
    expect(parking).toMatchObject({ leftMs: 0, until: 0 });
    expect(parking.park(Date.now() + 100)).toBe(true);
    expect(parking.park(until)).toBe(false);
    expect(parking).toMatchObject({ leftMs: 100, until: Date.now() + 100 });
  });

  it('is the later one of two', () => {
    const parking = parked(5_000);
    const { until } = parking;
    parking.park(until - 1);
    expect(parking).toMatchObject({ leftMs: 5_000, until });
    parking.park(until + 1);
    expect(parking).toMatchObject({ leftMs: 5_001, until: until + 1 });
  });

  it('is news when there was none, or it is over; not when it is only longer', () => {
    const parking = new Parking();
    expect(parking.park(Date.now() + 5_000)).toBe(true);
    expect(parking.park(Date.now() + 5_000)).toBe(false);
    expect(parking.park(Date.now() + 9_000)).toBe(false);
    vi.advanceTimersByTime(8_999);
    expect(parking.park(Date.now() + 2)).toBe(false);
    vi.advanceTimersByTime(2);
    expect(parking.park(Date.now() + 5_000)).toBe(true);
  });

  it('is news again, and as short as it is told, when it was forgotten', () => {
    const parking = parked(5_000);
    parking.forget();
    expect(parking).toMatchObject({ leftMs: 0, until: 0 });
    expect(parking.park(Date.now() + 10)).toBe(true);
    expect(parking.leftMs).toBe(10);
  });
});
