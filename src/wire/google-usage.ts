import type { Usage } from '../core/types.ts';
import type { Fields } from './openai-chat-parts.ts';

/**
 * Tokens as Gemini counts them: the prompt with what was cached, the candidates without the thoughts, the results of its own tools
 * apart. `undefined` when nothing was counted, as for a blocked prompt.
 */
export function usageOfGemini(metadata: Fields): Usage | undefined {
  const prompt = count(metadata.promptTokenCount);
  const candidates = count(metadata.candidatesTokenCount);
  const thoughts = count(metadata.thoughtsTokenCount);
  if (prompt === undefined && candidates === undefined && thoughts === undefined) return undefined;
  const cached = count(metadata.cachedContentTokenCount);
  return {
    inputTokens: (prompt ?? 0) + (count(metadata.toolUsePromptTokenCount) ?? 0),
    outputTokens: (candidates ?? 0) + (thoughts ?? 0),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(thoughts !== undefined && { reasoningTokens: thoughts }),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
