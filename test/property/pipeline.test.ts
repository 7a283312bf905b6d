import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkAll } from './invariants.ts';
import { play } from './play.ts';
import { scenarios } from './scenarios.ts';

/**
 * Whole pipelines by chance, in virtual time. `FC_RUNS=5000` plays more of them. What fails says the seed and the path of it, which
 * `FC_SEED` and `FC_PATH` play again.
 */
const { FC_RUNS, FC_SEED, FC_PATH } = process.env;
const numRuns = Number(FC_RUNS ?? 120);
const timeout = 60_000 * Math.max(1, numRuns / 120);
const runs = {
  ...{ numRuns, seed: Number(FC_SEED ?? 1), ...(FC_PATH && { path: FC_PATH }) },
  // What fails is made smaller, for so long and no longer.
  interruptAfterTimeLimit: 0.8 * timeout,
};

beforeEach(() => {
  vi.useFakeTimers();
  // Strategies and listeners that throw are warned of, once each.
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Plays as many as there are to play, and says what the calls ended in. */
async function playAll(users: 'good' | 'any'): Promise<(code: string) => number> {
  const ends = new Map<string, number>();
  const property = fc.asyncProperty(scenarios(users), async (scenario) => {
    vi.setSystemTime(1_800_000_000_000);
    for (const end of checkAll(scenario, await play(scenario))) ends.set(end, (ends.get(end) ?? 0) + 1);
  });
  await fc.assert(property, runs);
  return (code) => ends.get(code) ?? 0;
}

describe('whatever providers, callers and options do', () => {
  it('every call ends once, exactly, and leaves nothing behind', { timeout }, async () => {
    const count = await playAll('good');
    // The runs have been somewhere.
    if (FC_PATH !== undefined) return;
    for (const code of ['ok', 'stream_interrupted', 'cancelled', 'deadline_exceeded', 'closed', 'no_provider'])
      expect(`${code}: ${count(code)}`).not.toBe(`${code}: 0`);
  });
});

describe('whatever users add', () => {
  it('every call ends once, as it may, and leaves nothing behind', { timeout }, async () => {
    const count = await playAll('any');
    if (FC_PATH !== undefined) return;
    for (const code of ['ok', 'middleware', 'budget_exceeded', 'deadline_exceeded', 'no_provider'])
      expect(`${code}: ${count(code)}`).not.toBe(`${code}: 0`);
  });
});
