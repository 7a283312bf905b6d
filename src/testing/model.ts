/** The simulated model: what it answers when nobody says otherwise. */

import type { FinishReason, JsonSchema } from '../core/types.ts';
import { answerTo } from './answer.ts';
import type { IncomingRequest } from './incoming.ts';

/** A tool call that the simulated model makes. */
export interface AnsweredToolCall {
  readonly name: string;
  readonly input: unknown;
  /** @default `call_` and a number */
  readonly id?: string;
}

/** What a simulated model answers. */
export interface Answer {
  readonly text?: string;
  readonly reasoning?: string;
  /** Two or more are parallel calls. */
  readonly toolCalls?: readonly AnsweredToolCall[];
  /** @default 'tool_calls' with tool calls, else 'stop' */
  readonly finishReason?: FinishReason;
}

/**
 * The default answer. Tools are called when the request requires it, or for each tool that the prompt names (in that order), but not
 * right after a tool's result. A request with a schema gets JSON of that shape. Anything else gets `answerTo(prompt)`.
 */
export function defaultAnswer(request: IncomingRequest, words?: number): Answer {
  const toolCalls = toolCallsFor(request);
  if (toolCalls.length > 0) return { toolCalls };
  if (request.schema !== undefined) return { text: JSON.stringify(sampleOf(request.schema, request.prompt)) };
  return { text: answerTo(request.prompt, { words }) };
}

function toolCallsFor(request: IncomingRequest): AnsweredToolCall[] {
  if (request.afterToolResult || request.toolChoice === 'none') return [];
  const named = request.tools
    .filter((tool) => request.toolChoice === tool.name || request.prompt.includes(tool.name))
    .sort((left, right) => request.prompt.indexOf(left.name) - request.prompt.indexOf(right.name));
  const called = named.length === 0 && request.toolChoice === 'required' ? request.tools.slice(0, 1) : named;
  return called.map(({ name, schema }) => ({ name, input: sampleOf(schema, request.prompt) }));
}

/** A value of the shape that a JSON Schema describes, the same for the same prompt. Knows what tools and answers commonly use. */
export function sampleOf(schema: JsonSchema, prompt: string): unknown {
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const options = schema[key];
    if (Array.isArray(options)) return sampleOf(options[0] as JsonSchema, prompt);
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object' || schema.properties !== undefined) {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
    return Object.fromEntries(properties.map(([name, inner]) => [name, sampleOf(inner, prompt)]));
  }
  if (type === 'array') {
    const length = Math.max(1, typeof schema.minItems === 'number' ? schema.minItems : 1);
    return Array.from({ length }, () => sampleOf((schema.items ?? {}) as JsonSchema, prompt));
  }
  if (type === 'number' || type === 'integer') return numberFor(schema);
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  return answerTo(prompt, { words: 3 });
}

function numberFor(schema: JsonSchema): number {
  const least = typeof schema.minimum === 'number' ? schema.minimum : 1;
  const most = typeof schema.maximum === 'number' ? schema.maximum : least + 41;
  return Math.min(most, least + 41);
}
