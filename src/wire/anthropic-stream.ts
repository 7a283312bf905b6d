import type { PartialAnswer } from '../core/errors.ts';
import type { Chunk, ToolCall, Usage } from '../core/types.ts';
import { isInput, toolCallOf } from './anthropic-answer.ts';
import { anthropicUsageOf, laterUsage, refusalOf, stopReasonOf } from './anthropic-parts.ts';
import type { Failures } from './failures.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** A content block that is being put together, as it will stand in `raw`. */
type Building = Record<string, unknown>;

/**
 * Turns the events of a Messages stream into chunks. Preambles (`message_start`, pings, starts of blocks, empty deltas) come to
 * nothing; tool calls come out whole; what the stream said altogether is kept for `raw`.
 */
export class MessageStream {
  readonly #failures: Failures;
  readonly #blocks = new Map<number, Building>();
  /** The arguments of tools, by block, as far as they have come. */
  readonly #json = new Map<number, string>();
  readonly #toolCalls: ToolCall[] = [];
  /** Blocks that have begun and not ended. */
  readonly #openBlocks = new Set<number>();
  #model: string;
  #message: Fields = {};
  #usage: Fields = {};
  #text = '';
  #reasoning = '';
  /** A tool call that has ended without being whole: whether it was cut off is known when the answer ends. */
  #unsure: number | undefined;
  #stopReason: unknown;
  /** Pieces of tool calls that have come: an answer that goes on, while there is nothing to hand out. */
  pieces = 0;
  #finished = false;

  constructor(model: string, failures: Failures) {
    this.#model = model;
    this.#failures = failures;
  }

  /** True once `message_stop` has come: the terminal event. */
  get finished(): boolean {
    return this.#finished;
  }

  /** It has said why it ended, and with that what it has used: nothing is counted after it. */
  get counted(): boolean {
    return this.#stopReason !== undefined;
  }

  /** What has been counted so far: the prompt, from the first event on. */
  get usage(): Usage | undefined {
    return anthropicUsageOf(this.#usage);
  }

  /** What has arrived so far. */
  get partial(): PartialAnswer {
    return { text: this.#text, toolCalls: [...this.#toolCalls], reasoning: this.#reasoning || undefined };
  }

  /**
   * Takes the data of one event, and the event's name.
   * @throws TransportError `bad_response` when it is no JSON, or a tool call has no JSON; what an error in it means
   */
  push(data: string, name = 'message'): readonly Chunk[] {
    const event = this.#parse(data);
    const type = typeof event.type === 'string' ? event.type : name;
    if (type === 'error' || name === 'error' || (event.error !== undefined && event.error !== null))
      throw this.#failures.inBand(event, { partial: this.partial });
    const chunks: Chunk[] = [];
    const index = typeof event.index === 'number' ? event.index : this.#blocks.size - (type.endsWith('_start') ? 0 : 1);
    if (type === 'message_start') this.#start(fieldsOf(event.message));
    else if (type === 'content_block_start') this.#open(index, fieldsOf(event.content_block), chunks);
    else if (type === 'content_block_delta') this.#extend(index, fieldsOf(event.delta), chunks);
    else if (type === 'content_block_stop') this.#close(index, chunks);
    else if (type === 'message_delta') this.#turn(fieldsOf(event.delta), event.usage, chunks);
    else if (type === 'message_stop') this.#finish(chunks);
    return chunks;
  }

  /**
   * The last chunk, once the stream has ended.
   * @throws TransportError `truncated` when it ended without its terminal event, `content_filtered` when it was refused
   */
  end(): Chunk {
    const { partial } = this;
    if (!this.#finished)
      throw this.#failures.of('truncated', 'ended its stream before the answer was whole', { partial });
    const finishReason = stopReasonOf(this.#stopReason, this.#toolCalls.length > 0);
    if (finishReason === 'content_filter')
      throw this.#failures.of('content_filtered', refusalOf(this.#message.stop_details), { partial });
    return { type: 'finish', finishReason, usage: this.usage, model: this.#model };
  }

  /** The answer in the shape of an unstreamed message. */
  raw(): object {
    const content = [...this.#blocks.entries()].sort(([one], [other]) => one - other).map(([, block]) => block);
    return { type: 'message', role: 'assistant', ...this.#message, model: this.#model, content, usage: this.#usage };
  }

  #parse(data: string): Fields {
    try {
      return fieldsOf(JSON.parse(data));
    } catch {
      throw this.#failures.of('bad_response', 'sent an event that is not JSON', { partial: this.partial });
    }
  }

  #start({ usage, content: _content, model, ...message }: Fields): void {
    this.#message = message;
    this.#usage = laterUsage(this.#usage, usage);
    if (typeof model === 'string' && model !== '') this.#model = model;
  }

  #open(index: number, block: Fields, chunks: Chunk[]): void {
    // Only the last block of an answer can be cut off.
    this.#settle(false, chunks);
    const { text, thinking, ...rest } = block;
    this.#openBlocks.add(index);
    this.#blocks.set(index, {
      ...rest,
      ...(text !== undefined && { text: '' }),
      ...(thinking !== undefined && { thinking: '' }),
    });
    this.#add(index, 'text', text, chunks);
    this.#add(index, 'thinking', thinking, chunks);
  }

  #extend(index: number, delta: Fields, chunks: Chunk[]): void {
    const block = this.#blocks.get(index) ?? {};
    this.#blocks.set(index, block);
    if (delta.type === 'text_delta') this.#add(index, 'text', delta.text, chunks);
    else if (delta.type === 'thinking_delta') this.#add(index, 'thinking', delta.thinking, chunks);
    else if (delta.type === 'input_json_delta') {
      const json = textOr(delta.partial_json);
      if (json !== '') this.pieces += 1;
      this.#json.set(index, (this.#json.get(index) ?? '') + json);
    } else if (delta.type === 'signature_delta') block.signature = delta.signature;
    else if (delta.type === 'citations_delta')
      block.citations = [...(Array.isArray(block.citations) ? block.citations : []), delta.citation];
  }

  #add(index: number, type: 'text' | 'thinking', value: unknown, chunks: Chunk[]): void {
    const text = textOr(value);
    const block = this.#blocks.get(index);
    if (text === '' || block === undefined) return;
    block.type ??= type;
    block[type] = textOr(block[type]) + text;
    if (type === 'text') this.#text += text;
    else this.#reasoning += text;
    chunks.push({ type: type === 'text' ? 'text' : 'reasoning', text });
  }

  #close(index: number, chunks: Chunk[]): void {
    const block = this.#blocks.get(index);
    this.#openBlocks.delete(index);
    if (block === undefined) return;
    const json = this.#json.get(index) ?? '';
    const parsed = json === '' ? undefined : parsedInput(json);
    // Tools that the provider runs itself have arguments too.
    if (parsed !== undefined) block.input = parsed;
    if (block.type !== 'tool_use') return;
    const whole = parsed !== undefined || (json === '' && isInput(block.input) && Object.keys(block.input).length > 0);
    if (whole) this.#deliver(block, chunks);
    else this.#unsure = index;
  }

  #turn({ stop_reason, ...rest }: Fields, usage: unknown, chunks: Chunk[]): void {
    this.#usage = laterUsage(this.#usage, usage);
    this.#message = { ...this.#message, ...rest, stop_reason };
    if (stop_reason === undefined || stop_reason === null) return;
    this.#stopReason = stop_reason;
    this.#closeAll(chunks);
    // What was cut off or refused inside a tool call must not look like one.
    const ended = stopReasonOf(stop_reason, false);
    this.#settle(ended === 'length' || ended === 'content_filter', chunks);
  }

  #finish(chunks: Chunk[]): void {
    this.#closeAll(chunks);
    this.#settle(false, chunks);
    this.#finished = true;
  }

  /** Gateways leave out the end of a block: the end of the turn is its end too. */
  #closeAll(chunks: Chunk[]): void {
    for (const index of [...this.#openBlocks]) {
      if (this.#unsure !== undefined) this.#settle(false, chunks);
      this.#close(index, chunks);
    }
  }

  #settle(cut: boolean, chunks: Chunk[]): void {
    const index = this.#unsure;
    this.#unsure = undefined;
    if (index === undefined || cut) return;
    // A tool without arguments often gets no JSON at all.
    const input = (this.#json.get(index) ?? '').trim() === '' ? {} : undefined;
    this.#deliver({ ...this.#blocks.get(index), input }, chunks);
  }

  #deliver(block: Fields, chunks: Chunk[]): void {
    const toolCall = toolCallOf(block, this.#toolCalls.length, this.#failures);
    this.#toolCalls.push(toolCall);
    chunks.push({ type: 'toolCall', toolCall });
  }
}

function textOr(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Arguments that are whole: the start of a JSON object is never one itself. */
function parsedInput(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isInput(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
