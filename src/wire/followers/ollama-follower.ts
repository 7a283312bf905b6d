import type { FinishReason } from '../../core/types.ts';
import { type Fields, fieldsOf, finishReasonOf } from '../openai-chat-parts.ts';
import { hasSomething, NotingFollower } from './follower.ts';
import { textAfter } from './skim.ts';

/** What a line has in it that is more than a piece of text. One pattern, because each look costs. */
const more = /"(?:error|tool_calls|thinking|images)":|"done":\s*true/;

/** Follows Ollama's chat and generate: a line of JSON each. Its terminal event is `done: true`. */
export class OllamaFollower extends NotingFollower {
  #reason: string | undefined;
  #tools = false;

  get finished(): boolean {
    return this.#reason !== undefined;
  }

  take(item: Fields): boolean {
    this.begin();
    if (hasSomething(item.error)) throw this.failures.inBand(item);
    const message = fieldsOf(item.message);
    let content = this.says(message.content) || this.says(item.response);
    if (this.thinks(message.thinking) || this.thinks(item.thinking)) content = true;
    if (hasSomething(message.tool_calls)) this.#tools = content = this.gives();
    if (hasSomething(message.images) || hasSomething(item.image)) content = this.gives();
    this.named(item.model);
    if (item.done === true) this.#end(item);
    return content;
  }

  protected takeWhole(body: Fields): void {
    if (!('message' in body) && !('response' in body)) throw this.failures.inBand(body);
    this.take(body);
    // The first piece of a stream, which a proxy has taken for all of it.
    if (body.done === false) throw this.failures.of('truncated', 'ended its answer before it was whole');
    this.#reason ??= '';
  }

  protected textIn(data: string): string | undefined {
    return more.test(data) ? undefined : (textAfter(data, 'content":"') ?? textAfter(data, 'response":"'));
  }

  protected finishReason(): FinishReason {
    return finishReasonOf(this.#reason ?? '', this.#tools);
  }

  #end({ done_reason: reason, prompt_eval_count: input, eval_count: output }: Fields): void {
    this.#reason = typeof reason === 'string' ? reason : 'stop';
    // It was only asked to load its model, or to forget it.
    if (reason === 'load' || reason === 'unload') this.said = true;
    // A prompt that it had in its cache is not counted.
    if (typeof output === 'number')
      this.counts({ inputTokens: typeof input === 'number' ? input : 0, outputTokens: output });
  }
}
