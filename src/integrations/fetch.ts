import { firstWait, isJoinable, readerSees } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { checkFetchOptions } from '../core/options.ts';
import type { Pump } from '../core/pump.ts';
import type { CallOptions, Transport, TransportOptions } from '../core/types.ts';
import { type Asked, askedIn } from './fetch/asked.ts';
import { Errand, errand, WholeAnswer } from './fetch/errand.ts';
import { failure } from './fetch/failures.ts';
import { clientRetriesOf, readIncoming } from './fetch/incoming.ts';
import { answered, responseOf } from './fetch/responses.ts';
import { type FetchTarget, providersOf } from './fetch/targets.ts';
import { type FetchTransport, Transports } from './fetch/transports.ts';

export type { FetchTarget } from './fetch/targets.ts';
export type { FetchTransport } from './fetch/transports.ts';

type Fetch = typeof globalThis.fetch;

export interface FetchOptions extends Omit<TransportOptions, 'providers'> {
  /** What requests are sent with. @default the runtime's */
  readonly fetch?: Fetch;
  /**
   * Places that can stand in for each other, of one wire format: model calls go to one of them, by `route`, wherever the client points.
   * Anything else goes where the client sends it. @default none: every request goes where the client sends it
   */
  readonly targets?: readonly FetchTarget[];
  /**
   * How a client is told that a call has failed. `response`: by an answer of its provider's, with `x-should-retry: false`. `throw`: by a
   * `TransportError`. `auto`: by an answer where the client does not ask again after it, else by the error. @default 'auto'
   */
  readonly failures?: 'auto' | 'response' | 'throw';
}

/** A `fetch`, and the transport that it runs on. */
export type TransportFetch = Fetch & { readonly transport: FetchTransport };

/**
 * A `fetch` for the client that you have: `new OpenAI({ fetch: createFetch(), maxRetries: 0 })`. Under it every model call goes through
 * the pipeline of `complete()`: retries, rate limits, circuit breaker, time-outs, fail-over. Answers come back as they were sent, byte
 * for byte; a stream that breaks, stalls or ends early ends in an error, and is asked for again, unseen, until its first content. That of
 * a Response in the background goes on where it was.
 *
 * @throws OptionsError when an option is wrong, naming its path
 */
export function createFetch(options: FetchOptions = {}): TransportFetch {
  checkFetchOptions(options);
  const { fetch: inner, targets = [], failures = 'auto', ...layers } = options;
  const sending = { fetch: inner, idleMs: idleMsOf(layers.timeout) };
  const transports = new Transports(layers, sending, providersOf(targets, sending));
  let isWarned = false;

  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const incoming = await readIncoming(input, init);
    if (incoming === undefined) {
      transports.refuseWhenClosed();
      return passed(inner, input, init);
    }
    const asked = askedIn(incoming);
    const retries = isWarned ? 0 : clientRetriesOf(incoming.headers);
    isWarned ||= retries > 0;
    const job = new Errand(incoming, asked.texts, retries);
    try {
      return await perform(transports.for(incoming), asked, job);
    } catch (error) {
      return failure(error, job, failures);
    }
  };
  return Object.assign(fetch as Fetch, { transport: transports });
}

/** In the middle of an answer that comes in one piece there is nothing to wait for: no shorter time is learned. */
function idleMsOf(timeout: TransportOptions['timeout']): number {
  return timeout === false ? Number.POSITIVE_INFINITY : (timeout?.idleMs ?? 30_000);
}

async function perform(transport: Pick<Transport, 'complete'>, { request }: Asked, job: Errand): Promise<Response> {
  const { route, signal, headers } = job.incoming;
  const streams = route?.streams === true;
  const options: CallOptions = {
    // Its id is a name: many a client has one for all that it asks.
    values: [errand.of(job), firstWait.of(streams ? 'stream' : 'unary'), readerSees.of('items'), isJoinable.of(false)],
    ...(signal !== undefined && { signal }),
    // What the client calls it is what it is called in events.
    ...(headers.get('x-client-request-id') && { transactionId: headers.get('x-client-request-id') as string }),
  };
  if (streams) {
    const stream = await transport.complete({ ...request, stream: true }, options);
    return answered(stream[Symbol.asyncIterator]() as Pump, signal);
  }
  const { raw } = await transport.complete(request, options);
  if (raw instanceof WholeAnswer) return responseOf(raw.head, raw.bytes);
  if (raw instanceof Response) return raw;
  throw new TransportError('middleware', 'A middleware answered with a completion: a fetch needs a response');
}

/** What can be sent only once: an upload, or what is no request at all. */
function passed(inner: Fetch | undefined, input: string | URL | Request, init?: RequestInit): Promise<Response> {
  // Node loses a signal that is only in a `Request`, when it collects garbage.
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  return (inner ?? globalThis.fetch)(input, signal === undefined ? init : { ...init, signal });
}
