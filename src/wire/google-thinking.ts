import type { CompletionRequest } from '../core/types.ts';

type Reasoning = NonNullable<CompletionRequest['reasoning']>;

/** Tokens, as Google's own OpenAI-compatible endpoint has them. */
const budgets: Readonly<Record<Reasoning, number>> = { none: 0, low: 1_024, medium: 8_192, high: 24_576 };

/**
 * How much the model is to think: a level from Gemini 3 on, a budget for Gemini 2.5 (https://ai.google.dev/gemini-api/docs/thinking).
 * `none` is as little as the model can: nothing at 2.5, 128 tokens at 2.5 Pro, the level MINIMAL from 3 on. Of models that do not
 * think nothing is asked.
 */
export function thinkingConfig(reasoning: Reasoning, model: string): object | undefined {
  const version = /gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1];
  const thinks = !(version !== undefined && Number(version) < 2.5);
  if (reasoning === 'none') {
    if (!thinks) return undefined;
    if (version !== '2.5') return { thinkingLevel: 'MINIMAL' };
    return { thinkingBudget: /-pro/.test(model) ? 128 : budgets.none };
  }
  if (version === '2.5') return { includeThoughts: true, thinkingBudget: budgets[reasoning] };
  return { includeThoughts: true, thinkingLevel: reasoning.toUpperCase() };
}
