import { summarise, TransportError, type TransportErrorFields } from '../core/errors.ts';
import { withReach } from '../core/reach.ts';
import { type Known, scrub } from '../core/redact.ts';
import type { ErrorCode } from '../core/types.ts';
import { classify } from './classify.ts';
import { isMarkup } from './error-body.ts';
import { networkMeaning, thrownMeaning } from './thrown-names.ts';
import { reachOfThrown } from './thrown-reach.ts';

/** Who threw, and what must not be repeated of it. */
export interface ThrownContext {
  /** The provider's name, for the message. */
  readonly provider?: string | undefined;
  /** Credentials in use. */
  readonly secrets?: readonly string[] | undefined;
  /** The caller's words. */
  readonly texts?: readonly string[] | undefined;
  /** Epoch milliseconds. @default Date.now() */
  readonly now?: number | undefined;
  /** What goes with the error beside what is found here. */
  readonly fields?: TransportErrorFields | undefined;
}

/** The HTTP side of a thrown error, from whichever SDK. */
export interface ThrownAnswer {
  readonly status: number | undefined;
  readonly headers: unknown;
  readonly body: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The `TransportError` that a thrown value means, whichever SDK or `fetch` threw it: the official SDKs of OpenAI, Anthropic, Groq,
 * Together, Google, Mistral, Ollama, the AI SDK, axios and AWS, and Node's own network errors. Judged by shape, never by class, so
 * it works for any copy of a library. A `TransportError` is given back as it is, also from inside a `cause`.
 *
 * Nothing of the thrown object is kept but a summary without credentials, headers and bodies.
 *
 * @returns `undefined` for what nobody recognises: the caller decides what a stranger's error means
 */
export function classifyThrown(thrown: unknown, context: ThrownContext = {}): TransportError | undefined {
  const known: Known = { secrets: context.secrets ?? [], texts: context.texts ?? [] };
  const chain = chainOf(thrown);
  const own = chain.find((error) => TransportError.is(error));
  if (TransportError.is(own)) return own;
  const error = chain[0];
  if (error === undefined) return undefined;

  const answer = answerOf(error);
  const { status = 0 } = answer;
  let reach = status === 0 ? reachOfThrown(thrown, chain) : undefined;
  // It came with an answer, which the SDK could make nothing of.
  if (status >= 200 && status < 300) reach = 'accepted';
  if (status < 400) {
    const named = thrownMeaning(error);
    // The innermost cause knows best: "fetch failed" can be a refused connection or a time-out.
    const network = chain.toReversed().map(networkMeaning).find(Boolean);
    const code = named === 'connection' ? (network ?? named) : (named ?? network);
    // Who finds no credentials sends nothing.
    if (named === 'authentication') reach = 'unsent';
    if (code !== undefined) return withReach(fromName(code, chain, context, known), reach);
  }
  if (answer.status === undefined && !saysSomething(error, answer)) return undefined;

  const classified = classify({
    ...answer,
    ...context,
    body: answer.body ?? withoutStatus(messageOf(error)),
  });
  return withReach(withCause(classified, error, known), reach);
}

/** Status, headers and body of a thrown error, as far as it has them. */
export function answerOf(thrown: unknown): ThrownAnswer {
  const error = asFields(thrown);
  const response = asFields(error.response ?? error.rawResponse ?? error.$response);
  const metadata = asFields(error.$metadata);
  const status = [
    error.status,
    error.statusCode,
    error.status_code,
    response.status,
    response.statusCode,
    metadata.httpStatusCode,
  ]
    .map((value) => (typeof value === 'number' ? value : undefined))
    .find((value) => value !== undefined && value >= 100);
  const headers = error.headers ?? error.responseHeaders ?? error.headers_ ?? response.headers;
  return { status, headers, body: bodyOf(error, response) };
}

/** An SDK's error gives its body parsed, as text, or only inside its message; its own code and type go with it. */
function bodyOf(error: Fields, response: Fields): unknown {
  const whole =
    error.error ?? error.responseBody ?? error.body ?? response.data ?? response.body ?? jsonIn(messageOf(error));
  const body = typeof whole === 'object' || typeof whole === 'string' ? whole : undefined;
  const marks: Record<string, unknown> = {};
  for (const name of ['code', 'type', 'param', 'errorCode', 'lc_error_code'])
    if (typeof error[name] === 'string') marks[name] = error[name];
  if (typeof error.name === 'string' && error.name !== 'Error') marks.name = error.name;
  if (Object.keys(marks).length === 0) return body ?? undefined;
  const message = body === undefined || body === null ? withoutStatus(messageOf(error)) : undefined;
  return { ...marks, ...(message !== undefined ? { message } : { error: body }) };
}

/** @google/genai has the body as the text of its message, older ones after "got status: 429 . ". */
function jsonIn(message: string): unknown {
  const start = message.indexOf('{');
  if (start === -1) return undefined;
  try {
    return JSON.parse(message.slice(start));
  } catch {
    return undefined;
  }
}

/** True for what an SDK makes of an error inside a stream: no status, but the provider's error or its type. */
function saysSomething(error: Fields, answer: ThrownAnswer): boolean {
  if (error.error !== undefined && error.error !== null && ('status' in error || 'headers' in error)) return true;
  if ('requestID' in error && 'headers' in error && 'status' in error) return true;
  return typeof asFields(answer.body).error === 'object' && jsonIn(messageOf(error)) !== undefined;
}

function fromName(code: ErrorCode, chain: readonly Fields[], context: ThrownContext, known: Known): TransportError {
  const error = chain[0] as Fields;
  const provider = context.provider ?? 'The provider';
  const inner = chain.at(-1) as Fields;
  const detail = scrub([messageOf(error), inner === error ? '' : messageOf(inner)].filter(Boolean).join(': '), known);
  const quoted =
    code === 'authentication' || code === 'cancelled' || detail === '' || isMarkup(detail) ? '' : `: ${detail}`;
  const fields: TransportErrorFields = {
    ...(context.provider !== undefined && { provider: context.provider }),
    ...context.fields,
    cause: summaryOf(error, known, code),
  };
  return new TransportError(code, `${phrase(code, provider)}${quoted}`, fields);
}

function phrase(code: ErrorCode, provider: string): string {
  if (code === 'cancelled') return `The call of ${provider} was cancelled`;
  if (code === 'timeout') return `${provider} did not answer in time`;
  if (code === 'connection') return `The connection to ${provider} failed`;
  if (code === 'truncated') return `The answer of ${provider} ended before it was whole`;
  if (code === 'bad_response') return `The answer of ${provider} could not be read`;
  if (code === 'empty_response') return `The answer of ${provider} is empty`;
  if (code === 'authentication') return `${provider} has no valid credentials`;
  if (code === 'context_length_exceeded') return `${provider} found the prompt too long`;
  return `${provider} failed`;
}

function withCause(classified: TransportError, error: Fields, known: Known): TransportError {
  const cause = summaryOf(error, known, classified.code);
  // Not `withFields`: a refusal of streaming is known by its identity.
  Object.defineProperty(classified, 'cause', { value: cause, enumerable: false, configurable: true });
  return classified;
}

/** What is kept of a foreign error. Of one about credentials not even its message: gateways repeat keys there. */
function summaryOf(error: Fields, known: Known, code: ErrorCode): unknown {
  if (code !== 'authentication') return summarise(error, known);
  const bare: unknown = Object.assign(Object.create(null), {
    name: asFields(error.constructor).name ?? 'Error',
    ...(typeof error.status === 'number' && { status: error.status }),
  });
  return summarise(bare, known);
}

const deepest = 6;

/** The error and its causes, outermost first. */
function chainOf(thrown: unknown): readonly Fields[] {
  const chain: Fields[] = [];
  let error = thrown;
  while (typeof error === 'object' && error !== null && chain.length < deepest && !chain.includes(error as Fields)) {
    const fields = error as Fields;
    chain.push(fields);
    const errors = Array.isArray(fields.errors) ? (fields.errors as unknown[]) : [];
    // The AI SDK's RetryError has the last of its errors beside the list; an AggregateError only the list.
    error = fields.lastError ?? fields.cause ?? errors.at(-1);
    // A retry error says nothing of its own.
    if (fields.lastError !== undefined) chain.pop();
  }
  return chain;
}

function asFields(value: unknown): Fields {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? (value as Fields) : {};
}

function messageOf(error: Fields): string {
  return typeof error.message === 'string' ? error.message : '';
}

function withoutStatus(message: string): string {
  return message.replace(/^\d{3} (?:status code \(no body\))?/, '');
}
