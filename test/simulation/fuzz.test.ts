import { describe, expect, it } from 'vitest';
import { runJobs } from './support/jobs.ts';
import { randomTrouble } from './support/random-trouble.ts';

const fuzz = (seed: number) => ({ scenario: 'fuzz', seed, client: 'transport' }) as const;

describe('ten minutes of random trouble', () => {
  it('break no invariant, whatever the seed (npm run simulate -- --scenario fuzz)', {
    tags: 'load',
    timeout: 120_000,
  }, async () => {
    const results = await runJobs(Array.from({ length: 18 }, (_, index) => fuzz(index + 1)));
    const broken = results.flatMap(({ seed, shown }) =>
      shown.broken.map((what) => `${what}: --scenario fuzz --seed ${seed}`),
    );
    expect(broken).toEqual([]);
    expect(results.reduce((sum, { shown }) => sum + (shown.figures.calls ?? 0), 0)).toBeGreaterThan(5_000);
  });

  it('are the same for the same seed, event for event', { timeout: 60_000 }, async () => {
    const results = await runJobs([3, 4, 5, 3, 4, 5].map(fuzz));
    const logs = [3, 4, 5].map(
      (seed) => new Set(results.filter((one) => one.seed === seed).map(({ shown }) => shown.log)),
    );
    expect(logs.map(({ size }) => size)).toEqual([1, 1, 1]);
    expect(new Set(results.map(({ shown }) => shown.log)).size).toBe(3);
  });

  it('are of many kinds', () => {
    const all = Array.from({ length: 300 }, (_, index) => randomTrouble(index + 1));
    expect(randomTrouble(7).providers).toEqual(randomTrouble(7).providers);
    expect(new Set(all.map(({ providers }) => providers.length))).toEqual(new Set([1, 2, 3, 4]));
    const incidents = all.flatMap(({ providers }) => providers.flatMap(({ schedule = [] }) => schedule));
    const kinds = new Set(incidents.map((incident) => Object.keys(incident).sort().join()));
    expect(kinds.size).toBeGreaterThan(8);
    expect(incidents.every(({ fromMs, toMs }) => fromMs < toMs)).toBe(true);
  });
});
