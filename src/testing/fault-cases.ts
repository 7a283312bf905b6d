/** Every fault with a name: what a matrix test goes through, and the short way to ask for one. */

import { errorTable } from '../core/error-table.ts';
import { OptionsError } from '../core/errors.ts';
import type { ErrorCode } from '../core/types.ts';
import { errorCodeOf, type Fault, type StatusFault } from './faults.ts';
import type { WireName } from './incoming.ts';

/** A status error with a few words fewer. */
function status(code: number, fields: Omit<StatusFault, 'kind' | 'status'> = {}): Fault {
  return { kind: 'status', status: code, ...fields };
}

const invalid = 'invalid_request_error';

/** The faults by name: `server.setFault(faults['cut-reset'])`, or just the name. */
export const faults = {
  'http-500': status(500),
  'http-502-html': status(502, { html: true }),
  'http-503': status(503, { error: { type: 'server_error', message: 'The engine is currently overloaded' } }),
  'http-504': status(504, { html: true }),
  'http-498': status(498, { error: { code: 'capacity_exceeded', message: 'Flex capacity exceeded' } }),
  'http-529': status(529, { error: { type: 'overloaded_error', message: 'Overloaded' } }),
  'do-not-retry': status(503, { shouldRetry: false }),

  'connection-refused': { kind: 'refused' },
  'reset-before-headers': { kind: 'reset', at: 'beforeHeaders' },
  'reset-after-headers': { kind: 'reset', at: 'afterHeaders' },
  'silence-before-headers': { kind: 'silence', at: 'beforeHeaders' },
  'silence-after-headers': { kind: 'silence', at: 'afterHeaders' },
  'slow-first-token': { kind: 'slow', firstTokenMs: 300 },

  'cut-reset': { kind: 'cut', afterTokens: 5, by: 'reset' },
  'cut-close': { kind: 'cut', afterTokens: 5, by: 'close' },
  'cut-end': { kind: 'cut', afterTokens: 5, by: 'end' },
  'missing-terminal-event': { kind: 'unterminated', missing: 'terminalEvent' },
  'missing-done': { kind: 'unterminated', missing: 'done' },
  'stream-error-before-content': { kind: 'streamError', afterTokens: 0 },
  'stream-error-after-content': { kind: 'streamError', afterTokens: 5 },
  'stream-overload-before-content': {
    kind: 'streamError',
    afterTokens: 0,
    status: 503,
    error: { type: 'overloaded_error', code: 'server_overloaded', message: 'The model is overloaded' },
  },
  'stall-before-content': { kind: 'stall', afterTokens: 0 },
  stall: { kind: 'stall', afterTokens: 5 },
  'stall-comments': { kind: 'stall', afterTokens: 5, heartbeat: 'comments' },
  'stall-empty-deltas': { kind: 'stall', afterTokens: 5, heartbeat: 'emptyDeltas' },

  'malformed-json': { kind: 'malformed', afterTokens: 5 },
  'malformed-json-before-content': { kind: 'malformed', afterTokens: 0 },
  'truncated-json': { kind: 'truncatedJson', afterTokens: 5 },
  'error-in-200': { kind: 'errorIn200' },
  'empty-200': { kind: 'empty200' },
  'empty-answer': { kind: 'emptyAnswer' },
  'reasoning-only': { kind: 'reasoningOnly' },

  'context-length': status(400, {
    error: { type: invalid, code: 'context_length_exceeded', param: 'messages', message: contextLength() },
  }),
  'content-policy': status(400, {
    error: {
      type: invalid,
      code: 'content_policy_violation',
      message: 'Your request was rejected by our safety system.',
    },
  }),
  refusal: { kind: 'refusal', by: 'finishReason' },
  'refusal-after-content': { kind: 'refusal', by: 'finishReason', afterTokens: 5 },
  'refusal-field': { kind: 'refusal', by: 'field' },
  'invalid-request': status(400, {
    error: { type: invalid, code: 'invalid_value', param: 'temperature', message: 'Invalid value for temperature.' },
  }),
  unauthorized: status(401, {
    error: { type: invalid, code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  }),
  'unauthorized-repeats-key': status(401, { repeatsKey: true, error: { type: invalid, code: 'invalid_api_key' } }),
  forbidden: status(403, {
    error: { type: invalid, code: 'unsupported_country_region_territory', message: 'Not allowed here.' },
  }),
  'model-not-found': status(404, {
    error: { type: invalid, code: 'model_not_found', message: 'The model does not exist or you do not have access.' },
  }),
  'payment-required': status(402, { error: { type: 'billing_error', message: 'Insufficient balance' } }),
  'too-large': status(413, { error: { type: invalid, message: 'Request entity too large' } }),
  unprocessable: status(422, { error: { type: invalid, message: 'Unprocessable entity' } }),

  'rate-limited': rateLimited({ retryAfter: { as: 'seconds', ms: 1_000 } }),
  'rate-limited-ms': rateLimited({ retryAfter: { as: 'milliseconds', ms: 700 } }),
  'rate-limited-date': rateLimited({ retryAfter: { as: 'date', ms: 2_000 } }),
  'rate-limited-600s': rateLimited({ retryAfter: { as: 'seconds', ms: 600_000 } }),
  'rate-limited-no-hint': rateLimited({}),
  'insufficient-quota': status(429, {
    error: {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      message: 'You exceeded your current quota, please check your plan and billing details.',
    },
  }),

  'streaming-refused': status(400, {
    only: 'stream',
    error: {
      type: invalid,
      code: 'unsupported_value',
      param: 'stream',
      message: 'Your organization must be verified to stream this model.',
    },
  }),
  'stream-options-refused': status(400, {
    only: 'streamOptions',
    error: { type: invalid, code: 'unknown_parameter', param: 'stream_options', message: 'Unknown parameter.' },
  }),
  'stream-ignored': { kind: 'streamIgnored' },
  length: { kind: 'length', afterTokens: 5 },
} as const satisfies Record<string, Fault>;

function rateLimited(fields: Pick<StatusFault, 'retryAfter'>): Fault {
  return status(429, {
    ...fields,
    error: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests' },
  });
}

function contextLength(): string {
  return 'Your input exceeds the context window of this model. Please adjust your input and try again.';
}

export type FaultName = keyof typeof faults;

/** What to do with a request: serve it (`'ok'`), or a fault, by name or written out. */
export type FaultChoice = 'ok' | FaultName | Fault;

/** A named fault and what to expect of it. */
export interface FaultCase {
  readonly name: FaultName;
  readonly fault: Fault;
  /** When the caller of a stream could notice; `harmless` ones are answered, perhaps after the adapter asked again differently. */
  readonly strikes: 'beforeContent' | 'afterContent' | 'harmless';
  /**
   * The code that the attempt ends with; `undefined` when it is answered. Where an adapter could as well see another one (nothing at
   * all, half an event), that one has the same judgements.
   */
  readonly code: ErrorCode | undefined;
  /** Whether a healthy backup can answer instead, as long as nothing was delivered: by the judgement that goes with `code`. */
  readonly recoverable: boolean;
  /** The wires on which it happens. Asked for on another one, it comes as the nearest that there is. */
  readonly wires: readonly WireName[];
}

const allWires: readonly WireName[] = ['openai', 'openai-responses', 'anthropic', 'google'];
const ofOpenai: readonly WireName[] = ['openai', 'openai-responses'];

/** Faults that do not happen everywhere: elsewhere there is no such status, header or field, or it is told as another fault is. */
const happensAt: Partial<Record<FaultName, readonly WireName[]>> = {
  'http-498': ofOpenai,
  'http-529': [...ofOpenai, 'anthropic'],
  'do-not-retry': [...ofOpenai, 'anthropic'],
  'missing-done': ['openai'],
  'refusal-field': ofOpenai,
  'rate-limited-ms': ofOpenai,
  'rate-limited-date': [...ofOpenai, 'anthropic'],
  'stream-options-refused': ['openai'],
};

/** Every named fault, for tests that go through them all. */
export const faultCases: readonly FaultCase[] = Object.entries(faults).map(([name, fault]) => caseOf(name, fault));

function caseOf(name: string, fault: Fault): FaultCase {
  const code = errorCodeOf(fault);
  return {
    name: name as FaultName,
    fault,
    strikes: code === undefined ? 'harmless' : hasContent(fault) ? 'afterContent' : 'beforeContent',
    code,
    recoverable: code !== undefined && errorTable[code].retry !== 'never',
    wires: happensAt[name as FaultName] ?? allWires,
  };
}

function hasContent(fault: Fault): boolean {
  if (fault.kind === 'unterminated') return true;
  return 'afterTokens' in fault && (fault.afterTokens ?? 0) > 0;
}

/**
 * A choice as a fault; `undefined` for `'ok'`.
 *
 * @throws OptionsError for a name that no fault has: a test with it would pass because nothing went wrong
 */
export function faultOf(choice: FaultChoice | undefined): Fault | undefined {
  if (choice === undefined || choice === 'ok') return undefined;
  if (typeof choice !== 'string') return choice;
  if (!Object.hasOwn(faults, choice))
    throw new OptionsError('fault', `'${choice}' is no fault (there are ok, ${Object.keys(faults).join(', ')})`);
  return faults[choice];
}
