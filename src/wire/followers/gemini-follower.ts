import type { FinishReason } from '../../core/types.ts';
import { blocked, finishReasonOf } from '../google-ending.ts';
import { partsOf } from '../google-raw.ts';
import { usageOfGemini } from '../google-usage.ts';
import { type Fields, fieldsOf } from '../openai-chat-parts.ts';
import { NotingFollower } from './follower.ts';
import { textAfter } from './skim.ts';

/** What an event has in it that is more than a piece of the first candidate's text. One pattern, because each look costs. */
const more = /"(?:error|finishReason|promptFeedback|functionCall|thought|message)":|"index":\s*[1-9]/;

const ofThought: ReadonlySet<string> = new Set(['thought', 'thoughtSignature']);

/** Follows Gemini's generateContent. Its terminal event is the `finishReason` of each candidate, or a `blockReason`. */
export class GeminiFollower extends NotingFollower {
  /** The candidates that have begun and not ended. */
  readonly #open = new Set<unknown>();
  #reason: string | undefined;
  #block: string | undefined;
  #tools = false;
  #counted: Fields = {};

  get finished(): boolean {
    return this.#block !== undefined || (this.#reason !== undefined && this.#open.size === 0);
  }

  take(chunk: Fields): boolean {
    this.begin();
    const { error, candidates, usageMetadata } = chunk;
    if (error !== undefined && error !== null) throw this.failures.inBand({ error });
    if (typeof chunk.code === 'number' && typeof chunk.message === 'string') throw this.failures.inBand(chunk);
    this.named(chunk.modelVersion);
    if (usageMetadata !== undefined) {
      this.#counted = { ...this.#counted, ...fieldsOf(usageMetadata) };
      this.counts(usageOfGemini(this.#counted));
    }
    const { blockReason } = fieldsOf(chunk.promptFeedback);
    if (typeof blockReason === 'string' && blockReason !== '') this.#block = blockReason;
    let content = false;
    if (Array.isArray(candidates))
      for (const candidate of candidates) if (this.#candidate(fieldsOf(candidate))) content = true;
    return content;
  }

  protected takeWhole(body: Fields): void {
    this.take(body);
    const isGemini = ['candidates', 'usageMetadata', 'modelVersion', 'promptFeedback'].some((field) => field in body);
    if (!isGemini) throw this.failures.inBand(body);
    // In one piece it is whole, also when it does not say why it ended.
    this.#reason ??= '';
    this.#open.clear();
  }

  protected textIn(data: string): string | undefined {
    // The first one opens its candidate; with several candidates all are read closely.
    if (this.#open.size !== 1 || more.test(data)) return undefined;
    return textAfter(data, 'text": "') ?? textAfter(data, 'text":"');
  }

  protected finishReason(): FinishReason {
    if (this.#block !== undefined) throw blocked(this.#block, this.failures, this.partial);
    return finishReasonOf(this.#reason ?? '', this.#tools, this.failures, this.partial);
  }

  #candidate(candidate: Fields): boolean {
    const { index = 0, finishReason } = candidate;
    let content = false;
    for (const part of partsOf(candidate)) if (this.#part(part)) content = true;
    // The unspecified one is what an absent one looks like.
    if (typeof finishReason === 'string' && finishReason !== '' && finishReason !== 'FINISH_REASON_UNSPECIFIED') {
      // Some say it in each chunk, the last time truly; of several candidates the first one's counts.
      if (index === 0 || this.#reason === undefined) this.#reason = finishReason;
      this.#open.delete(index);
    } else if (this.#reason === undefined || content) this.#open.add(index);
    return content;
  }

  #part(part: Fields): boolean {
    if (typeof part.text === 'string') return part.thought === true ? this.thinks(part.text) : this.says(part.text);
    if (part.functionCall !== undefined) this.#tools = true;
    // A picture that is only thought of.
    else if (part.thought === true) return false;
    // A picture, code, the results of code.
    return Object.keys(part).some((name) => !ofThought.has(name)) && this.gives();
  }
}
