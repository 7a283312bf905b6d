import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Silence } from '../../../src/control/silence.ts';

/** Has seen so many answers, each with these gaps. */
function seen(answers: number, ...gaps: readonly number[]): Silence {
  const silence = new Silence();
  for (let answer = 0; answer < answers; answer += 1) {
    for (const gap of gaps) silence.gap(gap);
    silence.ended();
  }
  return silence;
}

const given = (ms: number | undefined): number => ms ?? Number.NaN;

describe('what silence means', () => {
  it('is unknown before ten answers have come whole', () => {
    const silence = seen(9, 50);
    expect(silence.timeoutMs).toBeUndefined();
    silence.ended();
    expect(silence.timeoutMs).toBeDefined();
  });

  it('is four times the longest gap, and a second at least', () => {
    expect(seen(10, 40, 60, 20).timeoutMs).toBe(1_000);
    const silence = seen(10, 40);
    silence.gap(3_000);
    silence.gap(500);
    expect(silence.timeoutMs).toBe(12_000);
  });

  it('fades with the answers that have no such gap: half is left after some ninety', () => {
    const silence = seen(10, 8_000);
    silence.gap(8_000);
    for (let answer = 0; answer < 89; answer += 1) silence.ended();
    expect(given(silence.timeoutMs)).toBeGreaterThan(15_500);
    expect(given(silence.timeoutMs)).toBeLessThan(16_500);
    for (let answer = 0; answer < 1_000; answer += 1) silence.ended();
    expect(silence.timeoutMs).toBe(1_000);
  });

  it('finds a provider that has begun to pause after two that were given up', () => {
    const silence = seen(50, 40);
    const [pauseMs, given]: [number, number[]] = [8_000, []];
    for (;;) {
      const ms = silence.timeoutMs ?? Number.NaN;
      given.push(ms);
      if (ms > pauseMs) break;
      // Given up, after all that it waited.
      silence.gap(ms);
    }
    expect(given).toEqual([1_000, 4_000, 16_000]);
  });

  it('is unknown again when all was forgotten', () => {
    const silence = seen(20, 5_000);
    silence.forget();
    expect(silence.timeoutMs).toBeUndefined();
    for (let answer = 0; answer < 10; answer += 1) silence.ended();
    expect(silence.timeoutMs).toBe(1_000);
  });

  const gapsMs = fc.array(fc.oneof(fc.nat(20_000), fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(1e12)));

  it('is at least a second and at most four times the longest gap, in whatever order the gaps of an answer come', () => {
    fc.assert(
      fc.property(fc.array(gapsMs, { maxLength: 60, size: 'max' }), (answers) => {
        const [silence, sorted] = [new Silence(), new Silence()];
        let longest = 0;
        for (const [index, gaps] of answers.entries()) {
          for (const gap of gaps) {
            const before = silence.timeoutMs;
            silence.gap(gap);
            longest = Math.max(longest, gap);
            expect(given(silence.timeoutMs ?? before ?? 0)).toBeGreaterThanOrEqual(before ?? 0);
          }
          for (const gap of [...gaps].sort((a, b) => b - a)) sorted.gap(gap);
          expect(silence.timeoutMs).toBe(sorted.timeoutMs);
          const before = silence.timeoutMs ?? Number.POSITIVE_INFINITY;
          silence.ended();
          sorted.ended();
          expect(silence.timeoutMs === undefined).toBe(index < 9);
          if (silence.timeoutMs === undefined) continue;
          expect(silence.timeoutMs).toBeLessThanOrEqual(before);
          expect(silence.timeoutMs).toBeGreaterThanOrEqual(1_000);
          expect(silence.timeoutMs).toBeLessThanOrEqual(Math.max(1_000, 4 * longest));
        }
      }),
    );
  });

  it('leaves nothing behind when it is forgotten', () => {
    fc.assert(
      fc.property(gapsMs, fc.nat(20), gapsMs, (before, answers, after) => {
        const [silence, fresh] = [seen(answers, ...before), seen(10, ...after)];
        for (const gap of before) silence.gap(gap);
        silence.forget();
        for (let answer = 0; answer < 10; answer += 1) {
          for (const gap of after) silence.gap(gap);
          expect(silence.timeoutMs).toBeUndefined();
          silence.ended();
        }
        expect(silence.timeoutMs).toBe(fresh.timeoutMs);
      }),
    );
  });
});
