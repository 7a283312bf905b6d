import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LearnedRate } from '../../../src/control/learned-rate.ts';
import { randomFrom } from '../../../src/testing/index.ts';

interface World {
  readonly perMinute?: (atMs: number) => number;
  readonly concurrency?: number;
  readonly seed: number;
}

/**
 * A provider with a bucket of a minute's requests, or with a limit of attempts at once, and a client that always has more to send:
 * it sends as fast as it may, or one request for each that has ended. Minute by minute: what was let in, and what was refused.
 */
function minutes(
  { perMinute = () => Number.POSITIVE_INFINITY, concurrency = Number.POSITIVE_INFINITY, seed }: World,
  count: number,
) {
  const learned = new LearnedRate();
  const random = randomFrom(seed);
  const rows = Array.from({ length: count }, () => ({ admitted: 0, refused: 0 }));
  let level = Math.min(perMinute(0), 1_000);
  let purse = 1;
  let quietUntil = 0;
  let running: number[] = [];
  const stepMs = 50;
  for (let at = 0; at < count * 60_000; at += stepMs) {
    const rate = perMinute(at);
    if (rate !== Number.POSITIVE_INFINITY) level = Math.min(rate, level + (rate / 60_000) * stepMs);
    running = running.filter((end) => end > at);
    const held = learned.isRate === true ? learned.perMinute : undefined;
    purse =
      held === undefined
        ? Number.POSITIVE_INFINITY
        : Math.min(10, (Number.isFinite(purse) ? purse : 0) + (held / 60_000) * stepMs);
    // It would like to have about as many under way as the provider takes, give or take.
    const wanted =
      concurrency === Number.POSITIVE_INFINITY
        ? 6 + Math.floor(random() * 10)
        : concurrency + (random() < 0.02 ? 1 : 0);
    while (at >= quietUntil && purse >= 1 && running.length < wanted) {
      learned.sent(at);
      purse -= 1;
      const row = rows[Math.floor(at / 60_000)] as (typeof rows)[number];
      if (level >= 1 && running.length < concurrency) {
        level -= 1;
        running.push(at + 1_000 + 10_000 * random());
        row.admitted += 1;
      } else {
        row.refused += 1;
        learned.refused(running.length + 1, at);
        quietUntil = at + 2_000;
      }
    }
  }
  return { rows, learned };
}

/** What is held of a rate after a refusal: of one a minute, which is the least. */
const held = ((): number => {
  const learned = new LearnedRate();
  learned.refused(1, 0);
  return learned.perMinute ?? Number.NaN;
})();

describe('a learned rate', () => {
  it('holds a little less than what was let in', () => {
    expect(held).toBeGreaterThan(0.8);
    expect(held).toBeLessThan(1);
  });

  it('is none before the first refusal', () => {
    const learned = new LearnedRate();
    for (let at = 0; at < 100; at += 1) learned.sent(at);
    expect([learned.perMinute, learned.isRate]).toEqual([undefined, undefined]);
  });

  it('is what was let in between two refusals', () => {
    const learned = new LearnedRate();
    learned.sent(0);
    learned.refused(1, 0);
    for (let request = 0; request < 30; request += 1) learned.sent(1_000 * (request + 1));
    learned.sent(30_000);
    learned.refused(7, 30_000);
    // A little less at first.
    expect(learned.perMinute).toBeCloseTo(60 * held, 0);
  });

  it('takes refusals that come together for one', () => {
    const learned = new LearnedRate();
    for (let request = 0; request < 50; request += 1) learned.sent(request * 100);
    learned.refused(5, 5_000);
    const { perMinute } = learned;
    learned.sent(5_100);
    learned.refused(5, 6_000);
    learned.refused(5, 9_900);
    expect(learned.perMinute).toBeCloseTo(perMinute ?? 0, 0);
  });

  it.each([1, 2, 3, 4, 5])(
    'uses more than nine tenths of a hidden limit, and is refused twice in a hundred at most (seed %s)',
    (seed) => {
      const { rows, learned } = minutes({ perMinute: () => 60, seed }, 15);
      expect(learned.isRate).toBe(true);
      const later = rows.slice(2);
      const admitted = later.reduce((sum, row) => sum + row.admitted, 0);
      const refused = later.reduce((sum, row) => sum + row.refused, 0);
      expect(admitted / later.length).toBeGreaterThan(54);
      expect(refused / (admitted + refused)).toBeLessThan(0.02);
    },
  );

  it.each([
    ['halved', 60, 30],
    ['doubled', 60, 120],
  ])('finds a limit that was %s within three minutes', (_, before, after) => {
    for (const seed of [1, 2, 3]) {
      const { rows } = minutes({ perMinute: (at) => (at < 480_000 ? before : after), seed }, 16);
      for (const { admitted } of rows.slice(11)) {
        expect(admitted).toBeGreaterThan(after * 0.8);
        expect(admitted).toBeLessThan(after * 1.25);
      }
    }
  });

  it('is no rate where it is the number at once that is refused', () => {
    for (const seed of [1, 2, 3]) {
      expect(minutes({ concurrency: 16, seed }, 10).learned.isRate).toBe(false);
    }
  });

  /** What is learned from one span after the other: so many were let in, over so long, before the next was refused. */
  function spans() {
    const learned = new LearnedRate();
    let at = 0;
    const span = (letIn: number, ms: number, refusal: { readonly inFlight?: number; readonly most?: number } = {}) => {
      const { inFlight = 5, most = inFlight } = refusal;
      for (let request = 0; request < letIn; request += 1) {
        at += ms / letIn;
        learned.sent(at, request === 0 ? most : 1);
      }
      learned.sent(at, inFlight);
      learned.refused(inFlight, at);
      return (learned.perMinute ?? Number.NaN) / held;
    };
    /** The first bucket held a minute's worth. */
    const first = (perMinute: number) => span(1.5 * perMinute, 30_000);
    return { learned, span, first };
  }

  it('is made of all the spans that agree: nearer to the truth than the last of them', () => {
    const { span, first } = spans();
    expect(first(20)).toBeCloseTo(20, 0);
    // One more or less in half a minute is a matter of when it is counted.
    const found = [9, 11, 11, 9, 9, 11, 9].map((letIn) => span(letIn, 30_000));
    for (const perMinute of found) expect(Math.abs(perMinute - 20)).toBeLessThan(0.6);
    expect(found.at(-1)).toBeGreaterThan(19);
    // Of many it may be a tenth.
    const many = spans();
    many.first(60);
    for (const letIn of [28, 32, 28, 32]) expect(Math.abs(many.span(letIn, 30_000) - 60)).toBeLessThan(2.5);
  });

  it('counts for no more than what is seen now, when that is another and was short', () => {
    const { span, first } = spans();
    first(6);
    expect(span(6, 6_000)).toBeCloseTo((6 + 60) / 2, 0);
  });

  it('forgets of those what is more than sixty requests ago', () => {
    const { span, first } = spans();
    first(20);
    for (let count = 0; count < 20; count += 1) span(10, 30_000);
    // A little less, which each span could be by chance.
    const found = Array.from({ length: 20 }, () => span(9, 30_000));
    expect(found[0]).toBeGreaterThan(19.5);
    expect(found.at(-1)).toBeCloseTo(18, 0);
    expect(found).toEqual(found.toSorted((one, other) => other - one));
  });

  it.each([
    ['halved', 10],
    ['doubled', 40],
  ])('has nothing to do with what was known, once it was %s', (_, after) => {
    const { span, first } = spans();
    first(20);
    for (let count = 0; count < 10; count += 1) span(10, 30_000);
    expect(Math.abs(span(after, 60_000) - after)).toBeLessThan(0.1 * after);
    // And what is seen from then on is gathered anew.
    const found = [1, -1, -1, 1, 1, -1].map((more) => span(after + more, 60_000));
    expect(Math.abs((found.at(-1) ?? 0) - after)).toBeLessThan(0.02 * after);
  });

  describe('that is known to be one', () => {
    const rate = () => {
      const scene = spans();
      scene.first(20);
      for (const inFlight of [3, 12, 5, 9, 4, 11]) scene.span(10, 30_000, { inFlight });
      expect(scene.learned.isRate).toBe(true);
      return scene;
    };
    const uneven = [10, 12, 9, 12, 10, 9, 12, 9];

    it('stays one when it is always the same number under way that is refused, where more had not been', () => {
      const { learned, span } = rate();
      for (const letIn of uneven) span(letIn, 30_000, { inFlight: 3, most: 5 });
      expect(learned.isRate).toBe(true);
    });

    it('stays one when that is so of one of the latest refusals', () => {
      const { learned, span } = rate();
      for (const [index, letIn] of uneven.entries()) span(letIn, 30_000, { inFlight: 3, most: index === 4 ? 6 : 3 });
      expect(learned.isRate).toBe(true);
    });

    it('is none when hardly more had ever been under way', () => {
      const { learned, span } = rate();
      for (const letIn of uneven) span(letIn, 30_000, { inFlight: 3, most: 4 });
      expect(learned.isRate).toBe(false);
    });
  });

  it('lies between what was known and what was let in since, and only grows until the next refusal, whatever happens', () => {
    const step = fc.record({
      count: fc.oneof(fc.nat(3), fc.nat(100)),
      pauseMs: fc.oneof(fc.nat(10_000), fc.constantFrom(0, 1, 1e12)),
      isRefused: fc.boolean(),
      inFlight: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(1e12)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const learned = new LearnedRate();
        let plateau: number | undefined;
        let [at, letIn, since, news] = [0, 0, -60_000, 0];
        for (const { count, pauseMs, isRefused, inFlight } of steps) {
          for (let request = 0; request < count; request += 1) {
            const before = learned.perMinute ?? 0;
            learned.sent(at);
            letIn += 1;
            expect(learned.perMinute ?? 0).toBeGreaterThanOrEqual(before);
          }
          at += pauseMs;
          if (news === 0 && letIn === 0) since = at - 60_000;
          if (isRefused) {
            letIn = Math.max(0, letIn - 1);
            if (learned.refused(inFlight, at)) {
              news += 1;
              const seen = (letIn / (at - since)) * 60_000;
              const now = (learned.perMinute ?? Number.NaN) / held;
              const known = plateau ?? seen;
              expect(now).toBeGreaterThanOrEqual(Math.max(1, Math.min(seen, known)) * (1 - 1e-9));
              expect(now).toBeLessThanOrEqual(Math.max(1, seen, known) * (1 + 1e-9));
              [plateau, letIn, since] = [now, 0, at];
            }
          }
          if (plateau === undefined) expect(learned.perMinute).toBeUndefined();
          else {
            expect(learned.perMinute).toBeGreaterThanOrEqual(held * plateau * (1 - 1e-9));
            expect(learned.perMinute).toBeLessThanOrEqual(1.301 * plateau * 2 ** 20);
          }
          if (news < 3) expect(learned.isRate).toBeUndefined();
        }
      }),
    );
  });

  it('grows to a million times what it was at most, however long nothing is refused', () => {
    const learned = new LearnedRate();
    learned.refused(1, 0);
    for (let at = 0; at < 20_000_000_000; at += 100_000) learned.sent(at);
    expect(learned.perMinute).toBeGreaterThan(1_000);
    expect(learned.perMinute).toBeLessThan(1.301 * 2 ** 20);
  });

  it('does not mind a clock that goes back', () => {
    const learned = new LearnedRate();
    learned.sent(100_000);
    learned.refused(1, 100_000);
    const { perMinute } = learned;
    learned.sent(0);
    expect(learned.refused(1, 0)).toBe(false);
    expect(learned.perMinute).toBe(perMinute);
  });
});
