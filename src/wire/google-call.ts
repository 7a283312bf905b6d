import { isStreamingRefused, summarise, type TransportError } from '../core/errors.ts';
import { reachOf, unsent, withReach } from '../core/reach.ts';
import { wordsOf } from '../core/request.ts';
import { type Fork, forkSignal, reasonOf } from '../core/signals.ts';
import type { CompletionRequest, Context, ProviderAnswer } from '../core/types.ts';
import { parseJson, readText } from './answer-text.ts';
import { ByteReader } from './bytes.ts';
import { classify } from './classify.ts';
import { type Failures, failuresOf, heard } from './failures.ts';
import { GeminiAnswer } from './google-answer.ts';
import { type CallMarks, callMarks } from './google-call-marks.ts';
import { type GoogleClient, secretsOfGoogle } from './google-client.ts';
import { exchange } from './google-fetch.ts';
import { geminiParameters } from './google-request.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** A Gemini model behind an SDK client, and what is remembered of it. */
export interface GeminiEndpoint {
  /** The provider's name. */
  readonly name: string;
  readonly client: GoogleClient;
  readonly model: string;
  /** Changes when the server shows that it does not stream. */
  readonly state: { streams: boolean };
}

/** One attempt at the endpoint. */
export interface GeminiAttempt {
  readonly endpoint: GeminiEndpoint;
  readonly request: CompletionRequest;
  readonly context: Context;
  /** Ends the attempt: follows the signal it was made with. */
  readonly fork: Fork;
  readonly failures: Failures;
  readonly marks: CallMarks;
  /** The headers of the request, once it was sent: credentials are among them. */
  sentHeaders: unknown;
}

/** An attempt that has not begun. Whoever starts one must release its fork. */
export function geminiAttempt(
  endpoint: GeminiEndpoint,
  request: CompletionRequest,
  context: Context,
  signal: AbortSignal,
): GeminiAttempt {
  const attempt: GeminiAttempt = {
    endpoint,
    request,
    context,
    fork: forkSignal(signal),
    failures: failuresOf({
      provider: endpoint.name,
      secrets: () => secretsOfGoogle(endpoint.client, attempt.sentHeaders),
      texts: () => wordsOf(request),
    }),
    marks: callMarks,
    sentHeaders: undefined,
  };
  return attempt;
}

/** A successful answer whose body has not been read. */
export interface OpenGemini {
  readonly bytes: ByteReader;
  readonly contentType: string;
}

/**
 * Sends the request, once, and tells the context what came with the answer's headers, good or bad.
 * @throws TransportError what the error means, or why the signal was aborted
 */
export async function openGemini(attempt: GeminiAttempt, stream: boolean): Promise<OpenGemini> {
  const { endpoint, context, failures } = attempt;
  const { signal } = attempt.fork;
  if (signal.aborted) throw reasonOf(signal);
  const parameters = unsent(() => geminiParameters(attempt.request, endpoint.model, attempt.marks));
  const response = await send(attempt, parameters, stream);
  heard(context, failures, response.headers, response.ok);
  const bytes = new ByteReader(response.body);
  if (response.ok) return { bytes, contentType: response.headers.get('content-type') ?? '' };
  const failure = await refusal(attempt, response, bytes);
  if (stream && isStreamingRefused(failure)) endpoint.state.streams = false;
  throw failure;
}

/** The answer of an attempt, of which nothing has come yet. Gemini tells its id of a request in there. */
export function geminiAnswer({ endpoint, failures, context, marks }: GeminiAttempt): GeminiAnswer {
  const tellId = (providerRequestId: string): void => {
    if (failures.requestId !== undefined) return;
    failures.requestId = providerRequestId;
    context.received({ providerRequestId });
  };
  return new GeminiAnswer({ model: endpoint.model, failures, marks, tellId });
}

/** Asks for a whole answer. */
export async function completeGemini(
  endpoint: GeminiEndpoint,
  request: CompletionRequest,
  context: Context,
): Promise<ProviderAnswer> {
  const attempt = geminiAttempt(endpoint, request, context, context.signal);
  try {
    const { bytes } = await openGemini(attempt, false);
    return await readWhole(bytes, attempt);
  } finally {
    attempt.fork.release();
  }
}

/**
 * The rest of a body as an answer: one object, or a list of chunks as the API sends it without `alt=sse`. Ends at once when the
 * attempt's signal aborts.
 */
export async function readWhole(bytes: ByteReader, attempt: GeminiAttempt): Promise<ProviderAnswer> {
  const { failures, context } = attempt;
  const value = parseJson(await readText(bytes, attempt.fork.signal, attempt.failures), failures);
  const chunks = (Array.isArray(value) ? value : [value]).map(fieldsOf);
  const answer = geminiAnswer(attempt);
  for (const chunk of chunks) answer.push(chunk);
  context.received({ usage: answer.usage, usageIsWhole: answer.finished });
  const [only = {}] = chunks;
  if (chunks.length > 1) answer.end();
  else if (!answer.finished && !hasCandidate(only)) throw noCandidate(only, failures);
  const whole = answer.answer(chunks.length === 1 ? only : answer.raw());
  context.received({ raw: whole.raw });
  return whole;
}

function hasCandidate({ candidates }: Fields): boolean {
  return Array.isArray(candidates) && candidates.length > 0;
}

/** An answer of Gemini's in which only the answer is missing, or something else altogether. */
function noCandidate(body: Fields, failures: Failures): TransportError {
  const isGemini = ['candidates', 'usageMetadata', 'modelVersion', 'promptFeedback'].some((field) => field in body);
  return isGemini ? failures.of('empty_response', 'answered without a candidate') : failures.inBand(body);
}

async function send(
  attempt: GeminiAttempt,
  { model, contents, config }: ReturnType<typeof geminiParameters>,
  stream: boolean,
): Promise<Response> {
  const { endpoint, fork, failures } = attempt;
  const { models } = endpoint.client;
  let sent: Awaited<ReturnType<typeof exchange>>;
  try {
    sent = await exchange(endpoint.client, fork, endpoint.name, (httpOptions) => {
      // Last, so that `providerOptions` cannot override it. Our signal goes to `fetch`: the SDK would never take its listener off.
      const parameters = { model, contents, config: { ...config, httpOptions, abortSignal: undefined } };
      return stream ? models.generateContentStream(parameters as never) : models.generateContent(parameters as never);
    });
  } catch (error) {
    throw fork.signal.aborted ? reasonOf(fork.signal) : withReach(notSent(error, attempt), reachOf(error as object));
  }
  if (sent === undefined)
    throw failures.of('internal', 'was asked by a client that takes no fetch for one request: @google/genai 3 does');
  attempt.sentHeaders = sent.sentHeaders;
  try {
    return await sent.response;
  } catch (error) {
    throw fork.signal.aborted ? reasonOf(fork.signal) : failures.thrown(error);
  }
}

/** What the SDK throws before it sends anything: no credentials, or options that its API does not have. */
function notSent(error: unknown, { failures, endpoint, request }: GeminiAttempt): TransportError {
  const failure = failures.thrown(error);
  if (failure.code !== 'internal') return failure;
  const message = error instanceof Error ? error.message : '';
  const code = /\b(?:is|are) (?:only|not) (?:yet )?supported\b/i.test(message) ? 'unsupported' : 'invalid_request';
  const cause = summarise(error, { secrets: secretsOfGoogle(endpoint.client, undefined), texts: wordsOf(request) });
  return failures.of(code, 'was not asked: the SDK does not take the request', { cause });
}

/** The error that a status means. Without its body when that does not come whole: the status says enough. */
async function refusal(attempt: GeminiAttempt, response: Response, bytes: ByteReader): Promise<TransportError> {
  const { endpoint, fork, request, failures } = attempt;
  let body = '';
  try {
    body = await readText(bytes, attempt.fork.signal, attempt.failures);
  } catch (error) {
    if (fork.signal.aborted) throw error;
  }
  return classify({
    status: response.status,
    headers: response.headers,
    body,
    provider: endpoint.name,
    secrets: secretsOfGoogle(endpoint.client, attempt.sentHeaders),
    texts: wordsOf(request),
    fields: failures.requestId === undefined ? {} : { providerRequestId: failures.requestId },
  });
}
