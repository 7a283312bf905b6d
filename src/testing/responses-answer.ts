/** Answers as OpenAI's Responses writes them: a `response`, or the numbered events that build one. */

import type { FinishReason } from '../core/types.ts';
import { argumentsIn, countTokens, type Piece } from './steps.ts';
import { type AnswerFacts, type AnswerWriter, type Fields, fieldsOf } from './wire.ts';

/** One event: its name is the type of its data. */
export function eventOf(type: string, data: Fields): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

/** An error's body as the fields of an event: flat. */
export function errorIn(body: string): Fields {
  const { message, param, code, type } = fieldsOf(fieldsOf(JSON.parse(body)).error);
  return { code: code ?? type, message, param };
}

/** The status of a Response. */
export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'cancelled';

type Kind = 'reasoning' | 'text' | 'refusal' | 'tool';

/**
 * One answer, written as events from `response.created` to its terminal event, or gathered into one `response`. With `after` it is taken
 * up behind the event of that number: those up to it are made, and not written. `making`: what all who write this answer have made of it.
 */
export class ResponsesAnswer implements AnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #after: number;
  readonly #pieces: Piece[] = [];
  readonly #output: Fields[] = [];
  #sequence = -1;
  /** The item that is open, by what it is made of. */
  #open: Kind | undefined;
  #call: Extract<Piece, { type: 'toolCall' }> | undefined;
  /** The text of the item that is open. */
  #said = '';
  behind = false;
  isMade = false;
  readonly #making: { pieces: number };

  constructor(facts: AnswerFacts, after = -1, making = { pieces: 0 }) {
    this.#facts = facts;
    this.#after = after;
    this.#making = making;
  }

  /** The Response's id. */
  get id(): string {
    return `resp_${this.#facts.requestId.slice(4)}`;
  }

  /** Tokens that have been written whole behind `after`. */
  static tokensBefore(facts: AnswerFacts, pieces: readonly Piece[], after: number): number {
    const answer = new ResponsesAnswer(facts, after);
    answer.opening();
    return countTokens(pieces.filter((piece) => answer.piece(piece) === ''));
  }

  opening(): string {
    const response = this.response('in_progress');
    return this.#event('response.created', { response }) + this.#event('response.in_progress', { response });
  }

  emptyDelta(): string {
    // Without a number: a client that takes the answer up again counts the events that others get, too.
    return this.#within('text') + eventOf('response.output_text.delta', { ...this.#at(), content_index: 0, delta: '' });
  }

  piece(piece: Piece): string {
    this.isMade = this.#pieces.push(piece) <= this.#making.pieces;
    this.#making.pieces = Math.max(this.#making.pieces, this.#pieces.length);
    const text = this.#write(piece);
    this.behind = text === '';
    return text;
  }

  finish(finishReason: FinishReason): string {
    const status = statusOf(finishReason);
    const closed = this.#close(status === 'completed' ? 'completed' : 'incomplete');
    return closed + this.#event(`response.${status}`, { response: this.response(status, finishReason) });
  }

  done(): string {
    return '';
  }

  garbage(): string {
    this.#sequence += 1;
    return 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"brok\n\n';
  }

  half(): string {
    return eventOf('response.output_text.delta', { delta: '' }).slice(0, 60);
  }

  errorEvent(body: string): string {
    return this.#event('error', errorIn(body));
  }

  body(finishReason: FinishReason | null): string {
    const status = finishReason === null ? 'in_progress' : statusOf(finishReason);
    this.#close(status === 'completed' ? 'completed' : 'incomplete');
    return JSON.stringify(this.response(status, finishReason ?? undefined));
  }

  /** What is told of it before anything is made. */
  queued(): string {
    return JSON.stringify(this.response('queued'));
  }

  /** The whole of it, as it is now. */
  response(status: ResponseStatus, finishReason?: FinishReason): Fields {
    const { model, at, body } = this.#facts;
    const { background = false, store = true } = fieldsOf(body);
    const reason = finishReason === 'content_filter' ? 'content_filter' : 'max_output_tokens';
    const made = status !== 'queued' && status !== 'in_progress';
    return {
      id: this.id,
      object: 'response',
      created_at: Math.floor(at / 1_000),
      status,
      background,
      error: null,
      incomplete_details: status === 'incomplete' ? { reason } : null,
      model,
      output: [...this.#output],
      parallel_tool_calls: true,
      store,
      usage: made ? this.#usage() : null,
      metadata: {},
    };
  }

  #write(piece: Piece): string {
    switch (piece.type) {
      case 'text':
        return this.#within('text') + this.#delta('response.output_text.delta', piece.text);
      case 'refusal':
        return this.#within('refusal') + this.#delta('response.refusal.delta', piece.text);
      case 'reasoning':
        return this.#within('reasoning') + this.#delta('response.reasoning_summary_text.delta', piece.text);
      case 'arguments':
        return this.#delta('response.function_call_arguments.delta', piece.text);
      case 'toolCall': {
        const closed = this.#close('completed');
        this.#call = piece;
        return closed + this.#within('tool');
      }
    }
  }

  /** Opens an item of this kind, unless the open one is. */
  #within(kind: Kind): string {
    if (this.#open === kind) return '';
    const closed = this.#close('completed');
    this.#open = kind;
    this.#said = '';
    const added = this.#event('response.output_item.added', { ...this.#at(), item: this.#item('in_progress', true) });
    if (kind === 'tool') return closed + added;
    const type = kind === 'reasoning' ? 'response.reasoning_summary_part.added' : 'response.content_part.added';
    return closed + added + this.#event(type, { ...this.#at(), ...this.#part(), part: this.#partOf('') });
  }

  #delta(type: string, delta: string): string {
    this.#said += delta;
    return this.#event(type, { ...this.#at(), ...this.#part(), delta, obfuscation: 'x'.repeat(delta.length % 9) });
  }

  #close(status: 'completed' | 'incomplete'): string {
    if (this.#open === undefined) return '';
    const item = this.#item(status);
    const done = this.#event('response.output_item.done', { ...this.#at(), item });
    this.#output.push(item);
    this.#open = undefined;
    return done;
  }

  #at(): Fields {
    return { output_index: this.#output.length, item_id: `${this.#open}_${this.#output.length}` };
  }

  #part(): Fields {
    if (this.#open === 'tool') return {};
    return this.#open === 'reasoning' ? { summary_index: 0 } : { content_index: 0 };
  }

  #partOf(text: string): Fields {
    if (this.#open === 'reasoning') return { type: 'summary_text', text };
    if (this.#open === 'refusal') return { type: 'refusal', refusal: text };
    return { type: 'output_text', annotations: [], logprobs: [], text };
  }

  #item(status: string, empty = false): Fields {
    const id = `${this.#open}_${this.#output.length}`;
    const parts = empty ? [] : [this.#partOf(this.#said)];
    if (this.#open === 'reasoning')
      return { id, type: 'reasoning', summary: parts, ...(!empty && { encrypted_content: sealed(this.#said) }) };
    if (this.#open !== 'tool') return { id, type: 'message', role: 'assistant', status, content: parts };
    const { index = 0, id: call_id, name } = this.#call ?? {};
    const json = empty ? '' : argumentsIn(this.#pieces, index);
    return { id, type: 'function_call', status, arguments: json, call_id, name };
  }

  #event(type: string, data: Fields): string {
    this.#sequence += 1;
    return this.#sequence <= this.#after ? '' : eventOf(type, { ...data, sequence_number: this.#sequence });
  }

  #usage(): Fields {
    const output = countTokens(this.#pieces);
    const reasoning = this.#pieces.filter(({ type }) => type === 'reasoning').length;
    return {
      input_tokens: this.#facts.inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: this.#facts.inputTokens + output,
    };
  }
}

function statusOf(finishReason: FinishReason): ResponseStatus {
  return finishReason === 'stop' || finishReason === 'tool_calls' ? 'completed' : 'incomplete';
}

/** What goes back with a call's output; nobody reads it. */
function sealed(thought: string): string {
  return Buffer.from(`sealed: ${thought}`).toString('base64');
}
