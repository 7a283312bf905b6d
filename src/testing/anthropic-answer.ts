/** Answers as Anthropic writes them: a `message`, or the events that build one. */

import type { FinishReason } from '../core/types.ts';
import { countTokens, inputIn, type Piece, textIn } from './steps.ts';
import type { AnswerFacts, AnswerWriter, Fields } from './wire.ts';

/** One event: its name is the type of its data. Anthropic pads events with spaces to hide their length. */
export function eventOf(data: Fields): string {
  const json = JSON.stringify(data);
  return `event: ${data.type}\ndata: ${json}${' '.repeat(json.length % 7)}\n\n`;
}

type BlockKind = 'text' | 'reasoning' | 'tool';

/** One answer, written as events from `message_start` to `message_stop`, or gathered into one `message`. */
export class AnthropicAnswer implements AnswerWriter {
  readonly #id: string;
  readonly #model: string;
  readonly #inputTokens: number;
  readonly #pieces: Piece[] = [];
  /** The block that is open, by what it is made of. */
  #open: BlockKind | undefined;
  #blocks = 0;

  constructor(facts: AnswerFacts) {
    this.#id = `msg_${facts.requestId.slice(4)}`;
    this.#model = facts.model;
    this.#inputTokens = facts.inputTokens;
  }

  opening(): string {
    // A token is counted before there is one: what `message_delta` says later takes its place.
    return eventOf({ type: 'message_start', message: this.#message([], null, 1) });
  }

  emptyDelta(): string {
    if (this.#open === 'tool') return this.#delta({ type: 'input_json_delta', partial_json: '' });
    if (this.#open === 'reasoning') return this.#delta({ type: 'thinking_delta', thinking: '' });
    return this.#within('text', { type: 'text', text: '' }) + this.#delta({ type: 'text_delta', text: '' });
  }

  piece(piece: Piece): string {
    this.#pieces.push(piece);
    switch (piece.type) {
      case 'text':
        return this.#within('text', { type: 'text', text: '' }) + this.#delta({ type: 'text_delta', text: piece.text });
      case 'reasoning':
        return (
          this.#within('reasoning', { type: 'thinking', thinking: '', signature: '' }) +
          this.#delta({ type: 'thinking_delta', thinking: piece.text })
        );
      case 'toolCall': {
        const start = this.#close() + this.#start('tool', toolUse(piece, {}));
        return start + this.#delta({ type: 'input_json_delta', partial_json: '' });
      }
      case 'arguments':
        return this.#delta({ type: 'input_json_delta', partial_json: piece.text });
      case 'refusal':
        // Anthropic streams no refusal: it is in the `stop_details`.
        return '';
    }
  }

  finish(finishReason: FinishReason): string {
    const delta = { type: 'message_delta', delta: this.#stop(finishReason), usage: this.#usage() };
    return this.#close() + eventOf(delta) + eventOf({ type: 'message_stop' });
  }

  done(): string {
    return '';
  }

  garbage(): string {
    return 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","te\n\n';
  }

  half(): string {
    return this.#delta({ type: 'text_delta', text: '' }).slice(0, 70);
  }

  body(finishReason: FinishReason | null): string {
    const reasoning = textIn(this.#pieces, 'reasoning');
    const text = textIn(this.#pieces, 'text');
    const content: Fields[] = [];
    if (reasoning !== '') content.push({ type: 'thinking', thinking: reasoning, signature });
    if (text !== '') content.push({ type: 'text', text });
    for (const piece of this.#pieces)
      if (piece.type === 'toolCall') content.push(toolUse(piece, inputIn(this.#pieces, piece.index) ?? {}));
    return JSON.stringify(this.#message(content, finishReason, this.#usage().output_tokens));
  }

  /** Opens a block of this kind, unless the open one is. */
  #within(kind: 'text' | 'reasoning', block: Fields): string {
    return this.#open === kind ? '' : this.#close() + this.#start(kind, block);
  }

  #start(kind: BlockKind, block: Fields): string {
    this.#open = kind;
    const start = eventOf({ type: 'content_block_start', index: this.#blocks, content_block: block });
    return this.#blocks === 0 ? start + eventOf({ type: 'ping' }) : start;
  }

  #close(): string {
    if (this.#open === undefined) return '';
    const signed = this.#open === 'reasoning' ? this.#delta({ type: 'signature_delta', signature }) : '';
    this.#open = undefined;
    this.#blocks += 1;
    return signed + eventOf({ type: 'content_block_stop', index: this.#blocks - 1 });
  }

  #delta(delta: Fields): string {
    return eventOf({ type: 'content_block_delta', index: this.#blocks, delta });
  }

  #message(content: readonly Fields[], finishReason: FinishReason | null, outputTokens: number): Fields {
    return {
      model: this.#model,
      id: this.#id,
      type: 'message',
      role: 'assistant',
      content,
      ...this.#stop(finishReason),
      usage: {
        ...this.#usage(),
        output_tokens: outputTokens,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
        service_tier: 'standard',
      },
    };
  }

  #stop(finishReason: FinishReason | null): Fields {
    const explanation = textIn(this.#pieces, 'refusal') || null;
    const refused = finishReason === 'content_filter' || explanation !== null;
    return {
      stop_reason: finishReason === null ? null : refused ? 'refusal' : stopReasons[finishReason],
      stop_sequence: null,
      stop_details: refused && finishReason !== null ? { type: 'refusal', category: null, explanation } : null,
    };
  }

  /** Cumulative, whenever it is asked. */
  #usage() {
    const thinking = this.#pieces.filter(({ type }) => type === 'reasoning').length;
    return {
      input_tokens: this.#inputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: countTokens(this.#pieces),
      ...(thinking > 0 && { output_tokens_details: { thinking_tokens: thinking } }),
    };
  }
}

const stopReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  unknown: 'pause_turn',
};

/** What goes back with a thinking block; nobody reads it. */
const signature = Buffer.from('a simulated signature').toString('base64');

function toolUse({ id, name }: Extract<Piece, { type: 'toolCall' }>, input: unknown): Fields {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } };
}
