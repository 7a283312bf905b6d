import { OptionsError } from './errors.ts';
import { unknownOption } from './option-mistakes.ts';

/**
 * Checks that options are an object without unknown names.
 * @throws OptionsError with the path of what is wrong: `openai.nmae`
 */
export function checkNames(factory: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw new OptionsError(factory, 'expected an object of options');
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw new OptionsError(`${factory}.${name}`, unknownOption(known));
}
