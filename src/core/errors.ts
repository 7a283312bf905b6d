import { inspect } from 'node:util';
import { type Blame, errorTable, type RetryJudgement } from './error-table.ts';
import { reachOf, withReach } from './reach.ts';
import { type Known, scrub } from './redact.ts';
import type { Attempt, Completion, ErrorCode } from './types.ts';

export type PartialAnswer = Pick<Completion, 'text' | 'toolCalls' | 'reasoning'>;

/** What may accompany an error. `retry` and `blame` default to the table's judgement of the code. */
export interface TransportErrorFields {
  readonly retry?: RetryJudgement;
  readonly blame?: Blame;
  readonly provider?: string;
  readonly status?: number;
  readonly providerRequestId?: string;
  readonly retryAfterMs?: number;
  readonly transactionId?: string;
  readonly attempts?: readonly Attempt[];
  readonly partial?: PartialAnswer;
  /** A `TransportError`, or whatever was thrown: that is kept only as a summary without secrets. */
  readonly cause?: unknown;
}

const brand: unique symbol = Symbol.for('llm-transport.TransportError') as never;

/** The declared fields, in the order in which they are printed. */
const printed = [
  'code',
  'retry',
  'blame',
  'provider',
  'status',
  'providerRequestId',
  'retryAfterMs',
  'transactionId',
  'attempts',
  'partial',
] as const;

/**
 * The one error that `complete()` rejects with. `code` says what happened, `retry` and `blame` what to make of it.
 * It never carries a key or a prompt: `cause` is a summary, and printing shows declared fields only.
 */
export class TransportError extends Error {
  readonly code: ErrorCode;
  readonly retry: RetryJudgement;
  readonly blame: Blame;
  readonly provider: string | undefined;
  readonly status: number | undefined;
  /** The provider's id of the request, for its support. */
  readonly providerRequestId: string | undefined;
  /** Milliseconds after which a new call can help. */
  readonly retryAfterMs: number | undefined;
  readonly transactionId: string | undefined;
  /** The ledger of the call. */
  readonly attempts: readonly Attempt[];
  /** What had arrived when a stream broke. */
  readonly partial: PartialAnswer | undefined;

  constructor(code: ErrorCode, message: string, fields: TransportErrorFields = {}) {
    super(message);
    this.code = code;
    this.retry = fields.retry ?? errorTable[code].retry;
    this.blame = fields.blame ?? errorTable[code].blame;
    this.provider = fields.provider;
    this.status = fields.status;
    this.providerRequestId = fields.providerRequestId;
    this.retryAfterMs = fields.retryAfterMs;
    this.transactionId = fields.transactionId;
    this.attempts = fields.attempts ?? [];
    this.partial = fields.partial;
    if (fields.cause !== undefined) {
      // Not enumerable, as the language has it; a foreign error's own properties (headers, bodies) stay behind.
      Object.defineProperty(this, 'cause', { value: summarise(fields.cause), enumerable: false, configurable: true });
    }
  }

  /** True for an error of this class, also one of another copy of this package. */
  static is(value: unknown): value is TransportError {
    try {
      return typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true;
    } catch {
      // A proxy that throws is none.
      return false;
    }
  }

  toJSON(): object {
    const json: Record<string, unknown> = { name: this.name, message: this.message };
    for (const field of printed) if (this[field] !== undefined) json[field] = this[field];
    if (this.cause !== undefined) json.cause = this.cause;
    return json;
  }

  /** @internal Not declared: nobody's types need Node's for it. */
  [inspect.custom](_depth: number, options: object, print: typeof inspect): string {
    const fields: Record<string, unknown> = {};
    for (const field of printed) {
      const value = this[field];
      if (value !== undefined && !(Array.isArray(value) && value.length === 0)) fields[field] = value;
    }
    if (this.cause !== undefined) fields.cause = this.cause;
    return `${this.stack ?? `${this.name}: ${this.message}`} ${print(fields, options)}`;
  }
}
Object.defineProperty(TransportError.prototype, 'name', {
  value: 'TransportError',
  configurable: true,
  writable: true,
});
Object.defineProperty(TransportError.prototype, brand, { value: true });

/** A caller's bug, found when something is constructed: names the option and says what was expected. */
export class OptionsError extends Error {
  /** Where in the options, as it would be written: `retry.retries`, `providers[1].name`. */
  readonly path: string;
  constructor(path: string, expected: string) {
    super(path === '' ? expected : `${path}: ${expected}`);
    this.path = path;
  }
}
Object.defineProperty(OptionsError.prototype, 'name', { value: 'OptionsError', configurable: true, writable: true });

/** The same error with more known of it; its stack and judgements stay. */
export function withFields(
  error: TransportError,
  fields: TransportErrorFields & { readonly message?: string },
): TransportError {
  const message = fields.message ?? error.message;
  const more = withoutStack(() => new TransportError(error.code, message, { ...error, cause: error.cause, ...fields }));
  const stack = message === error.message ? error.stack : error.stack?.replace(error.message, () => message);
  Object.defineProperty(more, 'stack', { value: stack, configurable: true, writable: true });
  if (refusals.has(error)) refusals.add(more);
  if (clean.has(error) && !('message' in fields) && !('cause' in fields)) clean.add(more);
  return withReach(more, reachOf(error));
}

/** Capturing a stack is most of the cost of an error, and of a chain of copies the first one's is the one that is kept. */
function withoutStack<E>(make: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Whatever was thrown, as a `TransportError`: what is none is a bug. */
export function failed(error: unknown): TransportError {
  return TransportError.is(error)
    ? error
    : new TransportError('internal', 'An unknown error was thrown', { cause: error });
}

const refusals = new WeakSet<TransportError>();

/**
 * For adapters: throw this from `stream()` when the provider will not stream this model at all. The transport asks again within
 * the same attempt, unary, and from then on does so at once.
 */
export function streamingRefused(message: string, fields?: TransportErrorFields): TransportError {
  const error = new TransportError('unsupported', message, fields);
  refusals.add(error);
  return error;
}

/** True for what `streamingRefused` made. */
export function isStreamingRefused(error: unknown): boolean {
  return typeof error === 'object' && error !== null && refusals.has(error as TransportError);
}

/** The same error without what `known` names, in its message and in those of its causes. Does nothing the second time. */
export function scrubbed(error: TransportError, known: Known, depth = 0): TransportError {
  if (clean.has(error)) return error;
  const message = scrub(error.message, known);
  // What is too deep to be looked at is not kept.
  const cause = error.cause === undefined || depth === deepest ? undefined : summarise(error.cause, known, depth + 1);
  const same = message === error.message && cause === error.cause;
  const better = same ? error : withFields(error, { message, cause });
  clean.add(better);
  return better;
}

/** Errors that were scrubbed already: in a long prompt, looking for its words takes a while. */
const clean = new WeakSet<TransportError>();

/** Causes that are looked at: the error's, that one's, and so on. */
const deepest = 3;

/** What is kept of a foreign error: enough to recognise it, nothing that could hold a key or a prompt. */
export interface ErrorSummary {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly cause?: ErrorSummary;
}

/** A `TransportError` as it is; of anything else a summary, scrubbed of what `known` names and of what looks like a credential. */
export function summarise(cause: unknown, known?: Known, depth = 0): TransportError | ErrorSummary {
  if (TransportError.is(cause)) return known === undefined ? cause : scrubbed(cause, known, depth);
  if (isSummary(cause)) return known === undefined ? cause : resummarise(cause, known);
  if (typeof cause !== 'object' || cause === null)
    return mark({ name: typeof cause, message: scrub(String(cause), known) });
  try {
    return mark(summaryOf(cause as Record<string, unknown>, known, depth));
  } catch {
    // It throws when it is looked at. What it was thrown for must still come to an end.
    return mark({ name: 'object', message: '' });
  }
}

function summaryOf(error: Record<string, unknown>, known: Known | undefined, depth: number): ErrorSummary {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? scrub(value, known) : undefined;
  const plain = Object.getPrototypeOf(error) === Object.prototype;
  const name = error.name === undefined || error.name === 'Error' ? error.constructor?.name : error.name;
  return {
    name: typeof name === 'string' && !plain ? scrub(name, known) : 'object',
    message: text(error.message) ?? '',
    ...(text(error.code) !== undefined && { code: text(error.code) }),
    ...(typeof error.status === 'number' && { status: error.status }),
    ...(text(error.requestID ?? error.requestId) !== undefined && {
      requestId: text(error.requestID ?? error.requestId),
    }),
    ...(error.cause !== undefined &&
      depth < deepest && { cause: summarise(error.cause, known, depth + 1) as ErrorSummary }),
  };
}

const summaries = new WeakSet<object>();

function isSummary(value: unknown): value is ErrorSummary {
  return typeof value === 'object' && value !== null && summaries.has(value);
}

function mark(summary: ErrorSummary): ErrorSummary {
  // Not frozen: loggers (pino's `errWithCause`) put marks on causes.
  summaries.add(summary);
  return summary;
}

function resummarise(summary: ErrorSummary, known: Known): ErrorSummary {
  const { cause } = summary;
  const inner = cause === undefined ? undefined : (summarise(cause, known) as ErrorSummary);
  const changed: { -readonly [Field in keyof ErrorSummary]: ErrorSummary[Field] } = { ...summary };
  for (const field of ['name', 'message', 'code', 'requestId'] as const) {
    const text = summary[field];
    if (text !== undefined) changed[field] = scrub(text, known);
  }
  if (inner !== undefined) changed.cause = inner;
  const fields = Object.keys(changed) as (keyof ErrorSummary)[];
  return fields.every((field) => changed[field] === summary[field]) ? summary : mark(changed);
}
