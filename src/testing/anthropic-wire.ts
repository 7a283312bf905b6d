/** Anthropic's Messages on the wire: requests read, headers and errors written. */

import type { JsonSchema } from '../core/types.ts';
import type { LimitReading } from './allowance.ts';
import { AnthropicAnswer, eventOf } from './anthropic-answer.ts';
import { anthropicError } from './anthropic-errors.ts';
import { type Fields, fieldsOf, type HttpCall, listOf, numberOf, stringOf, type Wire } from './wire.ts';

export const anthropicWire: Wire = {
  name: 'anthropic',
  contentTypes: { json: 'application/json', stream: 'text/event-stream; charset=utf-8' },
  heartbeat: eventOf({ type: 'ping' }),
  read: readMessagesRequest,
  complaint(body) {
    if (numberOf(body.max_tokens) === undefined) return 'max_tokens: Field required';
    return Array.isArray(body.messages) ? undefined : 'messages: Field required';
  },
  headers: (requestId) => ({
    'request-id': requestId,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
  }),
  limitHeaders,
  answer: (facts) => new AnthropicAnswer(facts),
  error: anthropicError,
  errorEvent: (body) => `event: error\ndata: ${body}\n\n`,
};

/** A Messages body as the simulated model sees it. */
function readMessagesRequest({ body, headers }: HttpCall): ReturnType<Wire['read']> {
  const messages = listOf(body.messages);
  const format = fieldsOf(fieldsOf(body.output_config).format ?? body.output_format);
  return {
    wire: 'anthropic',
    stream: body.stream === true,
    model: stringOf(body.model),
    prompt: [
      ...(body.system === undefined ? [] : linesOf(body.system)),
      ...messages.flatMap(({ content }) => linesOf(content)),
    ].join('\n'),
    turns: messages.map(({ role, content }) => ({ role: stringOf(role), text: linesOf(content).join('\n') })),
    headers,
    body,
    tools: listOf(body.tools).map(({ name, input_schema }) => ({
      name: stringOf(name),
      schema: fieldsOf(input_schema),
    })),
    toolChoice: readToolChoice(fieldsOf(body.tool_choice)),
    afterToolResult: listOf(messages.at(-1)?.content).some(isToolResult),
    schema: format.type === 'json_schema' ? (fieldsOf(format.schema) as JsonSchema) : undefined,
    maxOutputTokens: numberOf(body.max_tokens),
  };
}

/** The text of a content: one line for each result of a tool, as if each were a message, and one for all the rest. */
function linesOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  const blocks = listOf(content);
  const results = blocks.filter(isToolResult).map((block) => linesOf(block.content).join(''));
  const others = blocks.filter((block) => !isToolResult(block));
  if (others.length === 0 && results.length > 0) return results;
  return [...results, others.map(({ type, text }) => (type === 'text' ? stringOf(text) : '')).join('')];
}

function isToolResult({ type }: Fields): boolean {
  return type === 'tool_result';
}

function readToolChoice({ type, name }: Fields): string {
  if (type === 'any') return 'required';
  if (type === 'tool') return stringOf(name);
  return type === 'none' ? 'none' : 'auto';
}

const units = {
  requestsPerMinute: 'requests',
  tokensPerMinute: 'tokens',
  inputTokensPerMinute: 'input-tokens',
  outputTokensPerMinute: 'output-tokens',
} as const;

/** Limits, what remains, and the moment (RFC 3339, whole seconds) at which all of it is there again. */
function limitHeaders(limits: readonly LimitReading[], now: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { key, perMinute, remaining, fullInMs } of limits) {
    const name = `anthropic-ratelimit-${units[key]}`;
    headers[`${name}-limit`] = String(perMinute);
    headers[`${name}-remaining`] = String(remaining);
    // Rounded up, so that it is never earlier than it should be.
    const reset = new Date(Math.ceil((now + fullInMs) / 1_000) * 1_000);
    headers[`${name}-reset`] = reset.toISOString().replace('.000Z', 'Z');
  }
  return headers;
}
