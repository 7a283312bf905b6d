import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4GenerateResult,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4ToolCall,
} from '@ai-sdk/provider';
import type { Chunk, CompletionRequest, Message, ProviderAnswer, Tool, ToolCall } from '../core/types.ts';

/**
 * What a request or an answer of the AI SDK has that the transport has no words for (files, sources, signatures of reasoning, what a
 * provider ran by itself …) goes along unseen: beside the objects that the transport does know. Where the AI SDK is in front and
 * behind, it comes out as it went in; every other provider and reader sees the plain objects. A middleware that puts another object in
 * their place is obeyed, because nothing belongs to its object.
 */

type ResponseFormat = NonNullable<LanguageModelV4CallOptions['responseFormat']>;

/** Messages that were made of messages of the AI SDK, all of them together or not at all. */
export interface MessageGroup {
  readonly originals: readonly LanguageModelV4Message[];
  readonly plain: readonly Message[];
}

/** The group of a message that is the first of one. */
export const messageGroups = new WeakMap<Message, MessageGroup>();

/** The tool that a tool was made of. */
export const originalTools = new WeakMap<Tool, LanguageModelV4FunctionTool>();

/** The format that a schema was made of. */
export const originalFormats = new WeakMap<NonNullable<CompletionRequest['schema']>, ResponseFormat>();

/** The parts that a chunk stands for: its own, last, and before it those that came without a chunk of their own. */
export const partsOfChunk = new WeakMap<Chunk, readonly LanguageModelV4StreamPart[]>();

/** What came with the stream that begins with this chunk. */
export const headOfChunk = new WeakMap<Chunk, Pick<LanguageModelV4StreamResult, 'request' | 'response'>>();

/** The call that a tool call was made of. */
export const originalCalls = new WeakMap<ToolCall, LanguageModelV4ToolCall>();

/** The answer that was read out of a result of the AI SDK. */
export const answerOfResult = new WeakMap<object, Pick<ProviderAnswer, 'text' | 'toolCalls' | 'finishReason'>>();

/** The result of the AI SDK that an answer was read out of; `undefined` when it has another source, or was changed on the way. */
export function resultOf(answer: ProviderAnswer): LanguageModelV4GenerateResult | undefined {
  const { raw } = answer;
  const read = typeof raw === 'object' && raw !== null ? answerOfResult.get(raw) : undefined;
  if (read === undefined || read.text !== answer.text || read.finishReason !== answer.finishReason) return undefined;
  const sameCalls =
    read.toolCalls.length === answer.toolCalls.length &&
    read.toolCalls.every((call, index) => {
      const other = answer.toolCalls[index];
      return other !== undefined && other.id === call.id && other.name === call.name && other.input === call.input;
    });
  return sameCalls ? (raw as LanguageModelV4GenerateResult) : undefined;
}
