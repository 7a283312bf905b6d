import type { FinishReason } from '../../core/types.ts';
import { throwIfStopped } from '../openai-chat-answer.ts';
import {
  answerFacts,
  type Fields,
  fieldsOf,
  finishReasonOf,
  reasoningOf,
  textOf,
  usageOf,
} from '../openai-chat-parts.ts';
import { hasSomething, NotingFollower } from './follower.ts';
import { textAfter } from './skim.ts';

/** Parts of a delta that are no answer, or are looked at by name. */
const known: ReadonlySet<string> = new Set([
  'role',
  'content',
  'refusal',
  'prefix',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
]);
/** What an event has in it that is more than a piece of the first choice's text. One pattern, because each look costs. */
const more =
  /"(?:error|tool_calls|function_call|refusal|reasoning\w*|text|usage)":\s*(?!null|""|\[\])|"finish_reason":\s*"|"index":\s*[1-9]/;

/**
 * Follows Chat Completions, and the older Completions: OpenAI, Azure, and all who speak the same. Its terminal event is the
 * `finish_reason` of each choice that has begun.
 */
export class ChatFollower extends NotingFollower {
  /** The choices that have begun and not ended. */
  readonly #open = new Set<unknown>();
  #reason: string | undefined;
  #tools = false;

  get finished(): boolean {
    return this.#reason !== undefined && this.#open.size === 0;
  }

  take(chunk: Fields, event: string): boolean {
    this.begin();
    const { choices, error } = chunk;
    if (error !== undefined && error !== null) throw this.failures.inBand({ error });
    // Some servers put the error's fields straight into the event.
    if (event === 'error' || chunk.object === 'error' || chunk.type === 'error') throw this.failures.inBand(chunk);
    this.#keep(chunk);
    if (!Array.isArray(choices)) return false;
    let content = false;
    for (const choice of choices) if (this.#choice(fieldsOf(choice))) content = true;
    return content;
  }

  protected takeWhole(body: Fields): void {
    const { choices, error } = body;
    if (error !== undefined && error !== null) throw this.failures.inBand({ error });
    if (!Array.isArray(choices)) throw this.failures.inBand(body);
    if (choices.length === 0) throw this.failures.of('bad_response', 'answered without a choice');
    this.take(body, 'message');
    // In one piece it is whole, also when a server does not say why it ended.
    if (this.#reason === undefined) this.#reason = '';
    this.#open.clear();
  }

  protected textIn(data: string, event: string): string | undefined {
    // The first one opens its choice; with several choices all are read closely.
    const isPlain = event === 'message' && this.#open.size === 1 && !more.test(data);
    return isPlain ? textAfter(data, 'content":"') : undefined;
  }

  protected finishReason(): FinishReason {
    return finishReasonOf(this.#reason ?? '', this.#tools);
  }

  #keep(chunk: Fields): void {
    if (this.model === '') this.named(chunk.model);
    // Groq used to send it in a field of its own.
    const usage = chunk.usage ?? fieldsOf(chunk.x_groq).usage;
    if (usage === undefined || usage === null) return;
    this.counts(usageOf(usage));
    const { cost } = answerFacts(chunk);
    if (cost !== undefined) this.failures.tell({ cost });
  }

  #choice(choice: Fields): boolean {
    const { index = 0, error, finish_reason: reason } = choice;
    if (error !== undefined && error !== null) throw this.failures.inBand({ error });
    const delta = fieldsOf(choice.delta ?? choice.message);
    let content = this.#says(delta.content) || this.says(choice.text);
    if (this.thinks(reasoningOf(delta))) content = true;
    if (typeof delta.refusal === 'string' && delta.refusal !== '') {
      content = true;
      // Of several the first one counts.
      this.refused ||= index === 0;
    }
    for (const part in delta) {
      if (known.has(part) || !hasSomething(delta[part])) continue;
      if (part === 'tool_calls' || part === 'function_call') this.#tools = true;
      content = this.gives();
    }
    if (typeof reason === 'string' && reason !== '') {
      this.#reason ??= reason;
      this.#open.delete(index);
      if (this.finished) this.counts(this.usage);
      throwIfStopped(reason, this.failures, this.partial);
    } else if (this.#reason === undefined || content) this.#open.add(index);
    return content;
  }

  #says(content: unknown): boolean {
    if (typeof content === 'string' || !hasSomething(content)) return this.says(content);
    const text = textOf(content);
    if (text !== '') return this.says(text);
    // Parts that are no text: a picture, a sound. Thinking is looked for as reasoning.
    const others =
      Array.isArray(content) && content.some((part) => !/^(?:text|thinking)$/.test(String(fieldsOf(part).type)));
    return others ? this.gives() : false;
  }
}
