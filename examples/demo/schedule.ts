/** What goes wrong, and when: the same for both sides. */

import { type EnforcedLimits, type FaultChoice, type RandomFaults, simulatedServer } from 'llm-transport/testing';

/** A time of trouble. `from` and `to` are shares of the load's duration. */
export interface Trouble {
  readonly provider: 'primary' | 'backup';
  readonly from: number;
  readonly to: number;
  readonly what: string;
  /** What every request meets. */
  readonly fault?: FaultChoice;
  /** What the key is still allowed: a share of the calls that arrive. The rest gets 429. */
  readonly allowedRatio?: number;
}

export const troubles: readonly Trouble[] = [
  { provider: 'primary', from: 0.05, to: 0.15, what: 'is down: connections are refused', fault: 'connection-refused' },
  { provider: 'backup', from: 0.08, to: 0.11, what: 'is overloaded', fault: 'http-529' },
  {
    provider: 'primary',
    from: 0.375,
    to: 0.485,
    what: 'is a black hole: it accepts, and says nothing',
    fault: 'silence-before-headers',
  },
  {
    provider: 'primary',
    from: 0.625,
    to: 0.705,
    what: 'ends every answer half-way, without an error',
    fault: { kind: 'cut', afterTokens: 20, by: 'end' },
  },
  { provider: 'primary', from: 0.75, to: 0.78, what: 'is overloaded: 503', fault: 'http-503' },
  { provider: 'primary', from: 0.86, to: 0.97, what: 'throttles the key: 429', allowedRatio: 0.25 },
];

/** And all the time, at random, both providers fail a few requests. */
const everyday: Record<Trouble['provider'], RandomFaults> = {
  primary: { ratio: 0.08, faults: ['http-500', 'http-502-html', 'http-503', 'cut-end'] },
  backup: { ratio: 0.04, faults: ['http-500', 'http-503'] },
};

export interface ServerOptions {
  readonly provider: Trouble['provider'];
  readonly durationMs: number;
  readonly callsPerSecond: number;
  readonly seed: number;
}

/** Words of every answer. */
export const words = 60;

/** Starts one simulated provider, about ten times as fast as a real one, whose troubles begin to count from now. */
export async function startServer({ provider, durationMs, callsPerSecond, seed }: ServerOptions) {
  const mine = troubles.filter((trouble) => trouble.provider === provider);
  const server = await simulatedServer({
    seed: seed + (provider === 'primary' ? 0 : 1_000),
    words,
    firstTokenMs: (random) => 60 + 120 * random(),
    tokenMs: 5,
    random: everyday[provider],
    schedule: mine.flatMap(({ fault, from, to }) =>
      fault === undefined ? [] : [{ fromMs: from * durationMs, toMs: to * durationMs, fault }],
    ),
  });

  const timers = mine.flatMap(({ allowedRatio, from, to }) => {
    if (allowedRatio === undefined) return [];
    const limits: EnforcedLimits = { requestsPerMinute: 60 * callsPerSecond * allowedRatio, burstRatio: 0.01 };
    return [
      setTimeout(() => server.setLimits(limits), from * durationMs),
      setTimeout(() => server.setLimits(undefined), to * durationMs),
    ];
  });
  const close = async () => {
    for (const timer of timers) clearTimeout(timer);
    await server.close();
  };
  return { server, close };
}
