import { createTransport } from '../../../src/index.ts';
import { simulate } from '../../../src/testing/index.ts';
import { isOk, minute, requestsOf, share } from '../support/measure.ts';
import { randomTrouble, troubleMs } from '../support/random-trouble.ts';
import type { Scenario } from '../support/scenario.ts';

/** Anything at once, to see what never may be. Not a measure of how good the transport is: what is asked of it often cannot be done. */
export const fuzz: Scenario = {
  name: 'fuzz',
  title: 'Ten minutes of random trouble',
  seeds: 1_000,
  baselines: [],
  timedMinutes: troubleMs / minute,
  measures: {
    broken: { label: 'invariants broken', unit: '', atMost: 0 },
    calls: { label: 'calls', unit: '' },
    answered: { label: 'calls answered', unit: '%' },
    attempts: { label: 'attempts a call', unit: '' },
  },

  async run(seed, _client, control) {
    const { providers, options, load } = randomTrouble(seed);
    const report = await simulate({
      ...{ seed, forMs: troubleMs, providers, load },
      client: (all) => createTransport({ providers: all, ...options }),
    });
    const { calls, log } = report;
    control.checkRest();
    const broken = [...report.broken, ...control.broken];
    const figures = {
      broken: broken.length,
      calls: calls.length,
      answered: 100 * share(calls, isOk),
      attempts: requestsOf(report).length / Math.max(1, calls.length),
    };
    return { figures, broken, log };
  },
};
