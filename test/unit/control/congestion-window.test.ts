import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CongestionWindow } from '../../../src/control/congestion-window.ts';

/** Fills the window for a while: one answer every so often, each of a full window. */
function use(window: CongestionWindow, fromMs: number, forMs: number, everyMs = 100): number {
  for (let at = fromMs; at < fromMs + forMs; at += everyMs) window.succeeded(window.size, at);
  return fromMs + forMs;
}

describe('a congestion window', () => {
  it('begins with 32, or with what is known to be the limit', () => {
    expect(new CongestionWindow().size).toBe(32);
    expect(new CongestionWindow({ limit: 5 }).size).toBe(5);
    expect(new CongestionWindow({ start: 2, floor: 1 }).size).toBe(2);
  });

  it('grows by one for each answer while it is full: doubles in a round trip', () => {
    const window = new CongestionWindow();
    for (let answer = 0; answer < 32; answer += 1) window.succeeded(window.size, answer);
    expect(window.size).toBe(64);
  });

  it('does not grow while it is not used, nor beyond the limit', () => {
    const window = new CongestionWindow();
    for (let answer = 0; answer < 1_000; answer += 1) window.succeeded(20, answer);
    expect(window.size).toBe(32);
    const limited = new CongestionWindow({ limit: 40 });
    use(limited, 0, 100_000);
    expect(limited.size).toBe(40);
  });

  it('is cut to four fifths when the provider says that these were too many at once', () => {
    const window = new CongestionWindow({ start: 50 });
    expect(window.lost('hard', 0, 50, 100)).toBe(true);
    expect(window.size).toBe(40);
  });

  it('is cut from what was really under way, and not by a refusal far below it', () => {
    const window = new CongestionWindow({ start: 100 });
    window.sent(100);
    expect(window.lost('hard', 0, 49, 100)).toBe(false);
    expect(window.lost('hard', 0, 60, 100)).toBe(true);
    expect(window.size).toBe(48);
  });

  it('is cut at the wall of few callers as well, who never fill it', () => {
    const window = new CongestionWindow();
    window.sent(15);
    expect(window.lost('hard', 0, 7, 100)).toBe(false);
    expect(window.lost('hard', 0, 9, 100)).toBe(true);
    expect(window.size).toBe(7);
    expect(new CongestionWindow().lost('soft', 0, 9, 100)).toBe(false);
  });

  it('is cut once a round trip: attempts sent before the last cut met the same congestion', () => {
    const window = new CongestionWindow({ start: 50 });
    window.lost('hard', 0, 50, 100);
    expect(window.lost('hard', 99, 49, 110)).toBe(false);
    expect(window.lost('hard', 100, 48, 120)).toBe(false);
    expect(window.size).toBe(40);
    expect(window.lost('hard', 101, 40, 200)).toBe(true);
    expect(window.size).toBe(32);
  });

  it('is cut by overloads and silences only when they are a real share', () => {
    const window = new CongestionWindow({ start: 50 });
    for (let answer = 0; answer < 17; answer += 1) window.succeeded(10, answer);
    expect(window.lost('soft', 1, 50, 20)).toBe(false);
    expect(window.lost('soft', 1, 50, 21)).toBe(false);
    expect(window.lost('soft', 1, 50, 22)).toBe(true);

    const busy = new CongestionWindow({ start: 50 });
    // One in ten, for ever.
    for (let at = 0; at < 2_000; at += 1) {
      if (at % 10 === 0) expect(busy.lost('soft', at, 50, at)).toBe(false);
      else busy.succeeded(10, at);
    }
  });

  /** So many answers, and every so often a loss instead; each is of a full window. */
  function lossy(window: CongestionWindow, fromMs: number, attempts: number, every: number): number {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const at = fromMs + attempt;
      if (attempt % every === 0) window.lost('soft', at, window.size, at);
      else window.succeeded(window.size, at);
    }
    return fromMs + attempts;
  }

  it('is as it was when a smaller one loses as many: they are lost for another reason', () => {
    const window = new CongestionWindow({ start: 50 });
    lossy(window, 0, 200, 5);
    expect(window.size).toBeGreaterThanOrEqual(50);
    // More than before is congestion after all.
    const at = lossy(window, 200, 40, 2);
    const cut = window.size;
    expect(cut).toBeLessThan(200);
    // After a minute it is anybody's guess again.
    const later = new CongestionWindow({ start: 50 });
    lossy(later, 0, 60, 5);
    const before = later.size;
    lossy(later, at + 100_000, 20, 5);
    expect(later.size).toBeLessThan(before);
  });

  it('stays small when that has helped, and when it is cut again at the same wall later', () => {
    const window = new CongestionWindow({ start: 50 });
    lossy(window, 0, 20, 5);
    const cut = window.size;
    expect(cut).toBeLessThan(60);
    for (let at = 100; at < 160; at += 1) window.succeeded(10, at);
    for (let at = 200; at < 204; at += 1) window.lost('soft', at, window.size, at);
    expect(window.size).toBeLessThan(cut);
  });

  it('never falls below its floor', () => {
    const window = new CongestionWindow();
    for (let at = 1; at < 100; at += 1) window.lost('hard', at * 10, window.size, at * 10 + 1);
    expect(window.size).toBe(4);
  });

  it('comes back to where the loss was, is careful there, and then goes on faster and faster', () => {
    const window = new CongestionWindow({ start: 64 });
    window.lost('hard', 0, 64, 0);
    const after = (ms: number): number => {
      const fresh = new CongestionWindow({ start: 64 });
      fresh.lost('hard', 0, 64, 0);
      use(fresh, 0, ms);
      return fresh.size;
    };
    expect(after(0)).toBe(51);
    expect(after(15_000)).toBeGreaterThan(58);
    expect(after(25_000)).toBeGreaterThanOrEqual(63);
    expect(after(32_000)).toBeLessThan(66);
    expect(after(60_000)).toBeGreaterThan(75);
    expect(after(120_000)).toBeGreaterThan(300);
  });

  it('makes way when the room gets less', () => {
    const [less, same] = [new CongestionWindow({ start: 64 }), new CongestionWindow({ start: 64 })];
    for (const window of [less, same]) window.lost('hard', 0, 64, 0);
    less.lost('hard', 10, 51, 11);
    use(less, 11, 26_000);
    // It would be back at 51 by now; it comes to rest below.
    expect(less.size).toBeLessThan(48);
  });

  it('begins small after an outage, and is quickly back at what was good', () => {
    const window = new CongestionWindow();
    use(window, 0, 3_200);
    expect(window.size).toBe(64);
    window.restart(4_000);
    expect(window.size).toBe(8);
    for (let answer = 0; answer < 43; answer += 1) window.succeeded(window.size, 4_001 + answer);
    expect(window.size).toBe(51);
    use(window, 5_000, 3_000);
    expect(window.size).toBeLessThan(60);
  });

  it('is always a whole number between its floor and its limit, whatever happens', () => {
    const step = fc.record({
      what: fc.constantFrom('ok', 'hard', 'soft', 'restart'),
      inFlight: fc.nat(200),
      pauseMs: fc.nat(5_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 100 }), (steps, limit) => {
        const window = new CongestionWindow({ limit });
        let at = 0;
        for (const { what, inFlight, pauseMs } of steps) {
          const sentAt = at;
          at += pauseMs;
          const before = window.size;
          if (what === 'ok') window.succeeded(inFlight, at);
          else if (what === 'restart') window.restart(at);
          else window.lost(what as 'hard', sentAt, inFlight, at);
          expect(Number.isInteger(window.size)).toBe(true);
          expect(window.size).toBeGreaterThanOrEqual(Math.min(4, limit));
          expect(window.size).toBeLessThanOrEqual(limit);
          if (what === 'ok') expect(window.size - before).toBeLessThanOrEqual(1);
          else if (what !== 'soft') expect(window.size).toBeLessThanOrEqual(before);
        }
      }),
    );
  });
});
