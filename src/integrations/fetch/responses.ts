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
type Chunks = Pick<Pump, 'next' | 'return'>;

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
  if (value instanceof Piece) return streamed(value, chunks, signal);
  await chunks.return();
  throw new TransportError('middleware', 'A middleware answered with a completion: a fetch needs a response');
}

function streamed(piece: Piece, chunks: Chunks, signal: AbortSignal | undefined): Response {
  let waiting: Uint8Array | undefined = piece.bytes;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | void => {
    if (waiting === undefined) return chunks.next().then(came, broke);
    controller.enqueue(waiting);
    waiting = undefined;
    return undefined;

    function came(next: IteratorResult<Chunk>): Promise<void> | void {
      const bytes = pieceIn(next)?.bytes;
      if (bytes !== undefined) return controller.enqueue(bytes);
      return next.done === true ? controller.close() : chunks.next().then(came, broke);
    }
    function broke(error: unknown): void {
      // The client has had all that there is, and knows the reason in its own way.
      if (TransportError.is(error) && error.code === 'content_filtered') controller.close();
      else controller.error(signal?.aborted ? signal.reason : error);
    }
  };
  const cancel = async (): Promise<void> => {
    await chunks.return();
  };
  return responseOf(piece.head, new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 }));
}

function pieceIn({ done, value }: IteratorResult<Chunk>): Piece | undefined {
  return done !== true && value.type === 'raw' && value.value instanceof Piece ? value.value : undefined;
}
