import { streamingRefused, TransportError } from '../core/errors.ts';
import { textsOf } from '../core/redact.ts';
import { wordsOf } from '../core/request.ts';
import { reasonOf } from '../core/signals.ts';
import type { CompletionRequest, Context } from '../core/types.ts';
import { messageGroups } from './ai-sdk-carried.ts';
import { aiSdkKind } from './ai-sdk-request.ts';
import { answerOf } from './classify-thrown.ts';
import { readErrorBody } from './error-body.ts';
import { type Failures, failuresOf, heard } from './failures.ts';
import { headerMap } from './headers.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** The errors of one attempt: without the words of the request, also those that the transport itself does not know. */
export function failuresFor(provider: string, request: CompletionRequest): Failures {
  return failuresOf({
    provider,
    // The model keeps its key to itself. What looks like one is taken out of messages all the same.
    secrets: () => headerSecrets(request),
    texts: () => [
      ...wordsOf(request),
      ...textsOf(originalsOf(request)),
      ...textsOf(request.providerOptions?.[aiSdkKind]),
    ],
  });
}

/** The messages that the request was made of: they say more than it does, such as what the model thought. */
function originalsOf(request: CompletionRequest): unknown {
  return (request.messages ?? []).map((message) => messageGroups.get(message)?.originals);
}

function headerSecrets(request: CompletionRequest): string[] {
  return [...headerMap(request.providerOptions?.[aiSdkKind]?.headers).values()];
}

/** What was thrown, as the error it means; its headers are told first. */
export function refusal(error: unknown, context: Context, failures: Failures, signal: AbortSignal): unknown {
  if (signal.aborted) return reasonOf(signal);
  const { headers, body } = answerOf(innermost(error));
  if (headers !== undefined && headers !== null && !TransportError.is(error)) heard(context, failures, headers);
  const meant = inGoodAnswer(innermost(error), failures) ?? failures.thrown(error);
  // It is the vendor's package that asks for usage in the stream, and leaves no way to ask without.
  if (meant.code !== 'invalid_request' || readErrorBody(body).param !== 'stream_options') return meant;
  return streamingRefused(meant.message, { ...meant, cause: meant.cause });
}

/** What is said in an answer with a good status that a vendor's package could not read: an error, or a refusal without a message. */
function inGoodAnswer(error: unknown, failures: Failures): TransportError | undefined {
  const { statusCode, responseBody } = fieldsOf(error);
  if (typeof statusCode !== 'number' || statusCode >= 400 || typeof responseBody !== 'string') return undefined;
  let body: Fields;
  try {
    body = fieldsOf(JSON.parse(responseBody));
  } catch {
    return undefined;
  }
  if (body.error !== undefined && body.error !== null) return failures.inBand({ error: body.error });
  const [choice] = Array.isArray(body.choices) ? body.choices : [];
  return fieldsOf(choice).finish_reason === 'content_filter'
    ? failures.of('content_filtered', 'refused to answer by policy')
    : undefined;
}

/** Of the AI SDK's own retries, where somebody has put them around a model, the last error. */
function innermost(error: unknown): unknown {
  return (error as { readonly lastError?: unknown } | null | undefined)?.lastError ?? error;
}
