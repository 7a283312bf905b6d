import type { PartialAnswer } from '../../core/errors.ts';
import type { FinishReason, Usage } from '../../core/types.ts';
import type { Failures } from '../failures.ts';
import type { Fields } from '../openai-chat-parts.ts';

/** What is known of an answer that has passed by, once it is over. */
export interface StreamEnd {
  readonly finishReason: FinishReason;
  readonly usage: Usage | undefined;
  readonly model: string;
}

/**
 * Follows an answer that passes by untouched, as parsed events, as items of an SDK that are as on the wire, or in one piece: knows
 * content from preamble, an end from a break, and an error in good clothes. One for each wire format.
 */
export interface Follower {
  /** Takes an event. True when it has content. @throws TransportError what an error in it means */
  take(item: Fields, event: string): boolean;
  /** Takes an event that is plainly nothing but a text, unparsed: most are. True when it was one; else it is to be parsed. */
  skim(data: string, event: string): boolean;
  /** Takes an answer that came in one piece. @throws TransportError what an error in it means, or that it is no answer */
  whole(body: Fields): void;
  /** The terminal event has come. */
  readonly finished: boolean;
  /** The text in the last event; of an answer in one piece, all of it. */
  readonly itemText: string;
  /** The reasoning in it. */
  readonly itemReasoning: string;
  /** The model will not: what has come of its words is a refusal. */
  readonly refused: boolean;
  /** The answer is over. @throws TransportError `truncated`, `content_filtered` or `empty_response`: it was no answer */
  end(): StreamEnd;
}

/** What the followers have in common: the notes that they take, and what these amount to in the end. */
export abstract class NotingFollower implements Follower {
  protected readonly failures: Failures;
  /** Something other than reasoning has come. */
  protected said = false;
  protected usage: Usage | undefined;
  protected model = '';
  itemText = '';
  itemReasoning = '';
  refused = false;
  #isWhole = false;

  constructor(failures: Failures) {
    this.failures = failures;
  }

  abstract take(item: Fields, event: string): boolean;
  protected abstract takeWhole(body: Fields): void;
  abstract get finished(): boolean;
  /** Why the answer ended. May throw what a bad reason means. */
  protected abstract finishReason(): FinishReason;

  whole(body: Fields): void {
    this.#isWhole = true;
    this.takeWhole(body);
    // A look that is closer may find it to be no answer, before the end.
    this.counts(this.usage);
  }

  skim(data: string, event: string): boolean {
    const text = this.textIn(data, event);
    if (text === undefined) return false;
    this.itemText = text;
    this.itemReasoning = '';
    this.said = true;
    return true;
  }

  /** The text of an event that is plainly nothing else; `undefined` for any other. */
  protected abstract textIn(data: string, event: string): string | undefined;

  end(): StreamEnd {
    if (!this.finished) throw this.failures.of('truncated', 'ended its answer before it was whole');
    this.counts(this.usage, true);
    const finishReason = this.finishReason();
    if (finishReason === 'content_filter' || this.refused)
      throw this.failures.of('content_filtered', 'refused to answer by policy', { partial: this.partial });
    if (!this.said && finishReason !== 'length')
      throw this.failures.of('empty_response', 'ended its answer with nothing in it');
    return { finishReason, usage: this.usage, model: this.model };
  }

  /** What an answer in one piece has in it. Of a stream, whoever has handed it out knows. */
  protected get partial(): PartialAnswer | undefined {
    if (!this.#isWhole) return undefined;
    return { text: this.itemText, toolCalls: [], reasoning: this.itemReasoning || undefined };
  }

  /** Another event. */
  protected begin(): void {
    this.itemText = '';
    this.itemReasoning = '';
  }

  /**
   * Notes what the provider has counted, and tells it at once: of an answer that is none, too.
   * @param usageIsWhole that is of all of the answer
   */
  protected counts(usage: Usage | undefined, usageIsWhole = this.finished): void {
    if (usage === undefined) return;
    this.usage = usage;
    this.failures.tell({ usage, usageIsWhole });
  }

  /** Notes the model, as the provider names it. */
  protected named(model: unknown): void {
    if (typeof model === 'string' && model !== '') this.model = model;
  }

  /** A piece of the answer's text. True when there is anything in it. */
  protected says(text: unknown): boolean {
    if (typeof text !== 'string' || text === '') return false;
    this.itemText += text;
    this.said = true;
    return true;
  }

  /** A piece of what the model thinks, which is no answer. True when there is anything in it. */
  protected thinks(text: unknown): boolean {
    if (typeof text !== 'string' || text === '') return false;
    this.itemReasoning += text;
    return true;
  }

  /** Something of the answer that is no text: a tool call, a picture. */
  protected gives(): true {
    this.said = true;
    return true;
  }
}

/** True for a text, list or object with something in it, and for any number or boolean. */
export function hasSomething(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
