import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RttEstimator } from '../../../src/control/rtt-estimator.ts';
import { randomFrom } from '../../../src/testing/index.ts';

/** Log-normal milliseconds. */
function draws(seed: number, medianMs: number, sigma: number): () => number {
  const random = randomFrom(seed);
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return medianMs * Math.exp(sigma * normal);
  };
}

/** What is given up when it is late does not feed the estimator. `isAlone`: for callers who can ask nobody else. */
function follow(estimator: RttEstimator, draw: () => number, count: number, isAlone = true) {
  let late = 0;
  let slow = 0;
  for (let sample = 0; sample < count; sample += 1) {
    const ms = draw();
    if (ms > (estimator.timeoutMs(0, isAlone) ?? Number.POSITIVE_INFINITY)) {
      late += 1;
      estimator.timedOut(sample, sample);
      continue;
    }
    if (ms > (estimator.p95Ms(0) ?? Number.POSITIVE_INFINITY)) slow += 1;
    estimator.add(ms, 0);
  }
  return { late: late / count, slow: slow / count };
}

/** Has seen so many answers that took all the same. */
function seen(ms: number, inputTokens = 0, count = 20): RttEstimator {
  const estimator = new RttEstimator();
  for (let sample = 0; sample < count; sample += 1) estimator.add(ms, inputTokens);
  return estimator;
}

const given = (ms: number | undefined): number => ms ?? Number.NaN;

describe('a round-trip estimator', () => {
  it('expects nothing before the first answer', () => {
    const estimator = new RttEstimator();
    expect([estimator.medianMs(10), estimator.p95Ms(10), estimator.timeoutMs(10, true), estimator.samples]).toEqual([
      ...[undefined, undefined, undefined, 0],
    ]);
  });

  it.each([0.3, 0.5, 0.7, 1])(
    'gives up at most three of a thousand answers too early, whatever their spread: %s',
    (sigma) => {
      for (const seed of [1, 2, 3, 4, 5]) {
        const { late, slow } = follow(new RttEstimator(), draws(seed, 600, sigma), 40_000);
        expect(late).toBeLessThan(0.003);
        expect(slow).toBeGreaterThan(0.04);
        expect(slow).toBeLessThan(0.065);
      }
    },
  );

  it.each([
    ...[0.3, 0.5, 0.7].flatMap((sigma) => [
      [sigma, true],
      [sigma, false],
    ]),
  ] as [number, boolean][])(
    'follows answers that take four times as long within three of them (spread %s, alone: %s)',
    (sigma, isAlone) => {
      let late = 0;
      const [runs, after] = [200, 200];
      for (let seed = 1; seed <= runs; seed += 1) {
        const estimator = new RttEstimator();
        follow(estimator, draws(seed, 600, sigma), 200, isAlone);
        const slower = draws(seed + 1_000, 2_400, sigma);
        follow(estimator, slower, 3, isAlone);
        late += follow(estimator, slower, after, isAlone).late;
      }
      expect(late / runs).toBeLessThan(0.003);
    },
  );

  it('waits three times as long as the latest took, and forgets that with the answers after it', () => {
    const estimator = seen(500);
    estimator.add(4_000, 0);
    expect(given(estimator.timeoutMs(0, true))).toBeCloseTo(12_000);
    estimator.add(500, 0);
    expect(given(estimator.timeoutMs(0, true))).toBeCloseTo(12_000 * Math.exp(-0.1));
    for (let sample = 0; sample < 40; sample += 1) estimator.add(500, 0);
    expect(given(estimator.timeoutMs(0, true))).toBeLessThan(1_600);
  });

  it('expects more of a long prompt, in proportion, and learns the same from either', () => {
    const long = seen(1_800, 80_000);
    expect(long.medianMs(0)).toBeCloseTo(600);
    expect(long.medianMs(40_000)).toBeCloseTo(1_200);
    expect(given(long.timeoutMs(80_000, true))).toBeCloseTo(3 * given(long.timeoutMs(0, true)));
    expect(given(long.p95Ms(80_000))).toBeCloseTo(3 * given(long.p95Ms(0)));
  });

  it('says nothing of a prompt more than twice as long, and a thousand tokens, as those that it has seen lately', () => {
    const estimator = seen(600, 5_000);
    expect(estimator.medianMs(11_000)).toBeGreaterThan(600);
    expect([estimator.medianMs(11_001), estimator.p95Ms(11_001), estimator.timeoutMs(11_001, true)]).toEqual([
      ...[undefined, undefined, undefined],
    ]);
    for (let sample = 0; sample < 200; sample += 1) estimator.add(600, 100);
    expect(estimator.medianMs(5_000)).toBeUndefined();
    expect(estimator.medianMs(1_200)).toBeDefined();
  });

  it('takes the next for half as long again, however even they have been', () => {
    expect(given(seen(500, 0, 1_000).p95Ms(0))).toBeGreaterThan(1.45 * 500);
  });

  it('waits twice as long after each time-out in a row, up to eight times, until an answer', () => {
    const estimator = seen(500);
    const before = given(estimator.timeoutMs(0, true));
    const p95 = estimator.p95Ms(0);
    const times = [1, 2, 3, 4, 5].map((at) => {
      estimator.timedOut(at, at);
      return given(estimator.timeoutMs(0, true)) / before;
    });
    expect(times).toEqual([2, 4, 8, 8, 8]);
    expect(estimator.p95Ms(0)).toBe(p95);
    estimator.add(500, 0);
    expect(estimator.timeoutMs(0, true)).toBeLessThanOrEqual(before);
  });

  it('lets those who could ask somebody else wait no longer, before there were three in a row', () => {
    const estimator = seen(500);
    const before = given(estimator.timeoutMs(0, false));
    const times = [1, 2, 3, 4, 5, 6].map((at) => {
      estimator.timedOut(at, at);
      return given(estimator.timeoutMs(0, false)) / before;
    });
    expect(times).toEqual([1, 1, 2, 2, 2, 2]);
  });

  it('takes the time-outs of attempts that were under way at once for one', () => {
    const estimator = seen(500);
    const before = given(estimator.timeoutMs(0, true));
    for (const sentAt of [1, 2, 3]) estimator.timedOut(sentAt, sentAt + 1_000);
    expect(given(estimator.timeoutMs(0, true)) / before).toBe(2);
    estimator.timedOut(1_001, 2_000);
    expect(given(estimator.timeoutMs(0, true)) / before).toBe(4);
  });

  it('begins anew when it is told to forget', () => {
    const estimator = seen(10, 90_000);
    estimator.timedOut(5_000, 6_000);
    estimator.forget();
    expect(estimator.medianMs(0)).toBeUndefined();
    estimator.add(900, 0);
    expect(estimator.medianMs(0)).toBeCloseTo(900);
    expect(estimator.medianMs(90_000)).toBeUndefined();
    expect(given(estimator.timeoutMs(0, true))).toBeCloseTo(900 * Math.exp(2));
    estimator.timedOut(1, 2);
    expect(given(estimator.timeoutMs(0, true))).toBeCloseTo(1_800 * Math.exp(2));
  });

  const steps = fc.array(
    fc.record({
      // Also what a clock that stood still, or a machine that slept, would tell.
      ms: fc.oneof(fc.double({ min: 1, max: 60_000, noNaN: true }), fc.constantFrom(0, 1e-9, 1e12)),
      tokens: fc.oneof(fc.nat(200_000), fc.constantFrom(0, 1e12)),
      isLate: fc.boolean(),
    }),
    { maxLength: 100, size: 'max' },
  );

  it('stays finite, in order and among its samples, whatever it is told', () => {
    fc.assert(
      fc.property(steps, fc.nat(1_000_000), (all, asked) => {
        const estimator = new RttEstimator();
        const size = (tokens: number): number => 1 + tokens / 40_000;
        let [least, most, at] = [Number.POSITIVE_INFINITY, 0, 0];
        for (const { ms, tokens, isLate } of all) {
          at += 1;
          if (isLate) estimator.timedOut(at, at);
          else {
            estimator.add(ms, tokens);
            least = Math.min(least, Math.max(1, ms) / size(tokens));
            most = Math.max(most, Math.max(1, ms) / size(tokens));
          }
          const medianMs = estimator.medianMs(asked);
          if (medianMs === undefined) continue;
          const p95Ms = given(estimator.p95Ms(asked));
          const [aloneMs, otherMs] = [true, false].map((isAlone) => given(estimator.timeoutMs(asked, isAlone)));
          expect(medianMs).toBeGreaterThanOrEqual(least * size(asked) * (1 - 1e-9));
          expect(medianMs).toBeLessThanOrEqual(most * size(asked) * (1 + 1e-9));
          expect(p95Ms).toBeGreaterThan(medianMs);
          expect(otherMs).toBeGreaterThan(p95Ms);
          expect(aloneMs).toBeGreaterThanOrEqual(otherMs as number);
          const spread = Math.max(0.5, Math.log(most / least));
          expect(aloneMs).toBeLessThanOrEqual(8.001 * most * size(asked) * Math.exp(4 * spread + Math.log(3)));
          expect(given(estimator.medianMs(asked / 2))).toBeLessThanOrEqual(medianMs);
        }
      }),
    );
  });

  it('leaves nothing behind when it is forgotten, whatever there was', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const [estimator, fresh] = [new RttEstimator(), new RttEstimator()];
        const tell = (to: RttEstimator, { ms, tokens, isLate }: (typeof before)[number], at: number): void =>
          isLate ? to.timedOut(at, at) : to.add(ms, tokens);
        for (const [at, step] of before.entries()) tell(estimator, step, 1_000_000 + at);
        estimator.forget();
        for (const [at, step] of after.entries()) {
          tell(estimator, step, at);
          tell(fresh, step, at);
          const told = (one: RttEstimator) => [
            ...[one.samples, one.p95Ms(5_000), one.timeoutMs(5_000, true), one.timeoutMs(5_000, false)],
          ];
          expect(told(estimator)).toEqual(told(fresh));
        }
      }),
    );
  });
});
