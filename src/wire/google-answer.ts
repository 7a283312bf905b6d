import { createHash } from 'node:crypto';
import type { PartialAnswer } from '../core/errors.ts';
import type { Chunk, FinishReason, ProviderAnswer, ToolCall, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import type { CallMarks } from './google-call-marks.ts';
import { blocked, finishReasonOf } from './google-ending.ts';
import { GeminiRaw, partsOf } from './google-raw.ts';
import { usageOfGemini } from './google-usage.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** The attempt that is answered. */
export interface AnswerContext {
  /** What was asked for. */
  readonly model: string;
  readonly failures: Failures;
  readonly marks: CallMarks;
  /** Told the provider's id of the answer as soon as it is known. */
  readonly tellId: (id: string) => void;
}

/**
 * Turns the chunks of a Gemini stream, or an answer in one piece, into ours. Preambles (no candidates, no parts, empty texts) come to
 * nothing; what was said altogether is kept for `raw`.
 */
export class GeminiAnswer {
  readonly #failures: Failures;
  readonly #marks: CallMarks;
  readonly #tellId: (id: string) => void;
  /** What was asked for: signatures are remembered under it. */
  readonly #asked: string;
  readonly #raw = new GeminiRaw();
  readonly #toolCalls: ToolCall[] = [];
  #model: string;
  #responseId = '';
  #text = '';
  #reasoning = '';
  #reason: string | undefined;
  #block: string | undefined;

  constructor({ model, failures, marks, tellId }: AnswerContext) {
    this.#asked = model;
    this.#model = model;
    this.#failures = failures;
    this.#marks = marks;
    this.#tellId = tellId;
  }

  /** True once it was said why the answer ended, or that there will be none: the terminal event. */
  get finished(): boolean {
    return this.#reason !== undefined || this.#block !== undefined;
  }

  /** What has arrived so far. */
  get partial(): PartialAnswer {
    return { text: this.#text, toolCalls: [...this.#toolCalls], reasoning: this.#reasoning || undefined };
  }

  /**
   * Takes the data of one event.
   * @throws TransportError `bad_response` when it is no JSON, or what an error in it means
   */
  pushText(data: string): Chunk[] {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw this.#failures.of('bad_response', 'sent an event that is not JSON', { partial: this.partial });
    }
    return (Array.isArray(value) ? value : [value]).flatMap((chunk) => this.push(fieldsOf(chunk)));
  }

  /** Takes one chunk. @throws TransportError what an error in it means, `bad_response` for a tool call that is none */
  push(chunk: Fields): Chunk[] {
    const { error, responseId, modelVersion } = chunk;
    if (error !== undefined && error !== null) throw this.#failures.inBand({ error }, { partial: this.partial });
    if (typeof chunk.code === 'number' && typeof chunk.message === 'string')
      throw this.#failures.inBand(chunk, { partial: this.partial });
    if (typeof responseId === 'string' && responseId !== '') this.#hear(responseId);
    if (typeof modelVersion === 'string' && modelVersion !== '') this.#model = modelVersion;
    const { blockReason } = fieldsOf(chunk.promptFeedback);
    if (typeof blockReason === 'string' && blockReason !== '') this.#block = blockReason;
    const candidate = firstOf(chunk.candidates);
    this.#raw.push(chunk, candidate);
    const chunks = partsOf(candidate).flatMap((part) => this.#read(part));
    const { finishReason } = candidate;
    // The unspecified one is what an absent one looks like.
    if (typeof finishReason === 'string' && finishReason !== '' && finishReason !== 'FINISH_REASON_UNSPECIFIED')
      this.#reason = finishReason;
    return chunks;
  }

  /**
   * The last chunk, once the stream has ended.
   * @throws TransportError `truncated` when it ended without saying why, `content_filtered` when it was refused, `bad_response` when
   *   the model broke it off
   */
  end(): Chunk {
    if (!this.finished)
      throw this.#failures.of('truncated', 'ended its stream before the answer was whole', { partial: this.partial });
    return { type: 'finish', finishReason: this.#finishReason(), usage: this.usage, model: this.#model };
  }

  /** The answer, when all of it was one object: then it is whole, also when it does not say why it ended. @throws as `end` does */
  answer(raw: unknown): ProviderAnswer {
    const { text, toolCalls, reasoning } = this.partial;
    const finishReason = this.#finishReason();
    return { text, toolCalls, reasoning, finishReason, usage: this.usage, model: this.#model, raw };
  }

  /** The answer in the shape of an unstreamed `GenerateContentResponse`. */
  raw(): object {
    return this.#raw.whole();
  }

  #hear(responseId: string): void {
    if (this.#responseId === '') this.#tellId(responseId);
    this.#responseId = responseId;
  }

  /** What has been counted so far. */
  get usage(): Usage | undefined {
    return usageOfGemini(this.#raw.usage);
  }

  #finishReason(): FinishReason {
    if (this.#block !== undefined) throw blocked(this.#block, this.#failures, this.partial);
    return finishReasonOf(this.#reason ?? '', this.#toolCalls.length > 0, this.#failures, this.partial);
  }

  #read(part: Fields): Chunk[] {
    if (typeof part.functionCall === 'object' && part.functionCall !== null)
      return [{ type: 'toolCall', toolCall: this.#call(fieldsOf(part.functionCall), part.thoughtSignature) }];
    if (typeof part.text !== 'string' || part.text === '') return [];
    if (part.thought === true) {
      this.#reasoning += part.text;
      return [{ type: 'reasoning', text: part.text }];
    }
    this.#text += part.text;
    return [{ type: 'text', text: part.text }];
  }

  #call(called: Fields, signature: unknown): ToolCall {
    const { name, id, args } = called;
    if (typeof name !== 'string' || name === '' || called.willContinue === true)
      throw this.#failures.of('bad_response', 'asked for a tool without naming it, or in pieces', {
        partial: this.partial,
      });
    const input = args ?? {};
    const given = typeof id === 'string' && id !== '';
    const call = { id: given ? id : this.#newId(name, input, signature), name, input };
    const mark = { given, ...(typeof signature === 'string' && signature !== '' && { signature }) };
    if (given || 'signature' in mark) this.#marks.remember(this.#asked, call.id, mark);
    this.#toolCalls.push(call);
    return call;
  }

  /** Models before Gemini 3 give no ids. The same answer has the same ones, no other has, and every vendor takes them. */
  #newId(name: string, input: unknown, signature: unknown): string {
    const said = JSON.stringify([this.#responseId, this.#toolCalls.length, name, input, signature ?? '']);
    return `call_${createHash('sha256').update(said).digest('hex').slice(0, 24)}`;
  }
}

/** The first candidate; with `candidateCount` above 1 the others are left alone. */
function firstOf(candidates: unknown): Fields {
  if (!Array.isArray(candidates)) return {};
  return candidates.map(fieldsOf).find(({ index }) => index === undefined || index === 0) ?? {};
}
