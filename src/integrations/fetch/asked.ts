import type { CompletionRequest } from '../../core/types.ts';
import { contentIn } from '../../wire/asked-words.ts';
import { maxOutputTokensOf } from '../../wire/dialect.ts';
import { type Fields, fieldsOf } from '../../wire/openai-chat-parts.ts';
import type { Incoming } from './incoming.ts';

/** What the pipeline is told of a client's request: as much as it takes to estimate its tokens, and to repeat none of its words. */
export interface Asked {
  readonly request: Omit<CompletionRequest, 'stream'>;
  readonly texts: readonly string[];
}

/** Reads a request's words. */
export function askedIn({ json = {}, route }: Incoming): Asked {
  const content = contentIn(json);
  const maxOutputTokens = maxOutputTokensOf(json);
  const reasoning = reasoningIn(json);
  const isModel = route !== undefined;
  return {
    texts: content.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
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
