import type { RawChunk } from '../../core/chunk-source.ts';
import { TransportError } from '../../core/errors.ts';
import { onAbort, reasonOf } from '../../core/signals.ts';
import { soon } from '../../core/time.ts';
import type { Chunk } from '../../core/types.ts';
import type { ByteReader } from '../../wire/bytes.ts';
import type { Route } from '../../wire/dialect.ts';
import { goesOn } from '../../wire/stream-attempt.ts';
import { Piece, WholeAnswer } from './errand.ts';
import type { Attempt } from './fetch-provider.ts';
import type { Source } from './fetch-stream.ts';
import { Passage } from './passage.ts';
import { type Head, joined, type Opened } from './send.ts';

/** Bytes that are held back at most while there is no content in them. */
const mostHeld = 1024 * 1024;
/** Milliseconds for which more is waited for at most once an answer is whole: counts of tokens, a good-bye. */
const goodbyeMs = 5_000;
/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

type Next = IteratorResult<Chunk>;
type Came = (chunk: Chunk | undefined) => void;
type Broke = (error: unknown) => void;

/**
 * A stream as it passes: its bytes as they came, those before the first content together with it. Ends normally only after its
 * terminal event; breaks with a `TransportError` for a clean early end, an error in it, a lost connection. Not a generator, which
 * would cost as much for each piece as reading it does.
 */
export class Followed implements Source {
  readonly #head: Head;
  readonly #bytes: ByteReader;
  readonly #passage: Passage;
  readonly #attempt: Attempt;
  readonly #stop: () => void;
  /** Before the first content. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isAnswered = false;
  /** What is given next, without anything being read. */
  #ready: Chunk[] = [];
  /** Thrown next: the client has been given the bytes of the error first. */
  #error: unknown;
  #isOver = false;
  /** Who waits for the next chunk. */
  #came: Came = () => {};
  #broke: Broke = () => {};

  constructor({ head, bytes }: Opened, { dialect }: Route, attempt: Attempt) {
    this.#head = head;
    this.#bytes = bytes;
    this.#attempt = attempt;
    this.#passage = new Passage(dialect, attempt.failures);
    const { reading } = attempt;
    this.#stop = onAbort(reading.signal, () => {
      if (!reading.complete) bytes.cancel();
    });
  }

  nextInto(came: Came, broke: Broke): void {
    // Mostly a piece of an answer is followed by another, and there is nothing to decide.
    const isPlain =
      this.#isAnswered &&
      this.#ready.length === 0 &&
      this.#error === undefined &&
      !this.#passage.follower.finished &&
      !this.#isOver;
    if (!isPlain) return void this.next().then(({ done, value }) => came(done === true ? undefined : value), broke);
    this.#came = came;
    this.#broke = broke;
    this.#bytes.readInto(this.#passes, this.#breaks);
  }

  leave(): void {
    this.#end();
  }

  readonly #passes = (piece: Uint8Array | undefined): void => {
    const { signal } = this.#attempt.reading;
    if (signal.aborted) return this.#breaks(undefined);
    let chunk: Chunk;
    try {
      chunk = piece === undefined ? this.#whole() : this.#passed(piece);
    } catch (error) {
      // Of a `fetch` that gives no bytes, too: nobody would hear what is thrown here.
      return this.#breaks(error);
    }
    this.#came(chunk);
  };

  readonly #breaks = (error: unknown): void => {
    const { reading, failures } = this.#attempt;
    this.#end();
    this.#broke(reading.signal.aborted ? reasonOf(reading.signal) : failures.thrown(error));
  };

  #passed(piece: Uint8Array): Chunk {
    const hasContent = this.#passage.take(piece);
    // The client gets the bytes of an error too: its SDK may know what to make of them.
    this.#error = this.#passage.error;
    return rawOf(piece, piece, hasContent ? this.#passage.text : '', !hasContent);
  }

  async next(): Promise<Next> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return { done: false, value: ready };
    if (this.#isOver) return { done: true, value: undefined };
    try {
      if (this.#error !== undefined) throw this.#error;
      for (;;) {
        const piece = await this.#read();
        if (piece === undefined) return { done: false, value: this.#whole() };
        if (this.#isAnswered) return { done: false, value: this.#passed(piece) };
        const hasContent = this.#passage.take(piece);
        if (this.#passage.error !== undefined) throw this.#passage.error;
        this.#held.push(piece);
        this.#heldBytes += piece.byteLength;
        if (!hasContent && this.#heldBytes <= mostHeld) continue;
        this.#release(this.#passage.text);
        return this.next();
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { signal } = this.#attempt.reading;
    const { finished } = this.#passage.follower;
    try {
      // Not as long as what is taken for a silence, which begins anew here: the answer is whole.
      if (finished) this.#attempt.context.received(goesOn);
      const patienceMs = Math.min(goodbyeMs, this.#attempt.place.idleMs / 2);
      const piece = await (finished ? soon(this.#bytes.read(), patienceMs) : this.#bytes.read());
      if (signal.aborted) throw reasonOf(signal);
      return piece;
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      // Only the good-bye was lost.
      if (finished) return undefined;
      throw this.#attempt.failures.thrown(error);
    }
  }

  /** The stream has ended: with what is still held back, and the finish, unless it was none. */
  #whole(): Chunk {
    const { job, place, reading } = this.#attempt;
    try {
      const end = this.#passage.end();
      reading.complete = true;
      this.#end();
      this.#release('');
      this.#ready.push({ type: 'finish', ...end });
      return this.#ready.shift() as Chunk;
    } catch (error) {
      // What the model refuses to say, the client is told in the provider's own way.
      if (!this.#isAnswered && TransportError.is(error) && error.code === 'content_filtered')
        job.keep(place.name, error, new WholeAnswer(this.#head, joined(this.#held)));
      this.#end();
      throw error;
    }
  }

  /** What is held back is the client's from now on. */
  #release(text: string): void {
    const last = this.#held.length - 1;
    for (const [at, piece] of this.#held.entries()) {
      const isFirst = at === 0 && !this.#isAnswered;
      const value = isFirst ? new Piece(this.#head, piece, () => this.#passage.follower.finished) : piece;
      // The first is the answer already: were it the last, who reads ahead could be full before it, and wait for a reader for ever.
      this.#ready.push(rawOf(value, piece, at === last ? text : '', at !== 0 && at !== last));
    }
    this.#held = [];
    this.#isAnswered = true;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stop();
    const { reading } = this.#attempt;
    reading.release();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (reading.complete) this.#bytes.drain(drainMs);
    else this.#bytes.cancel();
  }
}

function rawOf(value: Piece | Uint8Array, { byteLength: size }: Uint8Array, text: string, isQuiet: boolean): RawChunk {
  return { type: 'raw', value, text, size, isQuiet };
}
