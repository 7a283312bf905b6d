import { TransportError } from '../../core/errors.ts';
import type { Pump } from '../../core/pump.ts';
import type { Chunk } from '../../core/types.ts';
import { hasNoBody } from '../../wire/error-shape.ts';
import { Piece, WholeAnswer } from './errand.ts';
import type { Head } from './send.ts';

type Body = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null;

/** A `Response` with another's head, as `fetch` would have made it. */
export function responseOf(
  { status, statusText, headers, url }: Head,
  body: Body,
  more: Readonly<Record<string, string>> = {},
): Response {
  const all = new Headers(headers);
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  const response = new Response(hasNoBody(status) ? null : body, { status, statusText, headers: all });
  // Only the runtime can set it, and SDKs show it.
  if (url !== '') Object.defineProperty(response, 'url', { value: url, configurable: true });
  return response;
}

/** What is read of an answer that comes piece by piece. */
type Chunks = Pick<Pump, 'next' | 'nextInto' | 'take' | 'return' | 'drain'>;

/**
 * The `Response` of an answered stream. It is read as its reader reads: nothing is asked of the provider that nobody wants, but for
 * what is read ahead. @throws TransportError when a middleware has answered with what is no answer to a `fetch`
 */
export async function answered(chunks: Chunks, signal: AbortSignal | undefined): Promise<Response> {
  const first = await chunks.next();
  const value = first.done !== true && first.value.type === 'raw' ? first.value.value : undefined;
  if (value instanceof WholeAnswer) {
    // A server that does not stream. To leave before the end would be to break it off.
    await chunks.next();
    return responseOf(value.head, value.bytes);
  }
  if (value instanceof Piece) {
    const body = new StreamedBody(value, chunks, signal);
    return responseOf(value.head, new ReadableStream<Uint8Array>(body, { highWaterMark: 0 }));
  }
  await chunks.return();
  throw new TransportError('middleware', 'A middleware answered with a completion: a fetch needs a response');
}

/** A body that is fed by a pump, without a promise for each piece. */
class StreamedBody {
  readonly #piece: Piece;
  readonly #chunks: Chunks;
  readonly #signal: AbortSignal | undefined;
  #first: Uint8Array | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** The pump knows that something is wanted. */
  #isWaiting = false;
  /** Closed, broken, or left by its reader. */
  #isOver = false;

  constructor(piece: Piece, chunks: Chunks, signal: AbortSignal | undefined) {
    this.#piece = piece;
    this.#first = piece.bytes;
    this.#chunks = chunks;
    this.#signal = signal;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  pull(): void {
    if (this.#isWaiting || this.#isOver) return;
    // All that is there at once: to be asked for each piece would cost more than to keep them here.
    let isMore = this.#first !== undefined;
    if (this.#first !== undefined) this.#controller?.enqueue(this.#first);
    this.#first = undefined;
    for (let chunk = this.#chunks.take(); chunk !== undefined; chunk = this.#chunks.take())
      if (this.#passes(chunk)) isMore = true;
    if (!isMore) this.#wait();
  }

  async cancel(): Promise<void> {
    this.#isOver = true;
    // A client that knows the last event does not wait for the end of the connection: it has had all of the answer.
    if (this.#piece.isWhole()) this.#chunks.drain();
    else await this.#chunks.return();
  }

  readonly #came = (chunk: Chunk | undefined): void => {
    this.#isWaiting = false;
    if (this.#isOver) return;
    if (chunk === undefined) this.#close();
    else if (!this.#passes(chunk)) this.#wait();
  };

  readonly #broke = (error: unknown): void => {
    this.#isWaiting = false;
    if (this.#isOver) return;
    // The client has had all that there is, and knows the reason in its own way.
    if (TransportError.is(error) && error.code === 'content_filtered') return this.#close();
    this.#isOver = true;
    this.#controller?.error(this.#signal?.aborted ? this.#signal.reason : error);
  };

  #wait(): void {
    if (this.#isOver) return;
    this.#isWaiting = true;
    this.#chunks.nextInto(this.#came, this.#broke);
  }

  /** True when it was bytes. */
  #passes(chunk: Chunk): boolean {
    if (chunk.type === 'finish') this.#close();
    const value = chunk.type === 'raw' ? chunk.value : undefined;
    const bytes = value instanceof Piece ? value.bytes : value;
    if (!(bytes instanceof Uint8Array)) return false;
    this.#controller?.enqueue(bytes);
    return true;
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.close();
  }
}
