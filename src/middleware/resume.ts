import { TransportError } from '../core/errors.ts';
import { mapError } from '../core/reply.ts';
import type { Handler, Middleware, ResumeOptions } from '../core/types.ts';

/**
 * Says what happens to a streaming call that breaks after it was answered. Mode `error`: it ends in `stream_interrupted`, whose
 * `partial` is exactly what had come and whose `cause` is what happened. Nothing is ever re-run behind the reader's back.
 */
export function resume(_options: ResumeOptions = {}): Middleware {
  return function resume(next) {
    const watched: Handler = async (request, context) => mapError(await next(request, context), interrupted);
    return (request, context) => (request.stream === true ? watched : next)(request, context);
  };
}

/** What would have been worth another attempt before the answer began is an interruption after. */
function interrupted(error: TransportError): TransportError {
  if (error.retry === 'never') return error;
  const { provider, status, providerRequestId, retryAfterMs, partial } = error;
  return new TransportError('stream_interrupted', `The stream broke after it was answered: ${error.message}`, {
    ...{ provider, status, providerRequestId, retryAfterMs },
    partial: partial ?? { text: '', toolCalls: [], reasoning: undefined },
    cause: error,
  });
}
