import type { PartialAnswer, TransportError } from '../core/errors.ts';
import type { ErrorCode, FinishReason } from '../core/types.ts';
import type { Failures } from './failures.ts';

/** Reasons for which Gemini ends an answer well. */
const finishes: ReadonlyMap<string, FinishReason> = new Map([
  ['STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  // The limit of one request: the token to go on with is in `raw`.
  ['CONTINUATION', 'length'],
]);

/** Reasons for which it ends one badly; those that are not here are judged by `families`. */
const breaks: ReadonlyMap<string, ErrorCode> = new Map([
  // It says no more than that it stopped; another try often gets through.
  ['OTHER', 'bad_response'],
  ['NO_IMAGE', 'bad_response'],
  ['IMAGE_OTHER', 'bad_response'],
  ['UNEXPECTED_TOOL_CALL', 'bad_response'],
  ['TOO_MANY_TOOL_CALLS', 'bad_response'],
  // Another vendor may speak the language.
  ['LANGUAGE', 'unsupported'],
  ['MISSING_THOUGHT_SIGNATURE', 'unsupported'],
]);

/** New reasons are added to the API now and then, in these families. */
const families: readonly (readonly [RegExp, ErrorCode])[] = [
  [/SAFETY|PROHIBITED|BLOCK|RECITATION|SPII|ARMOR|JAILBREAK/, 'content_filtered'],
  [/^MALFORMED/, 'bad_response'],
];

/**
 * What a `finishReason` means for the answer.
 * @throws TransportError `content_filtered`, `bad_response` or `unsupported`, with `partial`
 */
export function finishReasonOf(
  reason: string,
  hasToolCalls: boolean,
  failures: Failures,
  partial: PartialAnswer | undefined,
): FinishReason {
  const code = breaks.get(reason) ?? families.find(([pattern]) => pattern.test(reason))?.[1];
  if (code !== undefined) throw broken(code, reason, failures, partial);
  const finish = finishes.get(reason) ?? 'unknown';
  // Gemini says STOP beside tool calls.
  return hasToolCalls && finish !== 'length' ? 'tool_calls' : finish;
}

/** The error of a prompt that was blocked: there is no answer at all. */
export function blocked(reason: string, failures: Failures, partial: PartialAnswer | undefined): TransportError {
  return failures.of('content_filtered', `refused the prompt by policy${named(reason)}`, { partial });
}

function broken(
  code: ErrorCode,
  reason: string,
  failures: Failures,
  partial: PartialAnswer | undefined,
): TransportError {
  const says =
    code === 'content_filtered'
      ? 'refused to answer by policy'
      : code === 'unsupported'
        ? 'cannot answer this'
        : 'broke off its answer';
  return failures.of(code, `${says}${named(reason)}`, { partial });
}

/** The server's own word, where it is one. */
function named(reason: string): string {
  return /^[A-Z][A-Z0-9_]{1,60}$/.test(reason) ? ` (${reason})` : '';
}
