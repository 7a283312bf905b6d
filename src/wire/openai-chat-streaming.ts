import { streamingRefused } from '../core/errors.ts';
import { onAbort } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { type ChatEndpoint, chatFailures, type OpenChat, openChat, readWhole } from './openai-chat-call.ts';
import { answerFacts } from './openai-chat-parts.ts';
import { ChatStream } from './openai-chat-stream.ts';
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
export function streamChat(
  endpoint: ChatEndpoint,
  request: CompletionRequest,
  context: Context,
): AsyncIterableIterator<Chunk> {
  return streamAttempt(context.signal, (attempt) => open(endpoint, request, context, attempt));
}

async function open(
  endpoint: ChatEndpoint,
  request: CompletionRequest,
  context: Context,
  attempt: StreamAttempt,
): Promise<Batches> {
  const failures = chatFailures(endpoint, request);
  const { signal } = attempt;
  if (!endpoint.state.streams) throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
  const opened = await openChat(endpoint, request, context, { stream: true, signal, failures });
  if (!(await isUnstreamed(opened.bytes, opened.contentType, signal, failures)))
    return streamed(opened, new ChatStream(endpoint.model, failures), context, attempt, failures);
  const answer = await readWhole(opened.bytes, endpoint, context, { signal, failures });
  endpoint.state.streams = false;
  attempt.complete = true;
  return batchesOf(answer);
}

async function* streamed(
  { bytes }: OpenChat,
  answer: ChatStream,
  context: Context,
  attempt: StreamAttempt,
  failures: Failures,
): Batches {
  const reader = new SseReader(bytes);
  const { signal } = attempt;
  const stop = onAbort(signal, () => {
    if (!attempt.complete) bytes.cancel();
  });
  let done = false;
  const chunksOf = ({ event, data }: SseEvent): readonly Chunk[] => {
    if (data === '[DONE]') done = true;
    return !done && isContent(event, data) ? answer.push(data, event) : [];
  };
  try {
    while (!done) {
      const events = await nextEvents(reader, signal, failures, answer.finished, drainMs);
      if (events === undefined) break;
      const { pieces } = answer;
      const { chunks, broken } = chunksIn(events, chunksOf);
      if (chunks.length > 0) yield chunks;
      if (answer.pieces > pieces) context.received(callGoesOn);
      if (broken !== undefined) throw broken.error;
    }
    // Also a refusal is billed.
    context.received({ ...answerFacts(answer.raw()), usage: answer.usage, usageIsWhole: answer.finished });
    const finish = answer.end();
    attempt.complete = true;
    yield [finish];
  } finally {
    stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (attempt.complete) bytes.drain(drainMs);
    else bytes.cancel();
  }
}

/** Chat Completions names no events; pings of proxies are left out, errors are not. */
function isContent(event: string, data: string): boolean {
  if (data.trim() === '') return false;
  return event === 'message' || event === 'error' || data.includes('"choices"');
}
