import { TransportError } from '../../core/errors.ts';
import type { RawChunk } from '../../core/pump.ts';
import { onAbort, reasonOf } from '../../core/signals.ts';
import type { Chunk } from '../../core/types.ts';
import type { ByteReader } from '../../wire/bytes.ts';
import type { Route } from '../../wire/dialect.ts';
import { type Batches, soon } from '../../wire/stream-attempt.ts';
import { Piece, WholeAnswer } from './errand.ts';
import type { Attempt } from './fetch-provider.ts';
import { Passage, type Seen } from './passage.ts';
import { type Head, joined, type Opened } from './send.ts';

/** Bytes that are held back at most while there is no content in them. */
const mostHeld = 1024 * 1024;
/** Milliseconds for which more is waited for once an answer is whole: counts of tokens, a good-bye. */
const goodbyeMs = 5_000;
/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

type Batch = IteratorResult<readonly Chunk[], void>;

/**
 * A stream as it passes: its bytes as they came, those before the first content together with it. Ends normally only after its
 * terminal event; rejects with a `TransportError` for a clean early end, an error in it, a lost connection.
 */
export function followed(opened: Opened, { dialect }: Route, attempt: Attempt): Batches {
  return new Followed(opened, new Passage(dialect, attempt.failures), attempt) as unknown as Batches;
}

/** Not a generator: that would cost as much for each piece as reading it does. */
class Followed {
  readonly #head: Head;
  readonly #bytes: ByteReader;
  readonly #passage: Passage;
  readonly #attempt: Attempt;
  readonly #stop: () => void;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isAnswered = false;
  /** Thrown next: the client has been given the bytes of the error first. */
  #error: unknown;
  #isOver = false;

  constructor({ head, bytes }: Opened, passage: Passage, attempt: Attempt) {
    this.#head = head;
    this.#bytes = bytes;
    this.#passage = passage;
    this.#attempt = attempt;
    const { reading } = attempt;
    this.#stop = onAbort(reading.signal, () => {
      if (!reading.complete) bytes.cancel();
    });
  }

  next(): Promise<Batch> {
    // Mostly a piece of an answer is followed by another, and there is nothing to decide.
    if (!this.#isAnswered || this.#passage.isFinished || this.#error !== undefined || this.#isOver) return this.#next();
    return this.#bytes.read().then(this.#passes, this.#breaks);
  }

  async return(): Promise<Batch> {
    this.#end();
    return { done: true, value: undefined };
  }

  readonly #passes = (piece: Uint8Array | undefined): Batch | Promise<Batch> => {
    if (this.#attempt.reading.signal.aborted) return this.#breaks(undefined);
    if (piece === undefined) return this.#whole();
    const seen = this.#passage.take(piece);
    // The client gets the bytes of an error too: its SDK may know what to make of them.
    this.#error = seen.error;
    return { done: false, value: [this.#raw(piece, seen.text, !seen.content)] };
  };

  readonly #breaks = (error: unknown): never => {
    const { reading, failures } = this.#attempt;
    this.#end();
    throw reading.signal.aborted ? reasonOf(reading.signal) : failures.thrown(error);
  };

  async #next(): Promise<Batch> {
    if (this.#isOver) return { done: true, value: undefined };
    try {
      if (this.#error !== undefined) throw this.#error;
      for (;;) {
        const piece = await this.#read();
        if (piece === undefined) return this.#whole();
        if (this.#isAnswered) return this.#passes(piece);
        const seen = this.#passage.take(piece);
        if (seen.error !== undefined) throw seen.error;
        this.#held.push(piece);
        this.#heldBytes += piece.byteLength;
        if (seen.content || this.#heldBytes > mostHeld) return { done: false, value: this.#released(seen) };
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { signal } = this.#attempt.reading;
    const { isFinished } = this.#passage;
    try {
      const piece = await (isFinished ? soon(this.#bytes.read(), goodbyeMs) : this.#bytes.read());
      if (signal.aborted) throw reasonOf(signal);
      return piece;
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      // Only the good-bye was lost.
      if (isFinished) return undefined;
      throw this.#attempt.failures.thrown(error);
    }
  }

  /** The stream has ended: with what is still held back, and the finish, unless it was none. */
  #whole(): Batch {
    const { job, place, context, reading } = this.#attempt;
    try {
      const end = this.#passage.end();
      const { cost } = this.#passage.follower;
      if (cost !== undefined) context.received({ cost });
      reading.complete = true;
      this.#end();
      return { done: false, value: [...this.#released(), { type: 'finish', ...end }] };
    } catch (error) {
      // What the model refuses to say, the client is told in the provider's own way.
      if (!this.#isAnswered && TransportError.is(error) && error.code === 'content_filtered')
        job.keep(place.name, error, new WholeAnswer(this.#head, joined(this.#held)));
      this.#end();
      throw error;
    }
  }

  #released(seen?: Seen): readonly RawChunk[] {
    const { length } = this.#held;
    const chunks = this.#held.map((piece, at) =>
      this.#raw(piece, at < length - 1 ? '' : (seen?.text ?? ''), at < length - 1),
    );
    this.#held = [];
    this.#isAnswered = true;
    return chunks;
  }

  #raw(piece: Uint8Array, text: string, isQuiet: boolean): RawChunk {
    return { type: 'raw', value: new Piece(this.#head, piece), text, size: piece.byteLength, isQuiet };
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (this.#attempt.reading.complete) this.#bytes.drain(drainMs);
    else this.#bytes.cancel();
  }
}
