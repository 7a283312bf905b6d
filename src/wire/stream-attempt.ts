import { TransportError } from '../core/errors.ts';
import { type Fork, forkSignal, onAbort, reasonOf } from '../core/signals.ts';
import { soon } from '../core/time.ts';
import type { Chunk, ProviderAnswer, ReceivedFacts } from '../core/types.ts';
import type { ByteReader } from './bytes.ts';
import type { Failures } from './failures.ts';
import { chunksOf } from './openai-chat-answer.ts';
import type { SseEvent } from './sse.ts';
import type { SseReader } from './sse-reader.ts';

/** One try at a stream, as the reading of it sees it. */
export interface StreamAttempt {
  /** Aborts when the caller's does, and when the reader leaves before the answer is whole. */
  readonly signal: AbortSignal;
  /** Set by the one who reads, once the answer is whole: leaving then costs no connection. */
  complete: boolean;
}

/** Chunks that came together. Not one by one: a generator costs as much for each chunk as reading it does. */
export type Batches = AsyncGenerator<readonly Chunk[], void, undefined>;

/**
 * A stream that can be left: nothing is sent before the first `next()`, and `return()` closes the socket at once, also while a
 * chunk is awaited. Whoever has left hears of no error any more. One `next()` at a time.
 */
export function streamAttempt(
  parent: AbortSignal,
  open: (attempt: StreamAttempt) => Promise<Batches>,
): AsyncIterableIterator<Chunk> {
  return new AttemptStream(parent, open);
}

class AttemptStream implements AsyncIterableIterator<Chunk> {
  readonly #parent: AbortSignal;
  readonly #open: (attempt: StreamAttempt) => Promise<Batches>;
  #fork: Fork | undefined;
  #attempt: StreamAttempt | undefined;
  #batches: Batches | undefined;
  #batch: readonly Chunk[] = [];
  #next = 0;
  #over = false;
  #left = false;

  constructor(parent: AbortSignal, open: (attempt: StreamAttempt) => Promise<Batches>) {
    this.#parent = parent;
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    const chunk = this.#batch[this.#next];
    if (chunk === undefined || this.#left) return this.#more();
    this.#next += 1;
    return Promise.resolve({ done: false, value: chunk });
  }

  async return(): Promise<IteratorResult<Chunk>> {
    this.#left = true;
    // The generator hears of it only once what it awaits has come: end that. A stream that is over is left to its own end.
    if (this.#attempt?.complete !== true)
      this.#fork?.abort(new TransportError('cancelled', 'The reader left the stream'));
    await this.#batches?.return();
    this.#end();
    return { done: true, value: undefined };
  }

  async #more(): Promise<IteratorResult<Chunk>> {
    try {
      while (!this.#left && !this.#over) {
        const { done, value } = await (this.#batches ?? (await this.#begin())).next();
        if (done === true) this.#end();
        else if (value[0] !== undefined) {
          this.#batch = value;
          this.#next = 1;
          return { done: false, value: value[0] };
        }
      }
    } catch (error) {
      this.#end();
      if (!this.#left) throw error;
    }
    return { done: true, value: undefined };
  }

  async #begin(): Promise<Batches> {
    this.#fork = forkSignal(this.#parent);
    this.#attempt = { signal: this.#fork.signal, complete: false };
    this.#batches = await this.#open(this.#attempt);
    return this.#batches;
  }

  #end(): void {
    this.#over = true;
    this.#fork?.release();
  }
}

/** What the transport is told when a stream goes on, and there is nothing to hand out. */
export const goesOn: ReceivedFacts = Object.freeze({ progress: true });
/** What it is told when a piece of a tool call has come. */
export const callGoesOn: ReceivedFacts = Object.freeze({ progress: true, toolCall: true });

/**
 * The events that come next, as many as came together; `undefined` at the end of the stream.
 * @param isWhole the answer is whole: of its good-bye, which may be lost, nothing is waited for any longer than `patienceMs`
 * @throws TransportError what broke the connection, or why `signal` was aborted
 */
export async function nextEvents(
  reader: SseReader,
  signal: AbortSignal,
  failures: Failures,
  isWhole = false,
  patienceMs?: number,
): Promise<readonly SseEvent[] | undefined> {
  try {
    const batch = await (isWhole && patienceMs !== undefined ? soon(reader.read(), patienceMs) : reader.read());
    if (signal.aborted) throw reasonOf(signal);
    return batch;
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    if (isWhole) return undefined;
    throw failures.thrown(error);
  }
}

/** A whole answer as a stream. */
export async function* batchesOf(answer: ProviderAnswer): Batches {
  yield [...chunksOf(answer)];
}

/**
 * The chunks of events that came together. Those that came before one that breaks the stream are still delivered: `broken` is what
 * is to be thrown after them.
 */
export function chunksIn<Event>(
  events: Iterable<Event>,
  read: (event: Event) => Iterable<Chunk>,
): { readonly chunks: readonly Chunk[]; readonly broken?: { readonly error: unknown } } {
  const chunks: Chunk[] = [];
  try {
    for (const event of events) for (const chunk of read(event)) chunks.push(chunk);
    return { chunks };
  } catch (error) {
    return { chunks, broken: { error } };
  }
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
    return /^\s*[[{<]/.test(start.decode(first.subarray(0, 64)));
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
  } finally {
    stop();
  }
}

const start = new TextDecoder();
