import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4ToolCall,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from '@ai-sdk/provider';
import type { Completion, FinishReason, ToolCall, Usage } from '../../core/types.ts';
import { originalCalls, resultOf } from '../../wire/ai-sdk-carried.ts';
import { transportName } from './request.ts';

/** A whole answer as the AI SDK has it: of a model of the AI SDK as that gave it, with what the transport knows beside it. */
export function resultFrom(
  completion: Completion,
  warnings: readonly SharedV4Warning[],
): LanguageModelV4GenerateResult {
  const original = resultOf(completion);
  const providerMetadata = { ...original?.providerMetadata, ...metadataFrom(completion) };
  if (original !== undefined) return { ...original, providerMetadata };
  return {
    content: contentFrom(completion),
    finishReason: reasonFrom(completion.finishReason),
    usage: usageOf(completion.usage),
    providerMetadata,
    response: { id: completion.transactionId, modelId: completion.model, timestamp: new Date(), body: completion.raw },
    warnings: [...warnings],
  };
}

function contentFrom({ reasoning, text, toolCalls }: Completion): LanguageModelV4Content[] {
  return [
    ...(reasoning ? [{ type: 'reasoning' as const, text: reasoning }] : []),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...toolCalls.map(callFrom),
  ];
}

/** A tool call as the AI SDK has it, its input as JSON. */
export function callFrom(call: ToolCall): LanguageModelV4ToolCall {
  const original = originalCalls.get(call);
  if (original !== undefined) return original;
  const { id, name, input } = call;
  return { type: 'tool-call', toolCallId: id, toolName: name, input: JSON.stringify(input ?? {}) };
}

/** What the transport knows of an answer, for `providerMetadata['llm-transport']`. */
export function metadataFrom(
  answer: Pick<Completion, 'provider' | 'model' | 'transactionId' | 'attempts' | 'cost' | 'resumed'>,
): SharedV4ProviderMetadata {
  const { provider, model, transactionId, attempts, cost, resumed } = answer;
  return {
    [transportName]: {
      ...{ provider, model, transactionId, attempts: attempts.length },
      ...(cost !== undefined && { cost }),
      ...(resumed && { resumed }),
    },
  };
}

const reasons: Readonly<Record<FinishReason, LanguageModelV4FinishReason['unified']>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  content_filter: 'content-filter',
  unknown: 'other',
};

/** Why the answer ended. */
export function reasonFrom(reason: FinishReason): LanguageModelV4FinishReason {
  return { unified: reasons[reason], raw: reason };
}

/** Tokens as the AI SDK counts them; all unknown when nothing is known. */
export function usageOf(usage: Usage | undefined): LanguageModelV4Usage {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteInputTokens, reasoningTokens } = usage ?? {};
  const rest = (total: number | undefined, ...parts: readonly (number | undefined)[]): number | undefined =>
    total === undefined || parts.every((part) => part === undefined)
      ? undefined
      : Math.max(0, total - parts.reduce<number>((sum, part) => sum + (part ?? 0), 0));
  return {
    inputTokens: {
      total: inputTokens,
      noCache: rest(inputTokens, cachedInputTokens, cacheWriteInputTokens),
      cacheRead: cachedInputTokens,
      cacheWrite: cacheWriteInputTokens,
    },
    outputTokens: { total: outputTokens, text: rest(outputTokens, reasoningTokens), reasoning: reasoningTokens },
  };
}
