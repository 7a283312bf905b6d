import type { PartialAnswer } from '../core/errors.ts';
import { toolCallsIn } from './anthropic-answer.ts';
import type { Failures } from './failures.ts';
import { ChatFollower } from './followers/chat-follower.ts';
import { CohereFollower } from './followers/cohere-follower.ts';
import type { Follower, StreamEnd } from './followers/follower.ts';
import { GeminiFollower } from './followers/gemini-follower.ts';
import { MessagesFollower } from './followers/messages-follower.ts';
import { OllamaFollower } from './followers/ollama-follower.ts';
import { ResponsesFollower } from './followers/responses-follower.ts';
import { toolCallsOf } from './openai-chat-answer.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { finishOf, isSettled, toolCallIn } from './openai-responses-answer.ts';
import type { ItemFollower, SdkDialect } from './sdk-items.ts';
import { snakeKeys, snakeNames } from './snake-keys.ts';

/** A wire as its SDKs hand it out: objects much as they came. They are read like the events of the wire. */
interface SdkWire {
  isWhole(result: Fields): boolean;
  /** A stream begins with it. */
  isFirst(item: Fields): boolean;
  readonly Follower: new (failures: Failures) => Follower;
  /** A result or an item as it was on the wire, as far as it is looked at. @default as it is */
  plain?(value: Fields): Fields;
  /**
   * Looks closer at a whole result than at bytes that pass: a client that reads those has a judgement of its own.
   * @throws TransportError why it is no answer
   */
  check?(result: Fields, failures: Failures, partial: PartialAnswer): void;
}

/**
 * Chat Completions, and the Completions before them, of OpenAI, Groq and Together; with other names of Mistral, whose SDK has each item
 * in a `data`, and of OpenRouter.
 */
const chat: SdkWire = {
  isWhole: ({ object, choices }) => object === 'chat.completion' || Array.isArray(choices),
  isFirst(item) {
    const { object, choices } = chunkIn(item);
    return object === 'chat.completion.chunk' || Array.isArray(choices);
  },
  Follower: ChatFollower,
  plain(item) {
    const chunk = chunkIn(item);
    const { usage } = chunk;
    const choices = Array.isArray(chunk.choices) ? chunk.choices.map(fieldsOf) : [];
    const isRenamed = choices.some((choice) => 'finishReason' in choice) || 'promptTokens' in fieldsOf(usage);
    return isRenamed ? { ...chunk, choices: choices.map(choiceOf), usage: usage && snakeKeys(usage) } : chunk;
  },
  check({ choices }, failures) {
    const { message, finish_reason: reason } = fieldsOf((choices as readonly unknown[])[0]);
    const { tool_calls: calls, function_call } = fieldsOf(message);
    // A tool that is given a text has no JSON in its calls that could be wrong.
    const tool_calls = Array.isArray(calls) ? calls.filter((call) => fieldsOf(call).type !== 'custom') : [];
    toolCallsOf({ tool_calls, function_call }, typeof reason === 'string' ? reason : '', failures);
  },
};

/** In Google's items the name is a getter's, which warns of being asked. */
function chunkIn(item: Fields): Fields {
  return 'choices' in item || !Object.hasOwn(item, 'data') ? item : fieldsOf(item.data);
}

function choiceOf({ delta, message, ...choice }: Fields): Fields {
  return { ...snakeNames(choice), delta: delta && snakeNames(delta), message: message && snakeNames(message) };
}

/** OpenAI's Responses. */
const responses: SdkWire = {
  isWhole: ({ object }) => object === 'response',
  isFirst: ({ type }) => typeof type === 'string' && type.startsWith('response.'),
  Follower: ResponsesFollower,
  check(result, failures, partial) {
    const { status, background, output } = result;
    // In the background it is asked for now, and looked for by its id.
    if (status === 'cancelled' || (!isSettled(result) && background !== true)) finishOf(result, failures, partial);
    for (const item of output as readonly unknown[]) toolCallIn(fieldsOf(item), failures);
  },
};

/** Anthropic's Messages. */
const anthropic: SdkWire = {
  isWhole: ({ type, role, content }) => type === 'message' && role === 'assistant' && Array.isArray(content),
  isFirst: ({ type }) => type === 'message_start',
  Follower: MessagesFollower,
  check: toolCallsIn,
};

/** Gemini's `GenerateContentResponse`. Its own getters warn of being asked, and are not. */
const google: SdkWire = {
  isWhole: isOfGemini,
  isFirst: isOfGemini,
  Follower: GeminiFollower,
};

function isOfGemini(value: Fields): boolean {
  return Array.isArray(value.candidates) || 'promptFeedback' in value || 'usageMetadata' in value;
}

/** Ollama's `chat` and `generate`. */
const ollama: SdkWire = { isWhole: isOfOllama, isFirst: isOfOllama, Follower: OllamaFollower };

function isOfOllama({ done, message, response, model, created_at: at }: Fields): boolean {
  const isAnswer = typeof message === 'object' || typeof response === 'string';
  return isAnswer && typeof done === 'boolean' && typeof model === 'string' && at !== undefined;
}

/** Cohere's chat (version 2). */
const cohere: SdkWire = {
  isWhole: ({ id, message, finishReason }) =>
    typeof id === 'string' && typeof message === 'object' && /^[A-Z_]+$/.test(String(finishReason)),
  isFirst: ({ type }) => type === 'message-start',
  Follower: CohereFollower,
  plain(value) {
    if ('finishReason' in value) return snakeKeys(value);
    // In all that there are many of the names are the same.
    const isRenamed = value.type === 'message-end' || value.type === 'tool-plan-delta';
    return isRenamed ? { ...value, delta: snakeKeys(value.delta) } : value;
  },
};

/** No result is of two of them; the first are those that are asked most. */
const wires: readonly SdkWire[] = [chat, responses, anthropic, google, cohere, ollama];

/** The SDKs of vendors, whose items and results are much what came over the wire. */
export const wireDialect: SdkDialect = {
  whole(value, failures) {
    const wire = wires.find(({ isWhole }) => isWhole(value));
    if (wire === undefined) return undefined;
    const result = plain(wire, value);
    const follower = new wire.Follower(failures);
    follower.whole(result);
    const { itemText: text, itemReasoning: reasoning } = follower;
    wire.check?.(result, failures, { text, toolCalls: [], reasoning: reasoning || undefined });
    return follower.end();
  },
  reader(item, failures) {
    const wire = wires.find(({ isFirst }) => isFirst(item));
    return wire && new WireItems(wire, failures);
  },
};

function plain(wire: SdkWire, value: Fields): Fields {
  return wire.plain === undefined ? value : wire.plain(value);
}

/** Follows a stream of an SDK's objects with the reader of their wire. */
class WireItems implements ItemFollower {
  readonly #wire: SdkWire;
  readonly #follower: Follower;

  constructor(wire: SdkWire, failures: Failures) {
    this.#wire = wire;
    this.#follower = new wire.Follower(failures);
    // There is something of it.
    failures.tell({ accepted: true });
  }

  get itemText(): string {
    return this.#follower.itemText;
  }

  get itemReasoning(): string {
    return this.#follower.itemReasoning;
  }

  take(item: unknown): boolean {
    const follower = this.#follower;
    if (!follower.take(plain(this.#wire, fieldsOf(item)), '')) return false;
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
