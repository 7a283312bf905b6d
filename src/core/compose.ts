import { OptionsError, TransportError } from './errors.ts';
import type { Handler, Middleware, Mount } from './types.ts';

/** Puts layers around a handler; the first is the outermost. */
export function compose(layers: readonly Middleware[], handler: Handler, mount: Mount): Handler {
  return layers.reduceRight((next, layer) => layer(next, mount), handler);
}

/** A user's middleware, held to the contract: what it throws becomes `middleware`, and it must answer with a reply. */
export function guarded(layer: Middleware): Middleware {
  return (next, mount) => {
    const handler = layer(next, mount);
    const name = layer.name || handler?.name || 'A middleware';
    if (typeof handler !== 'function') {
      throw new OptionsError(
        '',
        `${name} returned ${typeof handler} where a handler (request, context) => Promise<Reply> was expected`,
      );
    }
    return async (request, context) => {
      try {
        const reply = await handler(request, context);
        if (typeof reply?.done?.then === 'function' && typeof reply.chunks?.[Symbol.asyncIterator] === 'function')
          return reply;
        throw new TypeError(`expected a Reply with chunks and done, got ${reply === null ? 'null' : typeof reply}`);
      } catch (error) {
        if (TransportError.is(error)) throw error;
        throw new TransportError('middleware', `${name} threw ${error instanceof Error ? error.name : typeof error}`, {
          cause: error,
        });
      }
    };
  };
}
