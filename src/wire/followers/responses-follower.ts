import type { FinishReason } from '../../core/types.ts';
import { type Fields, fieldsOf } from '../openai-chat-parts.ts';
import { responseUsage } from '../openai-responses-answer.ts';
import { hasSomething, NotingFollower } from './follower.ts';
import { textAfter } from './skim.ts';

const endings: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.cancelled']);

/** Follows OpenAI's Responses. Its terminal events are `response.completed`, `.incomplete` and `.failed`; there is no other good-bye. */
export class ResponsesFollower extends NotingFollower {
  #response: Fields | undefined;
  #tools = false;

  get finished(): boolean {
    return this.#response !== undefined;
  }

  take(item: Fields, event: string): boolean {
    this.begin();
    const type = typeof item.type === 'string' ? item.type : event;
    if (type === 'error' || event === 'error') throw this.failures.inBand(item);
    if (type === 'response.failed') throw this.#failed(fieldsOf(item.response));
    if (endings.has(type)) {
      this.#end({ ...fieldsOf(item.response), status: type.slice('response.'.length) });
      // It says all of it once more.
      this.begin();
      return false;
    }
    if (type === 'response.created') {
      const { model, background } = fieldsOf(item.response);
      this.named(model);
      // It is made whoever listens, perhaps much later: to ask again would have it made twice.
      if (background === true) return true;
    }
    if (type.endsWith('.delta')) return this.#delta(type, item.delta);
    if (type.startsWith('response.output_item.')) {
      const isOther = this.#item(fieldsOf(item.item), type.endsWith('.done'));
      this.begin();
      return isOther;
    }
    // Searching, running code, drawing: the provider is at work, and what it does is part of the answer.
    return /^response\.\w+_call(?:_\w+)?\./.test(type) && this.gives();
  }

  protected takeWhole(body: Fields): void {
    const { status, error } = body;
    if (status === 'failed') throw this.#failed(body);
    if (error !== undefined && error !== null) throw this.failures.inBand({ error });
    if (!Array.isArray(body.output)) throw this.failures.inBand(body);
    this.#end(body);
    // It is made in the background, and asked for later.
    if (status === 'queued' || status === 'in_progress') this.said = true;
  }

  protected textIn(data: string, event: string): string | undefined {
    return event === 'response.output_text.delta' ? textAfter(data, 'delta":"') : undefined;
  }

  protected finishReason(): FinishReason {
    const { status, incomplete_details: details } = this.#response ?? {};
    const { reason } = fieldsOf(details);
    if (reason === 'content_filter') return 'content_filter';
    if (status === 'queued' || status === 'in_progress') return 'unknown';
    if (status === 'incomplete') return reason === 'max_output_tokens' ? 'length' : 'unknown';
    return this.#tools ? 'tool_calls' : 'stop';
  }

  #failed(response: Fields) {
    const { error } = response;
    this.counts(responseUsage(response.usage), true);
    return hasSomething(error)
      ? this.failures.inBand({ error })
      : this.failures.of('server_error', 'failed to make its answer');
  }

  #delta(type: string, delta: unknown): boolean {
    if (type === 'response.output_text.delta') return this.says(delta);
    if (!hasSomething(delta)) return false;
    if (type.startsWith('response.reasoning')) {
      this.thinks(delta);
      return true;
    }
    if (type === 'response.refusal.delta') this.refused = true;
    if (type.startsWith('response.function_call')) this.#tools = true;
    return this.gives();
  }

  /** An item of the output, begun or whole. */
  #item(item: Fields, done: boolean): boolean {
    const { type } = item;
    if (type === 'reasoning') return false;
    if (type !== 'message') {
      if (type === 'function_call' || type === 'custom_tool_call') this.#tools = true;
      return this.gives();
    }
    if (!done || !Array.isArray(item.content)) return false;
    for (const part of item.content.map(fieldsOf)) {
      if (hasSomething(part.refusal)) this.refused = true;
      this.says(part.text);
    }
    return false;
  }

  #end(response: Fields): void {
    this.#response = response;
    this.named(response.model);
    this.counts(responseUsage(response.usage));
    if (Array.isArray(response.output)) for (const item of response.output) this.#item(fieldsOf(item), true);
  }
}
