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
type Chunks = Pick<Pump, 'next' | 'take' | 'return'>;

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
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | undefined => {
    const came = (next: IteratorResult<Chunk>): Promise<void> | undefined => {
      if (next.done === true) controller.close();
      else if (!enqueued(controller, next.value)) return chunks.next().then(came, broke);
      return undefined;
    };
    const broke = (error: unknown): void => {
      // The client has had all that there is, and knows the reason in its own way.
      if (TransportError.is(error) && error.code === 'content_filtered') controller.close();
      else controller.error(signal?.aborted ? signal.reason : error);
    };
    // All that is there at once: to be asked for each piece would cost more than to keep them here.
    let isMore = false;
    if (waiting !== undefined) {
      controller.enqueue(waiting);
      waiting = undefined;
      isMore = true;
    }
    for (let chunk = chunks.take(); chunk !== undefined; chunk = chunks.take())
      if (enqueued(controller, chunk)) isMore = true;
    return isMore ? undefined : chunks.next().then(came, broke);
  };
  const cancel = async (): Promise<void> => {
    await chunks.return();
  };
  return responseOf(piece.head, new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 }));
}

function enqueued(controller: ReadableStreamDefaultController<Uint8Array>, chunk: Chunk): boolean {
  const value = chunk.type === 'raw' ? chunk.value : undefined;
  const bytes = value instanceof Piece ? value.bytes : value;
  if (!(bytes instanceof Uint8Array)) return false;
  controller.enqueue(bytes);
  return true;
}
