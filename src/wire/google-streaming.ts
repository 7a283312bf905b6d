import { streamingRefused } from '../core/errors.ts';
import { onAbort } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context } from '../core/types.ts';
import { readErrorBody } from './error-body.ts';
import type { GeminiAnswer } from './google-answer.ts';
import {
  type GeminiAttempt,
  type GeminiEndpoint,
  geminiAnswer,
  geminiAttempt,
  type OpenGemini,
  openGemini,
  readWhole,
} from './google-call.ts';
import type { SseEvent } from './sse.ts';
import { SseReader } from './sse-reader.ts';
import {
  type Batches,
  batchesOf,
  chunksIn,
  isUnstreamed,
  nextEvents,
  type StreamAttempt,
  streamAttempt,
} from './stream-attempt.ts';

/** Milliseconds that a finished answer waits for the end of its stream, and for which the rest of it is then read. */
const drainMs = 1_000;

/**
 * Asks for a stream. Nothing is sent before the first `next()`; `return()` closes the socket at once, also while a chunk is
 * awaited.
 */
export function streamGemini(
  endpoint: GeminiEndpoint,
  request: CompletionRequest,
  context: Context,
): AsyncIterableIterator<Chunk> {
  return streamAttempt(context.signal, (reading) =>
    open(geminiAttempt(endpoint, request, context, reading.signal), reading),
  );
}

async function open(attempt: GeminiAttempt, reading: StreamAttempt): Promise<Batches> {
  const { endpoint, failures, fork } = attempt;
  try {
    if (!endpoint.state.streams)
      throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
    const opened = await openGemini(attempt, true);
    if (!(await isUnstreamed(opened.bytes, opened.contentType, fork.signal, failures)))
      return streamed(opened, attempt, reading);
    const answer = await readWhole(opened.bytes, attempt);
    endpoint.state.streams = false;
    reading.complete = true;
    fork.release();
    return batchesOf(answer);
  } catch (error) {
    fork.release();
    throw error;
  }
}

async function* streamed({ bytes }: OpenGemini, attempt: GeminiAttempt, reading: StreamAttempt): Batches {
  const { context, fork } = attempt;
  const reader = new SseReader(bytes);
  const answer = geminiAnswer(attempt);
  const stop = onAbort(fork.signal, () => {
    if (!reading.complete) bytes.cancel();
  });
  let late: NodeJS.Timeout | undefined;
  // Older models say in every chunk why they will have ended, so only the end of the stream is the end. Of a model that has sent
  // content without a reason, the reason is the end: then the good-bye is not waited for long, and may be lost.
  let saysOnce = false;
  const chunksOf = ({ event, data }: SseEvent): readonly Chunk[] => {
    if (!isMeant(event, data)) return [];
    const chunks = answer.pushText(data);
    if (chunks.length > 0 && !answer.finished) saysOnce = true;
    return chunks;
  };
  try {
    for (;;) {
      const events = await nextEvents(reader, fork.signal, attempt.failures, saysOnce && answer.finished);
      if (events === undefined) break;
      const { chunks, broken } = chunksIn(events, chunksOf);
      // Every event has counted anew.
      const { usage } = answer;
      if (usage !== undefined && !answer.finished) context.received({ usage });
      if (chunks.length > 0) yield chunks;
      if (broken !== undefined) throw broken.error;
      if (saysOnce && answer.finished) late ??= setTimeout(() => bytes.cancel(), drainMs);
    }
    throwIfStray(reader, answer, attempt);
    // Also a refusal is billed.
    context.received({ usage: answer.usage, usageIsWhole: answer.finished });
    const finish = answer.end();
    context.received({ raw: answer.raw() });
    reading.complete = true;
    yield [finish];
  } finally {
    clearTimeout(late);
    stop();
    fork.release();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (reading.complete) bytes.drain(drainMs);
    else bytes.cancel();
  }
}

/** Google breaks a stream off with an error as an event, or as a bare body between the events. */
function throwIfStray(reader: SseReader, answer: GeminiAnswer, { failures }: GeminiAttempt): void {
  if (answer.finished || !/"error"/.test(reader.stray)) return;
  const { body, known } = readErrorBody(reader.stray);
  if (known && typeof body === 'object') throw failures.inBand(body, { partial: answer.partial });
}

/** Gemini names no events; pings of proxies are left out, as is the good-bye that gateways borrow from OpenAI. */
function isMeant(event: string, data: string): boolean {
  return event !== 'ping' && data.trim() !== '' && data !== '[DONE]';
}
