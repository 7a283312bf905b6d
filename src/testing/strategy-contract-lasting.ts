/** What the strategy contract promises over many choices: speed, memory, and that nothing is shared. */

import assert from 'node:assert/strict';
import type { Attempt } from '../core/types.ts';
import { randomFrom } from './answer.ts';
import { heapUsed } from './contract-traces.ts';
import type { StrategyContractOptions } from './strategy-contract.ts';
import { asking, attempt, candidate, candidates, someOf } from './strategy-contract-candidates.ts';
import { promptOf, type StrategyRule, Trial } from './strategy-contract-trial.ts';

/** Microseconds that a choice may take: it is made before every attempt. */
const longestUs = 100;
/** Calls before memory is looked at, and then; and bytes that may be in use more. */
const [warming, measured, most] = [5_000, 20_000, 1_000_000] as const;

/** The rules of many choices. */
export const lastingRules: readonly StrategyRule[] = [
  {
    name: 'can be told of the end of any attempt',
    run(trial, { values }) {
      const { strategy } = trial;
      const { request, context } = asking(promptOf(0), 0, values?.(0));
      const ends: readonly Partial<Attempt>[] = [
        {},
        { number: 7 },
        { outcome: 'server_error', firstContentMs: undefined, usage: undefined, cost: undefined },
        { outcome: 'abandoned', reason: 'hedge', durationMs: undefined },
      ];
      for (const fields of ends)
        for (const name of ['a', 'of which it never heard', 'a'])
          assert.doesNotThrow(() => strategy.settled?.(request, context, attempt(name, fields)), 'settled() threw');
      trial.nameOf([candidate('a'), candidate('b')]);
    },
  },
  {
    name: `chooses within ${longestUs} µs`,
    run(trial) {
      const among = candidates(10, randomFrom(4));
      const rounds = 500;
      let us = Number.POSITIVE_INFINITY;
      // The best of several: the machine may have other things to do.
      for (let batch = 0; batch < 8; batch += 1) {
        const from = performance.now();
        for (let round = 0; round < rounds; round += 1) trial.choose(among);
        us = Math.min(us, ((performance.now() - from) * 1_000) / rounds);
      }
      assert.ok(us < longestUs, `one choice of ten takes ${us.toFixed()} µs`);
    },
  },
  {
    name: 'keeps nothing of a call, however many there are',
    async run(trial) {
      const random = randomFrom(5);
      const all = candidates(40, random);
      const make = (calls: number): void => {
        for (let call = 0; call < calls; call += 1) {
          // In one piece: of a text that is put together only the parts would be kept.
          const prompt = Buffer.from(`${call}`.padStart(500, 'x')).toString('latin1');
          trial.choose(someOf(all, random), { prompt });
        }
      };
      make(warming);
      const before = await heapUsed();
      make(measured);
      const more = (await heapUsed()) - before;
      assert.ok(more < most, `after ${measured} calls ${(more / 1e6).toFixed(1)} MB more are in use`);
    },
  },
  {
    name: 'shares nothing with another one that was made',
    run(_, options) {
      const alone = withoutChance(() => sequence(options)[0]);
      assert.deepEqual(
        withoutChance(() => sequence(options)[0]),
        alone,
        shared,
      );
      const [one, other] = withoutChance(() => sequence(options, 2));
      assert.deepEqual([one, other], [alone, alone], shared);
    },
  },
];

const shared =
  'one that was made anew takes others, with the same candidates, clock and Math.random(): it remembers outside of itself';

/** What so many strategies take that are asked in turn, always with the same. */
function sequence(options: StrategyContractOptions, count = 1): (string | undefined)[][] {
  const trials = Array.from({ length: count }, () => new Trial(options));
  const draws = trials.map(() => randomFrom(7));
  const taken: (string | undefined)[][] = trials.map(() => []);
  // A prime, so that a wheel that turns on does not happen to stand where it stood.
  for (let round = 0; round < 97; round += 1) {
    for (const [index, trial] of trials.entries()) {
      Math.random = draws[index] as () => number;
      const among = candidates(3 + (round % 2), randomFrom(round % 5));
      taken[index]?.push(trial.choose(among)?.name);
    }
  }
  return taken;
}

/** Runs with a clock that stands still, and puts back what it has changed. */
function withoutChance<T>(run: () => T): T {
  const { random } = Math;
  const { now } = Date;
  const precise = Object.getOwnPropertyDescriptor(performance, 'now');
  const [at, since] = [Date.now(), performance.now()];
  Date.now = () => at;
  performance.now = () => since;
  try {
    return run();
  } finally {
    Math.random = random;
    Date.now = now;
    delete (performance as { now?: unknown }).now;
    // Somebody else's, such as a fake clock's; Node's own is inherited.
    if (precise !== undefined) Object.defineProperty(performance, 'now', precise);
  }
}
