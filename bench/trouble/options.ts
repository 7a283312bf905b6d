/** What the command line asks for. */

import { valuesOf, wholeNumber } from './command-line.ts';

export interface Options {
  readonly help: boolean;
  /** The names of the rows; none is all. */
  readonly rows: readonly string[];
  /** How often each is run. */
  readonly rounds: number;
  /** Writes docs/trouble.md. */
  readonly write: boolean;
}

export const help = `The transport in trouble over real sockets, beside the bare SDKs and a loop around them. No key and no network.

  npm run bench:trouble                       all rows, in about a minute; writes docs/trouble.md
  npm run bench:trouble -- --no-write         leaves the page alone
  npm run bench:trouble -- --row black-hole   one of them; writes nothing
  npm run bench:trouble -- --rounds 3         each three times; shown is the figure in the middle
`;

/** @throws TypeError when there is something that is no option, RangeError when there would be nothing to do. */
export function readOptions(args: readonly string[]): Options {
  const { help, row, rounds, write } = valuesOf(args, {
    row: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '1' },
    write: { type: 'boolean', default: true },
  });
  return { help, rows: row, rounds: wholeNumber('rounds', rounds, 1), write: write && row.length === 0 };
}
