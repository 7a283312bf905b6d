import type { FinishReason, Usage } from '../core/types.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
  // Neither an end nor a question: the API wants the answer sent back to go on with it.
  pause_turn: 'unknown',
};

/** Why the answer ended. An end beside tool calls is `tool_calls`. */
export function stopReasonOf(reason: unknown, hasToolCalls: boolean): FinishReason {
  const known = (typeof reason === 'string' ? finishReasons[reason] : undefined) ?? 'unknown';
  return hasToolCalls && (known === 'stop' || known === 'unknown') ? 'tool_calls' : known;
}

/** Tokens as Anthropic counts them: `input_tokens` without what was read from or written to the cache, output with thinking. */
export function anthropicUsageOf(value: unknown): Usage | undefined {
  const usage = fieldsOf(value);
  const fresh = count(usage.input_tokens);
  const read = count(usage.cache_read_input_tokens);
  const written = count(usage.cache_creation_input_tokens);
  const output = count(usage.output_tokens);
  if (fresh === undefined && read === undefined && written === undefined && output === undefined) return undefined;
  const thinking = count(fieldsOf(usage.output_tokens_details).thinking_tokens);
  return {
    inputTokens: (fresh ?? 0) + (read ?? 0) + (written ?? 0),
    outputTokens: output ?? 0,
    ...(read !== undefined && { cachedInputTokens: read }),
    ...(written !== undefined && { cacheWriteInputTokens: written }),
    ...(thinking !== undefined && { reasoningTokens: thinking }),
  };
}

/** Counts are totals of the whole message so far: a later one replaces, it is never added. What a later one leaves out stands. */
export function laterUsage(earlier: Fields, later: unknown): Fields {
  const told = Object.entries(fieldsOf(later)).filter(([, value]) => value !== null && value !== undefined);
  return { ...earlier, ...Object.fromEntries(told) };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** The category of a refusal, where it is told: one word of a fixed list. */
export function refusalOf(stopDetails: unknown): string {
  const { category } = fieldsOf(stopDetails);
  const named = typeof category === 'string' && /^[a-z_]{1,40}$/.test(category);
  return named ? `refused to answer by policy (${category})` : 'refused to answer by policy';
}
