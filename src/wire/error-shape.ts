import type { TransportError } from '../core/errors.ts';
import type { ErrorCode } from '../core/types.ts';
import type { Dialect } from './dialect.ts';

/** The status that an error would have had, had a provider sent it. */
const statuses: Readonly<Record<ErrorCode, number>> = {
  overloaded: 503,
  server_error: 502,
  connection: 503,
  timeout: 504,
  bad_response: 502,
  empty_response: 502,
  truncated: 502,
  rate_limited: 429,
  quota_exhausted: 429,
  authentication: 401,
  permission: 403,
  unsupported: 404,
  context_length_exceeded: 400,
  circuit_open: 503,
  queue_full: 503,
  invalid_request: 400,
  content_filtered: 400,
  schema_mismatch: 502,
  stream_interrupted: 502,
  budget_exceeded: 429,
  deadline_exceeded: 504,
  cancelled: 499,
  no_provider: 503,
  middleware: 500,
  closed: 503,
  internal: 500,
};

/** An error as the answer of a server. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Says an error of ours in a dialect's own form, so that its SDK makes its own typed error of it, and does not ask again. */
export function errorAnswer(error: TransportError, dialect: Dialect['name'] | undefined): ErrorAnswer {
  const status = error.status !== undefined && error.status >= 400 ? error.status : statuses[error.code];
  const { retryAfterMs, providerRequestId: id } = error;
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'x-should-retry': 'false',
      ...(id !== undefined && { 'x-request-id': id, 'request-id': id }),
      ...(retryAfterMs !== undefined && {
        'retry-after': String(Math.ceil(retryAfterMs / 1_000)),
        'retry-after-ms': String(Math.ceil(retryAfterMs)),
      }),
    },
    body: JSON.stringify(bodyOf(error, status, dialect)),
  };
}

function bodyOf({ code, message }: TransportError, status: number, dialect: Dialect['name'] | undefined): object {
  switch (dialect) {
    case 'messages':
      return { type: 'error', error: { type: messagesTypes[status] ?? 'api_error', message } };
    case 'gemini':
      return { error: { code: status, message, status: geminiStatuses[status] ?? 'UNKNOWN' } };
    case 'ollama':
      return { error: message };
    case 'cohere':
      return { message };
    default:
      return { error: { message, type: code, param: null, code } };
  }
}

const messagesTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const geminiStatuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** True for an answer that says that something is wrong. */
export function isError(status: number): boolean {
  return status >= 400;
}

/** True for an answer that clients ask again after by themselves, when their retries are on. */
export function isAskedAgain(status: number): boolean {
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
}

/** True for an answer that sends the request elsewhere. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** True for a redirect after which the request is repeated as it was; after the others it is a GET. */
export function repeatsRequest(status: number): boolean {
  return status === 307 || status === 308;
}

/** True for an answer that never has a body. */
export function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
