import type { PartialAnswer, TransportError } from '../core/errors.ts';
import type { FinishReason, ProviderAnswer, ToolCall, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { refused } from './openai-chat-answer.ts';
import { count, type Fields, fieldsOf } from './openai-chat-parts.ts';
import { StopSequences } from './stop-sequences.ts';

/** What a Response says in its output. */
export interface ResponseOutput {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly ToolCall[];
}

/**
 * A whole Response, read. An empty answer that ended normally is returned as it is: the transport judges it.
 * @throws TransportError what a failed Response means, `truncated` for one that is still being made, `content_filtered` for a refusal,
 *   `bad_response` for anything else
 */
export function readResponse(
  body: Fields,
  model: string,
  failures: Failures,
  stopSequences: readonly string[] = [],
): ProviderAnswer {
  if (!isResponse(body)) throw failures.inBand(body);
  const output = readOutput(body.output, failures);
  const { refusal, reasoning } = output;
  const stops = new StopSequences(stopSequences);
  const text = stops.push(output.text) + stops.flush();
  // What the model did after it should have stopped was never asked for.
  const toolCalls = stops.stopped ? [] : output.toolCalls;
  const partial = { text, toolCalls, reasoning: reasoning === '' ? undefined : reasoning };
  const finishReason = stops.stopped ? 'stop' : finishOf(body, failures, partial);
  if (refusal !== '') throw refused(failures, partial);
  return { ...partial, finishReason, usage: responseUsage(body.usage), model: modelOf(body, model), raw: body };
}

/** True for a Response, and not for an error that came in its place. */
export function isResponse(body: Fields): boolean {
  return body.object === 'response' || (Array.isArray(body.output) && typeof body.status === 'string');
}

/** True for a Response to which nothing is added any more. */
export function isSettled({ status }: Fields): boolean {
  return status === 'completed' || status === 'incomplete' || status === 'failed' || status === 'cancelled';
}

/**
 * Why a Response ended.
 * @throws TransportError why it is no answer
 */
export function finishOf(response: Fields, failures: Failures, partial: PartialAnswer): FinishReason {
  switch (response.status) {
    case 'completed':
      return partial.toolCalls.length > 0 ? 'tool_calls' : 'stop';
    case 'incomplete': {
      const { reason } = fieldsOf(response.incomplete_details);
      if (reason === 'content_filter') throw refused(failures, partial);
      return reason === 'max_output_tokens' ? 'length' : 'unknown';
    }
    case 'cancelled':
      throw failures.of('cancelled', 'was told to cancel the answer, and not by this call', { partial });
    case 'failed':
      throw failedResponse(response, failures, partial);
    default: {
      const { error } = response;
      if (error !== undefined && error !== null) throw failedResponse(response, failures, partial);
      throw failures.of('truncated', 'ended before its answer was whole', { partial });
    }
  }
}

function failedResponse({ error }: Fields, failures: Failures, partial: PartialAnswer): TransportError {
  if (error === undefined || error === null) return failures.of('server_error', 'failed without a word', { partial });
  return failures.inBand({ error }, { partial });
}

/** @throws TransportError `bad_response` for the arguments of a call that are no JSON */
export function readOutput(output: unknown, failures: Failures): ResponseOutput {
  const items = Array.isArray(output) ? output.map(fieldsOf) : [];
  const contents = items.flatMap(({ type, content }) => (type === 'message' ? partsOf(content) : []));
  const textsOf = (type: string, field: string): string =>
    contents.map((part) => (part.type === type ? stringOf(part[field]) : '')).join('');
  return {
    text: textsOf('output_text', 'text'),
    refusal: textsOf('refusal', 'refusal'),
    reasoning: items
      .filter(({ type }) => type === 'reasoning')
      .map(thoughtIn)
      .filter((text) => text !== '')
      .join('\n\n'),
    toolCalls: items.flatMap((item) => toolCallIn(item, failures) ?? []),
  };
}

/** A call of a function, whole; `undefined` for any other item, and for a call that was cut off. @throws TransportError `bad_response` */
export function toolCallIn(item: Fields, failures: Failures): ToolCall | undefined {
  if (item.type !== 'function_call') return undefined;
  const name = stringOf(item.name);
  const json = stringOf(item.arguments);
  const cut = item.status === 'incomplete' || item.status === 'in_progress';
  if (name === '') throw failures.of('bad_response', 'asked for a tool without naming it');
  let input: unknown = {};
  try {
    if (json.trim() !== '') input = JSON.parse(json);
    else if (cut) return undefined;
  } catch {
    // What was cut off inside a tool call must not look like one.
    if (cut) return undefined;
    throw failures.of('bad_response', 'asked for a tool with arguments that are not JSON');
  }
  return { id: stringOf(item.call_id) || stringOf(item.id), name, input };
}

/** Of a reasoning item, its summary; where a server tells it, all that was thought. */
function thoughtIn({ summary, content }: Fields): string {
  const texts = (parts: unknown): string[] =>
    partsOf(parts)
      .map(({ text }) => stringOf(text))
      .filter((text) => text !== '');
  return texts(summary).join('\n\n') || texts(content).join('');
}

/** Tokens as Responses counts them: `input_tokens` with the cached ones, `output_tokens` with reasoning. */
export function responseUsage(value: unknown): Usage | undefined {
  const usage = fieldsOf(value);
  const inputTokens = count(usage.input_tokens);
  const outputTokens = count(usage.output_tokens);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const input = fieldsOf(usage.input_tokens_details);
  const cached = count(input.cached_tokens);
  const written = count(input.cache_write_tokens);
  const reasoning = count(fieldsOf(usage.output_tokens_details).reasoning_tokens);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteInputTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
  };
}

export function modelOf({ model }: Fields, asked: string): string {
  return typeof model === 'string' && model !== '' ? model : asked;
}

function partsOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
