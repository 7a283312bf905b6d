import { isStreamingRefused, TransportError, withFields } from '../../core/errors.ts';
import { withReach } from '../../core/reach.ts';
import { raceAbort, reasonOf } from '../../core/signals.ts';
import type { Chunk, Context, Limits, Provider, ProviderAnswer, Traits } from '../../core/types.ts';
import { parseJson } from '../../wire/answer-text.ts';
import type { Route } from '../../wire/dialect.ts';
import { isError } from '../../wire/error-shape.ts';
import { type Failures, failuresOf } from '../../wire/failures.ts';
import { attemptId } from '../../wire/headers.ts';
import { fieldsOf } from '../../wire/openai-chat-parts.ts';
import { isUnstreamed } from '../../wire/stream-attempt.ts';
import { type Errand, errand, WholeAnswer } from './errand.ts';
import { FetchStream, Given, type Reading, type Source } from './fetch-stream.ts';
import { Followed } from './followed.ts';
import { handedOn } from './handed-on.ts';
import { inBackground } from './look.ts';
import { type Destination, MissingKey, type Outgoing, redirected, secretsIn, unchanged } from './outgoing.ts';
import { readBody, refusal } from './refusal.ts';
import { type Opened, send } from './send.ts';

type Fetch = typeof globalThis.fetch;

/** Who is asked. */
export interface Place {
  readonly name: string;
  readonly domain: string;
  readonly kind: string;
  readonly model: string;
  readonly limits?: Limits | undefined;
  readonly traits?: Traits | undefined;
  /** Where requests are sent instead of where the client sends them. */
  readonly to?: Destination | undefined;
  readonly fetch: Fetch | undefined;
  /** Milliseconds of silence in the middle of a body that comes in one piece. */
  readonly idleMs: number;
}

/** One attempt: what is sent, and what its errors need. */
export interface Attempt {
  readonly place: Place;
  readonly job: Errand;
  readonly context: Context;
  readonly failures: Failures;
  readonly reading: Reading;
  /** The credentials that it is sent with. */
  readonly secrets: () => readonly string[];
}

/** An HTTP API, seen as a provider: it sends a client's request, and says what has become of it. */
export class FetchProvider implements Provider {
  readonly name: string;
  readonly domain: string;
  readonly kind: string;
  readonly model: string;
  readonly limits?: Limits;
  readonly traits?: Traits;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    this.name = place.name;
    this.domain = place.domain;
    this.kind = place.kind;
    this.model = place.model;
    this.limits = place.limits;
    this.traits = place.traits;
  }

  complete(): Promise<ProviderAnswer> {
    return Promise.reject(new TransportError('internal', 'What a client fetches is always opened as a stream'));
  }

  stream(_request: unknown, context: Context): AsyncIterable<Chunk> {
    return new FetchStream(context.signal, (reading) => open(this.#place, context, reading));
  }
}

async function open(place: Place, context: Context, reading: Reading): Promise<Source> {
  const job = context.get(errand);
  if (job === undefined) throw new TransportError('invalid_request', 'This transport belongs to a fetch: call that');
  const { incoming } = job;
  const { route } = incoming;
  if (job.clientRetries > 0) context.publish({ type: 'client:retry', retries: job.clientRetries });
  job.clientRetries = 0;
  let outgoing: Outgoing | undefined;
  const secrets = (): readonly string[] => secretsIn(outgoing ?? unchanged(incoming));
  const failures = failuresOf({
    ...{ provider: place.name, secrets, texts: () => job.texts },
    received: (facts) => context.received(facts),
  });
  const attempt: Attempt = { place, job, context, failures, reading, secrets };
  outgoing = await prepared(attempt);
  const sender = { fetch: place.fetch, init: incoming.init, signal: reading.signal, failures, context };
  const opened = await send(outgoing, sender);
  if (route === undefined) return plain(opened, attempt);
  if (!opened.response.ok) throw await kept(opened, attempt);
  // A line of JSON is what NDJSON begins with too.
  const { bytes, head } = opened;
  const isWhole =
    !route.streams ||
    (!route.dialect.isNdjson &&
      (await isUnstreamed(bytes, head.headers.get('content-type') ?? '', reading.signal, failures)));
  if (isWhole) return whole(opened, route, attempt);
  const isLasting = route.dialect.name === 'responses' && incoming.json?.background === true;
  return new Followed(isLasting ? inBackground(opened, outgoing, sender, attempt) : opened, route, attempt);
}

async function prepared({ place, job, context, failures, reading }: Attempt): Promise<Outgoing> {
  const { incoming } = job;
  let outgoing = unchanged(incoming);
  if (place.to !== undefined && incoming.route !== undefined) {
    try {
      outgoing = await raceAbort(redirected(incoming, incoming.route, place.to), reading.signal);
    } catch (error) {
      if (reading.signal.aborted) throw reasonOf(reading.signal);
      throw withReach(withoutKey(error, failures), 'unsent');
    }
  }
  const id = attemptId(context);
  if (id !== undefined && !outgoing.headers.has('x-client-request-id')) outgoing.headers.set('x-client-request-id', id);
  return outgoing;
}

/** What a function that should have given a key has thrown. */
function withoutKey(error: unknown, failures: Failures): TransportError {
  if (error instanceof MissingKey)
    return failures.of('authentication', 'has no key: the function that gives it gave none');
  const failure = failures.thrown(error);
  // A copy: it may be an error of the application's own.
  if (failure.code !== 'internal') return withFields(failure, {});
  return failures.of('authentication', 'has no key: the function that gives it threw', { cause: failure.cause });
}

/** The error that a status means. The answer is kept: in the end the client may be given it. */
async function kept(opened: Opened, attempt: Attempt): Promise<TransportError> {
  const { error, bytes } = await refusal(opened, attempt);
  if (bytes !== undefined) attempt.job.keep(attempt.place.name, error, new WholeAnswer(opened.head, bytes));
  // Whether to stream is for the client to say: there is no asking it again without.
  return isStreamingRefused(error) ? new TransportError(error.code, error.message, { ...error }) : error;
}

const decoder = new TextDecoder();

/** An answer in one piece: judged, and handed on as it is. */
async function whole(opened: Opened, route: Route, attempt: Attempt): Promise<Source> {
  const { place, job, failures } = attempt;
  const answer = new WholeAnswer(opened.head, await readBody(opened, attempt));
  const value = parseJson(decoder.decode(answer.bytes), failures);
  const follower = route.dialect.follow(failures);
  try {
    // Google sends a stream as a list, when it is not asked for events.
    if (Array.isArray(value)) for (const item of value) follower.take(fieldsOf(item), 'message');
    else if (typeof value === 'object' && value !== null) follower.whole(fieldsOf(value));
    else throw failures.of('bad_response', 'answered with JSON that is not an object');
    return over(answer, { ...follower.end() }, attempt);
  } catch (error) {
    // What the model refuses to say, the client is told in the provider's own way.
    if (TransportError.is(error) && error.code === 'content_filtered') job.keep(place.name, error, answer);
    throw error;
  }
}

/** What is no model call: asked again by status alone, and otherwise handed on, whatever it says. */
async function plain(opened: Opened, attempt: Attempt): Promise<Source> {
  const { head } = opened;
  const { job } = attempt;
  if (isError(head.status)) {
    const error = await kept(opened, attempt);
    const answer = job.answerBehind(error);
    if (answer === undefined || error.retry === 'again' || error.code === 'quota_exhausted') throw error;
    return over(answer, unknown, attempt);
  }
  const isJson = /\bjson\b/i.test(head.headers.get('content-type') ?? '');
  if (isJson) return over(new WholeAnswer(head, await readBody(opened, attempt)), unknown, attempt);
  return over(handedOn(opened, job.incoming.signal), unknown, attempt);
}

const unknown = { finishReason: 'unknown', usage: undefined, model: '' } as const;

function over(
  value: WholeAnswer | Response,
  end: Omit<Extract<Chunk, { type: 'finish' }>, 'type'>,
  { context, reading }: Attempt,
): Source {
  reading.complete = true;
  reading.release();
  context.received({ raw: value });
  return new Given([
    { type: 'raw', value },
    { type: 'finish', ...end },
  ]);
}
