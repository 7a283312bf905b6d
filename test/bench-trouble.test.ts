import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Figures, figuresOf, middleOf } from '../bench/trouble/figures.ts';
import { type Call, callsOf, type Ending } from '../bench/trouble/load.ts';
import { readOptions } from '../bench/trouble/options.ts';
import { pageWith, sheetOf } from '../bench/trouble/page.ts';
import { run } from '../bench/trouble/run.ts';
import type { Sighting } from '../bench/trouble/servers.ts';
import { type ServerPlan, type Trouble, troubleOf, troubles } from '../bench/trouble/trouble.ts';

const well: ServerPlan = { wire: 'anthropic', firstContentMs: 1, tokenMs: 0, words: 8 };

/** Two servers, of which one ends its answers in the middle as if they were whole. */
const tiny: Trouble = {
  name: 'tiny',
  title: 'Tiny',
  note: 'a few calls',
  servers: [{ ...well, wire: 'openai', bad: { fault: { kind: 'cut', afterTokens: 3, by: 'end' } } }, well],
  spanMs: { healthy: 400, trouble: 1_000 },
  perSecond: { healthy: 15, trouble: 15 },
  deadlineMs: 5_000,
  loop: { concurrency: 8, timeoutMs: 5_000 },
};

describe('the bench of troubles', () => {
  it('counts at the servers, and knows a wrong answer from a right one, over both SDKs', async () => {
    const calls = callsOf(tiny, 1).filter(({ arrivesMs }) => arrivesMs >= 400 && arrivesMs < 1_400).length;
    const { stretch, clients } = await run(tiny, 1);
    const [bare, loop, transport] = clients.map(({ figures }) => figures) as [Figures, Figures, Figures];

    expect(calls).toBeGreaterThan(5);
    expect(stretch).toBeGreaterThan(0);
    for (const { requestsPerCall, toBad, wrong, answered } of [bare, loop]) {
      // One request each: nobody has noticed anything.
      expect(requestsPerCall).toBe(1);
      expect(toBad).toBeGreaterThan(0);
      expect(wrong).toBeGreaterThan(0);
      expect(wrong).toBeLessThanOrEqual(Math.round(toBad * calls));
      expect(answered).toBeCloseTo(1 - wrong / calls);
    }
    expect(transport.wrong).toBe(0);
    expect(transport.requestsPerCall).toBeGreaterThan(0);
    expect(transport.toBad).toBeGreaterThan(0);
  });

  it('makes the same calls for the same seed, so many as it says, and goes on until the last that is counted has ended', () => {
    const overload = troubleOf('overload');
    const calls = callsOf(overload, 1);
    expect(callsOf(overload, 1)).toEqual(calls);
    expect(callsOf(overload, 2)).not.toEqual(calls);
    expect(new Set(calls.map(({ prompt }) => prompt)).size).toBe(calls.length);

    const { healthy, trouble } = overload.spanMs;
    const inTrouble = calls.filter(({ arrivesMs }) => arrivesMs >= healthy);
    const expected = (overload.perSecond.trouble * (trouble + overload.deadlineMs)) / 1_000;
    expect(Math.abs(inTrouble.length / expected - 1)).toBeLessThan(0.15);
    expect(calls.at(-1)?.arrivesMs).toBeGreaterThan(healthy + trouble + 0.9 * overload.deadlineMs);
    const share = calls.filter(({ interactive }) => interactive).length / calls.length;
    expect(Math.abs(share - 0.2)).toBeLessThan(0.05);
  });

  it('says what calls that came in the trouble came to, and no others', () => {
    const trouble: Trouble = { ...tiny, servers: [{ ...well, places: 2 }], spanMs: { healthy: 100, trouble: 100 } };
    const ending = (number: number, arrivesMs: number, outcome: Ending['outcome'], firstContentMs?: number): Ending => {
      const call: Call = { prompt: `${number}`, arrivesMs, interactive: number === 2, deadlineMs: 1_000 };
      return { call, outcome, firstContentMs };
    };
    const endings = [
      ending(0, 50, 'answered', 10),
      ending(1, 110, 'answered', 20),
      ending(2, 120, 'answered', 40),
      ending(3, 130, 'failed', 9_000),
      ending(4, 140, 'wrong', 9_000),
      ending(5, 250, 'failed'),
    ];
    const seen = (prompt: string, status: number, from = 0, to = 0): Sighting => ({
      ...{ server: 0, prompt, status, whole: status === 200, receivedAt: 1_000 + from, endedAt: 1_000 + to },
    });
    const sightings = [
      seen('0', 200, 50, 100),
      seen('1', 200, 110, 150),
      // Half of its time is after the trouble.
      seen('2', 200, 160, 240),
      seen('3', 429),
      seen('3', 429),
      seen('5', 429),
    ];
    const figures = figuresOf({ trouble, startedAt: 1_000, healthyMs: 10 }, endings, sightings);
    expect(figures).toMatchObject({
      answered: 0.5,
      interactiveAnswered: 1,
      requestsPerCall: 1,
      refused: 0.5,
      wrong: 1,
    });
    expect(figures.p50).toBeCloseTo(3);
    expect(figures.p99).toBeCloseTo(3.98);
    expect(figures.interactiveP99).toBeCloseTo(4);
    expect(figures.used).toBeCloseTo(80 / 200);

    const others = { ...figures, answered: 0.7, wrong: 2 };
    expect(middleOf([figures, { ...figures, answered: 1 }, others])).toMatchObject({ answered: 0.7, wrong: 4 });
  });

  it('shows in each row what there is to see there', () => {
    const figures = { answered: 0.5, requestsPerCall: 1.25, refused: 0.014, p50: 1, p99: 20, wrong: 0 } as Figures;
    const heads = (name: string): readonly string[] => sheetOf(troubleOf(name), []).heads;
    expect(heads('outage')).toEqual(['answered', 'requests a call', '429s', 'p50', 'p99', 'wrong']);
    expect(heads('outage-of-two')).toContain('sent to it');
    expect(heads('overload')).toEqual(expect.arrayContaining(['of capacity', 'interactive: answered']));
    const sheet = sheetOf(troubleOf('outage'), [{ label: 'one', figures }]);
    expect(sheet.rows).toEqual([{ label: 'one', cells: ['50 %', '1.25', '1.4 %', '× 1.00', '× 20', '0'] }]);

    const page = readFileSync(join(import.meta.dirname, '../docs/trouble.md'), 'utf8');
    for (const { title } of troubles) expect(page).toContain(`### ${title}`);
    const fresh = pageWith(page, [sheet], 'a machine');
    expect(fresh).toContain('| one | 50 % | 1.25 | 1.4 % | × 1.00 | × 20 | 0 |');
    expect(fresh.split('<!-- trouble:')[0]).toBe(page.split('<!-- trouble:')[0]);
    expect(fresh.split('<!-- trouble: end')[1]).toBe(page.split('<!-- trouble: end')[1]);
    expect(() => pageWith('nothing', [sheet], '')).toThrow('the page has no');
  });

  it('knows its options, and refuses others', () => {
    expect(readOptions([])).toEqual({ help: false, rows: [], rounds: 1, write: true });
    // One row is not the page.
    expect(readOptions(['--row', 'outage'])).toMatchObject({ rows: ['outage'], write: false });
    expect(readOptions(['--rounds', '3', '--no-write'])).toMatchObject({ rounds: 3, write: false });
    expect(() => readOptions(['--rounds', '0'])).toThrow(RangeError);
    expect(() => readOptions(['--fast'])).toThrow("Unknown option '--fast'");
    expect(() => troubleOf('rain')).toThrow("no row 'rain'");
  });
});
