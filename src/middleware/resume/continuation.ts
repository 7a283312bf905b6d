import { messagesOf } from '../../core/request.ts';
import type { CompletionRequest } from '../../core/types.ts';

/**
 * A request for the rest of an answer that was cut off. What was delivered goes as the model's own turn, and a turn of the user's asks for
 * the rest: a conversation that ends with the model's words (a prefill) is refused by many models, and then by none.
 */
export function continuationOf(request: CompletionRequest, text: string, anchor: string): CompletionRequest {
  const { prompt: _, ...rest } = request;
  return {
    ...rest,
    messages: [...messagesOf(request), { role: 'assistant', content: text }, { role: 'user', content: asking(anchor) }],
  };
}

function asking(anchor: string): string {
  return [
    'Your answer was cut off in transit: what you see of it above is all that has arrived. Go on with it from the very place where it stops.',
    'Begin by repeating, character for character, its last part, which stands here between two tags. Leave out the tags. Behind it go on',
    'at once, in the middle of the word if need be: no remark, no apology, no heading, and nothing else that you have said already.',
    'If nothing is missing, repeat only that part.',
    `<anchor>${anchor}</anchor>`,
  ].join('\n');
}
