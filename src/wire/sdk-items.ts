import type { FinishReason, ProviderAnswer, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import type { StreamEnd } from './followers/follower.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** What one item of an SDK's stream says. */
export interface ItemFacts {
  readonly text?: string;
  readonly reasoning?: string;
  /** A piece of a tool call, or anything else that is content and no text. */
  readonly other?: boolean;
  /** The model will not. */
  readonly refused?: boolean;
  /** Why the answer ended: the item is its terminal event, or can be. */
  readonly finish?: FinishReason;
  readonly usage?: Usage | undefined;
  readonly model?: unknown;
}

/** Reads the items of one stream, in their order. @throws TransportError what an item means that is an error */
export type ItemReader = (item: Fields, failures: Failures) => ItemFacts;

/** Follows a stream that passes by as an SDK's objects, untouched. */
export interface ItemFollower {
  /** Takes an item. True when it has content. @throws TransportError what an error in it means */
  take(item: unknown): boolean;
  /** The text in the last item. */
  readonly itemText: string;
  /** The reasoning in it. */
  readonly itemReasoning: string;
  /** The stream has ended. @throws TransportError `truncated`, `content_filtered`, or `empty_response`: it was no answer */
  end(): StreamEnd;
}

/** What the results of an SDK look like. */
export interface SdkDialect {
  /**
   * What a whole result says; `undefined` when it is none of this SDK's. Without a `text` it is not judged empty.
   * @throws TransportError why it is no answer
   */
  whole(result: Fields, failures: Failures): Partial<ProviderAnswer> | undefined;
  /** Follows the stream that begins with an item, and has not taken it yet; `undefined` when it is none of this SDK's. */
  reader(item: Fields, failures: Failures): ItemFollower | ItemReader | undefined;
}

/** Follows a stream with what a reader says of its items: knows content from preamble, and an end from a break. */
export class SdkItems implements ItemFollower {
  readonly #read: ItemReader;
  readonly #failures: Failures;
  #said = false;
  #refused = false;
  #finish: FinishReason | undefined;
  #usage: Usage | undefined;
  #model = '';
  itemText = '';
  itemReasoning = '';

  constructor(read: ItemReader, failures: Failures) {
    this.#read = read;
    this.#failures = failures;
  }

  take(item: unknown): boolean {
    const {
      text = '',
      reasoning = '',
      other = false,
      refused,
      finish,
      usage,
      model,
    } = this.#read(fieldsOf(item), this.#failures);
    this.itemText = text;
    this.itemReasoning = reasoning;
    this.#said ||= other || text !== '';
    if (refused === true) this.#refused = true;
    this.#finish = finish ?? this.#finish;
    this.#usage = usage ?? this.#usage;
    if (usage !== undefined) this.#failures.tell({ usage, usageIsWhole: this.#finish !== undefined });
    if (typeof model === 'string' && model !== '') this.#model = model;
    return text !== '' || reasoning !== '' || other;
  }

  end(): StreamEnd {
    if (this.#finish === undefined)
      throw this.#failures.of('truncated', 'ended its stream before the answer was whole');
    if (this.#usage !== undefined) this.#failures.tell({ usage: this.#usage, usageIsWhole: true });
    if (this.#finish === 'content_filter' || this.#refused)
      throw this.#failures.of('content_filtered', 'refused to answer by policy');
    if (!this.#said && this.#finish !== 'length')
      throw this.#failures.of('empty_response', 'ended its answer with nothing in it');
    return { finishReason: this.#finish, usage: this.#usage, model: this.#model };
  }
}

/** What the parts of one type say: `{ type: 'text', text }`, `{ type: 'thinking', thinking }`. */
export function textIn(parts: unknown, type = 'text'): string {
  if (typeof parts === 'string') return type === 'text' ? parts : '';
  if (!Array.isArray(parts)) return '';
  return parts
    .map((part) => fieldsOf(part))
    .map((part) => (part.type === type && typeof part[type] === 'string' ? part[type] : ''))
    .join('');
}

/** True when one of the parts is of a type that is not listed: something that is not text, and that somebody has asked for. */
export function hasOther(parts: unknown, known: readonly string[]): boolean {
  return Array.isArray(parts) && parts.some((part) => !known.includes(String(fieldsOf(part).type)));
}
