import { OptionsError } from '../core/errors.ts';
import { checkNames } from '../core/option-names.ts';

/**
 * Checks what the options of all adapters have in common: that they are an object without unknown names, and that `name`,
 * `domain`, `limits` and `traits` are of the right kind. The numbers in `limits` and `traits` are checked by the transport.
 * @throws OptionsError with the path of what is wrong: `openai.nmae`
 */
export function checkOptions(factory: string, options: unknown, known: readonly string[]): void {
  checkNames(factory, options, known);
  const fields = options as Readonly<Record<string, unknown>>;
  for (const name of ['name', 'domain', 'kind']) {
    const value = fields[name];
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw new OptionsError(`${factory}.${name}`, 'expected a text that is not empty');
  }
  for (const name of ['limits', 'traits']) {
    const value = fields[name];
    if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value)))
      throw new OptionsError(`${factory}.${name}`, 'expected an object');
  }
}
