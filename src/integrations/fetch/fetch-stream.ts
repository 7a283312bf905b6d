import type { CallingSource } from '../../core/chunk-source.ts';
import { TransportError } from '../../core/errors.ts';
import { type Fork, forkSignal } from '../../core/signals.ts';
import type { Chunk } from '../../core/types.ts';

/** One try, as those see it who send and read. */
export interface Reading {
  /** Aborts when the caller's does, and when the reader leaves before the answer is whole. */
  readonly signal: AbortSignal;
  /** Set by the one who reads, once the answer is whole: leaving then costs no connection. */
  complete: boolean;
  /** It is over: nothing is to be aborted any more. */
  release(): void;
}

/** Where the chunks of an answer come from, once it has begun. */
export interface Source extends CallingSource {
  /** Lets go of it. */
  leave(): void;
}

/**
 * A stream that can be left: nothing is sent before the first `next()`, and `return()` closes the socket at once. Once it has begun
 * nothing stands between its source and the reader: at one piece of the network for each event, every step would be felt.
 */
export class FetchStream implements AsyncIterable<Chunk>, CallingSource {
  readonly #parent: AbortSignal;
  readonly #open: (reading: Reading) => Promise<Source>;
  #fork: Fork | undefined;
  #reading: Reading | undefined;
  #source: Source | undefined;

  constructor(parent: AbortSignal, open: (reading: Reading) => Promise<Source>) {
    this.#parent = parent;
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    return this.#source === undefined ? this.#begin() : this.#source.next();
  }

  nextInto(came: (chunk: Chunk | undefined) => void, broke: (error: unknown) => void): void {
    if (this.#source !== undefined) this.#source.nextInto(came, broke);
    else void this.#begin().then(({ done, value }) => came(done === true ? undefined : value), broke);
  }

  async return(): Promise<IteratorResult<Chunk>> {
    // A stream that is over is left to its own end.
    if (this.#reading?.complete !== true)
      this.#fork?.abort(new TransportError('cancelled', 'The reader left the stream'));
    this.#source?.leave();
    this.#fork?.release();
    return { done: true, value: undefined };
  }

  async #begin(): Promise<IteratorResult<Chunk>> {
    const fork = forkSignal(this.#parent);
    this.#fork = fork;
    this.#reading = { signal: fork.signal, complete: false, release: () => fork.release() };
    try {
      this.#source = await this.#open(this.#reading);
      return await this.#source.next();
    } catch (error) {
      fork.release();
      throw error;
    }
  }
}

/** An answer that is there. */
export class Given implements Source {
  readonly #chunks: Iterator<Chunk>;

  constructor(chunks: readonly Chunk[]) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  next(): Promise<IteratorResult<Chunk>> {
    return Promise.resolve(this.#chunks.next());
  }

  nextInto(came: (chunk: Chunk | undefined) => void): void {
    queueMicrotask(() => came(this.#chunks.next().value));
  }

  leave(): void {}
}
