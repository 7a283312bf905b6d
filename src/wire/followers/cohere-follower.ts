import type { FinishReason, Usage } from '../../core/types.ts';
import { count, type Fields, fieldsOf, finishReasonOf } from '../openai-chat-parts.ts';
import { hasSomething, NotingFollower } from './follower.ts';
import { textAfter } from './skim.ts';

const reasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  ERROR_LIMIT: 'length',
  TOOL_CALL: 'tool_calls',
  ERROR_TOXIC: 'content_filter',
};

/** Follows Cohere's chat, version 2 and the older one. Its terminal event is `message-end`, or `stream-end`. */
export class CohereFollower extends NotingFollower {
  #reason: string | undefined;
  #tools = false;

  get finished(): boolean {
    return this.#reason !== undefined;
  }

  take(item: Fields, event: string): boolean {
    this.begin();
    const named = item.type ?? item.event_type;
    const type = typeof named === 'string' ? named : event;
    if (type === 'error' || event === 'error' || hasSomething(item.error)) throw this.failures.inBand(item);
    const delta = fieldsOf(item.delta);
    const message = fieldsOf(delta.message);
    switch (type) {
      case 'content-start':
      case 'content-delta': {
        const { text, thinking } = fieldsOf(message.content);
        return this.says(text) || this.thinks(thinking);
      }
      case 'tool-plan-delta':
        return hasSomething(message.tool_plan);
      case 'tool-call-start':
      case 'tool-call-delta':
      case 'tool-calls-generation':
      case 'tool-calls-chunk':
        this.#tools = true;
        return this.gives();
      case 'text-generation':
        return this.says(item.text);
      case 'message-end':
        this.#end(delta.finish_reason, delta.usage, delta.error);
        return false;
      case 'stream-end': {
        const { meta } = fieldsOf(item.response);
        this.#end(item.finish_reason, meta, undefined);
        return false;
      }
      default:
        return false;
    }
  }

  protected takeWhole(body: Fields): void {
    const message = fieldsOf(body.message);
    if (typeof body.text === 'string') this.says(body.text);
    else if (body.finish_reason === undefined) throw this.failures.inBand(body);
    if (hasSomething(message.tool_calls) || hasSomething(body.tool_calls)) this.#tools = this.gives();
    if (Array.isArray(message.content)) for (const part of message.content) this.#part(fieldsOf(part));
    this.#end(body.finish_reason, body.usage ?? body.meta, undefined);
  }

  protected textIn(data: string, event: string): string | undefined {
    return event === 'content-delta' ? textAfter(data, 'text":"') : undefined;
  }

  protected finishReason(): FinishReason {
    return reasons[this.#reason ?? ''] ?? finishReasonOf(this.#reason ?? '', this.#tools);
  }

  #part({ type, text, thinking }: Fields): void {
    if (type === 'thinking') this.thinks(thinking);
    else if (type === 'text' || type === undefined) this.says(text);
    else this.gives();
  }

  #end(reason: unknown, usage: unknown, error: unknown): void {
    this.#reason = typeof reason === 'string' ? reason : '';
    this.counts(usageOf(fieldsOf(usage)));
    if (hasSomething(error)) {
      const told = this.failures.inBand({ message: error });
      if (told.code !== 'bad_response') throw told;
    }
    if (hasSomething(error) || reason === 'ERROR' || reason === 'TIMEOUT')
      throw this.failures.of('server_error', 'broke off its answer with an error', { partial: this.partial });
  }
}

/** All that the model has read, and not only what is billed. */
function usageOf(usage: Fields): Usage | undefined {
  const tokens = fieldsOf(usage.tokens ?? usage.billed_units);
  const inputTokens = count(tokens.input_tokens);
  const outputTokens = count(tokens.output_tokens);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const cached = count(usage.cached_tokens);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
  };
}
