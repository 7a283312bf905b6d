import { receiver } from '../core/context.ts';
import { streamingRefused, TransportError } from '../core/errors.ts';
import { onAbort, reasonOf } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context, ErrorCode } from '../core/types.ts';
import type { Failures } from './failures.ts';
import {
  cancelResponse,
  type OpenResponse,
  openResponse,
  type ResponsesCall,
  type ResponsesEndpoint,
  responsesFailures,
  retrieveResponse,
} from './openai-responses-call.ts';
import { Looks } from './openai-responses-resume.ts';
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
 * The stream of an answer that is made in the background is taken up again where it was cut, or fell silent; an answer that nobody
 * will read is cancelled.
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
  const looks = new Looks(signal);
  let { bytes } = first;
  let reader = new SseReader(bytes);
  const stop = onAbort(signal, () => {
    if (!attempt.complete) bytes.cancel();
  });
  const silence: { error?: TransportError | undefined } = {};
  const onSilence = (late: TransportError): boolean => {
    if (answer.id === undefined || answer.finished) return false;
    if (looks.giveUp(late)) return true;
    silence.error = late;
    bytes.cancel();
    return true;
  };
  if (first.background) context.get(receiver)?.({ onSilence });
  const chunksOf = ({ event, data }: SseEvent): Iterable<Chunk> =>
    !answer.finished && isMeant(event, data) ? answer.push(data, event) : [];
  try {
    // Nothing that comes after the terminal event is waited for.
    while (!answer.finished) {
      const { pieces, calls, sequence } = answer;
      const { chunks, broken, ended } = await nextChunks(reader, chunksOf, call);
      if (answer.sequence > sequence) looks.restore();
      if (chunks.length > 0) yield chunks;
      if (answer.calls > calls) context.received(callGoesOn);
      else if (chunks.length === 0 && answer.pieces > pieces) context.received(goesOn);
      if (answer.finished || (!ended && broken === undefined)) continue;
      const error = broken?.error ?? silence.error ?? answer.flaw ?? endedEarly(answer, failures);
      if (!first.background || answer.id === undefined || !isCut(error, answer)) throw error;
      bytes.cancel();
      bytes = (await takenUp(call, answer.id, answer, looks, error)).bytes;
      silence.error = undefined;
      // While it was asked for, the reader may have left.
      if (signal.aborted) throw reasonOf(signal);
      answer.takenUp();
      reader = new SseReader(bytes);
      // Before there is anything to see, there is no seam.
      if (!isSeen(answer)) continue;
      context.publish({ type: 'resume', mode: 'continue', provider: endpoint.name, code: error.code });
      yield [{ type: 'resume', provider: endpoint.name, offset: answer.partial.text.length }];
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

/** True when only the connection is to blame: lost, closed too early, garbled, or silent. What the provider says itself is final. */
function isCut(error: unknown, { failed }: ResponsesStream): error is TransportError {
  return !failed && TransportError.is(error) && cuts.has(error.code);
}

const cuts: ReadonlySet<ErrorCode> = new Set(['connection', 'truncated', 'bad_response', 'timeout']);

function isSeen({ partial: { text, reasoning, toolCalls } }: ResponsesStream): boolean {
  return text !== '' || reasoning !== undefined || toolCalls.length > 0;
}

/** The rest of a stream that was cut, or is silent. @throws the error that ended it, when there is no way back to it */
async function takenUp(
  call: ResponsesCall,
  id: string,
  answer: ResponsesStream,
  looks: Looks,
  cut: TransportError,
): Promise<OpenResponse> {
  const look = (signal: AbortSignal): Promise<OpenResponse> => {
    // Each look has all the time of a silence. Before the answer has begun that would be told as its beginning.
    if (isSeen(answer) || answer.pieces > 0) call.context.received(goesOn);
    return retrieveResponse({ ...call, signal }, id, answer.sequence);
  };
  try {
    return await looks.find(look, cut);
  } catch {
    throw call.signal.aborted ? reasonOf(call.signal) : cut;
  }
}

/** Pings of proxies are left out, as is the good-bye that some servers borrow from Chat Completions. */
function isMeant(event: string, data: string): boolean {
  if (data.trim() === '' || data === '[DONE]') return false;
  return event === 'message' || event === 'error' || event.startsWith('response.');
}
