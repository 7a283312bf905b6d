import { AIMessage, AIMessageChunk, type UsageMetadata } from '@langchain/core/messages';
import type { Chunk, Completion, ToolCall, Usage } from '../../core/types.ts';
import { fieldsOf } from './content.ts';

/** A whole answer as LangChain's message. */
export function messageFrom(completion: Completion): AIMessage {
  const { text, reasoning, toolCalls, usage } = completion;
  return new AIMessage({
    content: reasoning ? [{ type: 'reasoning', reasoning }, ...(text === '' ? [] : [{ type: 'text', text }])] : text,
    tool_calls: toolCalls.map(({ id, name, input }) => ({ type: 'tool_call', id, name, args: argumentsOf(input) })),
    usage_metadata: usageFrom(usage),
    response_metadata: metadataFrom(completion),
  });
}

function argumentsOf(input: unknown): Record<string, unknown> {
  return { ...fieldsOf(input) };
}

/** What is known of an answer beside what it says. */
export function metadataFrom(
  answer: Pick<Completion, 'provider' | 'model' | 'transactionId' | 'attempts' | 'cost' | 'finishReason' | 'resumed'>,
): Record<string, unknown> {
  const { provider, model, transactionId, attempts, cost, finishReason, resumed } = answer;
  return {
    model_name: model,
    finish_reason: finishReason,
    llm_transport: {
      ...{ provider, transactionId, attempts: attempts.length },
      ...(cost !== undefined && { cost }),
      ...(resumed && { resumed }),
    },
  };
}

/** Tokens as LangChain counts them. */
export function usageFrom(usage: Usage | undefined): UsageMetadata | undefined {
  if (usage === undefined) return undefined;
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteInputTokens, reasoningTokens } = usage;
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...((cachedInputTokens !== undefined || cacheWriteInputTokens !== undefined) && {
      input_token_details: { cache_read: cachedInputTokens ?? 0, cache_creation: cacheWriteInputTokens ?? 0 },
    }),
    ...(reasoningTokens !== undefined && { output_token_details: { reasoning: reasoningTokens } }),
  };
}

/** Writes chunks as the pieces of LangChain's message: a text as it is, blocks with their numbers once the model has thought. */
export class MessageWriter {
  #reasoned = false;
  #calls = 0;

  /** The piece that a chunk is; `undefined` for one that LangChain knows nothing of. */
  push(chunk: Exclude<Chunk, { type: 'finish' }>): AIMessageChunk | undefined {
    switch (chunk.type) {
      case 'reasoning':
        this.#reasoned = true;
        return new AIMessageChunk({ content: [{ type: 'reasoning', reasoning: chunk.text, index: 0 }] });
      case 'text':
        return new AIMessageChunk({
          content: this.#reasoned ? [{ type: 'text', text: chunk.text, index: 1 }] : chunk.text,
        });
      case 'toolCall':
        return new AIMessageChunk({
          content: this.#reasoned ? [] : '',
          tool_call_chunks: [this.#call(chunk.toolCall)],
        });
      default:
        return undefined;
    }
  }

  /** The last piece: why it ended, and what it took. */
  finish(usage: Usage | undefined, metadata: Record<string, unknown>): AIMessageChunk {
    return new AIMessageChunk({
      content: this.#reasoned ? [] : '',
      usage_metadata: usageFrom(usage),
      response_metadata: metadata,
    });
  }

  #call({ id, name, input }: ToolCall) {
    const index = this.#calls;
    this.#calls += 1;
    return { type: 'tool_call_chunk' as const, id, name, args: JSON.stringify(input ?? {}), index };
  }
}
