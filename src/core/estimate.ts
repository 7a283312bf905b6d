import { messagesOf } from './request.ts';
import type { CompletionRequest, Traits, Usage } from './types.ts';

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
  }
  for (const tool of request.tools ?? []) characters += 200 + (tool.description?.length ?? 0);
  return {
    input: Math.ceil(characters / charactersPerToken) + attachments * tokensPerAttachment,
    output: request.maxOutputTokens ?? unknownOutputTokens,
  };
}

/** US dollars for a usage, `undefined` when the price is not known. */
export function costOf(usage: Usage | undefined, price: Traits['price']): number | undefined {
  if (usage === undefined || price === undefined) return undefined;
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteInputTokens = 0 } = usage;
  const plain = inputTokens - cachedInputTokens - cacheWriteInputTokens;
  return (
    (plain * price.input +
      cachedInputTokens * (price.cachedInput ?? price.input) +
      cacheWriteInputTokens * (price.cacheWriteInput ?? price.input) +
      outputTokens * price.output) /
    1_000_000
  );
}
