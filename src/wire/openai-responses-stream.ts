import type { PartialAnswer } from '../core/errors.ts';
import type { Chunk, ToolCall, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { refused } from './openai-chat-answer.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { finishOf, modelOf, readOutput, responseUsage, toolCallIn } from './openai-responses-answer.ts';
import { StopSequences } from './stop-sequences.ts';

/**
 * Turns the events of a Responses stream into chunks. Preambles (`response.created`, parts that are added, empty deltas, keep-alives)
 * come to nothing; tool calls come out whole. Of a stream that is taken up again, what has come before, by its number, is left out.
 */
export class ResponsesStream {
  readonly #failures: Failures;
  readonly #toolCalls: ToolCall[] = [];
  readonly #calls = new Set<unknown>();
  readonly #stops: StopSequences;
  readonly #model: string;
  #response: Fields = {};
  #text = '';
  #reasoning = '';
  #refusal = '';
  /** The part of the reasoning that the last piece belonged to: a new one begins a new paragraph. */
  #thought: string | undefined;
  #settled = false;
  /** Events up to this number have come by a connection that is gone. */
  #known = -1;
  /** A piece of text has come, even if it is held back. */
  #heard = false;
  /** The number of the last event; -1 before the first. */
  sequence = -1;
  /** Events that have come of an answer that goes on, while there is nothing to hand out. */
  pieces = 0;
  /** How many of them are of the tools that it asks for. */
  calls = 0;
  /** What is wrong with a tool call: thrown in the end, because what was used is told only then. */
  flaw: unknown;
  /** The provider has said itself that it failed: there is nothing more to come. */
  failed = false;

  constructor(model: string, failures: Failures, stopSequences?: readonly string[]) {
    this.#model = model;
    this.#failures = failures;
    this.#stops = new StopSequences(stopSequences);
  }

  /** The Response's id, once it is known. */
  get id(): string | undefined {
    return typeof this.#response.id === 'string' && this.#response.id !== '' ? this.#response.id : undefined;
  }

  /** True once the stream has come to its terminal event. */
  get settled(): boolean {
    return this.#settled;
  }

  /** True once there is nothing more to come: after the terminal event, and after a sequence at which to stop. */
  get finished(): boolean {
    return this.#settled || this.#stops.stopped;
  }

  /** What has arrived so far. */
  get partial(): PartialAnswer {
    return { text: this.#text, toolCalls: [...this.#toolCalls], reasoning: this.#reasoning || undefined };
  }

  /** The Response as the terminal event has it; before that, as it was when it was last told. */
  get raw(): Fields {
    return this.#response;
  }

  /**
   * Takes the data of one event.
   * @throws TransportError `bad_response` when it is no JSON, or what an error in it means
   */
  push(data: string, name = 'message'): readonly Chunk[] {
    const event = this.#parse(data);
    // Not every gateway gives its errors a number.
    if (name === 'error' || event.type === 'error') this.#fail(event);
    const { sequence_number: number } = event;
    if (typeof number === 'number') {
      if (number <= this.#known) return nothing;
      this.sequence = Math.max(this.sequence, number);
    }
    const chunks: Chunk[] = [];
    this.#read(event, chunks);
    return chunks;
  }

  /** What comes next comes by another connection. */
  takenUp(): void {
    this.#known = this.sequence;
  }

  /** What was counted, when the stream has told. */
  get usage(): Usage | undefined {
    return responseUsage(this.#response.usage);
  }

  /**
   * The last chunks, once the stream has ended.
   * @throws TransportError `truncated` when it ended before its terminal event, `content_filtered` when it was refused, or why it failed
   */
  end(): Chunk[] {
    const chunks: Chunk[] = [];
    if (this.#settled) this.#makeUp(chunks);
    this.#say(this.#stops.flush(), chunks);
    const { partial } = this;
    if (!this.finished)
      throw this.#failures.of('truncated', 'ended its stream before the answer was whole', { partial });
    const stopped = this.#stops.stopped;
    const finishReason = stopped ? 'stop' : finishOf(this.#response, this.#failures, partial);
    if (this.flaw !== undefined && !stopped) throw this.flaw;
    if (this.#refusal !== '') throw refused(this.#failures, partial);
    return [
      ...chunks,
      { type: 'finish', finishReason, usage: this.usage, model: modelOf(this.#response, this.#model) },
    ];
  }

  #parse(data: string): Fields {
    try {
      return fieldsOf(JSON.parse(data));
    } catch {
      throw this.#failures.of('bad_response', 'sent an event that is not JSON', { partial: this.partial });
    }
  }

  /** An error is flat, as it is documented, or under a name of its own, as gateways have it. */
  #fail(event: Fields): never {
    this.failed = true;
    const { error } = event;
    const body = error !== undefined && error !== null ? { error } : event;
    throw this.#failures.inBand(body, { partial: this.partial });
  }

  #read(event: Fields, chunks: Chunk[]): void {
    const type = typeof event.type === 'string' ? event.type : '';
    const delta = typeof event.delta === 'string' ? event.delta : '';
    switch (type) {
      case 'response.output_text.delta':
        if (delta !== '') this.#heard = true;
        return this.#say(this.#stops.push(delta), chunks);
      case 'response.refusal.delta':
        this.#refusal += delta;
        return;
      case 'response.reasoning_summary_text.delta':
        return this.#think(delta, `${event.item_id}/${event.summary_index}`, chunks);
      case 'response.reasoning_text.delta':
        return this.#think(delta, `${event.item_id}`, chunks);
      case 'response.output_item.done':
        try {
          this.#call(fieldsOf(event.item), chunks);
        } catch (error) {
          this.flaw ??= error;
        }
        return;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
      case 'response.cancelled':
        this.#keep(event);
        this.failed = type === 'response.failed';
        this.#settled = true;
        return;
      case 'response.created':
      case 'response.in_progress':
      case 'response.queued':
        return this.#keep(event);
      default:
        // Arguments, code, searches: the answer goes on, and there is nothing to hand out. Empty pieces are no progress.
        if (!type.startsWith('response.') || ('delta' in event && delta === '')) return;
        this.pieces += 1;
        if (type.startsWith('response.function_call_') || fieldsOf(event.item).type === 'function_call')
          this.calls += 1;
    }
  }

  #keep({ response, type }: Fields): void {
    const status = typeof type === 'string' ? type.slice('response.'.length) : undefined;
    // Some servers leave the status as it was in the beginning.
    this.#response = { ...this.#response, ...fieldsOf(response), ...(status !== 'created' && { status }) };
  }

  #say(text: string, chunks: Chunk[]): void {
    if (text === '') return;
    this.#text += text;
    chunks.push({ type: 'text', text });
  }

  #think(delta: string, thought: string, chunks: Chunk[]): void {
    if (delta === '') return;
    const text = this.#thought !== undefined && this.#thought !== thought ? `\n\n${delta}` : delta;
    this.#thought = thought;
    this.#reasoning += text;
    chunks.push({ type: 'reasoning', text });
  }

  #call(item: Fields, chunks: Chunk[]): void {
    const toolCall = toolCallIn(item, this.#failures);
    if (toolCall === undefined || this.#calls.has(toolCall.id) || this.#stops.stopped) return;
    this.#calls.add(toolCall.id);
    this.#toolCalls.push(toolCall);
    chunks.push({ type: 'toolCall', toolCall });
  }

  /** What a server has only told in the end, all at once. */
  #makeUp(chunks: Chunk[]): void {
    const { output } = this.#response;
    const { text, refusal } = readOutput(output, this.#failures);
    if (!this.#heard) this.#say(this.#stops.push(text), chunks);
    if (this.#refusal === '') this.#refusal = refusal;
    for (const item of Array.isArray(output) ? output.map(fieldsOf) : []) this.#call(item, chunks);
  }
}

const nothing: readonly Chunk[] = [];
