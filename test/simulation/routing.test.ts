import { describe, expect, it } from 'vitest';
import type { Completion, Strategy } from '../../src/core/types.ts';
import { leastBusy, lowestLatency, roundRobin } from '../../src/index.ts';
import { exponential, logNormal } from '../../src/testing/distributions.ts';
import { randomFrom, type SimulatedOptions, type SimulatedProvider, simulated } from '../../src/testing/index.ts';
import { advance, chance, finish, requestsAt, transport, virtualTime, watch } from '../unit/middleware/support.ts';

virtualTime();

const callsASecond = 12;
const names = ['a', 'b', 'c', 'd'] as const;

/** Log-normal milliseconds around 600, as first tokens come. */
const firstTokenMs = (times: number) => (random: () => number) =>
  Math.min(logNormal(random, 600 * times, 0.5), 120_000);

/** Four providers, one of them as told, under a steady load; what became of the calls, and the share of that one. */
async function load(route: Strategy, bad: SimulatedOptions, seed: number, forMs = 60_000) {
  chance(seed);
  const providers = names.map((name) =>
    simulated({ name, seed, words: 20, tokenMs: 20, firstTokenMs: firstTokenMs(1), ...(name === 'a' && bad) }),
  ) as [SimulatedProvider, ...SimulatedProvider[]];
  const llm = transport({ providers, route, retry: false });
  const random = randomFrom(seed);
  const calls: ReturnType<typeof watch<Completion>>[] = [];
  for (let at = 0; at < forMs; ) {
    calls.push(watch(llm.complete({ prompt: `Hello ${calls.length}` })));
    const pause = exponential(random, 1_000 / callsASecond);
    at += pause;
    await advance(pause);
  }
  await advance(120_000);
  const waits = calls
    .map(({ result }) => (result?.ok ? (result.value.attempts.at(-1)?.firstContentMs ?? 0) : Number.POSITIVE_INFINITY))
    .sort((one, other) => one - other);
  const ratio = (share: number): number => waits[Math.floor(waits.length * share)] ?? Number.NaN;
  const all = requestsAt(...providers);
  await finish(llm);
  return {
    share: requestsAt(providers[0]) / all,
    failed: calls.filter(({ result }) => !result?.ok).length / calls.length,
    p95: ratio(0.95),
    requests: providers.map((provider) => requestsAt(provider) / all),
  };
}

const slow: SimulatedOptions = { firstTokenMs: firstTokenMs(6), tokenMs: 80 };

describe('one provider of four is slow, at twelve calls a second', () => {
  it('lowestLatency sends it at most three of a hundred, roundRobin a quarter', async () => {
    for (const seed of [1, 2, 3]) {
      const quick = await load(lowestLatency(), slow, seed);
      expect(quick.share).toBeLessThan(0.03);
      expect(quick.share).toBeGreaterThan(0);
      const even = await load(roundRobin(), slow, seed, 20_000);
      expect(even.share).toBeCloseTo(0.25, 1);
      expect(quick.p95).toBeLessThan(even.p95 / 2);
    }
  });

  it('and leastBusy sends it less than its share', async () => {
    const { share } = await load(leastBusy(), slow, 1, 30_000);
    expect(share).toBeLessThan(0.2);
  });
});

describe('one provider of four fails at once', () => {
  it.each([lowestLatency, leastBusy, roundRobin])(
    '%o: its circuit opens before it can draw the traffic',
    async (strategy) => {
      const { failed } = await load(strategy(), { fault: 'http-500', firstTokenMs: 30 }, 1, 60_000);
      // Without retries each failed attempt is a failed call: three in a row, then a probe every five seconds.
      expect(failed).toBeLessThan(0.05);
    },
  );
});

describe('all are well', () => {
  it('lowestLatency keeps none idle', async () => {
    const { requests, failed } = await load(lowestLatency(), {}, 4, 40_000);
    expect(failed).toBe(0);
    for (const share of requests) expect(share).toBeGreaterThan(0.1);
  });
});
