import { streamingRefused, TransportError } from '../core/errors.ts';
import { onAbort, reasonOf } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context } from '../core/types.ts';
import type { Failures } from './failures.ts';
import {
  cancelResponse,
  type OpenResponse,
  openResponse,
  type ResponsesCall,
  type ResponsesEndpoint,
  responsesFailures,
} from './openai-responses-call.ts';
import { Patience, retrieveAgain } from './openai-responses-resume.ts';
import { ResponsesStream } from './openai-responses-stream.ts';
import { readWholeResponse } from './openai-responses-whole.ts';
import type { SseEvent } from './sse.ts';
import { SseReader } from './sse-reader.ts';
import {
  type Batches,
  batchesOf,
  callGoesOn,
  chunksIn,
  goesOn,
  isUnstreamed,
  type StreamAttempt,
  streamAttempt,
} from './stream-attempt.ts';

/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

/**
 * Asks for a stream. Nothing is sent before the first `next()`; `return()` closes the socket at once, also while a chunk is awaited.
 * The stream of an answer that is made in the background is taken up again where it was cut; an answer that nobody will read is
 * cancelled.
 */
export function streamResponse(
  endpoint: ResponsesEndpoint,
  request: CompletionRequest,
  context: Context,
): AsyncIterableIterator<Chunk> {
  return streamAttempt(context.signal, (attempt) => open(endpoint, request, context, attempt));
}

async function open(
  endpoint: ResponsesEndpoint,
  request: CompletionRequest,
  context: Context,
  attempt: StreamAttempt,
): Promise<Batches> {
  const failures = responsesFailures(endpoint, request);
  const { signal } = attempt;
  if (!endpoint.state.streams) throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
  const call: ResponsesCall = { endpoint, request, context, signal, failures };
  const opened = await openResponse(call, true);
  if (!(await isUnstreamed(opened.bytes, opened.contentType, signal, failures))) return streamed(opened, call, attempt);
  const answer = await readWholeResponse(opened, call);
  endpoint.state.streams = false;
  context.received({ raw: answer.raw });
  attempt.complete = true;
  return batchesOf(answer);
}

async function* streamed(first: OpenResponse, call: ResponsesCall, attempt: StreamAttempt): Batches {
  const { endpoint, request, context, failures, signal } = call;
  const answer = new ResponsesStream(endpoint.model, failures, request.stopSequences);
  const patience = new Patience();
  let { bytes } = first;
  let reader = new SseReader(bytes);
  const stop = onAbort(signal, () => {
    if (!attempt.complete) bytes.cancel();
  });
  const chunksOf = ({ event, data }: SseEvent): Iterable<Chunk> =>
    !answer.finished && isMeant(event, data) ? answer.push(data, event) : [];
  try {
    // Nothing that comes after the terminal event is waited for.
    while (!answer.finished) {
      const { pieces, calls, sequence } = answer;
      const { chunks, broken, ended } = await nextChunks(reader, chunksOf, call);
      if (answer.sequence > sequence) patience.restore();
      if (chunks.length > 0) yield chunks;
      if (answer.calls > calls) context.received(callGoesOn);
      else if (chunks.length === 0 && answer.pieces > pieces) context.received(goesOn);
      if (answer.finished || (!ended && broken === undefined)) continue;
      const error = broken?.error ?? answer.flaw ?? endedEarly(answer, failures);
      if (!first.background || answer.id === undefined || !isCut(error, answer)) throw error;
      bytes.cancel();
      bytes = (await takenUp(call, answer.id, answer.sequence, patience, error)).bytes;
      // While it was asked for, the reader may have left.
      if (signal.aborted) throw reasonOf(signal);
      answer.takenUp();
      reader = new SseReader(bytes);
      const { text: said, reasoning, toolCalls } = answer.partial;
      // Before there is anything to see, there is no seam.
      if (said === '' && reasoning === undefined && toolCalls.length === 0) continue;
      context.publish({ type: 'resume', mode: 'continue', provider: endpoint.name, code: error.code });
      yield [{ type: 'resume', provider: endpoint.name, offset: said.length }];
    }
    // Also a refusal is billed.
    context.received({ usage: answer.usage, usageIsWhole: answer.finished });
    const last = answer.end();
    endpoint.thoughts.note(answer.raw.output);
    context.received({ raw: answer.raw });
    attempt.complete = answer.settled;
    yield last;
  } finally {
    stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (answer.settled) bytes.drain(drainMs);
    else {
      bytes.cancel();
      if (first.background && answer.id !== undefined && !answer.failed) cancelResponse(call, answer.id);
    }
  }
}

function endedEarly({ partial }: ResponsesStream, failures: Failures): TransportError {
  return failures.of('truncated', 'ended its stream before the answer was whole', { partial });
}

interface Next {
  readonly chunks: readonly Chunk[];
  readonly broken?: { readonly error: unknown };
  /** The connection was closed, in good order. */
  readonly ended?: boolean;
}

async function nextChunks(
  reader: SseReader,
  read: (event: SseEvent) => Iterable<Chunk>,
  { signal, failures }: ResponsesCall,
): Promise<Next> {
  let events: readonly SseEvent[] | undefined;
  try {
    events = await reader.read();
  } catch (error) {
    if (!signal.aborted) return { chunks: [], broken: { error: failures.thrown(error) } };
  }
  if (signal.aborted) throw reasonOf(signal);
  return events === undefined ? { chunks: [], ended: true } : chunksIn(events, read);
}

/** True when only the connection is to blame: lost, closed too early, or garbled. What the provider says itself is final. */
function isCut(error: unknown, { failed }: ResponsesStream): error is TransportError {
  if (failed || !TransportError.is(error)) return false;
  return error.code === 'connection' || error.code === 'truncated' || error.code === 'bad_response';
}

/** The rest of a stream that was cut. @throws the error that cut it, when there is no way back to it */
async function takenUp(
  call: ResponsesCall,
  id: string,
  sequence: number,
  patience: Patience,
  cut: TransportError,
): Promise<OpenResponse> {
  try {
    await patience.spend(cut, call.signal);
    return await retrieveAgain(call, id, patience, sequence);
  } catch {
    throw call.signal.aborted ? reasonOf(call.signal) : cut;
  }
}

/** Pings of proxies are left out, as is the good-bye that some servers borrow from Chat Completions. */
function isMeant(event: string, data: string): boolean {
  if (data.trim() === '' || data === '[DONE]') return false;
  return event === 'message' || event === 'error' || event.startsWith('response.');
}
