import type { PartialAnswer } from '../core/errors.ts';
import { toolCallsIn } from './anthropic-answer.ts';
import type { Failures } from './failures.ts';
import type { Follower, StreamEnd } from './followers/follower.ts';
import { GeminiFollower } from './followers/gemini-follower.ts';
import { MessagesFollower } from './followers/messages-follower.ts';
import { OllamaFollower } from './followers/ollama-follower.ts';
import { ResponsesFollower } from './followers/responses-follower.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { finishOf, isSettled, toolCallIn } from './openai-responses-answer.ts';
import type { ItemFollower, SdkDialect } from './sdk-items.ts';

/** A wire as its SDKs hand it out: objects much as they came. They are read like the events of the wire. */
interface SdkWire {
  isWhole(result: Fields): boolean;
  /** A stream begins with it. */
  isFirst(item: Fields): boolean;
  readonly Follower: new (failures: Failures) => Follower;
  /**
   * Looks closer at a whole result than at bytes that pass: a client that reads those has a judgement of its own.
   * @throws TransportError why it is no answer
   */
  check?(result: Fields, failures: Failures, partial: PartialAnswer): void;
}

function dialectOf({ isWhole, isFirst, Follower, check }: SdkWire): SdkDialect {
  return {
    whole(result, failures) {
      if (!isWhole(result)) return undefined;
      const follower = new Follower(failures);
      follower.whole(result);
      const { itemText: text, itemReasoning: reasoning } = follower;
      check?.(result, failures, { text, toolCalls: [], reasoning: reasoning || undefined });
      return follower.end();
    },
    reader: (item, failures) => (isFirst(item) ? new WireItems(new Follower(failures)) : undefined),
  };
}

/** Follows a stream of an SDK's objects with the reader of their wire. */
class WireItems implements ItemFollower {
  readonly #follower: Follower;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  get itemText(): string {
    return this.#follower.itemText;
  }

  get itemReasoning(): string {
    return this.#follower.itemReasoning;
  }

  take(item: unknown): boolean {
    const follower = this.#follower;
    if (!follower.take(fieldsOf(item), '')) return false;
    if (follower.itemReasoning !== '') return true;
    // What ends the answer badly is not handed out before that is told.
    if (follower.finished) follower.end();
    // Nor are the words of a refusal: in the end it is an error.
    return !follower.refused || follower.itemText !== '';
  }

  end(): StreamEnd {
    return this.#follower.end();
  }
}

/** OpenAI's Responses. */
export const responsesDialect = dialectOf({
  isWhole: ({ object }) => object === 'response',
  isFirst: ({ type }) => typeof type === 'string' && type.startsWith('response.'),
  Follower: ResponsesFollower,
  check(result, failures, partial) {
    const { status, background, output } = result;
    // In the background it is asked for now, and looked for by its id.
    if (status === 'cancelled' || (!isSettled(result) && background !== true)) finishOf(result, failures, partial);
    for (const item of output as readonly unknown[]) toolCallIn(fieldsOf(item), failures);
  },
});

/** Anthropic's Messages. */
export const anthropicDialect = dialectOf({
  isWhole: ({ type, role, content }) => type === 'message' && role === 'assistant' && Array.isArray(content),
  isFirst: ({ type }) => type === 'message_start',
  Follower: MessagesFollower,
  check: toolCallsIn,
});

/** Gemini's `GenerateContentResponse`. Its own getters warn of being asked, and are not. */
export const googleDialect = dialectOf({
  isWhole: isOfGemini,
  isFirst: isOfGemini,
  Follower: GeminiFollower,
});

function isOfGemini(value: Fields): boolean {
  return Array.isArray(value.candidates) || 'promptFeedback' in value || 'usageMetadata' in value;
}

/** Ollama's `chat` and `generate`. */
export const ollamaDialect = dialectOf({ isWhole: isOfOllama, isFirst: isOfOllama, Follower: OllamaFollower });

function isOfOllama({ done, message, response, model, created_at: at }: Fields): boolean {
  const isAnswer = typeof message === 'object' || typeof response === 'string';
  return isAnswer && typeof done === 'boolean' && typeof model === 'string' && at !== undefined;
}
