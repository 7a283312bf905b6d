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

describe('a learned rate', () => {
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
    expect(learned.perMinute).toBeCloseTo(57, 0);
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
});
