/** What the command line asks for. */

import { parseArgs } from 'node:util';

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

/** @throws TypeError when there is something that is no option. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      scenario: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
      seeds: { type: 'string' },
      baselines: { type: 'boolean', default: true },
      write: { type: 'boolean', default: false },
    },
  });
  const whole = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    const number = Number(text);
    if (!Number.isInteger(number) || number < 0) throw new TypeError(`${text} is no whole number`);
    return number;
  };
  const { help, scenario, baselines, write } = values;
  if (write && (scenario.length > 0 || values.seed !== undefined || !baselines))
    throw new TypeError('--write is for all scenarios');
  return { help, scenarios: scenario, seed: whole(values.seed), seeds: whole(values.seeds), baselines, write };
}
