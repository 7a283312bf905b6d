/** OpenAI's Chat Completions on the wire: requests read, bodies and events written. */

import type { FinishReason, JsonSchema } from '../core/types.ts';
import type { ErrorBody } from './faults.ts';
import type { IncomingRequest, IncomingTool } from './incoming.ts';
import type { Piece } from './steps.ts';

type Fields = { readonly [key: string]: unknown };

/** A Chat Completions body as the simulated model sees it. */
export function readChatRequest(
  body: Fields,
  headers: IncomingRequest['headers'],
): Omit<IncomingRequest, 'index' | 'at'> {
  const messages = Array.isArray(body.messages) ? (body.messages as Fields[]) : [];
  const format = body.response_format as { json_schema?: { schema?: JsonSchema } } | undefined;
  return {
    stream: body.stream === true,
    model: typeof body.model === 'string' ? body.model : '',
    prompt: messages.map(({ content }) => textOf(content)).join('\n'),
    headers,
    body,
    tools: Array.isArray(body.tools) ? (body.tools as Fields[]).map(readTool) : [],
    toolChoice: readToolChoice(body.tool_choice),
    afterToolResult: messages.at(-1)?.role === 'tool',
    schema: format?.json_schema?.schema,
    maxOutputTokens: numberOf(body.max_completion_tokens ?? body.max_tokens),
  };
}

/** True when the stream should end with a chunk of usage. */
export function wantsUsage(body: unknown): boolean {
  return (body as { stream_options?: { include_usage?: unknown } })?.stream_options?.include_usage === true;
}

/** An error as its JSON body. */
export function errorBody(error: ErrorBody): string {
  const { message = 'Something went wrong.', type = 'server_error', param = null, code = null } = error;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** One answer, written as `chat.completion.chunk` events or gathered into one `chat.completion`. */
export class ChatAnswer {
  readonly #id: string;
  readonly #model: string;
  readonly #created: number;
  readonly #inputTokens: number;
  readonly #pieces: Piece[] = [];

  constructor(facts: { id: string; model: string; created: number; inputTokens: number }) {
    this.#id = facts.id;
    this.#model = facts.model;
    this.#created = facts.created;
    this.#inputTokens = facts.inputTokens;
  }

  /** The first chunk: a role, and no content. */
  opening(): string {
    return this.#chunk({ role: 'assistant', content: '', refusal: null });
  }

  emptyDelta(): string {
    return this.#chunk({});
  }

  /** Remembers a piece, and writes its chunk. */
  piece(piece: Piece): string {
    this.#pieces.push(piece);
    return this.#chunk(deltaOf(piece));
  }

  /** The terminal event, and the chunk of usage if it was asked for. */
  finish(finishReason: FinishReason, includeUsage: boolean): string {
    const usage = includeUsage ? event({ ...this.#envelope(), choices: [], usage: this.#usage() }) : '';
    return this.#chunk({}, finishReason) + usage;
  }

  /** The whole answer in one body; `null` for one that never finished. */
  body(finishReason: FinishReason | null): string {
    const calls = this.#pieces.filter((piece) => piece.type === 'toolCall');
    const reasoning = this.#joined('reasoning');
    const message = {
      role: 'assistant',
      content: this.#joined('text') || (calls.length > 0 ? null : ''),
      refusal: this.#joined('refusal') || null,
      ...(reasoning !== '' && { reasoning_content: reasoning }),
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ index, id, name }) => ({
          id,
          type: 'function',
          function: { name, arguments: this.#argumentsOf(index) },
        })),
      }),
    };
    return JSON.stringify({
      ...this.#envelope('chat.completion'),
      choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason }],
      usage: this.#usage(),
    });
  }

  #chunk(delta: Fields, finishReason: FinishReason | null = null): string {
    return event({
      ...this.#envelope(),
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    });
  }

  #envelope(object = 'chat.completion.chunk'): Fields {
    return {
      id: this.#id,
      object,
      created: this.#created,
      model: this.#model,
      service_tier: 'default',
      system_fingerprint: 'fp_simulated',
    };
  }

  #joined(type: 'text' | 'reasoning' | 'refusal'): string {
    return this.#pieces.map((piece) => (piece.type === type ? piece.text : '')).join('');
  }

  #argumentsOf(index: number): string {
    return this.#pieces
      .map((piece) => (piece.type === 'arguments' && piece.index === index ? piece.text : ''))
      .join('');
  }

  #usage(): Fields {
    const made = this.#pieces.filter(({ type }) => type !== 'toolCall').length;
    const reasoning = this.#pieces.filter(({ type }) => type === 'reasoning').length;
    return {
      prompt_tokens: this.#inputTokens,
      completion_tokens: made,
      total_tokens: this.#inputTokens + made,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
    };
  }
}

/** One server-sent event. */
export function event(data: Fields | string): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

function deltaOf(piece: Piece): Fields {
  switch (piece.type) {
    case 'text':
      return { content: piece.text };
    case 'reasoning':
      return { reasoning_content: piece.text };
    case 'refusal':
      return { refusal: piece.text };
    case 'toolCall': {
      const { index, id, name } = piece;
      return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] };
    }
    case 'arguments':
      return { tool_calls: [{ index: piece.index, function: { arguments: piece.text } }] };
  }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as Fields[]).map(({ text }) => (typeof text === 'string' ? text : '')).join('');
}

function readTool(tool: Fields): IncomingTool {
  const described = (tool.function ?? {}) as { name?: string; parameters?: JsonSchema };
  return { name: described.name ?? '', schema: described.parameters ?? {} };
}

function readToolChoice(choice: unknown): string {
  if (typeof choice === 'string') return choice;
  return (choice as { function?: { name?: string } } | undefined)?.function?.name ?? 'auto';
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
