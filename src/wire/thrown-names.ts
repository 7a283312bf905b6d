import type { ErrorCode } from '../core/types.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Names of errors that say what happened by themselves: of SDKs, of the AI SDK, of the web platform. */
const names: ReadonlyMap<string, ErrorCode> = new Map([
  ['APIUserAbortError', 'cancelled'],
  ['AbortError', 'cancelled'],
  ['RequestAbortedError', 'cancelled'],
  ['CanceledError', 'cancelled'],
  ['APIConnectionTimeoutError', 'timeout'],
  ['RequestTimeoutError', 'timeout'],
  ['TimeoutError', 'timeout'],
  ['APIConnectionError', 'connection'],
  ['ConnectionError', 'connection'],
  ['ContentFilterFinishReasonError', 'content_filtered'],
  ['SDKValidationError', 'bad_response'],
  ['ResponseValidationError', 'bad_response'],
  ['ZodError', 'bad_response'],
  ['ContextOverflowError', 'context_length_exceeded'],
  ['AI_TypeValidationError', 'bad_response'],
  ['AI_JSONParseError', 'bad_response'],
  ['AI_InvalidResponseDataError', 'bad_response'],
  ['AI_EmptyResponseBodyError', 'empty_response'],
  ['AI_NoContentGeneratedError', 'empty_response'],
  ['AI_NoOutputGeneratedError', 'empty_response'],
  ['AI_LoadAPIKeyError', 'authentication'],
  ['OAuthError', 'authentication'],
  ['SubjectTokenProviderError', 'authentication'],
  ['WorkloadIdentityError', 'authentication'],
  ['AI_NoSuchModelError', 'unsupported'],
  ['AI_UnsupportedFunctionalityError', 'unsupported'],
  ['AI_InvalidPromptError', 'invalid_request'],
]);

/** Sentences of SDKs that throw plain errors for a stream that broke. */
const sentences: readonly (readonly [RegExp, ErrorCode])[] = [
  [/missing finish_reason|stream ended without producing|request ended without sending any chunks/i, 'truncated'],
  [/did not receive done or success response in stream|incomplete json segment at the end/i, 'truncated'],
  [
    /could not resolve authentication method|the `apikey` function (?:failed|must)|^profile ".{0,80}" could not be/i,
    'authentication',
  ],
  [/failed to get token from '.{1,40}' function|missing credentials/i, 'authentication'],
  [/could not load the default credentials|googleAuth is unset/i, 'authentication'],
];

/** What an error's name or sentence says, when it is one that is made for exactly one thing. */
export function thrownMeaning(error: Fields): ErrorCode | undefined {
  const made = error.constructor as { readonly name?: unknown } | undefined;
  for (const name of [error.name, made?.name]) {
    const code = typeof name === 'string' ? names.get(name) : undefined;
    if (code !== undefined) return code;
  }
  if (error.name === 'SyntaxError' && typeof error.message === 'string' && /\bJSON\b/.test(error.message))
    return 'bad_response';
  if (typeof error.message !== 'string') return undefined;
  const { message } = error;
  return sentences.find(([pattern]) => pattern.test(message))?.[1];
}

/** Codes of Node and of undici for a connection that was not made, or was lost. */
const connection =
  /^(?:ECONN(?:RESET|REFUSED|ABORTED)|ENOTFOUND|EAI_\w+|EPIPE|ETIMEDOUT|ENETUNREACH|ENETDOWN|EHOSTUNREACH|EHOSTDOWN|EPROTO|ENOTCONN|EADDRNOTAVAIL|UND_ERR_(?:SOCKET|CLOSED|DESTROYED|CONNECT_TIMEOUT|PRX_TLS|INFO)|ERR_(?:TLS|SSL|HTTP2|SOCKET|STREAM_PREMATURE_CLOSE)\w*|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT\w*|UNABLE_TO_\w+|HOSTNAME_MISMATCH|ERR_STREAM_PREMATURE_CLOSE)$/;

/** What one error of a chain of causes says of the network. */
export function networkMeaning(error: Fields): ErrorCode | undefined {
  const { code, name, message } = error;
  if (typeof code === 'string') {
    if (connection.test(code)) return 'connection';
    if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
    if (code === 'UND_ERR_ABORTED' || code === 'ABORT_ERR' || code === 'ERR_CANCELED') return 'cancelled';
    if (code === 'Z_BUF_ERROR' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'truncated';
    if (code === 'Z_DATA_ERROR' || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW')
      return 'bad_response';
  }
  if (name === 'AbortError') return 'cancelled';
  if (name === 'TimeoutError') return 'timeout';
  // Node's fetch says no more than this when there is no cause.
  if (
    name === 'TypeError' &&
    typeof message === 'string' &&
    /^(?:terminated|Failed to fetch|fetch failed|network error)/i.test(message)
  )
    return 'connection';
  return undefined;
}
