import { callOf, contextKey } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { abandoned, forkSignal } from '../core/signals.ts';
import { longestTimerMs } from '../core/time.ts';
import type { Handler, Middleware } from '../core/types.ts';

/** The deadline that a layer above already watches. */
const watchedDeadline = contextKey('watchedDeadline', Number.POSITIVE_INFINITY);

/**
 * Turns the call's deadline into an abort: whatever is under way then stops, and the call rejects `deadline_exceeded`. Above
 * retries and queues, because waiting counts.
 */
export function deadline(): Middleware {
  return function deadline(next) {
    const inTime: Handler = async (request, context) => {
      const left = context.deadline - Date.now();
      const exceeded = (): TransportError => new TransportError('deadline_exceeded', 'The time for the call is over');
      if (left <= 0) throw exceeded();

      const fork = forkSignal(context.signal);
      const timer = setTimeout(() => fork.abort(exceeded()), Math.min(left, longestTimerMs));
      const stop = (ok: boolean): void => {
        clearTimeout(timer);
        // Nobody above can stop any more what is still under way below once the fork is released.
        if (!ok) fork.abort(abandoned());
        fork.release();
      };
      try {
        const reply = await next(
          request,
          context.fork({ signal: fork.signal }).with(watchedDeadline.of(context.deadline)),
        );
        void reply.done.then(({ ok }) => stop(ok));
        return reply;
      } catch (error) {
        stop(false);
        throw error;
      }
    };
    return (request, context) => {
      // What calls share has the latest of their deadlines, which each of them watches for itself.
      const watched = callOf(context).deadline ?? context.get(watchedDeadline);
      return (context.deadline >= watched ? next : inTime)(request, context);
    };
  };
}
