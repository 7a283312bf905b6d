/** Ten minutes of anything, by a seed: providers, what goes wrong with them, callers, and options of a transport. */

import {
  type HedgeOptions,
  leastBusy,
  lowestLatency,
  priority,
  roundRobin,
  type TransportOptions,
  weighted,
} from '../../../src/index.ts';
import type { SimulatedLoad, VirtualIncident, VirtualProviderOptions } from '../../../src/testing/index.ts';
import { randomFrom } from '../../../src/testing/index.ts';
import { minute, second } from './measure.ts';

export const troubleMs = 10 * minute;

export interface Trouble {
  readonly providers: readonly VirtualProviderOptions[];
  readonly options: Omit<TransportOptions, 'providers'>;
  readonly load: readonly SimulatedLoad[];
}

export function randomTrouble(seed: number): Trouble {
  const dice = new Dice(seed);
  const local = dice.chance(0.3) ? [unreachable(dice)] : [];
  const providers = Array.from({ length: dice.whole(1, 4) }, (_, index) => providerOf(dice, index, local));
  return {
    providers,
    options: optionsOf(dice),
    load: Array.from({ length: dice.whole(1, 2) }, () => loadOf(dice)),
  };
}

function providerOf(dice: Dice, index: number, local: readonly VirtualIncident[]): VirtualProviderOptions {
  const limits = {
    ...(dice.chance(0.3) && { concurrency: dice.whole(2, 20) }),
    ...(dice.chance(0.3) && { requestsPerMinute: dice.whole(10, 200) }),
    ...(dice.chance(0.3) && { tokensPerMinute: dice.whole(5_000, 100_000) }),
  };
  const enforcedLimits = { ...limits, headers: dice.chance(0.5), burstRatio: dice.pick([1 / 6, 1]) };
  return {
    ...{ name: `p${index}`, domain: dice.chance(0.3) ? 'shared' : `d${index}`, seed: dice.whole(1, 1_000_000) },
    ...{ firstContentMs: dice.spread(300, 2_400), sigma: dice.pick([0.2, 0.35, 0.65, 1]) },
    ...{ tokensPerSecond: dice.spread(40, 400), chunks: dice.whole(1, 3), tokenRatio: dice.spread(0.6, 1.6) },
    ...(dice.chance(0.3) && { stragglerRatio: 0.02 }),
    ...(dice.chance(0.3) && { errorRatio: dice.pick([0.005, 0.05]) }),
    ...(dice.chance(0.3) && { cutRatio: 0.01 }),
    ...(dice.chance(0.2) && { stallRatio: 0.005 }),
    ...(dice.chance(0.2) && { slots: dice.whole(3, 30), maxWaiting: dice.pick([5, Number.POSITIVE_INFINITY]) }),
    ...(dice.chance(0.2) && { knee: dice.whole(2, 20) }),
    ...{ keepsAbandoned: dice.chance(0.5), enforcedLimits, retryAfter: dice.chance(0.7) },
    ...(dice.chance(0.3) && { limits }),
    traits: { weight: dice.whole(1, 3) },
    schedule: [...Array.from({ length: dice.whole(0, 5) }, () => incidentOf(dice, enforcedLimits)), ...local],
  };
}

function incidentOf(dice: Dice, limits: object): VirtualIncident {
  const fromMs = dice.spread(second, troubleMs);
  const span = { fromMs, toMs: fromMs + dice.spread(2 * second, 2 * minute) };
  const times = dice.pick([0.25, 4]);
  const scaled = Object.entries(limits).map(([key, value]) =>
    typeof value === 'number' && key !== 'burstRatio' ? [key, Math.max(1, Math.round(value * times))] : [key, value],
  );
  const errorRetryAfterMs = dice.pick([undefined, 0, 2_000, 90_000]);
  return {
    ...span,
    ...dice.pick<Partial<VirtualIncident>>([
      { errorRatio: 1, errorMs: dice.pick([20, 5_000]) },
      { errorRatio: 1, errorCode: 'overloaded', errorRetryAfterMs },
      { errorRatio: dice.pick([0.2, 0.7]), errorRetryAfterMs },
      { errorRatio: 1, errorCode: 'rate_limited', errorRetryAfterMs },
      { errorRatio: 1, errorCode: dice.pick(['authentication', 'quota_exhausted']) },
      { slowness: dice.pick([3, 6]) },
      { state: 'silent' },
      unreachable(dice),
      { enforcedLimits: Object.fromEntries(scaled) },
      { slots: 1 },
      { cutRatio: 0.5 },
      { stallRatio: 0.3 },
    ]),
    ...span,
  };
}

function unreachable(dice: Dice): VirtualIncident {
  const fromMs = dice.spread(second, troubleMs);
  return { fromMs, toMs: fromMs + dice.spread(5 * second, 40 * second), state: 'unreachable', errorMs: 20 };
}

function optionsOf(dice: Dice): Trouble['options'] {
  return {
    route: dice.pick([priority, roundRobin, weighted, leastBusy, lowestLatency])(),
    ...(dice.chance(0.3) && { hedge: hedgeOf(dice) }),
    ...(dice.chance(0.2) && { retry: dice.pick([false, { retries: 1 }, { maxWaitMs: 5 * second }] as const) }),
    ...(dice.chance(0.2) && { timeout: { firstContentMs: dice.pick([3 * second, 20 * second]), idleMs: 5 * second } }),
    ...(dice.chance(0.1) && { circuitBreaker: false }),
    ...(dice.chance(0.2) && { rateLimit: dice.pick([false, { maxQueued: 10 }] as const) }),
  };
}

function hedgeOf(dice: Dice): HedgeOptions | false {
  return dice.chance(0.5) && { afterMs: dice.spread(500, 3_000) };
}

function loadOf(dice: Dice): SimulatedLoad {
  const fromMs = dice.chance(0.3) ? dice.spread(second, 5 * minute) : 0;
  return {
    ...(dice.chance(0.7)
      ? { perSecond: dice.spread(0.1, 1.2), burstiness: dice.pick([1, 3, 13]) }
      : { callers: dice.whole(1, 4), thinkMs: dice.spread(1_000, 10_000) }),
    ...{ fromMs, timeoutMs: dice.pick([3 * second, 20 * second, minute, 3 * minute]) },
    ...{ priority: dice.pick(['interactive', 'default', 'batch'] as const), inputTokens: dice.pick([20, 200]) },
    ...{ outputTokens: dice.pick([20, 250]), maxOutputTokens: dice.pick([500, 4_096]) },
    ...{ streamRatio: dice.pick([0, 0.5]), cancelRatio: dice.pick([0, 0.05]) },
  };
}

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed * 7_919 + 17);
  }

  chance(ratio: number): boolean {
    return this.#random() < ratio;
  }

  whole(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  /** Between the two, in the logarithm: small ones as often as large ones. */
  spread(least: number, most: number): number {
    return least * (most / least) ** this.#random();
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }
}
