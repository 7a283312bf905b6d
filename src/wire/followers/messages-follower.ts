import type { FinishReason } from '../../core/types.ts';
import { anthropicUsageOf, laterUsage, refusalOf, stopReasonOf } from '../anthropic-parts.ts';
import { type Fields, fieldsOf } from '../openai-chat-parts.ts';
import { hasSomething, NotingFollower } from './follower.ts';
import { textAfter } from './skim.ts';

/** Follows Anthropic's Messages. Its terminal event is `message_stop`. */
export class MessagesFollower extends NotingFollower {
  #finished = false;
  #stopReason: unknown;
  #stopDetails: unknown;
  #usage: Fields = {};
  #tools = false;

  get finished(): boolean {
    return this.#finished;
  }

  take(item: Fields, event: string): boolean {
    this.begin();
    const type = typeof item.type === 'string' ? item.type : event;
    if (type === 'error' || event === 'error' || hasSomething(item.error)) throw this.failures.inBand(item);
    switch (type) {
      case 'message_start': {
        const { model, usage } = fieldsOf(item.message);
        this.named(model);
        this.#usage = laterUsage(this.#usage, usage);
        this.counts(anthropicUsageOf(this.#usage));
        return false;
      }
      case 'content_block_start':
        return this.#block(fieldsOf(item.content_block));
      case 'content_block_delta':
        return this.#delta(fieldsOf(item.delta));
      case 'message_delta': {
        const { stop_reason: reason, stop_details: details } = fieldsOf(item.delta);
        this.#usage = laterUsage(this.#usage, item.usage);
        this.#stopReason = reason ?? this.#stopReason;
        this.#stopDetails = details ?? this.#stopDetails;
        return false;
      }
      case 'message_stop':
        this.#finish();
        return false;
      default:
        return false;
    }
  }

  protected takeWhole(body: Fields): void {
    const { content, error } = body;
    if (body.type === 'error' || hasSomething(error)) throw this.failures.inBand(body);
    if (!Array.isArray(content)) throw this.failures.inBand(body);
    for (const block of content) this.#block(fieldsOf(block));
    this.named(body.model);
    this.#usage = laterUsage({}, body.usage);
    this.#stopReason = body.stop_reason;
    this.#stopDetails = body.stop_details;
    this.#finish();
  }

  protected textIn(data: string, event: string): string | undefined {
    return event === 'content_block_delta' && data.includes('text_delta"') ? textAfter(data, 'text":"') : undefined;
  }

  protected finishReason(): FinishReason {
    const reason = stopReasonOf(this.#stopReason, this.#tools);
    if (reason !== 'content_filter') return reason;
    throw this.failures.of('content_filtered', refusalOf(this.#stopDetails), { partial: this.partial });
  }

  #finish(): void {
    this.#finished = true;
    this.counts(anthropicUsageOf(this.#usage));
  }

  #block(block: Fields): boolean {
    const { type } = block;
    if (type === 'text') return this.says(block.text);
    if (type === 'thinking') return this.thinks(block.thinking);
    if (type === 'redacted_thinking' || type === undefined) return false;
    if (type === 'tool_use') this.#tools = true;
    return this.gives();
  }

  #delta(delta: Fields): boolean {
    switch (delta.type) {
      case 'text_delta':
        return this.says(delta.text);
      case 'thinking_delta':
        return this.thinks(delta.thinking);
      case 'input_json_delta':
        return hasSomething(delta.partial_json) && this.gives();
      case 'signature_delta':
        return false;
      default:
        return this.gives();
    }
  }
}
