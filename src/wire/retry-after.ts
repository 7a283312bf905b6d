import { durationPattern, parseDuration } from './duration.ts';
import { headerMap, serverNow } from './headers.ts';

/**
 * Milliseconds after which the provider wants to be asked again, rounded up; `undefined` when it does not say.
 *
 * Reads every dialect and takes the largest, so that nobody is asked too early; zero counts as not said (Azure sends
 * `retry-after-ms: 0` beside `retry-after: 1`). Dialects: `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3; measured
 * from the `date` of the same answer, so clock skew does not matter), `retry-after-ms`, Google's `RetryInfo.retryDelay`,
 * `retry_after` fields of the body, and sentences such as "Please try again in 1m2s".
 *
 * For errors only: Anthropic sends `retry-after` with successes too, where it means nothing.
 *
 * @param headers of the error's answer, in any form
 * @param body the parsed body, or its text
 * @param now epoch milliseconds, for an HTTP date in an answer without `date`
 */
export function retryAfterMs(headers: unknown, body?: unknown, now: number = Date.now()): number | undefined {
  const map = headerMap(headers);
  let largest = 0;
  const consider = (ms: number | undefined): void => {
    if (ms !== undefined && Number.isFinite(ms) && ms > largest) largest = Math.ceil(ms);
  };
  consider(fromRetryAfter(map.get('retry-after'), map, now));
  consider(fromNumber(map.get('retry-after-ms'), 1));
  considerBody(body, consider);
  return largest === 0 ? undefined : largest;
}

function fromRetryAfter(value: string | undefined, headers: ReadonlyMap<string, string>, now: number) {
  if (value === undefined) return undefined;
  const seconds = fromNumber(value, 1_000) ?? parseDuration(value);
  if (seconds !== undefined) return seconds;
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? undefined : moment - serverNow(headers, now);
}

function fromNumber(value: unknown, factor: number): number | undefined {
  if (typeof value === 'string' && !/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return undefined;
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? undefined : Math.ceil(number * factor - 1e-6);
}

const deepest = 5;

function considerBody(body: unknown, consider: (ms: number | undefined) => void, depth = 0): void {
  if (typeof body === 'string') {
    consider(retryAfterInText(body));
    return;
  }
  if (typeof body !== 'object' || body === null || depth > deepest) return;
  for (const [name, value] of Object.entries(body)) {
    if (name === 'retryDelay' || name === 'retry_delay') consider(fromDelay(value));
    else if (name === 'retry_after_ms') consider(fromNumber(value, 1));
    else if (name === 'retry_after' || name === 'retry_after_seconds' || name === 'estimated_time')
      consider(fromNumber(value, 1_000));
    else considerBody(value, consider, depth + 1);
  }
}

/** A protobuf Duration: `"48s"` as JSON, `{ seconds, nanos }` from a client library. */
function fromDelay(value: unknown): number | undefined {
  if (typeof value === 'string') return parseDuration(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const { seconds = 0, nanos = 0 } = value as { seconds?: unknown; nanos?: unknown };
  return Math.ceil(Number(seconds) * 1_000 + Number(nanos) / 1e6);
}

const phrase = new RegExp(
  `\\b(?:(?:re)?try(?:ing)?(?: again| your request(?: again)?)?|wait(?:ing)?)\\s*(?:(?:in|after|for|at least):?\\s*|:\\s*)?(?:about |another )?(${durationPattern})`,
  'gi',
);

/** Milliseconds in a sentence such as "Please retry in 48.9s" or "Try again in 1m2s"; the longest when there are several. */
export function retryAfterInText(text: string): number | undefined {
  let longest: number | undefined;
  for (const match of text.slice(0, 20_000).matchAll(phrase)) {
    const ms = parseDuration(match[1] ?? '');
    if (ms !== undefined && ms > (longest ?? 0)) longest = ms;
  }
  return longest;
}
