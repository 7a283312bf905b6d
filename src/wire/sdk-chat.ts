import { readChatAnswer, throwIfStopped } from './openai-chat-answer.ts';
import { type Fields, fieldsOf, finishReasonOf, reasoningOf, textOf, usageOf } from './openai-chat-parts.ts';
import type { ItemReader, SdkDialect } from './sdk-items.ts';

/**
 * Chat Completions, and the Completions before them, as the SDKs of OpenAI, Groq and Together hand them out; in camel case as those of
 * Mistral (which puts each item into a `data`) and OpenRouter do.
 */
export const chatDialect: SdkDialect = {
  whole(result, failures) {
    const isAnswer = result.object === 'chat.completion' || Array.isArray(result.choices);
    return isAnswer ? readChatAnswer(asChat(result), '', failures) : undefined;
  },
  reader(item) {
    const chunk = chunkOf(item);
    return chunk.object === 'chat.completion.chunk' || Array.isArray(chunk.choices) ? readItem() : undefined;
  },
};

function readItem(): ItemReader {
  let tools = false;
  let reason: string | undefined;
  return (item, { failures, partial }) => {
    const chunk = chunkOf(item);
    const choice = Array.isArray(chunk.choices) ? fieldsOf(chunk.choices[0]) : {};
    const error = chunk.error ?? choice.error;
    if (error !== undefined && error !== null) throw failures.inBand({ error }, { partial: partial() });
    const delta = fieldsOf(choice.delta ?? choice.message);
    const calls = delta.tool_calls ?? delta.toolCalls;
    const called = Array.isArray(calls) && calls.length > 0;
    tools ||= called;
    const said = choice.finish_reason ?? choice.finishReason;
    if (typeof said === 'string' && said !== '') {
      // OpenRouter says it twice; the first says why.
      reason ??= said;
      throwIfStopped(said, failures, partial());
    }
    return {
      text: typeof choice.text === 'string' ? choice.text : textOf(delta.content),
      reasoning: reasoningOf(delta),
      other: called,
      refused: typeof delta.refusal === 'string' && delta.refusal !== '',
      ...(reason !== undefined && { finish: finishReasonOf(reason, tools) }),
      usage: chunk.usage === undefined || chunk.usage === null ? undefined : usageOf(snakeKeys(chunk.usage)),
      model: chunk.model,
    };
  };
}

function chunkOf(item: Fields): Fields {
  return 'choices' in item || typeof item.data !== 'object' ? item : fieldsOf(item.data);
}

/** In Chat Completions' own words, wherever the SDK has others. */
function asChat(result: Fields): Fields {
  const [first, ...others] = Array.isArray(result.choices) ? (result.choices as unknown[]) : [];
  const choice = fieldsOf(first);
  if (typeof choice.text === 'string' && choice.message === undefined)
    return { ...result, choices: [{ ...choice, message: { content: choice.text } }, ...others] };
  return 'finishReason' in choice ? snakeKeys(result) : result;
}

/** Names of fields that are values of their own: what a tool is called with must stay as it is. */
const opaque = new Set(['arguments', 'content']);

/** `finishReason` as `finish_reason`, also further in. */
function snakeKeys(value: unknown): Fields {
  const entries = Object.entries(fieldsOf(value)).map(([key, inner]): [string, unknown] => {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (opaque.has(key) || typeof inner !== 'object' || inner === null) return [name, inner];
    return [
      name,
      Array.isArray(inner) ? inner.map((one) => (typeof one === 'object' ? snakeKeys(one) : one)) : snakeKeys(inner),
    ];
  });
  return Object.fromEntries(entries);
}
