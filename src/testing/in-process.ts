/** Requests, errors and answers of the simulated provider in the transport's own types. */

import { streamingRefused, TransportError, type TransportErrorFields } from '../core/errors.ts';
import { jsonSchemaOf, messagesOf } from '../core/request.ts';
import type {
  Chunk,
  CompletionRequest,
  Context,
  FinishReason,
  Message,
  ProviderAnswer,
  ToolCall,
} from '../core/types.ts';
import type { Refusal } from './allowance.ts';
import { codeOfStatus, type Fault } from './faults.ts';
import type { IncomingRequest } from './incoming.ts';
import type { Recording } from './ledger.ts';
import { aborted, pause } from './pause.ts';
import type { Piece, Step } from './steps.ts';

/** A completion request as the simulated model sees it. */
export function readRequest(
  request: CompletionRequest,
  context: Context,
  model: string,
  stream: boolean,
): Omit<IncomingRequest, 'index' | 'at'> {
  const messages = messagesOf(request);
  const choice = request.toolChoice ?? 'auto';
  return {
    stream,
    model,
    prompt: messages.map(textOf).join('\n'),
    turns: messages.map((message) => ({ role: message.role, text: textOf(message) })),
    headers: { 'x-transaction-id': context.transactionId, 'x-attempt': String(context.attempt) },
    body: request,
    tools: (request.tools ?? []).map(({ name, inputSchema }) => ({ name, schema: jsonSchemaOf(inputSchema) })),
    toolChoice: typeof choice === 'string' ? choice : choice.tool,
    afterToolResult: messages.at(-1)?.role === 'tool',
    schema: request.schema === undefined ? undefined : jsonSchemaOf(request.schema),
    maxOutputTokens: request.maxOutputTokens,
  };
}

function textOf({ content }: Message): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** The error with which a request is turned away before an answer begins; `undefined` when one begins. */
export function errorOf(fault: Fault | undefined, fields: TransportErrorFields): TransportError | undefined {
  if (fault?.kind === 'errorIn200')
    return new TransportError('bad_response', 'an error inside a 200', { ...fields, status: 200 });
  if (fault?.kind === 'streamIgnored') return streamingRefused('the provider did not stream', fields);
  if (fault?.kind !== 'status') return undefined;
  const { status, error, retryAfter } = fault;
  const known: TransportErrorFields = {
    ...fields,
    status,
    ...(retryAfter !== undefined && { retryAfterMs: retryAfter.ms }),
  };
  const message = `${fields.provider} answered ${status}: ${error?.message ?? error?.code ?? 'an error'}`;
  if (fault.only === 'stream') return streamingRefused(message, known);
  return new TransportError(codeOfStatus(status, error?.code ?? undefined), message, {
    ...known,
    ...(fault.shouldRetry === false && { retry: 'elsewhere' }),
  });
}

/** The error with which a limit turns a request away. */
export function refusedBy({ limit, retryAfterMs }: Refusal, fields: TransportErrorFields): TransportError {
  const message = `${fields.provider} answered 429: rate limit reached for ${limit}`;
  return new TransportError('rate_limited', message, {
    ...fields,
    status: 429,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Throws what aborted the attempt: the signal's reason if that is a `TransportError`, else `cancelled`. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw reasonOfAbort(signal);
}

/** What aborted the attempt. */
export function reasonOfAbort({ reason }: AbortSignal): TransportError {
  return TransportError.is(reason) ? reason : new TransportError('cancelled', 'the call was cancelled');
}

/** What a walk through an answer's steps needs to know. */
export interface Walk {
  readonly recording: Recording;
  readonly signal: AbortSignal;
  readonly model: string;
  /** For the errors. */
  readonly fields: TransportErrorFields;
  /** Called when the provider begins to answer. */
  accepted(): void;
  /** Called when a piece of a tool call has come. */
  progressed(): void;
}

/** An answer's steps as chunks. Tool calls come whole, before the `finish` chunk. */
export async function* walk(steps: Iterable<Step>, facts: Walk): AsyncGenerator<Chunk, void, undefined> {
  const { recording, signal, fields } = facts;
  const pieces: Piece[] = [];
  for (const step of steps) {
    throwIfAborted(signal);
    switch (step.type) {
      case 'accept':
        recording.accept();
        recording.status = 200;
        facts.accepted();
        break;
      case 'pause':
        await pause(step.ms, signal);
        break;
      case 'piece': {
        const { piece } = step;
        pieces.push(piece);
        if (piece.type === 'toolCall') break;
        recording.made();
        recording.sent();
        if (piece.type === 'text' || piece.type === 'reasoning') yield { type: piece.type, text: piece.text };
        else if (piece.type === 'arguments') facts.progressed();
        break;
      }
      case 'finish':
        for (const toolCall of toolCallsOf(pieces)) yield { type: 'toolCall', toolCall };
        recording.whole = true;
        yield {
          type: 'finish',
          finishReason: pieces.some(({ type }) => type === 'refusal') ? 'content_filter' : step.finishReason,
          usage: usageOf(recording, pieces),
          model: facts.model,
        };
        break;
      case 'error': {
        // Asked for one body, a provider would have said this by status.
        if (!recording.stream) recording.waive();
        const message = `${fields.provider} broke the stream: ${step.error.message ?? 'an error'}`;
        throw new TransportError(codeOfStatus(step.status, step.error.code ?? undefined), message, fields);
      }
      case 'garbage':
      case 'half':
        throw new TransportError('bad_response', `${fields.provider} sent an event that is not JSON`, fields);
      case 'silence':
        await aborted(signal);
        return throwIfAborted(signal);
      case 'reset':
      case 'close':
        throw new TransportError('connection', `${fields.provider} closed the connection`, fields);
      case 'end':
        if (recording.fault?.kind === 'empty200')
          throw new TransportError('empty_response', `${fields.provider} answered 200 and nothing else`, fields);
        return;
    }
  }
}

/** Chunks as one answer. @throws TransportError `truncated` when there is no `finish` chunk. */
export function gather(
  chunks: readonly Chunk[],
  facts: { model: string; requestId: string; fields: TransportErrorFields },
): ProviderAnswer {
  const finish = chunks.find((chunk) => chunk.type === 'finish');
  if (finish === undefined)
    throw new TransportError('truncated', `${facts.fields.provider} ended without its terminal event`, facts.fields);
  const joined = (type: 'text' | 'reasoning') =>
    chunks.map((chunk) => (chunk.type === type ? chunk.text : '')).join('');
  return {
    text: joined('text'),
    toolCalls: chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk.toolCall] : [])),
    reasoning: joined('reasoning') || undefined,
    finishReason: finish.finishReason satisfies FinishReason,
    usage: finish.usage,
    model: facts.model,
    raw: { id: facts.requestId },
  };
}

function toolCallsOf(pieces: readonly Piece[]): ToolCall[] {
  return pieces.flatMap((piece) => {
    if (piece.type !== 'toolCall') return [];
    const json = pieces.map((other) => (other.type === 'arguments' && other.index === piece.index ? other.text : ''));
    return [{ id: piece.id, name: piece.name, input: JSON.parse(json.join('')) as unknown }];
  });
}

function usageOf(recording: Recording, pieces: readonly Piece[]) {
  const reasoningTokens = pieces.filter(({ type }) => type === 'reasoning').length;
  const { inputTokens, outputTokens } = recording;
  return { inputTokens, outputTokens, ...(reasoningTokens > 0 && { reasoningTokens }) };
}
