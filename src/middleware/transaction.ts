import { callOf } from '../core/context.ts';
import { failed, type TransportError, withFields } from '../core/errors.ts';
import { mapError } from '../core/reply.ts';
import { now } from '../core/time.ts';
import type { Context, Middleware } from '../core/types.ts';

/**
 * Makes a call one transaction: `call:start` and exactly one `call:end`, and an error that carries the transaction id and the
 * whole ledger, whatever layer it comes from. Outermost, so that everything is correlated.
 */
export function transaction(): Middleware {
  return function transaction(next) {
    return async (request, context) => {
      const { startedAt } = callOf(context);
      context.publish({ type: 'call:start', stream: request.stream === true, metadata: request.metadata });
      const end = (outcome: string): void => {
        const attempts = Object.freeze([...context.attempts]);
        context.publish({ type: 'call:end', outcome, durationMs: now() - startedAt, attempts });
      };
      try {
        const reply = mapError(await next(request, context), (error) => stamped(error, context));
        void reply.done.then((outcome) => end(outcome.ok ? 'ok' : outcome.error.code));
        return reply;
      } catch (thrown) {
        const error = stamped(failed(thrown), context);
        end(error.code);
        throw error;
      }
    };
  };
}

function stamped(error: TransportError, context: Context): TransportError {
  return withFields(error, { transactionId: context.transactionId, attempts: Object.freeze([...context.attempts]) });
}
