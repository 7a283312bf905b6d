import type { FinishReason, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { throwIfStopped } from './openai-chat-answer.ts';
import { type Fields, fieldsOf, finishReasonOf, reasoningOf, textOf, usageOf } from './openai-chat-parts.ts';

/** What is known of a foreign stream once it has ended. */
export interface StreamEnd {
  readonly finishReason: FinishReason;
  readonly usage: Usage | undefined;
  readonly model: string;
}

/** True for an item of an SDK's Chat Completions stream. */
export function isChatItem(item: unknown): boolean {
  const { object, choices } = fieldsOf(item);
  return object === 'chat.completion.chunk' || Array.isArray(choices);
}

/**
 * Follows a Chat Completions stream that passes by as an SDK's objects, untouched: knows content from preamble, and an end from a
 * break, which the SDKs report alike.
 */
export class ChatItems {
  readonly #failures: Failures;
  #text = '';
  #reasoning = '';
  #refused = false;
  #tools = false;
  #reason: string | undefined;
  #usage: Usage | undefined;
  #model = '';
  /** The text in the last item. */
  itemText = '';

  constructor(failures: Failures) {
    this.#failures = failures;
  }

  /**
   * Takes an item. True when it has content.
   * @throws TransportError what an error in it means
   */
  take(item: unknown): boolean {
    const chunk = fieldsOf(item);
    const choice = this.#choiceOf(chunk);
    const error = chunk.error ?? choice.error;
    if (error !== undefined && error !== null) throw this.#failures.inBand({ error }, { partial: this.#partial() });
    if (typeof chunk.model === 'string' && chunk.model !== '') this.#model = chunk.model;
    this.#usage = usageOf(chunk.usage) ?? this.#usage;
    const delta = fieldsOf(choice.delta ?? choice.message);
    const text = textOf(delta.content);
    const reasoning = reasoningOf(delta);
    const tools = Array.isArray(delta.tool_calls) && delta.tool_calls.length > 0;
    this.itemText = text;
    this.#text += text;
    this.#reasoning += reasoning;
    this.#tools ||= tools;
    if (typeof delta.refusal === 'string' && delta.refusal !== '') this.#refused = true;
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '') {
      this.#reason ??= choice.finish_reason;
      throwIfStopped(choice.finish_reason, this.#failures, this.#partial());
    }
    return text !== '' || reasoning !== '' || tools;
  }

  /**
   * The stream has ended.
   * @throws TransportError `truncated`, `content_filtered`, or `empty_response`: it was no answer
   */
  end(): StreamEnd {
    const partial = this.#partial();
    if (this.#reason === undefined) {
      throw this.#failures.of('truncated', 'ended its stream before the answer was whole', { partial });
    }
    const finishReason = finishReasonOf(this.#reason, this.#tools);
    if (finishReason === 'content_filter' || this.#refused) {
      throw this.#failures.of('content_filtered', 'refused to answer by policy', { partial });
    }
    if (this.#text === '' && !this.#tools && finishReason !== 'length') {
      throw this.#failures.of('empty_response', 'ended its answer with nothing in it');
    }
    return { finishReason, usage: this.#usage, model: this.#model };
  }

  #choiceOf(chunk: Fields): Fields {
    return Array.isArray(chunk.choices) ? fieldsOf(chunk.choices[0]) : {};
  }

  #partial() {
    return { text: this.#text, toolCalls: [], reasoning: this.#reasoning || undefined };
  }
}
