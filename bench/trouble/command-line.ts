/** Reads a command line. */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

const help = { type: 'boolean', short: 'h', default: false } as const;

/**
 * What a command line says of `options`, and whether it asks for `help`; `--no-…` is false.
 *
 * @throws TypeError when there is something that is no option.
 */
export function valuesOf<const Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  return parseArgs({ args: [...args], allowNegative: true, options: { help, ...options } }).values;
}

/** @throws RangeError naming the option. */
export function wholeNumber(option: string, text: string, least = 0): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new RangeError(`--${option} expects a whole number${least > 0 ? `, ${least} or more` : ''}; got ${text}`);
  return number;
}
