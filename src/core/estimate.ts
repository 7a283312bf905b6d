import { jsonOf, jsonSchemaOf, messagesOf } from './request.ts';
import type { CompletionRequest, Tool, ToolCall, Traits, Usage } from './types.ts';

/** Characters a token, for text in most languages; pictures and files count by a flat guess. */
const charactersPerToken = 4;
const tokensPerAttachment = 1_000;
const unknownOutputTokens = 500;

/** Tokens that a text will count as, roughly. */
export function estimateTextTokens(text: string): number {
  return Math.ceil(text.length / charactersPerToken);
}

/** Tokens that a request will count as, roughly: what it sends, and what may come back. */
export function estimateTokens(request: CompletionRequest): { readonly input: number; readonly output: number } {
  let characters = 0;
  let attachments = 0;
  for (const message of messagesOf(request)) {
    if (typeof message.content === 'string') characters += message.content.length;
    else
      for (const part of message.content) {
        if (part.type === 'text') characters += part.text.length;
        else attachments += 1;
      }
    if (message.role === 'assistant') for (const call of message.toolCalls ?? []) characters += lengthOf(call);
  }
  for (const tool of request.tools ?? []) characters += lengthOf(tool);
  if (request.schema !== undefined) characters += schemaLength(request.schema);
  return {
    input: Math.ceil(characters / charactersPerToken) + attachments * tokensPerAttachment,
    output: request.maxOutputTokens ?? unknownOutputTokens,
  };
}

/** What else a tool or a call of one is sent with: names of fields, brackets. */
const frameCharacters = 100;
/** Tools are made once and sent often, and a call stays in the conversation. */
const lengths = new WeakMap<Tool | ToolCall, number>();

function lengthOf(item: Tool | ToolCall): number {
  let length = lengths.get(item);
  if (length === undefined) {
    length =
      frameCharacters + item.name.length + ('inputSchema' in item ? toolLength(item) : jsonOf(item.input).length);
    lengths.set(item, length);
  }
  return length;
}

const schemaLengths = new WeakMap<object, number>();

function schemaLength(schema: NonNullable<CompletionRequest['schema']>): number {
  let length = schemaLengths.get(schema);
  if (length === undefined) {
    length = describedLength(schema);
    schemaLengths.set(schema, length);
  }
  return length;
}

function describedLength(schema: NonNullable<CompletionRequest['schema']>): number {
  try {
    return jsonOf(jsonSchemaOf(schema)).length;
  } catch {
    // The adapter will say what is wrong with it.
    return 0;
  }
}

/** Tokens for each byte that a character takes in UTF-8 beside its first: a character of Chinese is about one, of Cyrillic half of one. */
const tokensPerWideByte = 0.3;

/** Tokens that a request may count as beside the estimate, because of what is written in it: few scripts take as few as English. */
export function wideTokens(request: CompletionRequest): number {
  let bytes = 0;
  for (const { content } of messagesOf(request))
    for (const part of typeof content === 'string' ? [{ type: 'text', text: content } as const] : content)
      if (part.type === 'text') bytes += Buffer.byteLength(part.text) - part.text.length;
  return Math.ceil(bytes * tokensPerWideByte);
}

function toolLength({ description = '', inputSchema }: Tool): number {
  return description.length + describedLength(inputSchema);
}

/** US dollars for a usage, `undefined` when the price is not known. */
export function costOf(usage: Usage | undefined, price: Traits['price']): number | undefined {
  if (usage === undefined || price === undefined) return undefined;
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteInputTokens = 0 } = usage;
  // Some tell them beside the input.
  const plain = Math.max(0, inputTokens - cachedInputTokens - cacheWriteInputTokens);
  return (
    (plain * price.input +
      cachedInputTokens * (price.cachedInput ?? price.input) +
      cacheWriteInputTokens * (price.cacheWriteInput ?? price.input) +
      outputTokens * price.output) /
    1_000_000
  );
}

/** A usage of numbers. With anything else the rate limits would count themselves away, or shut for good. */
export function countable(usage: Usage | null | undefined): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteInputTokens = 0, reasoningTokens = 0 } = usage;
  const counts = [inputTokens, outputTokens, cachedInputTokens, cacheWriteInputTokens, reasoningTokens];
  return counts.every((count) => Number.isFinite(count) && count >= 0) ? usage : undefined;
}
