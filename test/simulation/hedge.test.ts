import { describe, expect, it } from 'vitest';
import type { TransportOptions } from '../../src/core/types.ts';
import { logNormal } from '../../src/testing/distributions.ts';
import { simulated } from '../../src/testing/index.ts';
import { advance, chance, finish, requestsAt, transport, virtualTime, watch } from '../unit/middleware/support.ts';

virtualTime();

/** First tokens after 400 to 800 ms; two of a hundred take ten times as long. */
const stragglers = (random: () => number): number => (400 + 400 * random()) * (random() < 0.02 ? 10 : 1);

/** The same with times that are log-normal, about 600 ms. */
const logNormalStragglers = (random: () => number): number => logNormal(random, 600, 0.35) * (random() < 0.02 ? 10 : 1);

/** Two providers with stragglers, ten calls a second for a while: how long the calls waited, sorted, and the requests they took. */
async function load(seed: number, hedge: TransportOptions['hedge'], calls = 600, firstTokenMs = stragglers) {
  chance(seed);
  const [a, b] = ['a', 'b'].map((name) => simulated({ name, seed, words: 2, firstTokenMs }));
  if (a === undefined || b === undefined) throw new Error('two are needed');
  // Stragglers are to be rescued here, and not given up.
  const llm = transport({ providers: [a, b], hedge, timeout: { firstContentMs: 60_000 } });
  const under: ReturnType<typeof watch>[] = [];
  for (let call = 0; call < calls; call += 1) {
    under.push(watch(llm.complete({ prompt: `Hello ${call}` })));
    await advance(100);
  }
  await advance(30_000);
  const waits = under
    .map(({ result }) => (result?.ok ? result.ms : Number.POSITIVE_INFINITY))
    .sort((one, other) => one - other);
  await finish(llm);
  return { p99: waits[Math.floor(calls * 0.99)] ?? Number.NaN, requestsPerCall: requestsAt(a, b) / calls };
}

describe('two of a hundred first tokens take ten times as long', () => {
  it('a hedge after what most take halves the slowest hundredth, for at most five more requests in a hundred', async () => {
    for (const seed of [1, 2, 3]) {
      const plain = await load(seed, false);
      const hedged = await load(seed, { afterMs: 850 });
      expect(plain.requestsPerCall).toBe(1);
      expect(hedged.p99).toBeLessThan(plain.p99 / 2);
      expect(hedged.requestsPerCall).toBeGreaterThan(1);
      expect(hedged.requestsPerCall).toBeLessThan(1.05);
    }
  });

  it('so does a hedge that is made by default, when the first is later than the provider usually is', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const plain = await load(seed, false, 1_000, logNormalStragglers);
      const hedged = await load(seed, undefined, 1_000, logNormalStragglers);
      expect(hedged.p99).toBeLessThan(plain.p99 / 2);
      expect(hedged.requestsPerCall).toBeGreaterThan(1.005);
      expect(hedged.requestsPerCall).toBeLessThan(1.05);
    }
  });

  it('a hedge that is due at once never sends more than the quota lets it', async () => {
    // Half of the purse is fifty hedges, and each call that is answered pays for a fifth of another.
    const { requestsPerCall } = await load(4, { afterMs: 0 });
    expect(requestsPerCall).toBeLessThan(1 + 50 / 600 + 1 / 5 + 0.01);
  });
});
