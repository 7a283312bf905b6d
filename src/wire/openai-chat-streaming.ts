import { streamingRefused, TransportError } from '../core/errors.ts';
import { type Fork, forkSignal, onAbort, reasonOf } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { chunksOf } from './openai-chat-answer.ts';
import { type ChatEndpoint, chatFailures, type OpenChat, openChat, readWhole } from './openai-chat-call.ts';
import { ChatStream } from './openai-chat-stream.ts';
import { SseReader } from './sse-reader.ts';

/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

interface Progress {
  /** The reader is gone: nothing is thrown at it any more. */
  left: boolean;
  /** The answer is whole: the connection is still good. */
  complete: boolean;
}

/**
 * Asks for a stream. Nothing is sent before the first `next()`; `return()` closes the socket at once, also while a chunk is
 * awaited.
 */
export function streamChat(
  endpoint: ChatEndpoint,
  request: CompletionRequest,
  context: Context,
): AsyncIterableIterator<Chunk> {
  let fork: Fork | undefined;
  const progress: Progress = { left: false, complete: false };
  const start = (): AsyncGenerator<Chunk, void, undefined> => {
    fork = forkSignal(context.signal);
    return chunks(endpoint, request, context, fork, progress);
  };
  let generator: AsyncGenerator<Chunk, void, undefined> | undefined;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => {
      if (progress.left) return Promise.resolve({ done: true, value: undefined });
      generator ??= start();
      return generator.next();
    },
    return: async () => {
      progress.left = true;
      // The generator hears of it only once what it awaits has come: end that. A stream that is over is left to its own end.
      if (!progress.complete) fork?.abort(new TransportError('cancelled', 'The reader left the stream'));
      await generator?.return();
      return { done: true, value: undefined };
    },
  };
}

async function* chunks(
  endpoint: ChatEndpoint,
  request: CompletionRequest,
  context: Context,
  fork: Fork,
  progress: Progress,
): AsyncGenerator<Chunk, void, undefined> {
  const failures = chatFailures(endpoint, request);
  const { signal } = fork;
  try {
    if (!endpoint.state.streams)
      throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
    const opened = await openChat(endpoint, request, context, { stream: true, signal, failures });
    if (await isUnstreamed(opened, signal, failures)) {
      const answer = await readWhole(opened.bytes, endpoint, signal, failures);
      endpoint.state.streams = false;
      context.received({ raw: answer.raw });
      progress.complete = true;
      yield* chunksOf(answer);
    } else yield* events(opened, endpoint, context, { signal, failures, progress });
  } catch (error) {
    // Whoever has left wants to hear nothing more.
    if (!progress.left) throw error;
  } finally {
    fork.release();
  }
}

async function* events(
  { bytes }: OpenChat,
  endpoint: ChatEndpoint,
  context: Context,
  { signal, failures, progress }: { signal: AbortSignal; failures: Failures; progress: Progress },
): AsyncGenerator<Chunk, void, undefined> {
  const reader = new SseReader(bytes);
  const answer = new ChatStream(endpoint.model, failures);
  const stop = onAbort(signal, () => {
    if (!progress.complete) bytes.cancel();
  });
  try {
    for (let done = false; !done; ) {
      const batch = await nextEvents(reader, answer, signal, failures);
      if (batch === undefined) break;
      for (const { event, data } of batch) {
        if (data === '[DONE]') {
          done = true;
          break;
        }
        if (isContent(event, data)) yield* answer.push(data, event);
      }
    }
    const finish = answer.end();
    context.received({ raw: answer.raw() });
    progress.complete = true;
    yield finish;
  } finally {
    stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (progress.complete) bytes.drain(drainMs);
    else bytes.cancel();
  }
}

async function nextEvents(reader: SseReader, answer: ChatStream, signal: AbortSignal, failures: Failures) {
  try {
    const batch = await reader.read();
    if (signal.aborted) throw reasonOf(signal);
    return batch;
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    // Only the good-bye was lost.
    if (answer.finished) return undefined;
    throw failures.thrown(error);
  }
}

/** Chat Completions names no events; pings of proxies are left out, errors are not. */
function isContent(event: string, data: string): boolean {
  if (data.trim() === '') return false;
  return event === 'message' || event === 'error' || data.includes('"choices"');
}

/** True when the server has answered as if it had not been asked for a stream: with JSON, or with a web page. */
async function isUnstreamed(
  { bytes, contentType }: OpenChat,
  signal: AbortSignal,
  failures: Failures,
): Promise<boolean> {
  const stop = onAbort(signal, () => bytes.cancel());
  try {
    const first = await bytes.peek();
    if (signal.aborted) throw reasonOf(signal);
    if (first === undefined) throw failures.of('empty_response', 'answered with an empty body');
    if (/^(?:application\/(?:problem\+)?json|text\/html)\b/i.test(contentType)) return true;
    // The type is not always told, nor always true: no event can begin like this.
    return /^\s*[[{<]/.test(new TextDecoder().decode(first.subarray(0, 64)));
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
  } finally {
    stop();
  }
}
