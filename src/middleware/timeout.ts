import { alternatives, type Watcher, watched } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { type Fork, forkSignal } from '../core/signals.ts';
import { MovableTimer } from '../core/time.ts';
import type { Context, Middleware, TimeoutOptions } from '../core/types.ts';

/** The options that are not given. */
export const timeoutDefaults: Required<TimeoutOptions> = {
  firstContentMs: 60_000,
  idleMs: 30_000,
  responseMs: 600_000,
  abandonedMs: 60_000,
};

/**
 * Notices silence. Four clocks, each of which runs only while the provider is the one that is waited for: to the first content, from
 * one chunk to the next, to a whole unstreamed answer, and, against forgotten streams, from the last time that the reader took
 * something. Preambles, heartbeats and empty deltas are no progress.
 */
export function timeout(options: TimeoutOptions = {}): Middleware {
  const {
    firstContentMs = timeoutDefaults.firstContentMs,
    idleMs = timeoutDefaults.idleMs,
    responseMs = timeoutDefaults.responseMs,
    abandonedMs = timeoutDefaults.abandonedMs,
  } = options;

  const limits = { firstContentMs, idleMs, responseMs, abandonedMs };

  return function timeout(next, mount) {
    const provider = mount.provider?.name;
    return async (request, context) => {
      const clock = new AttemptClock(limits, provider, context);
      try {
        const reply = await next(request, watched(context.fork({ signal: clock.signal }), clock));
        void reply.done.then(() => clock.stop());
        return reply;
      } catch (error) {
        clock.stop();
        throw error;
      }
    };
  };
}

/** What did not come. */
type Missing = 'first content' | 'answer' | 'further chunk' | 'reader';

/** The clock of one attempt, which aborts it. A class, because what is made anew for each attempt, and for each chunk, costs. */
class AttemptClock implements Watcher {
  readonly #limits: Required<TimeoutOptions>;
  readonly #provider: string | undefined;
  readonly #context: Context;
  readonly #fork: Fork;
  readonly #timer = new MovableTimer(() => this.#fork.abort(this.#late()));
  #answered = false;
  /** What the clock runs for: being asked again, after a chunk with nothing in it, does not start it anew. */
  #waitingFor: 'stream' | 'unary' | undefined;
  #missing: Missing = 'answer';
  #ms = 0;

  constructor(limits: Required<TimeoutOptions>, provider: string | undefined, context: Context) {
    this.#limits = limits;
    this.#provider = provider;
    this.#context = context;
    this.#fork = forkSignal(context.signal);
  }

  get signal(): AbortSignal {
    return this.#fork.signal;
  }

  waiting(wire: 'stream' | 'unary', at?: number): void {
    if (this.#waitingFor === wire) return;
    this.#waitingFor = wire;
    const { firstContentMs, idleMs, responseMs } = this.#limits;
    if (this.#answered) return this.#arm('further chunk', idleMs, at);
    const ms = Math.min(wire === 'stream' ? firstContentMs : responseMs, share(this.#context));
    this.#arm(wire === 'stream' ? 'first content' : 'answer', ms, at);
  }

  content(): void {
    this.#answered = true;
    this.#waitingFor = undefined;
    this.#timer.pause();
  }

  paused(): void {
    this.#waitingFor = undefined;
    this.#arm('reader', this.#limits.abandonedMs);
  }

  stop(): void {
    this.#timer.stop();
    this.#fork.release();
  }

  #arm(missing: Missing, ms: number, at?: number): void {
    this.#missing = missing;
    this.#ms = ms;
    this.#timer.arm(ms, at);
  }

  #late(): TransportError {
    if (this.#missing === 'reader') {
      return new TransportError('cancelled', `Nobody read the stream for ${this.#ms} ms`);
    }
    const what = this.#missing === 'further chunk' ? 'silence, no further chunk' : `no ${this.#missing}`;
    return new TransportError(
      'timeout',
      `${this.#provider ?? 'The provider'}: ${what} within ${Math.round(this.#ms)} ms`,
      { provider: this.#provider },
    );
  }
}

/**
 * What an attempt may take of the time that is left: half, when somebody else could be asked with the other half. A silent provider
 * would otherwise never be noticed by callers whose deadlines are shorter than the timer.
 */
function share(context: Context): number {
  if (context.deadline === Number.POSITIVE_INFINITY || context.get(alternatives) === 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, context.deadline - Date.now()) / 2;
}
