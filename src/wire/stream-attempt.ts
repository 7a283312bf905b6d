import { TransportError } from '../core/errors.ts';
import { type Fork, forkSignal, onAbort, reasonOf } from '../core/signals.ts';
import type { Chunk } from '../core/types.ts';
import type { ByteReader } from './bytes.ts';
import type { Failures } from './failures.ts';

/** One try at a stream, as the reading of it sees it. */
export interface StreamAttempt {
  /** Aborts when the caller's does, and when the reader leaves before the answer is whole. */
  readonly signal: AbortSignal;
  /** Set by the one who reads, once the answer is whole: leaving then costs no connection. */
  complete: boolean;
}

/**
 * A stream that can be left: nothing is sent before the first `next()`, and `return()` closes the socket at once, also while a
 * chunk is awaited. Whoever has left hears of no error any more.
 */
export function streamAttempt(
  parent: AbortSignal,
  read: (attempt: StreamAttempt) => AsyncGenerator<Chunk, void, undefined>,
): AsyncIterableIterator<Chunk> {
  let fork: Fork | undefined;
  let attempt: StreamAttempt | undefined;
  let left = false;

  async function* guarded(): AsyncGenerator<Chunk, void, undefined> {
    fork = forkSignal(parent);
    attempt = { signal: fork.signal, complete: false };
    try {
      yield* read(attempt);
    } catch (error) {
      if (!left) throw error;
    } finally {
      fork.release();
    }
  }

  const generator = guarded();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => (left ? Promise.resolve({ done: true, value: undefined }) : generator.next()),
    return: async () => {
      left = true;
      // The generator hears of it only once what it awaits has come: end that. A stream that is over is left to its own end.
      if (attempt?.complete !== true) fork?.abort(new TransportError('cancelled', 'The reader left the stream'));
      await generator.return();
      return { done: true, value: undefined };
    },
  };
}

/**
 * True when the server has answered as if it had not been asked for a stream: with JSON, or with a web page.
 * @throws TransportError `empty_response` for no body at all, what broke the connection, or why `signal` was aborted
 */
export async function isUnstreamed(
  bytes: ByteReader,
  contentType: string,
  signal: AbortSignal,
  failures: Failures,
): Promise<boolean> {
  const stop = onAbort(signal, () => bytes.cancel());
  try {
    const first = await bytes.peek();
    if (signal.aborted) throw reasonOf(signal);
    if (first === undefined) throw failures.of('empty_response', 'answered with an empty body');
    if (/^(?:application\/(?:problem\+)?json|text\/html)\b/i.test(contentType)) return true;
    // The type is not always told, nor always true: no event can begin like this.
    return /^\s*[[{<]/.test(new TextDecoder().decode(first.subarray(0, 64)));
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
  } finally {
    stop();
  }
}
