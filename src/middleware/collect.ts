import { drain, replyFrom } from '../core/reply.ts';
import type { Handler, Middleware } from '../core/types.ts';

/**
 * Gathers a unary call's stream into its answer. Until it has all, the call is not answered: a stream that breaks half-way is
 * simply retried, because nobody has seen anything of it.
 */
export function collect(): Middleware {
  return function collect(next) {
    const gathered: Handler = (request, context) => next(request, context).then(drain).then(replyFrom);
    return (request, context) => (request.stream === true ? next : gathered)(request, context);
  };
}
