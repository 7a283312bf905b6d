import { isStreamingRefused, type TransportError } from '../core/errors.ts';
import { unsent } from '../core/reach.ts';
import { wordsOf } from '../core/request.ts';
import { reasonOf } from '../core/signals.ts';
import type { CompletionRequest, Context } from '../core/types.ts';
import { ByteReader } from './bytes.ts';
import { answerOf } from './classify-thrown.ts';
import { readErrorBody } from './error-body.ts';
import { type Failures, failuresOf, heard } from './failures.ts';
import { fieldsOf } from './openai-chat-parts.ts';
import { idHeader, type OpenAIResponsesClient, secretsOfClient } from './openai-client.ts';
import { type ResponsesBody, responsesBody } from './openai-responses-request.ts';
import type { Thoughts } from './openai-responses-thoughts.ts';

/** A server of Responses behind an SDK client, and what is remembered of it. */
export interface ResponsesEndpoint {
  /** The provider's name. */
  readonly name: string;
  readonly client: OpenAIResponsesClient;
  readonly model: string;
  readonly background: boolean;
  readonly thoughts: Thoughts;
  /** Changes as the server shows what it cannot do. */
  readonly state: {
    /** It streams, as far as is known. */
    streams: boolean;
    /** It seals its thoughts, as far as is known. */
    sealed: boolean;
  };
}

/** One attempt at an endpoint. */
export interface ResponsesCall {
  readonly endpoint: ResponsesEndpoint;
  readonly request: CompletionRequest;
  readonly context: Context;
  readonly failures: Failures;
  readonly signal: AbortSignal;
}

/** A successful answer whose body has not been read. */
export interface OpenResponse {
  readonly bytes: ByteReader;
  readonly contentType: string;
  /** The answer is being made whether or not somebody is connected. */
  readonly background: boolean;
}

/** The errors of one attempt at the endpoint. */
export function responsesFailures(endpoint: ResponsesEndpoint, request: CompletionRequest): Failures {
  return failuresOf({
    provider: endpoint.name,
    secrets: () => secretsOfClient(endpoint.client),
    texts: () => wordsOf(request),
  });
}

/**
 * Sends a request, once, and tells the context what came with the answer's headers, good or bad. A model that has no sealed thoughts to
 * give, or cannot open those it is given, is asked again without.
 * @throws TransportError what the SDK's error means, or why the signal was aborted
 */
export async function openResponse(call: ResponsesCall, stream: boolean): Promise<OpenResponse> {
  const { endpoint, request, context, signal } = call;
  const { client, state, model, background } = endpoint;
  let thoughts: Thoughts | undefined = endpoint.thoughts;
  let { sealed } = state;
  for (;;) {
    const body = unsent(() => responsesBody(request, { model, background, thoughts, sealed }));
    const options = { signal, maxRetries: 0, headers: idHeader(context) };
    try {
      const sent = client.responses.create({ ...body, stream } as never, options as never);
      return { ...opened(await sent.asResponse(), call), background: body.background === true };
    } catch (error) {
      const failure = refusal(error, call);
      const complaint = complaintOf(error, body);
      if (complaint === 'include' && sealed) {
        sealed = false;
        state.sealed = false;
      } else if (complaint === 'thoughts' && thoughts !== undefined) {
        thoughts = undefined;
      } else {
        if (stream && isStreamingRefused(failure)) state.streams = false;
        throw failure;
      }
    }
  }
}

/** Asks for a stored Response again: as it is now, or its events from the one after `after`. @throws TransportError */
export async function retrieveResponse(call: ResponsesCall, id: string, after?: number): Promise<OpenResponse> {
  const { endpoint, context, signal } = call;
  const query = after === undefined ? {} : { stream: true, starting_after: after };
  const options = { signal, maxRetries: 0, headers: idHeader(context) };
  try {
    const sent = endpoint.client.responses.retrieve(id, query as never, options as never);
    return { ...opened(await sent.asResponse(), call), background: true };
  } catch (error) {
    throw refusal(error, call);
  }
}

/** Milliseconds for which telling a server to cancel is tried. */
const cancelMs = 10_000;

/** Tells the server to make no more of a Response that nobody will read. Nobody waits for that, and nobody hears how it went. */
export function cancelResponse({ endpoint, context }: ResponsesCall, id: string): void {
  // Of its own: the call's signal is aborted already.
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), cancelMs);
  timer.unref?.();
  const options = { signal: controller.signal, maxRetries: 0, headers: idHeader(context) };
  endpoint.client.responses
    .cancel(id, options as never)
    .asResponse()
    .then((response) => response.arrayBuffer())
    .catch(() => {})
    .finally(() => clearTimeout(timer));
}

function opened(response: Response, { context, failures }: ResponsesCall): Omit<OpenResponse, 'background'> {
  heard(context, failures, response.headers, true);
  return { bytes: new ByteReader(response.body), contentType: response.headers.get('content-type') ?? '' };
}

function refusal(error: unknown, { context, failures, signal }: ResponsesCall): TransportError {
  if (signal.aborted) return reasonOf(signal);
  const { headers } = answerOf(error);
  if (headers !== undefined) heard(context, failures, headers);
  return failures.thrown(error);
}

/** What of a request is refused that it can do without: asking for sealed thoughts, or giving some back. */
function complaintOf(error: unknown, body: ResponsesBody): 'include' | 'thoughts' | undefined {
  const { status, body: said } = answerOf(error);
  if (status !== 400 && status !== 404 && status !== 422) return undefined;
  const { param, text, codes } = readErrorBody(said);
  const given = (body.input as readonly unknown[] | undefined)?.some((item) => fieldsOf(item).type === 'reasoning');
  if (given === true) {
    const opens = codes.includes('invalidencryptedcontent') || /encrypted content|reasoning item|\brs_\w+/i.test(text);
    if (opens || /^input\b.*(?:encrypted_content|reasoning)/.test(param ?? '')) return 'thoughts';
  }
  const asked = Array.isArray(body.include);
  return asked && (/^include\b/.test(param ?? '') || /encrypted[ _]content/i.test(text)) ? 'include' : undefined;
}
