import { contextKey } from '../../core/context.ts';
import type { Middleware } from '../../core/types.ts';
import type { Member, SharedCall } from './shared-call.ts';

/** The share that a call has in another's answer, or will have. */
export const share = contextKey<{ readonly shared: SharedCall; readonly member: Member } | undefined>(
  'share',
  undefined,
);

/**
 * Gives calls with one id one answer. Below their deadlines, because each has its own; above everything that is done once for all of
 * them.
 */
export function join(): Middleware {
  return function join(next) {
    return (request, context) => {
      const part = context.get(share);
      if (part === undefined) return next(request, context);
      return part.shared.read(part.member, request, context, next);
    };
  };
}
