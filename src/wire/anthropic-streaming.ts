import { streamingRefused } from '../core/errors.ts';
import { onAbort, reasonOf } from '../core/signals.ts';
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
import { chunksOf } from './openai-chat-answer.ts';
import type { SseEvent } from './sse.ts';
import { SseReader } from './sse-reader.ts';
import { isUnstreamed, type StreamAttempt, streamAttempt } from './stream-attempt.ts';

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
  return streamAttempt(context.signal, (attempt) => chunks(endpoint, request, context, attempt));
}

async function* chunks(
  endpoint: MessagesEndpoint,
  request: CompletionRequest,
  context: Context,
  attempt: StreamAttempt,
): AsyncGenerator<Chunk, void, undefined> {
  const failures = messagesFailures(endpoint, request);
  const { signal } = attempt;
  if (!endpoint.state.streams) throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
  const opened = await openMessage(endpoint, request, context, { stream: true, signal, failures });
  if (await isUnstreamed(opened.bytes, opened.contentType, signal, failures)) {
    const answer = await readWholeMessage(opened.bytes, endpoint, signal, failures);
    endpoint.state.streams = false;
    context.received({ raw: answer.raw });
    attempt.complete = true;
    yield* chunksOf(answer);
  } else yield* events(opened, new MessageStream(endpoint.model, failures), context, attempt, failures);
}

async function* events(
  { bytes }: OpenMessage,
  answer: MessageStream,
  context: Context,
  attempt: StreamAttempt,
  failures: Failures,
): AsyncGenerator<Chunk, void, undefined> {
  const reader = new SseReader(bytes);
  const { signal } = attempt;
  const stop = onAbort(signal, () => {
    if (!attempt.complete) bytes.cancel();
  });
  try {
    // Nothing that comes after the terminal event is waited for.
    while (!answer.finished) {
      const batch = await nextEvents(reader, signal, failures);
      if (batch === undefined) break;
      for (const { event, data } of batch) {
        if (answer.finished) break;
        if (isMeant(event, data)) yield* answer.push(data, event);
      }
    }
    const finish = answer.end();
    context.received({ raw: answer.raw() });
    attempt.complete = true;
    yield finish;
  } finally {
    stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (attempt.complete) bytes.drain(drainMs);
    else bytes.cancel();
  }
}

async function nextEvents(
  reader: SseReader,
  signal: AbortSignal,
  failures: Failures,
): Promise<readonly SseEvent[] | undefined> {
  try {
    const batch = await reader.read();
    if (signal.aborted) throw reasonOf(signal);
    return batch;
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
  }
}

/** Pings, of the API and of proxies, are left out, as is the good-bye that gateways borrow from OpenAI. */
function isMeant(event: string, data: string): boolean {
  if (event === 'ping' || data.trim() === '' || data === '[DONE]') return false;
  return event === 'message' || event === 'error' || /^(?:message|content_block)_/.test(event);
}
