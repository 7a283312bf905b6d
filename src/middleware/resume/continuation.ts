import { nothingMissing } from '../../control/seam.ts';
import { estimateTextTokens } from '../../core/estimate.ts';
import { messagesOf } from '../../core/request.ts';
import type { CompletionRequest, Message } from '../../core/types.ts';

/** Tokens that a continuation may have at least: fewer are refused by some providers. */
const fewestTokens = 16;

/**
 * A request for the rest of an answer that was cut off. What was delivered goes as the model's own turn, and a turn of the user's asks for
 * the rest: a conversation that ends with the model's words (a prefill) is refused by many models, and then by none. A limit of tokens
 * is what is left of it, and the anchor's.
 */
export function continuationOf(request: CompletionRequest, text: string, anchor: string): CompletionRequest {
  const { prompt: _, maxOutputTokens, ...rest } = request;
  return {
    ...rest,
    ...(maxOutputTokens !== undefined && { maxOutputTokens: leftOf(maxOutputTokens, text, anchor) }),
    messages: [...delivered(messagesOf(request), text), { role: 'user', content: asking(anchor) }],
  };
}

/** Of characters at least as many as of tokens: so the anchor never takes from the rest. */
function leftOf(tokens: number, text: string, anchor: string): number {
  const left = Math.max(1, tokens - estimateTextTokens(text));
  return Math.min(tokens, Math.max(fewestTokens, left + anchor.length));
}

/** Where the request itself has begun the model's turn, that goes on. */
function delivered(messages: readonly Message[], text: string): Message[] {
  const last = messages.at(-1);
  if (last?.role !== 'assistant' || last.toolCalls !== undefined)
    return [...messages, { role: 'assistant', content: text }];
  return [...messages.slice(0, -1), { role: 'assistant', content: last.content + text }];
}

function asking(anchor: string): string {
  return [
    'Your answer was cut off in transit: what you see of it above is all that has arrived. Go on with it from the very place where it stops.',
    'Begin by repeating, character for character, its last part, which stands here between two tags. Leave out the tags. Behind it go on',
    'at once, in the middle of the word if need be: no remark, no apology, no heading, and nothing else that you have said already.',
    `<anchor>${anchor}</anchor>`,
    `If the answer above is whole, and nothing is missing, say ${nothingMissing} instead, and nothing else.`,
  ].join('\n');
}
