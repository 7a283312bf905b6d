/** Errors as Anthropic says them. */

import { hintsOf } from './faults.ts';
import type { Fields, Problem, WireError } from './wire.ts';

/** What an error says at Anthropic. */
interface Words {
  readonly status?: number;
  readonly type?: string;
  readonly message?: string;
  readonly details?: Fields;
}

/** What an error of the given code or type says. Where Anthropic has no code for it, only the sentence tells. */
function wordsOf({ error, model, inputTokens }: Problem): Words {
  switch (error.code ?? error.type) {
    case 'invalid_api_key':
      return { status: 401, message: 'invalid x-api-key' };
    case 'context_length_exceeded':
      return { status: 400, message: `prompt is too long: ${200_000 + inputTokens} tokens > 200000 maximum` };
    case 'content_policy_violation':
      return { status: 400, message: 'Output blocked by content filtering policy' };
    case 'model_not_found':
      return { status: 404, message: `model: ${model}` };
    case 'unsupported_country_region_territory':
      return { status: 403, message: 'Your API key does not have permission to use the specified resource.' };
    case 'insufficient_quota':
      return {
        status: 429,
        message: 'You have reached the spend limit of your organization.',
        details: { error_code: 'enforced_spend_limit_reached' },
      };
    case 'rate_limit_exceeded':
      return { status: 429, message: rateLimited(error.type) };
    case 'server_overloaded':
    case 'overloaded_error':
      return { status: 529, type: 'overloaded_error', message: 'Overloaded' };
    case 'unsupported_value':
      return error.param === 'stream' ? { message: 'Streaming is not supported for this model.' } : {};
    default:
      return {};
  }
}

/** An error as its status, headers and body. */
export function anthropicError(problem: Problem): WireError {
  const { error, hints, requestId, repeatedKey } = problem;
  const words = wordsOf(problem);
  const status = words.status ?? problem.status;
  const type = words.type ?? (ownTypes.has(error.type ?? '') ? error.type : typeOf(status));
  const message = words.message ?? error.message ?? (status >= 500 ? 'Internal server error' : 'Invalid request');
  const said = repeatedKey === undefined ? message : `${message}: ${repeatedKey}`;
  return {
    status,
    headers: hintsOf(hints.slice(0, 1), problem.shouldRetry ?? shouldRetry(status), Date.now()),
    body: JSON.stringify({
      type: 'error',
      error: { type, message: said, ...(words.details !== undefined && { details: words.details }) },
      request_id: requestId,
    }),
  };
}

/** As recorded: `false` with a 400 or 401, `true` with a 429. */
function shouldRetry(status: number): boolean | undefined {
  if (status === 429) return true;
  return status < 500 ? false : undefined;
}

function rateLimited(limit: string | undefined): string {
  if (limit === 'concurrency') return 'Number of concurrent connections has exceeded your rate limit.';
  return `This request would exceed the rate limit for your organization of ${limit} per minute.`;
}

function typeOf(status: number): string {
  return types[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** Types of Anthropic's own: a fault that names one of these gets it. `invalid_request_error` is OpenAI's word for all 4xx. */
const ownTypes = new Set([...Object.values(types), 'api_error'].filter((type) => type !== 'invalid_request_error'));
