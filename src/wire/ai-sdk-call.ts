import { streamingRefused, TransportError } from '../core/errors.ts';
import { unsent } from '../core/reach.ts';
import { type Fork, forkSignal, onAbort, raceAbort, reasonOf } from '../core/signals.ts';
import type { Chunk, CompletionRequest, Context, ProviderAnswer } from '../core/types.ts';
import { answerFromResult, costFrom, textIn, usageFrom } from './ai-sdk-answer.ts';
import { answerOfResult } from './ai-sdk-carried.ts';
import { failuresFor, refusal } from './ai-sdk-failures.ts';
import { GatheredResult } from './ai-sdk-gathered.ts';
import { StreamParts } from './ai-sdk-parts.ts';
import { callOptions } from './ai-sdk-request.ts';
import type { AiSdkCalls } from './ai-sdk-versions.ts';
import { type Failures, heard } from './failures.ts';
import { headerMap } from './headers.ts';
import { hasEnded } from './sdk-ai.ts';
import { type Batches, batchesOf, callGoesOn, type StreamAttempt, streamAttempt } from './stream-attempt.ts';

/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

/** One model of the AI SDK. */
export interface AiSdkEndpoint {
  /** The provider's name. */
  readonly name: string;
  readonly calls: AiSdkCalls;
  readonly model: string;
  /** What has been learned of the server. */
  readonly state: { streams: boolean };
}

/** Asks for a whole answer. */
export async function completeAiSdk(
  endpoint: AiSdkEndpoint,
  request: CompletionRequest,
  context: Context,
): Promise<ProviderAnswer> {
  const { signal } = context;
  const failures = failuresFor(endpoint.name, request);
  try {
    return await generated(endpoint, request, context, signal, failures);
  } catch (error) {
    throw refusal(error, context, failures, signal);
  }
}

async function generated(
  { calls, model }: AiSdkEndpoint,
  request: CompletionRequest,
  context: Context,
  signal: AbortSignal,
  failures: Failures,
): Promise<ProviderAnswer> {
  const result = await raceAbort(
    Promise.resolve(calls.doGenerate(unsent(() => callOptions(request, context, signal)))),
    signal,
  );
  const { headers, id } = result.response ?? {};
  heard(context, failures, headers, true);
  named(context, failures, id);
  told(context, result.usage, true);
  return answerFromResult(result, { model, schema: request.schema !== undefined }, failures);
}

/** What the vendor has counted, of a refusal too: that is billed as well. */
function told(context: Context, counted: Parameters<typeof usageFrom>[0], usageIsWhole: boolean): void {
  const cost = costFrom(counted);
  context.received({ usage: usageFrom(counted), usageIsWhole, ...(cost !== undefined && { cost }) });
}

/** Vendors that send no id of the request in a header have one in the answer. */
function named(context: Context, failures: Failures, id: string | undefined): void {
  if (id === undefined || id === '' || failures.requestId !== undefined) return;
  failures.requestId = id;
  context.received({ providerRequestId: id });
}

/** Asks for a stream. Nothing is sent before the first `next()`; `return()` aborts the model's call at once. */
export function streamAiSdk(
  endpoint: AiSdkEndpoint,
  request: CompletionRequest,
  context: Context,
): AsyncIterableIterator<Chunk> {
  return streamAttempt(context.signal, (attempt) => open(endpoint, request, context, attempt));
}

async function open(
  endpoint: AiSdkEndpoint,
  request: CompletionRequest,
  context: Context,
  attempt: StreamAttempt,
): Promise<Batches> {
  const { signal } = attempt;
  const failures = failuresFor(endpoint.name, request);
  if (!endpoint.state.streams) throw streamingRefused(`${endpoint.name} does not stream`, { provider: endpoint.name });
  let asked: Promise<Streamed> | undefined;
  // One of its own: a model that has said its last word can still have to be let go of.
  const model = forkSignal(signal);
  try {
    asked = Promise.resolve(endpoint.calls.doStream(unsent(() => callOptions(request, context, model.signal))));
    const result = await raceAbort(asked, signal);
    const { stream, ...head } = result;
    const headers = head.response?.headers;
    heard(context, failures, headers, true);
    if (isJson(headers)) {
      void stream.cancel().catch(() => {});
      // The body is gone: an answer or an error, which only asking again can tell.
      const answer = await generated(endpoint, request, context, signal, failures);
      endpoint.state.streams = false;
      context.received({ raw: answer.raw });
      attempt.complete = true;
      model.release();
      return batchesOf(answer);
    }
    return streamed(endpoint, stream.getReader(), { context, attempt, failures, head, model });
  } catch (error) {
    // A model that takes no notice of its signal may still come with a stream, which nobody will read.
    if (signal.aborted) asked?.then(({ stream }) => stream.cancel()).catch(() => {});
    model.release();
    throw refusal(error, context, failures, signal);
  }
}

type Reader = ReadableStreamDefaultReader<Parts>;
type Streamed = Awaited<ReturnType<AiSdkCalls['doStream']>>;
type Parts = Streamed['stream'] extends ReadableStream<infer Part> ? Part : never;

async function* streamed(
  endpoint: AiSdkEndpoint,
  reader: Reader,
  {
    context,
    attempt,
    failures,
    head,
    model,
  }: {
    readonly context: Context;
    readonly attempt: StreamAttempt;
    readonly failures: Failures;
    readonly head: Omit<Streamed, 'stream'>;
    readonly model: Fork;
  },
): Batches {
  const { signal } = attempt;
  const parts = new StreamParts(head, failures);
  const gathered = new GatheredResult(head);
  const stop = onAbort(signal, () => letGo(reader));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      // A stream that is let go of just ends.
      if (signal.aborted) throw reasonOf(signal);
      if (done) throw failures.of('truncated', 'ended its stream before the answer was whole');
      if (value.type === 'finish') {
        told(context, value.usage, hasEnded(value.finishReason));
        const chunk = parts.finish(value, gathered.model ?? endpoint.model);
        const raw = gathered.result(value);
        answerOfResult.set(raw, {
          text: textIn(raw.content, 'text'),
          toolCalls: parts.toolCalls,
          finishReason: chunk.finishReason,
        });
        context.received({ raw });
        attempt.complete = true;
        yield [chunk];
        return;
      }
      gathered.push(value);
      if (value.type === 'response-metadata') named(context, failures, value.id);
      const chunk = parts.push(value);
      if (chunk !== undefined) yield [chunk];
      else if (value.type === 'tool-input-delta') context.received(callGoesOn);
    }
  } catch (error) {
    throw refusal(error, context, failures, signal);
  } finally {
    stop();
    if (attempt.complete) drain(reader, model);
    else {
      letGo(reader);
      model.release();
    }
  }
}

function letGo(reader: Reader): void {
  reader.cancel().catch(() => {});
}

/** A model that has said its last word is read to its end in the background: leaving it would close a connection that is still good. */
function drain(reader: Reader, model: Fork): void {
  const timer = setTimeout(() => {
    // To leave the stream alone does not reach the server: the vendors' packages listen to the signal only.
    model.abort(new TransportError('cancelled', 'The answer is whole'));
    letGo(reader);
  }, drainMs);
  const readOn = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  readOn()
    .catch(() => {})
    .finally(() => {
      clearTimeout(timer);
      model.release();
    });
}

function isJson(headers: unknown): boolean {
  return /^application\/(?:problem\+)?json\b/i.test(headerMap(headers).get('content-type') ?? '');
}
