/** A strategy around another one, with a memory. */

// #region sticky
import { contextKey, type Strategy } from 'llm-transport';

/** What a call is part of: `complete(request, { values: [conversation.of(id)] })`. */
export const conversation = contextKey<string | undefined>('conversation', undefined);

export interface StickyOptions {
  /** Milliseconds that a call may wait for the provider it stays with. @default 2_000 */
  readonly patienceMs?: number;
  /** Conversations that are remembered. @default 10_000 */
  readonly conversations?: number;
}

/** Stays with the provider that answered a conversation before, whose prompt cache knows it; else `inner` chooses. */
export function sticky(inner: Strategy, { patienceMs = 2_000, conversations = 10_000 }: StickyOptions = {}): Strategy {
  const homes = new Map<string, string>();

  const strategy: Strategy = function sticky(candidates, request, context) {
    const home = homes.get(context.get(conversation) ?? '');
    const same = candidates.find(({ name, waitMs }) => name === home && waitMs <= patienceMs);
    return same ?? inner(candidates, request, context);
  };

  strategy.settled = (request, context, attempt) => {
    const id = context.get(conversation);
    if (id !== undefined) {
      homes.delete(id);
      if (attempt.outcome === 'ok') homes.set(id, attempt.provider);
      const [oldest] = homes.keys();
      if (homes.size > conversations && oldest !== undefined) homes.delete(oldest);
    }
    inner.settled?.(request, context, attempt);
  };
  return strategy;
}
// #endregion
