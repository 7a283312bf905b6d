import { TransportError } from '../../core/errors.ts';
import { errorAnswer, isAskedAgain, isError } from '../../wire/error-shape.ts';
import type { Errand } from './errand.ts';
import { isStainless } from './incoming.ts';
import { responseOf } from './responses.ts';

/** How the client is told of a failure: as an answer, as something thrown, or as it takes it best. */
export type FailuresAs = 'response' | 'throw' | 'auto';

/**
 * A call that has failed, in the form that the client does not try again: the provider's own last answer where there is one, else one
 * in its form, both with `x-should-retry: false`, which the SDKs of Stainless obey; for any other client, where it would ask again
 * after an answer like that, the error itself. @throws TransportError then
 */
export function failure(thrown: unknown, job: Errand, as: FailuresAs): Response {
  const { incoming } = job;
  if (incoming.signal?.aborted) throw incoming.signal.reason;
  if (!TransportError.is(thrown)) throw thrown;
  // Nobody was left to ask: what the last one said is what the client understands.
  const error = thrown.code === 'no_provider' && TransportError.is(thrown.cause) ? thrown.cause : thrown;
  const own = job.answerBehind(error);
  const obeys = as === 'response' || (as === 'auto' && isStainless(incoming.headers));
  if (own !== undefined && (obeys || (as !== 'throw' && !isAskedAgain(own.head.status)))) {
    const more = isError(own.head.status) ? { 'x-should-retry': 'false' } : undefined;
    return responseOf(own.head, own.bytes, more);
  }
  if (!obeys) throw thrown;
  const { status, headers, body } = errorAnswer(error, incoming.route?.dialect.name);
  return responseOf(
    { status, statusText: '', headers: new Headers(headers), url: incoming.url.href },
    encoder.encode(body),
  );
}

const encoder = new TextEncoder();
