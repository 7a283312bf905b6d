import { streamingRefused } from '../core/errors.ts';
import { onAbort } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context } from '../core/types.ts';
import {
  type MessagesEndpoint,
  messagesFailures,
  type OpenMessage,
  openMessage,
  readWholeMessage,
} from './anthropic-call.ts';
import { MessageStream } from './anthropic-stream.ts';
import type { Failures } from './failures.ts';
import type { SseEvent } from './sse.ts';
import { SseReader } from './sse-reader.ts';
import {
  type Batches,
  batchesOf,
  callGoesOn,
  chunksIn,
  isUnstreamed,
  nextEvents,
  type StreamAttempt,
  streamAttempt,
} from './stream-attempt.ts';

/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

/**
 * Asks for a stream. Nothing is sent before the first `next()`; `return()` closes the socket at once, also while a chunk is
 * awaited.
 */
export function streamMessage(
  endpoint: MessagesEndpoint,
  request: CompletionRequest,
  context: Context,
): AsyncIterableIterator<Chunk> {
  return streamAttempt(context.signal, (attempt) => open(endpoint, request, context, attempt));
}

async function open(
  endpoint: MessagesEndpoint,
  request: CompletionRequest,
  context: Context,
  attempt: StreamAttempt,
): Promise<Batches> {
  const failures = messagesFailures(endpoint, request);
  const { signal } = attempt;
  if (!endpoint.state.streams) throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
  const opened = await openMessage(endpoint, request, context, { stream: true, signal, failures });
  if (!(await isUnstreamed(opened.bytes, opened.contentType, signal, failures)))
    return streamed(opened, new MessageStream(endpoint.model, failures), context, attempt, failures);
  const answer = await readWholeMessage(opened.bytes, endpoint, context, { signal, failures });
  endpoint.state.streams = false;
  attempt.complete = true;
  return batchesOf(answer);
}

async function* streamed(
  { bytes }: OpenMessage,
  answer: MessageStream,
  context: Context,
  attempt: StreamAttempt,
  failures: Failures,
): Batches {
  const reader = new SseReader(bytes);
  const { signal } = attempt;
  const stop = onAbort(signal, () => {
    if (!attempt.complete) bytes.cancel();
  });
  const chunksOf = ({ event, data }: SseEvent): Iterable<Chunk> =>
    !answer.finished && isMeant(event, data) ? answer.push(data, event) : [];
  let counted = false;
  try {
    // Nothing that comes after the terminal event is waited for.
    while (!answer.finished) {
      const events = await nextEvents(reader, signal, failures);
      if (events === undefined) break;
      const { pieces } = answer;
      const { chunks, broken } = chunksIn(events, chunksOf);
      if (!counted) {
        // The prompt, once: the rest is counted at the end.
        const { usage } = answer;
        counted = usage !== undefined;
        if (usage !== undefined) context.received({ usage });
      }
      if (chunks.length > 0) yield chunks;
      if (answer.pieces > pieces) context.received(callGoesOn);
      if (answer.counted) context.received({ usage: answer.usage, usageIsWhole: true });
      if (broken !== undefined) throw broken.error;
    }
    const finish = answer.end();
    context.received({ raw: answer.raw() });
    attempt.complete = true;
    yield [finish];
  } finally {
    stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (attempt.complete) bytes.drain(drainMs);
    else bytes.cancel();
  }
}

/** Pings, of the API and of proxies, are left out, as is the good-bye that gateways borrow from OpenAI. */
function isMeant(event: string, data: string): boolean {
  if (event === 'ping' || data.trim() === '' || data === '[DONE]') return false;
  return event === 'message' || event === 'error' || /^(?:message|content_block)_/.test(event);
}
