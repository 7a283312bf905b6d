import { TransportError } from './errors.ts';
import type { Context, ContextKey } from './types.ts';

/**
 * Whose a call is, where an option names the key that says so. @throws TransportError `invalid_request` for what is no string: the same
 * text for everybody, such as an object's, would let one have what is another's
 */
export function ownerIn(context: Context, by: ContextKey<string>, path: string): string {
  const owner: unknown = context.get(by);
  if (typeof owner === 'string') return owner;
  const what = owner === null ? 'null' : typeof owner;
  throw new TransportError('invalid_request', `The value of the key ${path}: expected a string, got ${what}`);
}
