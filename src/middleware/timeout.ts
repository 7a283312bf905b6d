import { alternatives, watched } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { forkSignal } from '../core/signals.ts';
import { MovableTimer } from '../core/time.ts';
import type { Context, Middleware, TimeoutOptions } from '../core/types.ts';

/**
 * Notices silence. Four clocks, each of which runs only while the provider is the one that is waited for: to the first content, from
 * one chunk to the next, to a whole unstreamed answer, and, against forgotten streams, from the last time that the reader took
 * something. Preambles, heartbeats and empty deltas are no progress.
 */
export function timeout(options: TimeoutOptions = {}): Middleware {
  const { firstContentMs = 60_000, idleMs = 30_000, responseMs = 600_000, abandonedMs = 60_000 } = options;

  return function timeout(next, mount) {
    const name = mount.provider?.name ?? 'The provider';
    return async (request, context) => {
      const fork = forkSignal(context.signal);
      let late: () => TransportError;
      const timer = new MovableTimer(() => fork.abort(late()));
      let answered = false;
      /** What the clock runs for: being asked again, after a chunk with nothing in it, does not start it anew. */
      let waitingFor: 'stream' | 'unary' | undefined;

      const arm = (ms: number, error: () => TransportError): void => {
        late = error;
        timer.arm(ms);
      };
      const silent = (what: string, ms: number) => () =>
        new TransportError('timeout', `${name}: ${what} within ${Math.round(ms)} ms`, {
          provider: mount.provider?.name,
        });

      const watching = watched(context.fork({ signal: fork.signal }), {
        waiting(wire) {
          if (waitingFor === wire) return;
          waitingFor = wire;
          if (answered) return arm(idleMs, silent('silence, no further chunk', idleMs));
          const ms = Math.min(wire === 'stream' ? firstContentMs : responseMs, share(context));
          arm(ms, silent(wire === 'stream' ? 'no first content' : 'no answer', ms));
        },
        content() {
          answered = true;
          waitingFor = undefined;
          timer.pause();
        },
        paused() {
          waitingFor = undefined;
          const unread = () => new TransportError('cancelled', `Nobody read the stream for ${abandonedMs} ms`);
          arm(abandonedMs, unread);
        },
      });
      const stop = (): void => {
        timer.stop();
        fork.release();
      };
      try {
        const reply = await next(request, watching);
        void reply.done.then(stop);
        return reply;
      } catch (error) {
        stop();
        throw error;
      }
    };
  };
}

/**
 * What an attempt may take of the time that is left: half, when somebody else could be asked with the other half. A silent provider
 * would otherwise never be noticed by callers whose deadlines are shorter than the timer.
 */
function share(context: Context): number {
  if (context.deadline === Number.POSITIVE_INFINITY || context.get(alternatives) === 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, context.deadline - Date.now()) / 2;
}
