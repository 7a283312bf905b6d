import { OptionsError, TransportError } from './errors.ts';
import { isWhole } from './reply.ts';
import { onAbort, reasonOf } from './signals.ts';
import type { CompletionRequest, Handler, Middleware, Mount, Outcome, Reply } from './types.ts';

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
    const asked = new WeakSet<CompletionRequest>();
    const given = new WeakSet<Reply>();
    const handler = layer(async (request, context) => {
      if (!asked.has(request) && !isRequest(request)) throw new TypeError('next was not given a request');
      const reply = await next(request, context);
      given.add(reply);
      return reply;
    }, mount);
    const name = layer.name || handler?.name || 'A middleware';
    const blamed = (error: unknown): TransportError =>
      TransportError.is(error)
        ? error
        : new TransportError('middleware', `${name} threw ${error instanceof Error ? error.name : typeof error}`, {
            cause: error,
          });
    if (typeof handler !== 'function') {
      throw new OptionsError(
        '',
        `${name} returned ${typeof handler} where a handler (request, context) => Promise<Reply> was expected`,
      );
    }
    return async (request, context) => {
      try {
        asked.add(request);
        const reply = await inGrace(handler(request, context), context.signal);
        if (typeof reply?.done?.then !== 'function' || typeof reply.chunks?.[Symbol.asyncIterator] !== 'function')
          throw new TypeError(`expected a Reply with chunks and done, got ${reply === null ? 'null' : typeof reply}`);
        if (given.has(reply) || isWhole(reply)) return reply;
        // One of its own making: who waits for `done` counts on it to settle, and to say how.
        const done = inGrace(reply.done, context.signal).then(
          (outcome): Outcome =>
            isOutcome(outcome) ? outcome : { ok: false, error: blamed(new TypeError('done is no outcome')) },
          (error: unknown): Outcome => ({ ok: false, error: blamed(error) }),
        );
        return { provider: reply.provider, chunks: reply.chunks, done };
      } catch (error) {
        throw blamed(error);
      }
    };
  };
}

/** What is looked into on the way down: what is none would break that in places where nobody can catch it. */
function isRequest(request: unknown): boolean {
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
  if (!isObject(request)) return false;
  const { messages } = request as CompletionRequest;
  if (messages === undefined) return true;
  return (
    Array.isArray(messages) &&
    messages.every(({ content }) => typeof content === 'string' || (Array.isArray(content) && content.every(isObject)))
  );
}

function isOutcome(outcome: Outcome | undefined): outcome is Outcome {
  if (outcome?.ok !== true) return TransportError.is(outcome?.error);
  return typeof outcome.completion === 'object' && outcome.completion !== null;
}

/** What is promised, or the signal's reason soon after it aborted: a layer that never settles must not outlast a deadline. */
function inGrace<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const stop = onAbort(signal, () => {
      timer = setTimeout(() => reject(reasonOf(signal)), graceMs);
    });
    const end = (): void => {
      stop();
      clearTimeout(timer);
    };
    Promise.resolve(promise).then(resolve, reject).finally(end);
  });
}
