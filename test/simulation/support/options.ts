/** What the command line asks for. */

import { valuesOf, wholeNumber } from '../../../bench/trouble/command-line.ts';

export interface Options {
  readonly help: boolean;
  /** Only these; all, when there are none. */
  readonly scenarios: readonly string[];
  /** Only this one. */
  readonly seed: number | undefined;
  /** Runs of each scenario, instead of its own number. */
  readonly seeds: number | undefined;
  readonly baselines: boolean;
  /** Writes docs/simulation.md and docs/simulation.svg. */
  readonly write: boolean;
}

export const help = `The transport in trouble, in virtual time, beside what applications write around a provider themselves.

  npm run simulate                                all scenarios: a table of what is shown and of what must be
  npm run simulate -- --write                     … and the fuzz run; writes docs/simulation.md and docs/simulation.svg
  npm run simulate -- --scenario outage           some scenarios (may be given more than once)
  npm run simulate -- --scenario fuzz             1,000 times ten minutes of random trouble
  npm run simulate -- --seed 7 --scenario outage  one run again, event for event, with the number of its log
  npm run simulate -- --seeds 2 --no-baselines    sooner
`;

/** @throws TypeError when there is something that is no option, RangeError when a number is none. */
export function readOptions(args: readonly string[]): Options {
  const { help, scenario, seed, seeds, baselines, write } = valuesOf(args, {
    scenario: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    baselines: { type: 'boolean', default: true },
    write: { type: 'boolean', default: false },
  });
  if (write && (scenario.length > 0 || seed !== undefined || !baselines))
    throw new TypeError('--write is for all scenarios');
  return {
    ...{ help, scenarios: scenario, baselines, write },
    seed: seed === undefined ? undefined : wholeNumber('seed', seed),
    seeds: seeds === undefined ? undefined : wholeNumber('seeds', seeds),
  };
}
