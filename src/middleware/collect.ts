import { drain, replyFrom } from '../core/reply.ts';
import type { Middleware } from '../core/types.ts';

/**
 * Gathers a unary call's stream into its answer. Until it has all, the call is not answered: a stream that breaks half-way is
 * simply retried, because nobody has seen anything of it.
 */
export function collect(): Middleware {
  return function collect(next) {
    return async (request, context) => {
      const reply = await next(request, context);
      return request.stream === true ? reply : replyFrom(await drain(reply));
    };
  };
}
