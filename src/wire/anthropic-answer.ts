import type { ProviderAnswer, ToolCall } from '../core/types.ts';
import { anthropicUsageOf, refusalOf, stopReasonOf } from './anthropic-parts.ts';
import type { Failures } from './failures.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/**
 * A whole message, read. An empty answer that ended normally is returned as it is: the transport judges it.
 * @throws TransportError what an error inside the 200 means, `content_filtered` for a refusal, `bad_response` for anything else
 */
export function readMessage(body: Fields, model: string, failures: Failures): ProviderAnswer {
  const { error, content } = body;
  if (body.type === 'error' || (error !== undefined && error !== null)) throw failures.inBand(body);
  if (!Array.isArray(content))
    throw 'content' in body
      ? failures.of('bad_response', 'answered with a content that is no list')
      : failures.inBand(body);
  const blocks = content.map(fieldsOf);
  const text = joined(blocks, 'text', 'text');
  const reasoning = joined(blocks, 'thinking', 'thinking') || undefined;
  const toolCalls = toolCallsIn(body, failures);
  const finishReason = stopReasonOf(body.stop_reason, toolCalls.length > 0);
  if (finishReason === 'content_filter')
    throw failures.of('content_filtered', refusalOf(body.stop_details), { partial: { text, toolCalls, reasoning } });
  return {
    text,
    toolCalls,
    reasoning,
    finishReason,
    usage: anthropicUsageOf(body.usage),
    model: typeof body.model === 'string' && body.model !== '' ? body.model : model,
    raw: body,
  };
}

/** Those in a whole message. @throws TransportError `bad_response` for one that is none */
export function toolCallsIn({ content, stop_reason: reason }: Fields, failures: Failures): ToolCall[] {
  const blocks = Array.isArray(content) ? content.map(fieldsOf) : [];
  const cut = stopReasonOf(reason, false) === 'length';
  // The last tool call of an answer that was cut off is cut off too, whatever it looks like.
  const whole = cut && blocks.at(-1)?.type === 'tool_use' ? blocks.slice(0, -1) : blocks;
  return whole.filter(({ type }) => type === 'tool_use').map((block, at) => toolCallOf(block, at, failures));
}

/**
 * The tool call of a `tool_use` block whose input is parsed.
 * @throws TransportError `bad_response` when it has no name, or its input is no object
 */
export function toolCallOf({ id, name, input }: Fields, position: number, failures: Failures): ToolCall {
  if (typeof name !== 'string' || name === '') throw failures.of('bad_response', 'asked for a tool without naming it');
  if (!isInput(input)) throw failures.of('bad_response', 'asked for a tool with arguments that are no JSON object');
  return { id: typeof id === 'string' && id !== '' ? id : `call_${position}`, name, input };
}

/** True for what the arguments of a tool can be. */
export function isInput(input: unknown): input is object {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function joined(blocks: readonly Fields[], type: string, field: string): string {
  return blocks.map((block) => (block.type === type && typeof block[field] === 'string' ? block[field] : '')).join('');
}
