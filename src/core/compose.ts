import { OptionsError, TransportError } from './errors.ts';
import { onAbort, reasonOf } from './signals.ts';
import type { Handler, Middleware, Mount, Reply } from './types.ts';

/** Milliseconds that a user's middleware may still take after its call was stopped, to answer in another way. */
const graceMs = 1_000;

/** Puts layers around a handler; the first is the outermost. */
export function compose(layers: readonly Middleware[], handler: Handler, mount: Mount): Handler {
  return layers.reduceRight((next, layer) => layer(next, mount), handler);
}

/**
 * A user's middleware, held to the contract: what it throws becomes `middleware`, it must answer with a reply, and when its call was
 * stopped it has a second left.
 */
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
        const reply = await inGrace(handler(request, context), context.signal);
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

/** The reply, or the signal's reason soon after it aborted: a layer that never settles must not outlast a deadline. */
function inGrace(reply: Promise<Reply>, signal: AbortSignal): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const stop = onAbort(signal, () => {
      timer = setTimeout(() => reject(reasonOf(signal)), graceMs);
    });
    const end = (): void => {
      stop();
      clearTimeout(timer);
    };
    Promise.resolve(reply).then(resolve, reject).finally(end);
  });
}
