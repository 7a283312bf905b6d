import type { FinishReason, Usage } from '../../core/types.ts';
import type { Failures } from '../failures.ts';
import type { Fields } from '../openai-chat-parts.ts';
import type { StreamEnd } from '../sdk-items.ts';

/**
 * Follows an answer that passes by untouched, as parsed events or in one piece: knows content from preamble, an end from a break, and
 * an error in good clothes. One for each wire format.
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
  /** The text in the last event. */
  readonly itemText: string;
  /** US dollars, where the provider tells them. */
  readonly cost: number | undefined;
  /** The answer is over. @throws TransportError `truncated`, `content_filtered` or `empty_response`: it was no answer */
  end(): StreamEnd;
}

/** What the followers have in common: the notes that they take, and what these amount to in the end. */
export abstract class NotingFollower implements Follower {
  protected readonly failures: Failures;
  /** Something other than reasoning has come. */
  protected said = false;
  /** The model will not. */
  protected refused = false;
  protected usage: Usage | undefined;
  protected model = '';
  itemText = '';
  cost: number | undefined;

  constructor(failures: Failures) {
    this.failures = failures;
  }

  abstract take(item: Fields, event: string): boolean;
  abstract whole(body: Fields): void;
  abstract get finished(): boolean;
  /** Why the answer ended. May throw what a bad reason means. */
  protected abstract finishReason(): FinishReason;

  skim(data: string, event: string): boolean {
    const text = this.textIn(data, event);
    if (text === undefined) return false;
    this.itemText = text;
    this.said = true;
    return true;
  }

  /** The text of an event that is plainly nothing else; `undefined` for any other. */
  protected abstract textIn(data: string, event: string): string | undefined;

  end(): StreamEnd {
    if (!this.finished) throw this.failures.of('truncated', 'ended its answer before it was whole');
    const finishReason = this.finishReason();
    if (finishReason === 'content_filter' || this.refused)
      throw this.failures.of('content_filtered', 'refused to answer by policy');
    if (!this.said && finishReason !== 'length')
      throw this.failures.of('empty_response', 'ended its answer with nothing in it');
    return { finishReason, usage: this.usage, model: this.model };
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
