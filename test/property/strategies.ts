import {
  type ErrorCode,
  leastBusy,
  lowestLatency,
  priority,
  roundRobin,
  type Strategy,
  weighted,
} from '../../src/index.ts';
import { isSpared, strikes } from './user-middleware.ts';

interface UserStrategy {
  readonly make: () => Strategy;
  /** What calls end in because of it, those that it does not choose for. */
  readonly ends?: ErrorCode;
}

/** Those that there are, and such as users may write. */
const all = {
  priority: { make: priority },
  roundRobin: { make: roundRobin },
  weighted: { make: weighted },
  leastBusy: { make: leastBusy },
  lowestLatency: { make: lowestLatency },
  last: { make: () => (candidates) => candidates.at(-1) },
  settling: {
    make: () =>
      Object.assign<Strategy, Pick<Strategy, 'settled'>>((candidates) => candidates[0], {
        settled() {
          throw new TypeError('a bug in settled');
        },
      }),
  },
  declining: {
    make: () => (candidates, _, context) => (strikes(context) ? undefined : candidates[0]),
    ends: 'no_provider',
  },
  throwing: {
    make: () => (candidates, _, context) => {
      if (strikes(context) && !isSpared(context)) throw new TypeError('a bug');
      return candidates[0];
    },
    ends: 'middleware',
  },
} as const satisfies Readonly<Record<string, UserStrategy>>;

export type StrategyName = keyof typeof all;
export const strategies: Readonly<Record<StrategyName, UserStrategy>> = all;
