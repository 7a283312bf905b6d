import { hasSomething } from './followers/follower.ts';
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
    if (!isAnswer) return undefined;
    const body = asChat(result);
    const { text, ...answer } = readChatAnswer(withoutCustomCalls(body), '', failures);
    const isElsewhere = choicesOf(body)
      .map(({ message }) => fieldsOf(message))
      .some((message) => textOf(message.content) !== '' || hasOtherPart(message));
    return text === '' && isElsewhere ? answer : { text, ...answer };
  },
  reader(item) {
    const chunk = chunkOf(item);
    return chunk.object === 'chat.completion.chunk' || Array.isArray(chunk.choices) ? readItem() : undefined;
  },
};

function readItem(): ItemReader {
  /** The choices that have begun and not ended. */
  const open = new Set<unknown>();
  let tools = false;
  let reason: string | undefined;
  return (item, { failures, partial }) => {
    const chunk = chunkOf(item);
    const choices = choicesOf(chunk);
    const error = chunk.error ?? choices.find((choice) => hasSomething(choice.error))?.error;
    if (error !== undefined && error !== null) throw failures.inBand({ error }, { partial: partial() });
    const said = { text: '', reasoning: '', other: false, refused: false };
    for (const { index = 0, text, delta: piece, message, ...end } of choices) {
      const delta = fieldsOf(piece ?? message);
      const calls = delta.tool_calls ?? delta.toolCalls ?? delta.function_call;
      const now = {
        text: typeof text === 'string' ? text : textOf(delta.content),
        reasoning: reasoningOf(delta),
        other: hasOtherPart(delta),
        refused: typeof delta.refusal === 'string' && delta.refusal !== '',
      };
      tools ||= hasSomething(calls);
      said.text += now.text;
      said.reasoning += now.reasoning;
      said.other ||= now.other;
      said.refused ||= now.refused;
      const ended = end.finish_reason ?? end.finishReason;
      if (typeof ended === 'string' && ended !== '') {
        // OpenRouter says it twice; the first says why.
        reason ??= ended;
        open.delete(index);
        throwIfStopped(ended, failures, partial());
      } else if (reason === undefined || now.text !== '' || now.other) open.add(index);
    }
    return {
      ...said,
      ...(reason !== undefined && open.size === 0 && { finish: finishReasonOf(reason, tools) }),
      usage: chunk.usage === undefined || chunk.usage === null ? undefined : usageOf(snakeKeys(chunk.usage)),
      model: chunk.model,
    };
  };
}

/** What is no part of an answer but a text, or is looked at by name, in either spelling. */
const plainParts = /^(?:role|content|refusal|prefix|reasoning(?:_?content|_?details)?)$/i;

/** A tool call, a picture, a sound: an answer, though there is no text. */
function hasOtherPart(message: Fields): boolean {
  return Object.keys(message).some((part) => !plainParts.test(part) && hasSomething(message[part]));
}

/** Mistral's SDK has its chunks in a field. In Google's the name is a getter's, which warns of being asked. */
function chunkOf(item: Fields): Fields {
  return 'choices' in item || !Object.hasOwn(item, 'data') ? item : fieldsOf(item.data);
}

function choicesOf({ choices }: Fields): Fields[] {
  return Array.isArray(choices) ? choices.map(fieldsOf) : [];
}

/** Without the calls of tools that are given a text: there is no JSON in them that could be wrong. */
function withoutCustomCalls(body: Fields): Fields {
  const [first, ...others] = choicesOf(body);
  const { tool_calls: calls } = fieldsOf(first?.message);
  if (!Array.isArray(calls)) return body;
  const ofFunctions = calls.filter((call) => fieldsOf(call).type !== 'custom');
  return {
    ...body,
    choices: [{ ...first, message: { ...fieldsOf(first?.message), tool_calls: ofFunctions } }, ...others],
  };
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
