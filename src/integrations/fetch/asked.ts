import { textsOf } from '../../core/redact.ts';
import type { CompletionRequest, ImagePart, TextPart } from '../../core/types.ts';
import { maxOutputTokensOf } from '../../wire/dialect.ts';
import { type Fields, fieldsOf } from '../../wire/openai-chat-parts.ts';
import type { Incoming } from './incoming.ts';

/** What the pipeline is told of a client's request: as much as it takes to estimate its tokens, and to repeat none of its words. */
export interface Asked {
  readonly request: Omit<CompletionRequest, 'stream'>;
  readonly texts: readonly string[];
}

/** A picture or a document in base64 looks like this; no sentence does. */
const encoded = /^(?:data:|[\w+/-]{256})/;
const longestWord = 2_000;

/** Reads a request's words. */
export function askedIn({ json = {}, route }: Incoming): Asked {
  const texts: string[] = [];
  const content: (TextPart | ImagePart)[] = [];
  for (const text of textsOf(json)) {
    const isAttachment = text.length > longestWord && encoded.test(text);
    if (isAttachment) content.push({ type: 'image', image: 'data:,' });
    else {
      texts.push(text);
      content.push({ type: 'text', text });
    }
  }
  const maxOutputTokens = maxOutputTokensOf(json);
  const reasoning = reasoningIn(json);
  const isModel = route !== undefined;
  return {
    texts,
    request: {
      messages: [{ role: 'user', content }],
      ...(isModel && maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(isModel && reasoning !== undefined && { reasoning }),
    },
  };
}

const efforts: Readonly<Record<string, CompletionRequest['reasoning']>> = {
  none: 'none',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

/** How much the model is to think: how long it takes to answer is learned for each. */
function reasoningIn(json: Fields): CompletionRequest['reasoning'] {
  const effort = [json.reasoning_effort, fieldsOf(json.reasoning).effort, fieldsOf(json.output_config).effort].find(
    (value) => typeof value === 'string',
  );
  return efforts[effort as string];
}
