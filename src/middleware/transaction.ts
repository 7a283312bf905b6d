import { callOf } from '../core/context.ts';
import { failed, scrubbed, type TransportError, withFields } from '../core/errors.ts';
import { mapError } from '../core/reply.ts';
import { wordsOf } from '../core/request.ts';
import { abandoned, forkSignal } from '../core/signals.ts';
import { now } from '../core/time.ts';
import type { CompletionRequest, Context, Middleware } from '../core/types.ts';

/**
 * Makes a call one transaction: `call:start` and exactly one `call:end`, and an error that carries the transaction id and the
 * whole ledger, whatever layer it comes from. Outermost, so that everything is correlated.
 */
export function transaction(): Middleware {
  return function transaction(next) {
    return async (request, context) => {
      const call = callOf(context);
      // What is still under way when the call is over is stopped before that is told: a generator in between may be stuck.
      const fork = forkSignal(context.signal);
      context.publish({ type: 'call:start', stream: request.stream === true, metadata: request.metadata });
      const end = (outcome: string): void => {
        if (call.events.heard('call:end')) {
          const attempts = Object.freeze([...context.attempts]);
          context.publish({ type: 'call:end', outcome, durationMs: now() - call.startedAt, attempts });
        }
        call.over = true;
      };
      try {
        const reply = mapError(await next(request, context.fork({ signal: fork.signal })), (error) =>
          stamped(error, request, context),
        );
        void reply.done.then((outcome) => {
          if (!outcome.ok) fork.abort(abandoned());
          fork.release();
          end(outcome.ok ? 'ok' : outcome.error.code);
        });
        return reply;
      } catch (thrown) {
        fork.abort(abandoned());
        fork.release();
        const error = stamped(failed(thrown), request, context);
        end(error.code);
        throw error;
      }
    };
  };
}

/** Whatever layer it comes from, and whoever wrote that: without the caller's words. */
function stamped(error: TransportError, request: CompletionRequest, context: Context): TransportError {
  return withFields(scrubbed(error, { texts: wordsOf(request) }), {
    transactionId: context.transactionId,
    attempts: Object.freeze([...context.attempts]),
  });
}
