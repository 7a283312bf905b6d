import { streamingRefused, TransportError, type TransportErrorFields } from '../core/errors.ts';
import { type Known, scrub } from '../core/redact.ts';
import type { ErrorCode } from '../core/types.ts';
import { type ErrorFacts, readErrorBody } from './error-body.ts';
import { type ErrorMeaning, meaningOf } from './error-meaning.ts';
import { headerMap, requestIdOf } from './headers.ts';

/** An error as a provider answered it, and what is needed to speak of it without giving anything away. */
export interface ProviderError {
  /** The HTTP status; absent for an error inside a stream or inside a 200. */
  readonly status?: number | undefined;
  /** In any form. */
  readonly headers?: unknown;
  /** The parsed body, or its text. */
  readonly body?: unknown;
  /** The provider's name, for the message. */
  readonly provider?: string | undefined;
  /** Credentials in use: never in a message. */
  readonly secrets?: readonly string[] | undefined;
  /** The caller's words: never in a message, and not taken for the provider's. */
  readonly texts?: readonly string[] | undefined;
  /** Epoch milliseconds. @default Date.now() */
  readonly now?: number | undefined;
  /** What goes with the error beside what is found here. */
  readonly fields?: TransportErrorFields | undefined;
}

/**
 * The `TransportError` that a provider's error answer means: by status, code, type and text, of every vendor that is known.
 *
 * The message names the provider and the status and quotes the provider's sentence, scrubbed of credentials and of the caller's
 * words; for `authentication` nothing is quoted. An error that refuses streaming is one of `streamingRefused`.
 */
export function classify(error: ProviderError): TransportError {
  const headers = headerMap(error.headers);
  const facts = readErrorBody(error.body);
  const known: Known = { secrets: error.secrets ?? [], texts: error.texts ?? [] };
  const meaning = meaningOf({
    facts,
    text: withoutWords(facts.text, error.texts ?? []),
    status: error.status,
    headers,
    now: error.now ?? Date.now(),
  });
  const status = error.status !== undefined && error.status >= 400 ? error.status : facts.status;
  const requestId = requestIdOf(headers) ?? facts.requestId;
  const fields: TransportErrorFields = {
    ...(error.provider !== undefined && { provider: error.provider }),
    ...(status !== undefined && { status }),
    ...(requestId !== undefined && { providerRequestId: requestId }),
    ...(meaning.retryAfterMs !== undefined && { retryAfterMs: meaning.retryAfterMs }),
    // The provider knows that asking it again is useless; another one can still be asked.
    ...(headers.get('x-should-retry') === 'false' && judgedAgain(meaning.code) && { retry: 'elsewhere' as const }),
    ...error.fields,
  };
  const message = sentence(error.provider ?? 'The provider', meaning, status, facts, known);
  return meaning.streamingRefused
    ? streamingRefused(message, fields)
    : new TransportError(meaning.code, message, fields);
}

function judgedAgain(code: ErrorCode): boolean {
  return new TransportError(code, '').retry === 'again';
}

const phrases: Readonly<Partial<Record<ErrorCode, string>>> = {
  authentication: 'did not accept the credentials',
  permission: 'does not permit this with these credentials',
  quota_exhausted: 'has no quota left for these credentials',
  rate_limited: 'asked to slow down',
  overloaded: 'is overloaded',
  server_error: 'failed',
  timeout: 'ran out of time',
  context_length_exceeded: 'found the prompt too long',
  content_filtered: 'refused by policy',
  unsupported: 'does not support this',
  bad_response: 'answered with an error',
  invalid_request: 'found the request invalid',
};

function sentence(
  provider: string,
  meaning: ErrorMeaning,
  status: number | undefined,
  facts: ErrorFacts,
  known: Known,
): string {
  const start = `${provider} ${phrases[meaning.code] ?? 'failed'}${status === undefined ? '' : ` (${status})`}`;
  if (meaning.code === 'authentication') return start;
  const quoted = scrub(facts.message.replace(/\s+/g, ' ').trim(), known);
  return quoted === '' ? start : `${start}: ${quoted}`;
}

/** A prompt that is quoted back and says "rate limit" must not be taken for the provider's own words. */
function withoutWords(text: string, words: readonly string[]): string {
  let own = text;
  for (const word of words) {
    const trimmed = word.trim();
    if (trimmed.length < 12 || trimmed.length > own.length) continue;
    own = own.replaceAll(trimmed, ' ').replaceAll(JSON.stringify(trimmed).slice(1, -1), ' ');
  }
  return own;
}
