import type { Candidates } from '../../../src/core/candidates.ts';
import type { ProviderHealth } from '../../../src/core/health.ts';
import type { Strategy, Traits } from '../../../src/core/types.ts';
import { aContext, aHealth, aProvider } from '../core/support.ts';

/** What a candidate is to look like. */
export interface Looks {
  readonly name?: string;
  readonly waitMs?: number;
  readonly traits?: Traits;
  readonly inFlight?: number;
  readonly queued?: number;
  readonly firstContentMs?: number;
}

/** Candidates named 1, 2, 3 … unless told otherwise, looking as told. */
export function candidates(...looks: readonly Looks[]): readonly [ProviderHealth, ...ProviderHealth[]] {
  const [first, ...rest] = looks.map(
    ({ name, waitMs = 0, traits, inFlight = 0, queued = 0, firstContentMs }, index) => {
      const { health } = aHealth(aProvider({ name: name ?? `${index + 1}`, traits }));
      health.estimateWaitMs = () => waitMs;
      Object.assign(health, { inFlight, queued });
      if (firstContentMs !== undefined) health.answeredAfter(firstContentMs, 0);
      return health;
    },
  );
  if (first === undefined) throw new Error('no candidates');
  return [first, ...rest];
}

/** Whom a strategy chooses, again and again. */
export function choices(strategy: Strategy, among: Candidates, count: number): string[] {
  return Array.from({ length: count }, () => strategy(among, { prompt: 'Hi' }, aContext())?.name ?? 'nobody');
}

/** How often each was chosen. */
export function sharesOf(chosen: readonly string[]): Record<string, number> {
  const shares: Record<string, number> = {};
  for (const name of chosen) shares[name] = (shares[name] ?? 0) + 1 / chosen.length;
  return shares;
}
