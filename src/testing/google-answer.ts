/** Answers as Gemini writes them: `GenerateContentResponse`s, one after the other or all in one. */

import type { FinishReason } from '../core/types.ts';
import { argumentsIn, countTokens, inputIn, type Piece, textIn } from './steps.ts';
import type { AnswerFacts, AnswerWriter, Fields } from './wire.ts';

/** One event, ended as Gemini ends them. */
export function googleEvent(json: string): string {
  return `data: ${json}\r\n\r\n`;
}

/** One answer. There is no preamble, and nothing after the chunk with a `finishReason`. */
export class GoogleAnswer implements AnswerWriter {
  readonly #id: string;
  readonly #model: string;
  readonly #inputTokens: number;
  readonly #pieces: Piece[] = [];

  constructor(facts: AnswerFacts) {
    this.#id = `sim-${facts.requestId.slice(4)}`;
    this.#model = facts.model;
    this.#inputTokens = facts.inputTokens;
  }

  opening(): string {
    return '';
  }

  emptyDelta(): string {
    return this.#chunk([{ text: '' }]);
  }

  piece(piece: Piece): string {
    this.#pieces.push(piece);
    switch (piece.type) {
      case 'text':
        return this.#chunk([{ text: piece.text }]);
      case 'reasoning':
        return this.#chunk([{ text: piece.text, thought: true }]);
      case 'arguments': {
        // A call comes whole: with the last of its arguments.
        const call = this.#callOf(piece.index);
        return call === undefined ? '' : this.#chunk([call]);
      }
      case 'toolCall':
      case 'refusal':
        return '';
    }
  }

  finish(finishReason: FinishReason): string {
    if (this.#refused(finishReason)) return googleEvent(this.#response(this.#candidate([], finishReason)));
    return googleEvent(this.#response(this.#candidate([{ text: '' }], finishReason)));
  }

  done(): string {
    return '';
  }

  garbage(): string {
    return googleEvent('{"candidates": [{"content": {"parts": [{"te');
  }

  half(): string {
    return this.emptyDelta().slice(0, 40);
  }

  body(finishReason: FinishReason | null): string {
    const reasoning = textIn(this.#pieces, 'reasoning');
    const text = textIn(this.#pieces, 'text');
    const parts: Fields[] = [];
    if (reasoning !== '') parts.push({ text: reasoning, thought: true });
    if (text !== '') parts.push({ text });
    for (const piece of this.#pieces) {
      const call = piece.type === 'toolCall' ? this.#callOf(piece.index) : undefined;
      if (call !== undefined) parts.push(call);
    }
    return `${this.#response(this.#candidate(parts, finishReason), 2)}\n`;
  }

  /** A tool call; `undefined` as long as its arguments are not whole. Gemini gives it no id, and signs the first. */
  #callOf(index: number): Fields | undefined {
    const { name } = this.#pieces.find((piece) => piece.type === 'toolCall' && piece.index === index) as {
      name: string;
    };
    const args = argumentsIn(this.#pieces, index).endsWith('}') ? inputIn(this.#pieces, index) : undefined;
    if (args === undefined) return undefined;
    return { functionCall: { name, args }, ...(index === 0 && { thoughtSignature }) };
  }

  #refused(finishReason: FinishReason | null): boolean {
    return finishReason === 'content_filter' || textIn(this.#pieces, 'refusal') !== '';
  }

  #chunk(parts: readonly Fields[]): string {
    return googleEvent(this.#response({ content: { parts, role: 'model' }, index: 0 }));
  }

  #candidate(parts: readonly Fields[], finishReason: FinishReason | null): Fields {
    const refused = this.#refused(finishReason);
    const explanation = textIn(this.#pieces, 'refusal');
    return {
      // As recorded: a refused candidate has content with nothing in it.
      content: refused && parts.length === 0 ? {} : { parts, role: 'model' },
      ...(finishReason !== null && { finishReason: refused ? 'SAFETY' : finishReasons[finishReason] }),
      ...(refused && {
        safetyRatings: [{ category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true }],
      }),
      ...(explanation !== '' && { finishMessage: explanation }),
      index: 0,
    };
  }

  #response(candidate: Fields, indent?: number): string {
    const response = {
      candidates: [candidate],
      usageMetadata: this.#usage(),
      modelVersion: this.#model,
      responseId: this.#id,
    };
    return JSON.stringify(response, null, indent);
  }

  /** Cumulative, with every chunk. Thoughts are beside the candidate's tokens; what is zero is absent. */
  #usage(): Fields {
    const thoughts = this.#pieces.filter(({ type }) => type === 'reasoning').length;
    const made = countTokens(this.#pieces);
    return {
      promptTokenCount: this.#inputTokens,
      ...(made > thoughts && { candidatesTokenCount: made - thoughts }),
      totalTokenCount: this.#inputTokens + made,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: this.#inputTokens }],
      ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
      serviceTier: 'standard',
    };
  }
}

/** Calls of tools end with `STOP`, too. */
const finishReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
  unknown: 'OTHER',
};

/** What has to go back with the call; nobody reads it. */
const thoughtSignature = Buffer.from('a simulated thought').toString('base64');
