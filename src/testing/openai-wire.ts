/** OpenAI's Chat Completions on the wire: requests read, bodies and events written. */

import type { FinishReason, JsonSchema } from '../core/types.ts';
import { goDuration, type LimitReading } from './allowance.ts';
import { hintsOf } from './faults.ts';
import type { IncomingTool } from './incoming.ts';
import { argumentsIn, type Piece, serverError, textIn } from './steps.ts';
import {
  type AnswerFacts,
  type AnswerWriter,
  type Fields,
  type HttpCall,
  numberOf,
  type Problem,
  stringOf,
  type Wire,
  type WireError,
} from './wire.ts';

/** OpenAI's Chat Completions, and of all that speak the same. */
export const openaiWire: Wire = {
  name: 'openai',
  contentTypes: { json: 'application/json', stream: 'text/event-stream; charset=utf-8' },
  heartbeat: ': keep-alive\n\n',
  read: readChatRequest,
  complaint: () => undefined,
  headers: openaiHeaders,
  limitHeaders,
  answer: (facts) => new ChatAnswer(facts),
  error: openaiError,
  errorEvent: (body) => event(body),
};

/** Headers of every answer of OpenAI's. */
export function openaiHeaders(requestId: string): Record<string, string> {
  return { 'x-request-id': requestId, 'openai-processing-ms': '1', 'openai-version': '2020-10-01' };
}

/** An error as OpenAI says it, whichever of its APIs was asked. */
export function openaiError({ status, error, hints, shouldRetry, repeatedKey }: Problem): WireError {
  const repeated = repeatedKey === undefined ? {} : { message: `Incorrect API key provided: ${repeatedKey}.` };
  const { message, type, param = null, code = null } = { ...serverError, ...error, ...repeated };
  return {
    status,
    headers: hintsOf(hints, shouldRetry, Date.now()),
    body: JSON.stringify({ error: { message, type, param, code } }),
  };
}

/** A Chat Completions body as the simulated model sees it. */
function readChatRequest({ body, headers }: HttpCall): ReturnType<Wire['read']> {
  const messages = Array.isArray(body.messages) ? (body.messages as Fields[]) : [];
  const format = body.response_format as { json_schema?: { schema?: JsonSchema } } | undefined;
  return {
    wire: 'openai',
    stream: body.stream === true,
    model: typeof body.model === 'string' ? body.model : '',
    prompt: messages.map(({ content }) => textOf(content)).join('\n'),
    turns: messages.map(({ role, content }) => ({ role: stringOf(role), text: textOf(content) })),
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
function wantsUsage(body: unknown): boolean {
  return (body as { stream_options?: { include_usage?: unknown } })?.stream_options?.include_usage === true;
}

/** OpenAI's rate-limit headers: limits, what remains, and Go durations until all of it is there again. */
export function limitHeaders(limits: readonly LimitReading[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { key, perMinute, remaining, fullInMs } of limits) {
    const unit = key === 'requestsPerMinute' ? 'requests' : key === 'tokensPerMinute' ? 'tokens' : undefined;
    if (unit === undefined) continue;
    headers[`x-ratelimit-limit-${unit}`] = String(perMinute);
    headers[`x-ratelimit-remaining-${unit}`] = String(remaining);
    headers[`x-ratelimit-reset-${unit}`] = goDuration(fullInMs);
  }
  return headers;
}

/** One answer, written as `chat.completion.chunk` events or gathered into one `chat.completion`. */
class ChatAnswer implements AnswerWriter {
  readonly #id: string;
  readonly #model: string;
  readonly #created: number;
  readonly #inputTokens: number;
  readonly #includeUsage: boolean;
  readonly #pieces: Piece[] = [];

  constructor(facts: AnswerFacts) {
    this.#id = `chatcmpl-${facts.requestId.slice(4)}`;
    this.#model = facts.model;
    this.#created = Math.floor(facts.at / 1_000);
    this.#inputTokens = facts.inputTokens;
    this.#includeUsage = wantsUsage(facts.body);
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
  finish(finishReason: FinishReason): string {
    const usage = this.#includeUsage ? event({ ...this.#envelope(), choices: [], usage: this.#usage() }) : '';
    return this.#chunk({}, finishReason) + usage;
  }

  done(): string {
    return event('[DONE]');
  }

  garbage(): string {
    return event('{"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"content":"brok');
  }

  half(): string {
    return this.emptyDelta().slice(0, 40);
  }

  /** The whole answer in one body; `null` for one that never finished. */
  body(finishReason: FinishReason | null): string {
    const calls = this.#pieces.filter((piece) => piece.type === 'toolCall');
    const reasoning = textIn(this.#pieces, 'reasoning');
    const message = {
      role: 'assistant',
      content: textIn(this.#pieces, 'text') || (calls.length > 0 ? null : ''),
      refusal: textIn(this.#pieces, 'refusal') || null,
      ...(reasoning !== '' && { reasoning_content: reasoning }),
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ index, id, name }) => ({
          id,
          type: 'function',
          function: { name, arguments: argumentsIn(this.#pieces, index) },
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
function event(data: Fields | string): string {
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
