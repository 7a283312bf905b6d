import { alternatives, type HeardFacts, isResumable, type Watcher, watched } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { failsOver } from '../core/itinerary.ts';
import type { Pace } from '../core/pace.ts';
import { type Fork, forkSignal } from '../core/signals.ts';
import { MovableTimer, now } from '../core/time.ts';
import type { CompletionRequest, Context, Middleware, TimeoutOptions } from '../core/types.ts';

/** The options that are not given, of those that are not adaptive. */
export const timeoutDefaults = { responseMs: 600_000, abandonedMs: 60_000 } satisfies TimeoutOptions;

/** Bounds of the adaptive ones, in milliseconds. Until enough is known of a provider they have the longest. */
const firstContentBounds = { least: 5_000, most: 60_000 };
const idleBounds = { least: 1_000, most: 30_000 };
/** Who could ask nobody else gains little by giving up early, and a server with a line of its own would have worked for nobody. */
const leastAloneMs = 20_000;
/** Where a stream that has been answered cannot be made good, a healthy one must not be killed for being quick before. */
const leastStreamIdleMs = 10_000;
/** However near the deadline is, an answer that is under way may be silent for so long. */
const leastSharedIdleMs = 1_000;

/** What a person has set. */
type Limits = Pick<TimeoutOptions, 'firstContentMs' | 'idleMs'> & typeof timeoutDefaults;

/**
 * Notices silence. Four clocks, each of which runs only while the provider is the one that is waited for: to the first content, from
 * one chunk to the next, to a whole unstreamed answer, and, against forgotten streams, from the last time that the reader took
 * something. Preambles, heartbeats and empty deltas are no progress; reasoning and pieces of tool calls are. The first two adapt to
 * what the provider's answers take, given its `pace`, unless they are set.
 */
export function timeout(options: TimeoutOptions = {}, pace?: Pace): Middleware {
  const { responseMs = timeoutDefaults.responseMs, abandonedMs = timeoutDefaults.abandonedMs } = options;
  const { firstContentMs, idleMs } = options;
  const limits: Limits = { firstContentMs, idleMs, responseMs, abandonedMs };

  return function timeout(next, mount) {
    const place = { limits, pace, provider: mount.provider?.name };
    return async (request, context) => {
      const clock = new AttemptClock(place, request, context);
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

/** What the attempts at one provider have in common. */
interface Place {
  readonly limits: Limits;
  readonly pace: Pace | undefined;
  readonly provider: string | undefined;
}

/** What did not come. */
type Missing = 'first content' | 'answer' | 'further chunk' | 'reader';

/** The clock of one attempt, which aborts it. A class, because what is made anew for each attempt, and for each chunk, costs. */
class AttemptClock implements Watcher {
  readonly #place: Place;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  readonly #fork: Fork;
  readonly #timer = new MovableTimer(() => this.#expired());
  /** An unary call whose time is short, and that somebody else could be asked for too. */
  readonly #shares: boolean;
  #begun = false;
  /** What the clock runs for: being asked again, after a chunk with nothing in it, does not start it anew. */
  #waitingFor: 'stream' | 'unary' | undefined;
  #missing: Missing = 'answer';
  #ms = 0;
  #idleMs: number | undefined;
  /** When it began to wait for the first content, unless the deadline left it less than that should need. */
  #sentAt: number | undefined;
  #onSilence: HeardFacts['onSilence'];

  constructor(place: Place, request: CompletionRequest, context: Context) {
    this.#place = place;
    this.#request = request;
    this.#context = context;
    this.#fork = forkSignal(context.signal);
    this.#shares = request.stream !== true && canShare(context);
  }

  get signal(): AbortSignal {
    return this.#fork.signal;
  }

  waiting(wire: 'stream' | 'unary', at?: number): void {
    if (this.#waitingFor === wire) return;
    this.#waitingFor = wire;
    if (this.#begun) return this.#armIdle(at);
    const fullMs = wire === 'stream' ? this.#firstContentMs() : this.#place.limits.responseMs;
    const shareMs = canShare(this.#context) ? share(this.#context) : Number.POSITIVE_INFINITY;
    this.#sentAt = fullMs <= shareMs ? (at ?? now()) : undefined;
    this.#arm(wire === 'stream' ? 'first content' : 'answer', Math.min(fullMs, shareMs), at);
  }

  content(): void {
    this.#begun = true;
    this.#waitingFor = undefined;
    this.#timer.pause();
  }

  progress(at: number): void {
    if (this.#waitingFor === undefined) return;
    this.#begun = true;
    this.#armIdle(at);
  }

  received({ onSilence }: HeardFacts): void {
    if (onSilence !== undefined) this.#onSilence = onSilence;
  }

  paused(): void {
    this.#waitingFor = undefined;
    this.#arm('reader', this.#place.limits.abandonedMs);
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

  #armIdle(at: number | undefined): void {
    this.#idleMs ??= this.#adaptedIdleMs();
    const ms = this.#shares ? Math.min(this.#idleMs, Math.max(leastSharedIdleMs, share(this.#context))) : this.#idleMs;
    this.#arm('further chunk', ms, at);
  }

  #firstContentMs(): number {
    const { limits, pace } = this.#place;
    if (limits.firstContentMs !== undefined) return limits.firstContentMs;
    const isAlone = this.#context.get(alternatives) === 0;
    const ms = within(firstContentBounds, pace?.timeoutMs(this.#request, isAlone));
    // Half of the time that is left is there to ask again.
    return isAlone ? Math.max(ms, Math.min(leastAloneMs, share(this.#context))) : ms;
  }

  #adaptedIdleMs(): number {
    const { limits, pace } = this.#place;
    if (limits.idleMs !== undefined) return limits.idleMs;
    const ms = within(idleBounds, pace?.silenceMs);
    const isFinal = this.#request.stream === true && !this.#context.get(isResumable);
    return isFinal ? Math.max(leastStreamIdleMs, ms) : ms;
  }

  #expired(): void {
    const late = this.#late();
    if (this.#isFinal() || this.#onSilence?.(late) !== true) this.#fork.abort(late);
    else this.#armIdle(undefined);
  }

  /** No way on is looked for while somebody else could begin, with the time that is left for that. */
  #isFinal(): boolean {
    return this.#missing === 'reader' || this.#shares || (!this.#begun && failsOver(this.#context));
  }

  #late(): TransportError {
    if (this.#missing === 'reader') {
      return new TransportError('cancelled', `Nobody read the stream for ${this.#ms} ms`);
    }
    this.#learn();
    const what = this.#missing === 'further chunk' ? 'silence, no further chunk' : `no ${this.#missing}`;
    const { provider } = this.#place;
    const message = `${provider ?? 'The provider'}: ${what} within ${Math.round(this.#ms)} ms`;
    return new TransportError('timeout', message, { provider });
  }

  /** A time-out may also have been too short. */
  #learn(): void {
    const { pace } = this.#place;
    if (this.#missing === 'further chunk') pace?.silent(this.#ms);
    else if (this.#missing === 'first content' && this.#sentAt !== undefined)
      pace?.timedOut(this.#request, this.#sentAt, now());
  }
}

function within({ least, most }: { readonly least: number; readonly most: number }, ms: number | undefined): number {
  return ms === undefined ? most : Math.min(most, Math.max(least, ms));
}

/** Whether the time that is left is to be shared with somebody else. */
function canShare(context: Context): boolean {
  return context.deadline !== Number.POSITIVE_INFINITY && failsOver(context);
}

/**
 * What an attempt may take of the time that is left: half, when somebody else could be asked with the other half. A silent provider
 * would otherwise never be noticed by callers whose deadlines are shorter than the timer.
 */
function share(context: Context): number {
  return Math.max(0, context.deadline - Date.now()) / 2;
}
