import { TransportError, withFields } from '../../core/errors.ts';

/** What would have been worth another attempt before the answer began is an interruption after. */
export function interrupted(error: TransportError): TransportError {
  if (error.retry === 'never') return error;
  const { provider, status, providerRequestId, retryAfterMs, partial } = error;
  return new TransportError('stream_interrupted', `The stream broke after it was answered: ${error.message}`, {
    ...{ provider, status, providerRequestId, retryAfterMs },
    partial: partial ?? { text: '', toolCalls: [], reasoning: undefined },
    // Said once: who changes what passes sees that one alone.
    cause: partial === undefined ? error : withFields(error, { partial: undefined }),
  });
}
