/** What can go wrong at a provider, as data: the simulated server does it on the wire, the simulated provider in process. */

import type { ErrorCode } from '../core/types.ts';

/**
 * The provider's own words about an error, as OpenAI's `error` object. The other wires say what the `code`, the type and the status
 * mean in words of their own, and quote `message` where they have none.
 */
export interface ErrorBody {
  readonly message?: string;
  readonly type?: string;
  readonly code?: string | null;
  readonly param?: string | null;
}

/** How a provider says when to come back: `ms` from now, written as whole seconds, as an HTTP date, or as `retry-after-ms`. */
export interface RetryAfter {
  readonly as: 'seconds' | 'date' | 'milliseconds';
  /** Milliseconds from now. */
  readonly ms: number;
}

/** An error by HTTP status. */
export interface StatusFault {
  readonly kind: 'status';
  readonly status: number;
  readonly error?: ErrorBody;
  readonly retryAfter?: RetryAfter;
  /** The `x-should-retry` header. */
  readonly shouldRetry?: boolean;
  /** A proxy's page instead of JSON. @default false */
  readonly html?: boolean;
  /** The whole body, as it is: for what a provider says in a form that is not here. `error` is then not sent. */
  readonly body?: string | { readonly [key: string]: unknown };
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Puts the caller's key into the message, as careless gateways do. @default false */
  readonly repeatsKey?: boolean;
  /** Only for requests that stream, or only for those with `stream_options`; others are served. */
  readonly only?: 'stream' | 'streamOptions';
}

/**
 * Something that goes wrong with one request. `afterTokens` counts streamed pieces; of an answer that is not streamed, half the
 * body stands for them. A fault that an answer is too short for strikes at its end.
 */
export type Fault =
  | StatusFault
  /** Nobody listens. As the fault of a single request, whose connection was already made, it is a reset before headers. */
  | { readonly kind: 'refused' }
  /** The connection is reset (RST). */
  | { readonly kind: 'reset'; readonly at: 'beforeHeaders' | 'afterHeaders' }
  /** The connection stays, and nothing comes. */
  | { readonly kind: 'silence'; readonly at: 'beforeHeaders' | 'afterHeaders' }
  /** Nothing is wrong but the time to the first token: milliseconds, after the headers. */
  | { readonly kind: 'slow'; readonly firstTokenMs: number }
  /** The connection ends in the middle: reset (RST), closed (FIN inside the body), or ended as if the answer were whole. */
  | { readonly kind: 'cut'; readonly afterTokens: number; readonly by: 'reset' | 'close' | 'end' }
  /** All the content comes, then a clean end: without the terminal event, or only without `[DONE]` (which is valid). */
  | { readonly kind: 'unterminated'; readonly missing: 'terminalEvent' | 'done' }
  /** An error event inside the stream; with 0 it follows the role chunk. An unary request gets it as `status`. */
  | { readonly kind: 'streamError'; readonly afterTokens: number; readonly status?: number; readonly error?: ErrorBody }
  /** Tokens, then silence; `heartbeat` keeps the connection busy with nothing, every `heartbeatMs` (@default 25). */
  | {
      readonly kind: 'stall';
      readonly afterTokens: number;
      readonly heartbeat?: 'none' | 'comments' | 'emptyDeltas';
      readonly heartbeatMs?: number;
    }
  /** One event, in place of a token, is not JSON; the whole body, when it is not streamed. */
  | { readonly kind: 'malformed'; readonly afterTokens: number }
  /** A clean end in the middle of an event. */
  | { readonly kind: 'truncatedJson'; readonly afterTokens: number }
  /** Status 200 with a JSON error as its body, streaming or not. */
  | { readonly kind: 'errorIn200'; readonly error?: ErrorBody }
  /** Status 200 and not one byte. */
  | { readonly kind: 'empty200' }
  /** A finish reason `stop`, and no content. */
  | { readonly kind: 'emptyAnswer' }
  /** Reasoning, then `finishReason`, and no content. */
  | { readonly kind: 'reasoningOnly'; readonly finishReason?: 'stop' | 'length' }
  /** The model will not: by finish reason `content_filter`, or in the `refusal` field with `stop`. */
  | { readonly kind: 'refusal'; readonly by: 'finishReason' | 'field'; readonly afterTokens?: number }
  /** The answer stops at a length limit: finish reason `length`. */
  | { readonly kind: 'length'; readonly afterTokens: number }
  /** `stream: true` is answered with one JSON body. */
  | { readonly kind: 'streamIgnored' };

/** The headers by which an error tells when, and whether, to come back. */
export function hintsOf(
  hints: readonly RetryAfter[],
  shouldRetry: boolean | undefined,
  now: number,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { as, ms } of hints) {
    if (as === 'seconds') headers['retry-after'] = String(Math.ceil(ms / 1_000));
    if (as === 'milliseconds') headers['retry-after-ms'] = String(ms);
    // An HTTP date has whole seconds: rounded up, so that it is never earlier than it should be.
    if (as === 'date') headers['retry-after'] = new Date(Math.ceil((now + ms) / 1_000) * 1_000).toUTCString();
  }
  if (shouldRetry !== undefined) headers['x-should-retry'] = String(shouldRetry);
  return headers;
}

/** The error code that a fault amounts to at the adapter or the endpoint; `undefined` when an answer comes all the same. */
export function errorCodeOf(fault: Fault): ErrorCode | undefined {
  switch (fault.kind) {
    case 'status':
      return fault.only === undefined ? codeOfStatus(fault.status, fault.error?.code ?? undefined) : undefined;
    case 'refused':
    case 'reset':
      return 'connection';
    case 'silence':
    case 'stall':
      return 'timeout';
    case 'cut':
      return fault.by === 'end' ? 'truncated' : 'connection';
    case 'unterminated':
      return fault.missing === 'terminalEvent' ? 'truncated' : undefined;
    case 'streamError':
      return codeOfStatus(fault.status ?? 500, fault.error?.code ?? undefined);
    case 'malformed':
    case 'truncatedJson':
    case 'errorIn200':
      return 'bad_response';
    case 'empty200':
    case 'emptyAnswer':
      return 'empty_response';
    case 'reasoningOnly':
      return fault.finishReason === 'length' ? undefined : 'empty_response';
    case 'refusal':
      return 'content_filtered';
    case 'slow':
    case 'length':
    case 'streamIgnored':
      return undefined;
  }
}

/** What a status, and the provider's own code beside it, mean. Kept apart from `src/wire`, which it is there to test. */
export function codeOfStatus(status: number, code?: string): ErrorCode {
  if (code === 'context_length_exceeded') return 'context_length_exceeded';
  if (code === 'content_policy_violation') return 'content_filtered';
  if (code === 'insufficient_quota') return 'quota_exhausted';
  if (status === 401) return 'authentication';
  if (status === 402) return 'quota_exhausted';
  if (status === 403) return 'permission';
  if (status === 404) return 'unsupported';
  if (status === 408 || status === 409) return 'server_error';
  if (status === 413) return 'context_length_exceeded';
  if (status === 429) return 'rate_limited';
  if (status === 498 || status === 503 || status === 529) return 'overloaded';
  return status >= 500 ? 'server_error' : 'invalid_request';
}
