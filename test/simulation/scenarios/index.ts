/** All scenarios, in the order of the page. */

import type { Scenario } from '../support/scenario.ts';
import { concurrencyLimit, concurrencyRetryAfter, fewCallers } from './concurrency-limit.ts';
import { exclusion } from './exclusion.ts';
import { firstContent } from './first-content.ts';
import { fuzz } from './fuzz.ts';
import { localNetwork, twoUnreachable } from './local-network.ts';
import { metastable } from './metastable.ts';
import { oneFailing, oneSlow } from './one-of-four.ts';
import { outages } from './outage.ts';
import { overload } from './overload.ts';
import { errors } from './random-errors.ts';
import { rateLimits } from './rate-limit.ts';
import { stragglers } from './stragglers.ts';

export const scenarios: readonly Scenario[] = [
  concurrencyLimit,
  concurrencyRetryAfter,
  fewCallers,
  ...rateLimits,
  ...outages,
  ...errors,
  firstContent,
  stragglers,
  oneSlow,
  oneFailing,
  metastable,
  overload,
  exclusion,
  localNetwork,
  twoUnreachable,
];

/** Those that are only run when they are asked for. */
export const extra: readonly Scenario[] = [fuzz];

export function scenarioOf(name: string): Scenario {
  const all = [...scenarios, ...extra];
  const found = all.find((one) => one.name === name);
  if (found === undefined)
    throw new TypeError(`There is no scenario ${name}: ${all.map((one) => one.name).join(', ')}`);
  return found;
}
