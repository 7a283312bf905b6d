import { isStreamingRefused } from '../core/errors.ts';
import { unsent } from '../core/reach.ts';
import { wordsOf } from '../core/request.ts';
import { reasonOf } from '../core/signals.ts';
import type { CompletionRequest, Context, ProviderAnswer } from '../core/types.ts';
import { readAnswer } from './answer-text.ts';
import { ByteReader } from './bytes.ts';
import { answerOf } from './classify-thrown.ts';
import { readErrorBody } from './error-body.ts';
import { type Failures, failuresOf, heard } from './failures.ts';
import { readChatAnswer } from './openai-chat-answer.ts';
import { answerFacts, usageOf } from './openai-chat-parts.ts';
import { type ChatBody, type ChatDialect, chatBody } from './openai-chat-request.ts';
import { idHeader, type OpenAIClient, secretsOfClient } from './openai-client.ts';

/** A Chat Completions server behind an SDK client, and what is remembered of it. */
export interface ChatEndpoint extends ChatDialect {
  /** The provider's name. */
  readonly name: string;
  readonly client: OpenAIClient;
  /** Changes as the server shows what it cannot do. */
  readonly state: {
    /** It streams, as far as is known. */
    streams: boolean;
    /** It takes `stream_options`, as far as is known. */
    usageInStream: boolean;
  };
}

/** The errors of one attempt at the endpoint. */
export function chatFailures(endpoint: ChatEndpoint, request: CompletionRequest): Failures {
  return failuresOf({
    provider: endpoint.name,
    secrets: () => secretsOfClient(endpoint.client),
    texts: () => wordsOf(request),
  });
}

/** A successful answer whose body has not been read. */
export interface OpenChat {
  readonly bytes: ByteReader;
  readonly contentType: string;
}

/**
 * Sends a request, once, and tells the context what came with the answer's headers, good or bad. A server that does not know
 * `stream_options` is asked again without, and remembered as such.
 * @throws TransportError what the SDK's error means, or why `signal` was aborted
 */
export async function openChat(
  endpoint: ChatEndpoint,
  request: CompletionRequest,
  context: Context,
  { stream, signal, failures }: { readonly stream: boolean; readonly signal: AbortSignal; readonly failures: Failures },
): Promise<OpenChat> {
  const body = unsent(() => chatBody(request, endpoint));
  for (;;) {
    const withUsage = stream && endpoint.state.usageInStream;
    let response: Response;
    try {
      response = await send(endpoint.client, wireBody(body, stream, withUsage), context, signal);
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      const { headers } = answerOf(error);
      if (headers !== undefined) heard(context, failures, headers);
      if (withUsage && refusesStreamOptions(error)) {
        endpoint.state.usageInStream = false;
        continue;
      }
      const failure = failures.thrown(error);
      if (stream && isStreamingRefused(failure)) endpoint.state.streams = false;
      throw failure;
    }
    heard(context, failures, response.headers, true);
    return { bytes: new ByteReader(response.body), contentType: response.headers.get('content-type') ?? '' };
  }
}

/** Asks for a whole answer. */
export async function completeChat(
  endpoint: ChatEndpoint,
  request: CompletionRequest,
  context: Context,
): Promise<ProviderAnswer> {
  const { signal } = context;
  const failures = chatFailures(endpoint, request);
  const { bytes } = await openChat(endpoint, request, context, { stream: false, signal, failures });
  return readWhole(bytes, endpoint, context, { signal, failures });
}

/** The rest of a body as an answer. Ends at once when `signal` aborts. */
export async function readWhole(
  bytes: ByteReader,
  endpoint: ChatEndpoint,
  context: Context,
  { signal, failures }: { readonly signal: AbortSignal; readonly failures: Failures },
): Promise<ProviderAnswer> {
  const body = await readAnswer(bytes, signal, failures);
  // Also a refusal is billed.
  const usage = usageOf(body.usage);
  context.received({ ...answerFacts(body), ...(usage !== undefined && { usage, usageIsWhole: true }) });
  return readChatAnswer(body, endpoint.model, failures);
}

function send(client: OpenAIClient, body: ChatBody, context: Context, signal: AbortSignal): Promise<Response> {
  const { completions } = client.chat;
  const options = { signal, maxRetries: 0, headers: idHeader(context) };
  return completions.create(body as never, options as never).asResponse();
}

/** `stream` last: whether an answer is streamed is the transport's to say, not `providerOptions`'. */
function wireBody(body: ChatBody, stream: boolean, withUsage: boolean): ChatBody {
  const { stream_options: given, ...rest } = body;
  if (!stream) return { ...rest, stream: false };
  if (!withUsage) return { ...rest, stream: true };
  return { ...rest, stream: true, stream_options: { include_usage: true, ...(given as object | undefined) } };
}

function refusesStreamOptions(error: unknown): boolean {
  const { status, body } = answerOf(error);
  if (status !== 400 && status !== 422) return false;
  const { param, text } = readErrorBody(body);
  return /^stream_options\b/.test(param ?? '') || /stream_options/.test(text);
}
