/** What the command line asks for. */

import { parseArgs } from 'node:util';
import type { Effort } from './harness.ts';
import type { LoopbackEffort } from './loopback.ts';

export interface Options {
  readonly help: boolean;
  /** A look in seconds: all rows, and figures that mean little. */
  readonly quick: boolean;
  /** Writes docs/bench.md and docs/bench.svg. */
  readonly write: boolean;
}

export const help = `What a call costs: the pipeline layer by layer, and beside the bare SDK and other libraries. No key and no network.

  npm run bench                 some three minutes; writes docs/bench.md and docs/bench.svg
  npm run bench -- --no-write   leaves the documents alone
  npm run bench -- --quick      all rows in a few seconds, to see that it works; writes nothing
`;

/** @throws TypeError when there is something that is no option. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: true },
    },
  });
  return { help: values.help, quick: values.quick, write: values.write && !values.quick };
}

/** How much is measured, by part. */
export interface Efforts {
  readonly time: Effort;
  readonly bytes: { readonly rounds: number; readonly calls: number; readonly warmUpMs: number };
  readonly loopback: LoopbackEffort;
}

export function effortOf(quick: boolean): Efforts {
  return quick
    ? {
        time: { rounds: 3, batchMs: 4, warmUpMs: 8 },
        bytes: { rounds: 1, calls: 4, warmUpMs: 4 },
        loopback: { rounds: 1, batchMs: 60, warmUpMs: 60 },
      }
    : {
        time: { rounds: 13, batchMs: 40, warmUpMs: 500 },
        bytes: { rounds: 3, calls: 64, warmUpMs: 100 },
        loopback: { rounds: 11, batchMs: 250, warmUpMs: 3_000 },
      };
}
