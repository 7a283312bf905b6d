import { describe, expect, it } from 'vitest';
import { logNormal } from '../../src/testing/distributions.ts';
import { type SimulatedOptions, simulated } from '../../src/testing/index.ts';
import { advance, chance, finish, settled, transport, virtualTime, watch } from '../unit/middleware/support.ts';

virtualTime();

/** With another at hand, who is given up soon; and nobody is asked in its place. */
const options = { retry: false, circuitBreaker: false } as const;
const idle = () => simulated({ name: 'idle' });

/** Calls of one second apart to a provider whose first content takes so long: how many attempts were given up. */
async function givenUp(firstTokenMs: SimulatedOptions['firstTokenMs'], calls: number, seed: number): Promise<number> {
  chance(seed);
  const a = simulated({ name: 'a', seed, words: 1, firstTokenMs });
  const llm = transport({ providers: [a, idle()], ...options });
  const results: ReturnType<typeof watch>[] = [];
  for (let call = 0; call < calls; call += 1) {
    results.push(watch(llm.complete({ prompt: `Hello ${call}` })));
    await advance(1_000);
  }
  await advance(60_000);
  await finish(llm);
  expect(results.every(({ result }) => result?.code === 'ok' || result?.code === 'timeout')).toBe(true);
  return results.filter(({ result }) => result?.code === 'timeout').length;
}

describe('a provider whose first content takes log-normal times', () => {
  it.each([0.3, 0.5, 0.7, 1])(
    'is given up too early by at most three attempts of a thousand, six thousand calls with a spread of %s',
    async (sigma) => {
      const calls = 6_000;
      const late = await givenUp((random) => logNormal(random, 1_500, sigma), calls, 1);
      expect(late / calls).toBeLessThanOrEqual(0.003);
    },
  );

  it.each([0.3, 0.5])(
    'is followed within three calls when they become four times as long, with a spread of %s',
    async (sigma) => {
      const counts = { within: 0, after: 0 };
      const [runs, calls] = [30, 40];
      for (let seed = 1; seed <= runs; seed += 1) {
        chance(seed);
        let medianMs = 1_500;
        const a = simulated({
          name: 'a',
          seed,
          words: 1,
          firstTokenMs: (random) => logNormal(random, medianMs, sigma),
        });
        const llm = transport({ providers: [a, idle()], ...options });
        for (let call = 0; call < 60; call += 1) await settled(llm.complete({ prompt: 'Hello' }));
        medianMs *= 4;
        for (let call = 0; call < 3 + calls; call += 1) {
          const { code } = await settled(llm.complete({ prompt: 'Hello' }));
          if (code === 'timeout') counts[call < 3 ? 'within' : 'after'] += 1;
        }
        await finish(llm);
      }
      // There was something to follow.
      expect(counts.within).toBeGreaterThan(runs / 5);
      expect(counts.after / (runs * calls)).toBeLessThanOrEqual(0.003);
    },
  );
});
