import type { PartialAnswer } from '../core/errors.ts';
import type { Chunk, ToolCall, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { refused, throwIfStopped } from './openai-chat-answer.ts';
import { type Fields, fieldsOf, finishReasonOf, reasoningOf, textOf, usageOf } from './openai-chat-parts.ts';
import { ToolCallAssembler } from './openai-chat-tools.ts';

/**
 * Turns the chunks of a Chat Completions stream into ours. Preambles (the role, empty deltas, `choices: []`, padding) come to
 * nothing; tool calls come out whole; what the stream said altogether is kept for `raw`.
 */
export class ChatStream {
  readonly #failures: Failures;
  readonly #tools: ToolCallAssembler;
  readonly #toolCalls: ToolCall[] = [];
  #model: string;
  #head: Fields = {};
  #text = '';
  #reasoning = '';
  #refusal = '';
  #reason: string | undefined;
  #usage: Usage | undefined;
  #rawUsage: unknown;
  /** What is wrong with the end of it. */
  #flaw: unknown;

  constructor(model: string, failures: Failures) {
    this.#model = model;
    this.#failures = failures;
    this.#tools = new ToolCallAssembler(failures);
  }

  /** True once the stream has said why it ended: its terminal event. */
  get finished(): boolean {
    return this.#reason !== undefined;
  }

  /** What has been counted so far. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** Pieces of tool calls that have come: an answer that goes on, while there is nothing to hand out. */
  get pieces(): number {
    return this.#tools.pieces;
  }

  /** What has arrived so far. */
  get partial(): PartialAnswer {
    return { text: this.#text, toolCalls: [...this.#toolCalls], reasoning: this.#reasoning || undefined };
  }

  /**
   * Takes the data of one event, and the event's name.
   * @throws TransportError `bad_response` when it is no JSON, or what an error in it means
   */
  push(data: string, event = 'message'): readonly Chunk[] {
    const chunk = this.#parse(data);
    const choice = this.#choiceOf(chunk);
    const error = chunk.error ?? choice?.error;
    // Some servers put the error's fields straight into the event.
    const flat = event === 'error' || chunk.object === 'error' || chunk.type === 'error';
    if (flat && error === undefined) throw this.#failures.inBand(chunk, { partial: this.partial });
    if (error !== undefined && error !== null) throw this.#failures.inBand({ error }, { partial: this.partial });
    this.#keepHead(chunk);
    if (choice === undefined) return nothing;

    const chunks: Chunk[] = [];
    this.#readDelta(fieldsOf(choice.delta ?? choice.message), chunks);
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '')
      this.#finish(choice.finish_reason, chunks);
    return chunks;
  }

  /**
   * The last chunk, once the stream has ended.
   * @throws TransportError `truncated` when it ended without saying why, `content_filtered` when it was refused, `bad_response` when it
   *   ended in a tool call that is none, or what broke it off
   */
  end(): Chunk {
    if (this.#reason === undefined)
      throw this.#failures.of('truncated', 'ended its stream before the answer was whole', { partial: this.partial });
    if (this.#flaw !== undefined) throw this.#flaw;
    const finishReason = finishReasonOf(this.#reason, this.#toolCalls.length > 0);
    if (finishReason === 'content_filter' || this.#refusal !== '') throw refused(this.#failures, this.partial);
    return { type: 'finish', finishReason, usage: this.#usage, model: this.#model };
  }

  /** The answer in the shape of an unstreamed `chat.completion`. */
  raw(): object {
    const toolCalls = this.#toolCalls.map(({ id, name, input }) => ({
      id,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }));
    const message = {
      role: 'assistant',
      content: this.#text === '' ? null : this.#text,
      refusal: this.#refusal === '' ? null : this.#refusal,
      ...(this.#reasoning !== '' && { reasoning_content: this.#reasoning }),
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    };
    return {
      ...this.#head,
      object: 'chat.completion',
      model: this.#model,
      choices: [{ index: 0, message, finish_reason: this.#reason ?? null }],
      ...(this.#rawUsage !== undefined && { usage: this.#rawUsage }),
    };
  }

  #parse(data: string): Fields {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw this.#failures.of('bad_response', 'sent an event that is not JSON', { partial: this.partial });
    }
    return fieldsOf(value);
  }

  /** The first choice; with `n` above 1 the others are left alone. */
  #choiceOf(chunk: Fields): Fields | undefined {
    if (!Array.isArray(chunk.choices)) return undefined;
    for (const value of chunk.choices) {
      const choice = fieldsOf(value);
      if (choice.index === undefined || choice.index === 0) return choice;
    }
    return undefined;
  }

  #keepHead(chunk: Fields): void {
    if (this.#head.id === undefined && typeof chunk.id === 'string' && chunk.id !== '') {
      const { id, created, system_fingerprint, service_tier } = chunk;
      this.#head = { id, created, system_fingerprint, service_tier };
    }
    if (typeof chunk.model === 'string' && chunk.model !== '') this.#model = chunk.model;
    // Groq used to send it in a field of its own.
    const rawUsage = chunk.usage ?? fieldsOf(chunk.x_groq).usage;
    const usage = rawUsage === null || rawUsage === undefined ? undefined : usageOf(rawUsage);
    if (usage !== undefined) {
      this.#usage = usage;
      this.#rawUsage = rawUsage;
    }
  }

  #readDelta(delta: Fields, chunks: Chunk[]): void {
    const reasoning = reasoningOf(delta);
    if (reasoning !== '') {
      this.#reasoning += reasoning;
      chunks.push({ type: 'reasoning', text: reasoning });
    }
    const text = textOf(delta.content);
    if (text !== '') {
      this.#text += text;
      chunks.push({ type: 'text', text });
    }
    if (typeof delta.refusal === 'string') this.#refusal += delta.refusal;
    if (delta.tool_calls !== undefined && delta.tool_calls !== null)
      this.#deliver(this.#tools.push(delta.tool_calls), chunks);
    else if (typeof delta.function_call === 'object' && delta.function_call !== null)
      this.#deliver(this.#tools.push([{ index: 0, function: delta.function_call }]), chunks);
  }

  #finish(reason: string, chunks: Chunk[]): void {
    // OpenRouter says it twice; the first says why, and tool calls are delivered once.
    this.#reason ??= reason;
    try {
      throwIfStopped(reason, this.#failures, this.partial);
      // What was cut off or filtered inside a tool call must not look like one.
      const ended = finishReasonOf(reason, false);
      const cut = ended === 'length' || ended === 'content_filter';
      this.#deliver(cut ? this.#tools.finishIfWhole() : this.#tools.finish(), chunks);
    } catch (error) {
      // Thrown in the end: what it has used may be told after this.
      this.#flaw ??= error;
    }
  }

  #deliver(toolCalls: readonly ToolCall[], chunks: Chunk[]): void {
    for (const toolCall of toolCalls) {
      this.#toolCalls.push(toolCall);
      chunks.push({ type: 'toolCall', toolCall });
    }
  }
}

const nothing: readonly Chunk[] = [];
