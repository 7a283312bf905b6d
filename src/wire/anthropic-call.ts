import { isStreamingRefused } from '../core/errors.ts';
import { unsent } from '../core/reach.ts';
import { wordsOf } from '../core/request.ts';
import { forkSignal, reasonOf } from '../core/signals.ts';
import type { CompletionRequest, Context, ProviderAnswer } from '../core/types.ts';
import { readAnswer } from './answer-text.ts';
import { readMessage } from './anthropic-answer.ts';
import { type AnthropicClient, secretsOfAnthropic, unstreamedTimeout } from './anthropic-client.ts';
import { anthropicUsageOf } from './anthropic-parts.ts';
import { type MessagesRequest, messagesRequest } from './anthropic-request.ts';
import { ByteReader } from './bytes.ts';
import { answerOf } from './classify-thrown.ts';
import { readErrorBody } from './error-body.ts';
import { type Failures, failuresOf, heard } from './failures.ts';
import { attemptId } from './headers.ts';

/** A Messages server behind an SDK client, and what is remembered of it. */
export interface MessagesEndpoint {
  /** The provider's name. */
  readonly name: string;
  readonly client: AnthropicClient;
  readonly model: string;
  readonly maxOutputTokens: number | undefined;
  /** As far as is known; changes as the server shows what it cannot do. */
  readonly state: {
    streams: boolean;
    /** It takes `temperature` and `top_p`: API versions before 2026-10-21, and models before Claude 4.7. */
    sampling: boolean;
    /** It takes system messages in the middle of the conversation. */
    systemTurns: boolean;
  };
}

/** The errors of one attempt at the endpoint. */
export function messagesFailures(endpoint: MessagesEndpoint, request: CompletionRequest): Failures {
  return failuresOf({
    provider: endpoint.name,
    secrets: () => secretsOfAnthropic(endpoint.client),
    texts: () => wordsOf(request),
  });
}

/** A successful answer whose body has not been read. */
export interface OpenMessage {
  readonly bytes: ByteReader;
  readonly contentType: string;
}

/**
 * Sends a request, once, and tells the context what came with the answer's headers, good or bad. A server that refuses sampling
 * parameters or system messages in the middle is asked again without, and remembered as such.
 * @throws TransportError what the SDK's error means, or why `signal` was aborted
 */
export async function openMessage(
  endpoint: MessagesEndpoint,
  request: CompletionRequest,
  context: Context,
  { stream, signal, failures }: { readonly stream: boolean; readonly signal: AbortSignal; readonly failures: Failures },
): Promise<OpenMessage> {
  const { client, state } = endpoint;
  for (;;) {
    const sent = unsent(() => messagesRequest(request, { ...endpoint, ...state }));
    let response: Response;
    try {
      if (signal.aborted) throw reasonOf(signal);
      response = await send(client, sent, { stream, signal, context });
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      const { headers } = answerOf(error);
      if (headers !== undefined) heard(context, failures, headers);
      if (learned(endpoint, sent, error)) continue;
      const failure = failures.thrown(error);
      if (stream && isStreamingRefused(failure)) state.streams = false;
      throw failure;
    }
    heard(context, failures, response.headers, true);
    return { bytes: new ByteReader(response.body), contentType: response.headers.get('content-type') ?? '' };
  }
}

/** Asks for a whole answer. */
export async function completeMessage(
  endpoint: MessagesEndpoint,
  request: CompletionRequest,
  context: Context,
): Promise<ProviderAnswer> {
  // The SDK leaves its listener on the signal until the answer is collected as garbage: not on the caller's.
  const fork = forkSignal(context.signal);
  const { signal } = fork;
  const failures = messagesFailures(endpoint, request);
  try {
    const { bytes } = await openMessage(endpoint, request, context, { stream: false, signal, failures });
    return await readWholeMessage(bytes, endpoint, context, { signal, failures });
  } finally {
    fork.release();
  }
}

/** The rest of a body as an answer. Ends at once when `signal` aborts. */
export async function readWholeMessage(
  bytes: ByteReader,
  endpoint: MessagesEndpoint,
  context: Context,
  { signal, failures }: { readonly signal: AbortSignal; readonly failures: Failures },
): Promise<ProviderAnswer> {
  const body = await readAnswer(bytes, signal, failures);
  // Also a refusal is billed.
  context.received({ raw: body, usage: anthropicUsageOf(body.usage), usageIsWhole: true });
  return readMessage(body, endpoint.model, failures);
}

interface Sending {
  readonly stream: boolean;
  readonly signal: AbortSignal;
  readonly context: Context;
}

/** `stream` last: whether an answer is streamed is the transport's to say, not `providerOptions`'. */
function send(client: AnthropicClient, { body, betas }: MessagesRequest, sending: Sending): Promise<Response> {
  const { stream, signal, context } = sending;
  const id = attemptId(context);
  const timeout = stream ? undefined : unstreamedTimeout(client);
  const headers: Record<string, string> = {
    ...(id !== undefined && { 'X-Client-Request-Id': id }),
    ...(betas.length > 0 && { 'anthropic-beta': betas.join(',') }),
  };
  const options = { signal, maxRetries: 0, headers, ...(timeout !== undefined && { timeout }) };
  const { messages } = client;
  return messages.create({ ...body, stream } as never, options as never).asResponse();
}

const noSampling =
  /\b(?:temperature|top_p)\b.{0,60}\b(?:not permitted|not allowed|deprecated|not supported|unsupported|removed|cannot both)/i;
const noSystemTurns =
  /\brole\b.{0,20}\bsystem\b.{0,40}\bnot (?:supported|permitted|allowed)|unknown variant .?system\b|\bmessages\.\d+\b.{0,80}\bsystem\b|\brole\b.{0,40}\bmust be\b.{0,40}\buser\b/i;

/** True when the refusal says what the server cannot do, and the request has that: it is worth asking again without. */
function learned({ state }: MessagesEndpoint, sent: MessagesRequest, error: unknown): boolean {
  const { status, body } = answerOf(error);
  if (status !== 400 && status !== 422) return false;
  const { text } = readErrorBody(body);
  if (sent.samples && noSampling.test(text)) {
    state.sampling = false;
    return true;
  }
  if (sent.hasSystemTurns && noSystemTurns.test(text)) {
    state.systemTurns = false;
    return true;
  }
  return false;
}
