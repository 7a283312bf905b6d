/** Errors as Gemini says them: everything in the body, nothing in headers. */

import { goDuration } from './allowance.ts';
import type { Fields, Problem, WireError } from './wire.ts';

/** What an error says at Gemini. */
interface Words {
  readonly status?: number;
  /** The word for the status: `RESOURCE_EXHAUSTED`. */
  readonly word?: string;
  readonly message?: string;
  readonly details?: readonly Fields[];
}

/** What an error of the given code says: some have another status here than elsewhere. */
function wordsOf(problem: Problem): Words {
  const { error, model, inputTokens } = problem;
  switch (error.code) {
    case 'invalid_api_key': {
      const message = 'API key not valid. Please pass a valid API key.';
      const localised = { '@type': `${rpc}LocalizedMessage`, locale: 'en-US', message };
      return { status: 400, message, details: [errorInfo('API_KEY_INVALID'), localised] };
    }
    case 'context_length_exceeded': {
      const counted = 1_048_576 + inputTokens;
      const message = `The input token count (${counted}) exceeds the maximum number of tokens allowed (1048576).`;
      return { status: 400, message };
    }
    case 'model_not_found':
      return {
        status: 404,
        message: `models/${model} is not found for API version v1, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.`,
      };
    case 'unsupported_country_region_territory':
      return { status: 403, message: 'The caller does not have permission' };
    case 'insufficient_quota':
    case 'rate_limit_exceeded':
      return rateLimited(problem);
    case 'server_overloaded':
      return { status: 503, message: overloaded };
    case 'unsupported_value':
      return error.param === 'stream' ? { message: `Streaming is not supported for models/${model}.` } : {};
    default:
      return byStatus(problem);
  }
}

function byStatus(problem: Problem): Words {
  const { status, error } = problem;
  switch (status) {
    case 402: {
      const message =
        'This API method requires billing to be enabled. Please enable billing on your project, then retry.';
      return { status: 403, message, details: [errorInfo('BILLING_DISABLED')] };
    }
    case 413:
      return { status: 400, message: 'Request payload size exceeds the limit: 20971520 bytes.' };
    case 422:
      return { status: 400 };
    case 429:
      return rateLimited(problem);
    case 503:
    case 529:
      return { message: overloaded, word: 'UNAVAILABLE' };
    case 400:
      return error.param == null ? {} : { details: [badRequest(error.param, error.message ?? '')] };
    default:
      return {};
  }
}

/** A limit is told by its quota: its name says whether it is of a minute or of a day. */
function rateLimited({ error, hints, model }: Problem): Words {
  if (error.type === 'concurrency') return { status: 429, message: 'Resource has been exhausted (e.g. check quota).' };
  const daily = error.code === 'insufficient_quota';
  const metric = `generativelanguage.googleapis.com/generate_content_paid_tier_${error.type === 'tokens' ? 'input_token_count' : 'requests'}`;
  const quota = error.type === 'tokens' ? 'GenerateContentPaidTierInputTokensPerModel' : 'GenerateRequestsPerModel';
  const ms = hints[0]?.ms;
  const retry = ms === undefined ? '' : `\nPlease retry in ${goDuration(ms)}.`;
  const violation = {
    quotaMetric: metric,
    quotaId: `${quota}${daily ? 'PerDay' : 'PerMinute'}`,
    quotaDimensions: { location: 'global', model },
    quotaValue: '1000',
  };
  return {
    status: 429,
    message: `You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. \n* Quota exceeded for metric: ${metric}, limit: 1000, model: ${model}${retry}`,
    details: [
      { '@type': `${rpc}QuotaFailure`, violations: [violation] },
      // As recorded: whole seconds, rounded down. The sentence says it exactly.
      ...(ms === undefined ? [] : [{ '@type': `${rpc}RetryInfo`, retryDelay: `${Math.floor(ms / 1_000)}s` }]),
    ],
  };
}

/** An error as its status and body. A prompt that is blocked is none: it is a 200 without candidates. */
export function googleError(problem: Problem): WireError {
  if (problem.error.code === 'content_policy_violation') return blocked(problem);
  const { error, repeatedKey } = problem;
  const words = wordsOf(problem);
  const status = words.status ?? problem.status;
  const own = /^[A-Z_]+$/.test(error.type ?? '') ? error.type : undefined;
  const message =
    words.message ?? error.message ?? (status >= 500 ? internal : 'Request contains an invalid argument.');
  const body = {
    error: {
      code: status,
      message: repeatedKey === undefined ? message : `${message} (${repeatedKey})`,
      status: own ?? words.word ?? statusWords[status] ?? (status >= 500 ? 'UNKNOWN' : 'INVALID_ARGUMENT'),
      ...(words.details !== undefined && { details: words.details }),
    },
  };
  return { status, headers: {}, body: JSON.stringify(body) };
}

function blocked({ model, requestId, inputTokens }: Problem): WireError {
  const body = {
    promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
    usageMetadata: { promptTokenCount: inputTokens, totalTokenCount: inputTokens },
    modelVersion: model,
    responseId: `sim-${requestId.slice(4)}`,
  };
  return { status: 200, headers: {}, body: JSON.stringify(body) };
}

const rpc = 'type.googleapis.com/google.rpc.';
const internal =
  'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting';
const overloaded = 'The model is overloaded. Please try again later.';

function errorInfo(reason: string): Fields {
  const metadata = { service: 'generativelanguage.googleapis.com' };
  return { '@type': `${rpc}ErrorInfo`, reason, domain: 'googleapis.com', metadata };
}

function badRequest(field: string, description: string): Fields {
  return { '@type': `${rpc}BadRequest`, fieldViolations: [{ field, description }] };
}

const statusWords: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};
