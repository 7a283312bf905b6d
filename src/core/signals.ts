import { TransportError } from './errors.ts';

/** Why a signal was aborted, as the error to reject with. A reason that is no `TransportError` is a cancellation. */
export function reasonOf(signal: AbortSignal): TransportError {
  const { reason } = signal;
  if (TransportError.is(reason)) return reason;
  const plain = reason === undefined || (reason instanceof DOMException && reason.name === 'AbortError');
  return new TransportError('cancelled', 'The call was cancelled', plain ? {} : { cause: reason });
}

/** The caller's abort, whatever its reason: a cancellation, also when the reason is another call's error. */
export function cancellation(signal: AbortSignal): TransportError {
  const reason = reasonOf(signal);
  return reason.code === 'cancelled'
    ? reason
    : new TransportError('cancelled', 'The call was cancelled', { cause: reason });
}

const abandonments = new WeakSet<object>();

/** Why an attempt is stopped whose call is over: nothing against its provider. */
export function abandoned(): TransportError {
  const error = new TransportError('cancelled', 'The call was over before this attempt was');
  abandonments.add(error);
  return error;
}

/** True for a signal that was aborted because the call was over. */
export function isAbandoned({ reason }: AbortSignal): boolean {
  return typeof reason === 'object' && reason !== null && abandonments.has(reason);
}

/** A signal of one's own that follows another. */
export interface Fork {
  readonly signal: AbortSignal;
  abort(error: TransportError): void;
  /** Stops following. Whoever forks must release, else a long-lived signal keeps the call alive. */
  release(): void;
}

/**
 * Forwards aborts by hand: `AbortSignal.any` keeps about a kilobyte a call for as long as the followed signal lives, and fake
 * timers do not reach `AbortSignal.timeout`. `then` is called when an abort has been forwarded: cheaper than listening to the fork.
 */
export function forkSignal(
  parent: AbortSignal | undefined,
  reason: typeof reasonOf = reasonOf,
  then?: () => void,
): Fork {
  const controller = new AbortController();
  const forward = (): void => {
    controller.abort(parent === undefined ? undefined : reason(parent));
    then?.();
  };
  if (parent?.aborted) forward();
  else parent?.addEventListener('abort', forward);
  return {
    signal: controller.signal,
    abort: (error) => controller.abort(error),
    release: () => parent?.removeEventListener('abort', forward),
  };
}

/** Calls back when the signal aborts, at once if it has. Returns the way to stop listening. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => {};
  }
  // A signal aborts once, and `once` would cost as much again as listening does.
  signal.addEventListener('abort', listener);
  return () => signal.removeEventListener('abort', listener);
}

/** The promise's outcome, or the signal's reason as soon as it aborts, whether or not the promise ever settles. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(reasonOf(signal)));
    promise.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error) => {
        stop();
        reject(error);
      },
    );
  });
}

/** `raceAbort` for many promises, one after the other, with one listener for all. `stop` when it is over. */
export class AbortRace {
  readonly #signal: AbortSignal;
  #reject: ((error: TransportError) => void) | undefined;
  /** Stops listening. */
  readonly stop: () => void;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.stop = onAbort(signal, () => this.#reject?.(reasonOf(signal)));
  }

  of<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#signal.aborted) reject(reasonOf(this.#signal));
      this.#reject = reject;
      promise.then(resolve, reject);
    });
  }
}
