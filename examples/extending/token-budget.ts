/** The middleware that docs/extending/middleware.md builds: output tokens for each tenant. */

// #region nothing
import type { Middleware } from 'llm-transport';

export function nothing(): Middleware {
  return function nothing(next, _mount) {
    return (request, context) => next(request, context);
  };
}

// #endregion

// #region options
import { type Context, contextKey, TransportError } from 'llm-transport';

/** Whose call it is: `complete(request, { values: [tenant.of('acme')] })`. */
export const tenant = contextKey('tenant', 'anonymous');

export interface TokenBudgetOptions {
  /** Output tokens that each tenant has. */
  readonly tokens: number;
  /** Milliseconds after which everybody has all of them again. @default never */
  readonly everyMs?: number;
}
// #endregion

// #region spent
/** Output tokens of all attempts of a call, those that failed included. */
function spentIn({ attempts }: Context): number {
  return attempts.reduce((sum, { usage }) => sum + (usage?.outputTokens ?? 0), 0);
}
// #endregion

// #region budget
/** Tokens that a call may need that does not say. */
const guess = 1_000;

/** Refuses a call whose tenant has spent its output tokens. They are reserved before a call, and settled when it is done. */
export function tokenBudget({ tokens, everyMs }: TokenBudgetOptions): Middleware {
  return function tokenBudget(next, mount) {
    const left = new Map<string, number>();
    const give = (who: string, some: number): void => {
      const now = (left.get(who) ?? tokens) + some;
      if (now >= tokens) left.delete(who);
      else left.set(who, now);
    };
    if (everyMs !== undefined) {
      const timer = setInterval(() => left.clear(), everyMs).unref();
      mount.onClose(() => clearInterval(timer));
    }

    return async (request, context) => {
      const who = context.get(tenant);
      const reserved = request.maxOutputTokens ?? guess;
      if ((left.get(who) ?? tokens) < reserved) {
        context.publish({ type: 'budget:refused', tenant: who, reserved });
        throw new TransportError('budget_exceeded', `${who} has spent its output tokens`);
      }

      give(who, -reserved);
      const settle = (): void => give(who, reserved - spentIn(context));
      try {
        const reply = await next(request, context);
        void reply.done.then(settle);
        return reply;
      } catch (error) {
        settle();
        throw error;
      }
    };
  };
}
// #endregion
