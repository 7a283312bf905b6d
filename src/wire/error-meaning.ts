import type { ErrorCode } from '../core/types.ts';
import type { ErrorFacts } from './error-body.ts';
import { meaningsOf } from './error-codes.ts';
import { texts } from './error-texts.ts';
import { limitResetMs } from './rate-limit-headers.ts';
import { retryAfterMs } from './retry-after.ts';

/** What an error of a provider means. */
export interface ErrorMeaning {
  readonly code: ErrorCode;
  readonly retryAfterMs?: number | undefined;
  /** The provider will not stream this model at all. */
  readonly streamingRefused?: boolean;
}

/** What there is to judge by. */
export interface ErrorEvidence {
  readonly facts: ErrorFacts;
  /** The provider's sentences, without the caller's words in them. */
  readonly text: string;
  /** Of the HTTP answer. */
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Judges an error of a provider: what is machine-readable first, then the status, then the sentences. */
export function meaningOf(evidence: ErrorEvidence): ErrorMeaning {
  const { facts, headers, now } = evidence;
  const status = evidence.status !== undefined && evidence.status >= 400 ? evidence.status : facts.status;
  const codes = meaningsOf(facts.codes);
  const told = retryAfterMs(headers, facts.body, now);

  if (codes.has('content_filtered')) return { code: 'content_filtered' };
  if (status === 401) return { code: 'authentication' };
  if (status === 402) return paymentRequired(evidence, codes, told);
  if (codes.has('quota_exhausted')) return { code: 'quota_exhausted', retryAfterMs: told };
  if (status === 429) return tooMany(evidence, codes, told);
  if (status === 413 || codes.has('context_length_exceeded')) return { code: 'context_length_exceeded' };
  if (status === 403) return { code: forbidden(evidence, codes) };
  if (status === 404 || status === 405 || status === 410) return { code: 'unsupported' };
  // Groq answers 498 where the flex tier has no room.
  if (status === 498 || (status !== undefined && status >= 500)) return failed(evidence, codes, status, told);
  if (status === 408 || status === 409 || status === 424 || status === 425 || status === 499)
    return { code: codes.has('overloaded') ? 'overloaded' : 'server_error', retryAfterMs: told };
  return status === undefined ? inBand(evidence, codes, told) : badRequest(evidence, codes, told);
}

type Codes = ReadonlySet<ErrorCode>;

/** 402 is money, but for OpenRouter's budget of calls under way, which comes back. */
function paymentRequired(
  { text, headers, facts }: ErrorEvidence,
  codes: Codes,
  told: number | undefined,
): ErrorMeaning {
  const transient =
    codes.has('rate_limited') || texts.inFlightBudget.test(text) || (headers.has('retry-after') && told !== undefined);
  const final = codes.has('quota_exhausted') && !facts.codes.includes('inflightbudgetexhausted');
  return { code: transient && !final ? 'rate_limited' : 'quota_exhausted', retryAfterMs: told };
}

/** Above this, a daily or monthly quota is gone for good as far as a call is concerned; below, its bucket refills. */
const refillingMs = 3_600_000;

/** 429 is a rate that comes back, a daily quota, money, or no capacity. Gemini's per-minute limit says "check your plan and billing". */
function tooMany({ facts, text, headers, now }: ErrorEvidence, codes: Codes, told: number | undefined): ErrorMeaning {
  const { quotas } = facts;
  if (codes.has('overloaded')) return { code: 'overloaded', retryAfterMs: told };
  if (quotas.some((quota) => /per-?_?(?:day|month)/i.test(quota)))
    return { code: 'quota_exhausted', retryAfterMs: told };
  if (texts.noQuota.test(text)) return { code: 'quota_exhausted' };
  if (texts.tooLargeForLimit.test(text)) return { code: 'context_length_exceeded' };
  if (told === undefined && texts.money.test(text)) return { code: 'quota_exhausted' };
  if (texts.longWindow.test(text) && !(told !== undefined && told <= refillingMs))
    return { code: 'quota_exhausted', retryAfterMs: told ?? limitResetMs(facts.headers, now) };
  if (!codes.has('rate_limited') && texts.overloaded.test(text)) return { code: 'overloaded', retryAfterMs: told };
  return { code: 'rate_limited', retryAfterMs: told ?? limitResetMs(headers, now) ?? limitResetMs(facts.headers, now) };
}

function forbidden({ facts, text }: ErrorEvidence, codes: Codes): ErrorCode {
  if (facts.flagged) return 'content_filtered';
  if (texts.accountClosed.test(text)) return 'permission';
  if (texts.money.test(text)) return 'quota_exhausted';
  if (codes.has('authentication') || texts.authentication.test(text)) return 'authentication';
  if (texts.contentFilter.test(text)) return 'content_filtered';
  return codes.has('rate_limited') ? 'rate_limited' : 'permission';
}

function failed({ text }: ErrorEvidence, codes: Codes, status: number, told: number | undefined): ErrorMeaning {
  // Servers of open models answer 500 to a prompt that does not fit.
  if (status === 500 && texts.contextLength.test(text)) return { code: 'context_length_exceeded' };
  const full =
    status === 503 || status === 529 || status === 498 || codes.has('overloaded') || texts.overloaded.test(text);
  return { code: full ? 'overloaded' : 'server_error', retryAfterMs: told };
}

function badRequest({ facts, text }: ErrorEvidence, codes: Codes, told: number | undefined): ErrorMeaning {
  if (facts.param === 'stream' || texts.streaming.test(text)) return { code: 'unsupported', streamingRefused: true };
  if (codes.has('authentication') || texts.authentication.test(text)) return { code: 'authentication' };
  if (texts.money.test(text)) return { code: 'quota_exhausted' };
  if (texts.contextLength.test(text)) return { code: 'context_length_exceeded' };
  if (facts.flagged || texts.contentFilter.test(text)) return { code: 'content_filtered' };
  if (codes.has('rate_limited')) return { code: 'rate_limited', retryAfterMs: told };
  if (codes.has('overloaded')) return { code: 'overloaded', retryAfterMs: told };
  // The model's own output was not the JSON that Groq's server had asked it for.
  if (codes.has('bad_response')) return { code: 'bad_response' };
  if (codes.has('unsupported') || texts.modelUnknown.test(text) || texts.modelLacks.test(text))
    return { code: 'unsupported' };
  if (codes.has('permission') || texts.elsewhereOnly.test(text) || texts.accountClosed.test(text))
    return { code: 'permission' };
  return { code: 'invalid_request' };
}

const inBandOrder: readonly ErrorCode[] = [
  'authentication',
  'overloaded',
  'rate_limited',
  'permission',
  'unsupported',
  'server_error',
  'bad_response',
  'invalid_request',
];

/** An error in the middle of a stream, or inside a 200: there is no status, only what it says. */
function inBand({ facts, text }: ErrorEvidence, codes: Codes, told: number | undefined): ErrorMeaning {
  if (facts.flagged) return { code: 'content_filtered' };
  const code = inBandOrder.find((candidate) => codes.has(candidate));
  if (code !== undefined && code !== 'invalid_request') return { code, retryAfterMs: told };
  if (texts.contextLength.test(text)) return { code: 'context_length_exceeded' };
  if (texts.authentication.test(text)) return { code: 'authentication' };
  if (texts.money.test(text)) return { code: 'quota_exhausted' };
  if (texts.contentFilter.test(text)) return { code: 'content_filtered' };
  if (texts.overloaded.test(text)) return { code: 'overloaded', retryAfterMs: told };
  if (texts.rateLimit.test(text)) return { code: 'rate_limited', retryAfterMs: told };
  return { code: code ?? 'bad_response' };
}
