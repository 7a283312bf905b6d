import { TransportError } from '../core/errors.ts';
import { jsonSchemaOf, messagesOf } from '../core/request.ts';
import type { CompletionRequest, Tool, ToolChoice } from '../core/types.ts';
import { isClaude, thinkingStyleOf } from './anthropic-model.ts';
import { formatSchema } from './anthropic-schema.ts';
import { turnsOf } from './anthropic-turns.ts';
import { fieldsOf } from './openai-chat-parts.ts';

/** What a server and its model want to be told in their own way. */
export interface MessagesDialect {
  readonly model: string;
  /** The most that the model can write, where it is known. */
  readonly maxOutputTokens?: number | undefined;
  /** It takes `temperature` and `top_p`. */
  readonly sampling: boolean;
  /** It takes system messages in the middle of the conversation. */
  readonly systemTurns: boolean;
}

/** A request, ready but for `stream`. */
export interface MessagesRequest {
  readonly body: Readonly<Record<string, unknown>>;
  /** Names of betas, for the header `anthropic-beta`. */
  readonly betas: readonly string[];
  /** It has a sampling parameter of ours, which the server may refuse. */
  readonly samples: boolean;
  /** It has a system message in the middle, which the server may refuse. */
  readonly hasSystemTurns: boolean;
}

/** The API requires `max_tokens`. */
const defaultMaxTokens = 8_192;

type Body = Record<string, unknown>;

/**
 * A Messages request (https://platform.claude.com/docs/en/api/messages), without `stream`. `providerOptions.anthropic` is merged over
 * it, last, and `output_config` field by field; its `betas` become a header. `metadata` is not sent, nor is `seed`: the API has none.
 *
 * @throws TransportError `unsupported` for media or stop sequences that the API does not take, `invalid_request` for a schema that
 *   cannot be described as JSON Schema
 */
export function messagesRequest(request: CompletionRequest, dialect: MessagesDialect): MessagesRequest {
  const { betas, ...given } = fieldsOf(request.providerOptions?.anthropic);
  const { system, messages } = turnsOf(messagesOf(request), dialect);
  const body: Body = { model: dialect.model, max_tokens: maxTokensOf(request, dialect), messages };
  const format = formatOf(request);
  const systems = [...system, ...format.system];
  if (systems.length === 1) body.system = systems[0];
  else if (systems.length > 1) body.system = systems.map((text) => ({ type: 'text', text }));
  if (request.tools !== undefined && request.tools.length > 0) {
    body.tools = request.tools.map(toolOf);
    if (request.toolChoice !== undefined) body.tool_choice = choiceOf(request.toolChoice);
  }
  const stops = stopSequencesOf(request);
  if (stops.length > 0) body.stop_sequences = stops;
  const { thinking, effort } = thinkingOf(request, dialect.model, body.max_tokens as number);
  if (thinking !== undefined) body.thinking = thinking;
  const outputConfig = { ...effort, ...format.outputConfig, ...fieldsOf(given.output_config) };
  const merged: Body = { ...body, ...given };
  if (Object.keys(outputConfig).length > 0) merged.output_config = outputConfig;
  // A thinking model refuses to be told how to sample, and no model takes both parameters.
  const sampling = dialect.sampling && !isThinking(merged.thinking) ? samplingOf(request) : {};
  return {
    body: { ...sampling, ...merged },
    betas: Array.isArray(betas) ? betas.filter((beta) => typeof beta === 'string') : [],
    samples: Object.keys(sampling).some((name) => !(name in given)),
    hasSystemTurns: messages.some((message) => fieldsOf(message).role === 'system'),
  };
}

/** Never more than the model is known to be able to: a larger number is refused. */
function maxTokensOf(request: CompletionRequest, { maxOutputTokens }: MessagesDialect): number {
  return Math.min(request.maxOutputTokens ?? maxOutputTokens ?? defaultMaxTokens, maxOutputTokens ?? Infinity);
}

function samplingOf({ temperature, topP }: CompletionRequest): Body {
  // Others go up to 2.
  if (temperature !== undefined) return { temperature: Math.min(temperature, 1) };
  return topP === undefined ? {} : { top_p: topP };
}

function isThinking(thinking: unknown): boolean {
  const { type } = fieldsOf(thinking);
  return type !== undefined && type !== 'disabled';
}

/** Shares of `max_tokens`, which thinking counts toward. */
const budgets = { low: 0.2, medium: 0.5, high: 0.8 } as const;
const smallestBudget = 1_024;

function thinkingOf(
  request: CompletionRequest,
  model: string,
  maxTokens: number,
): { thinking?: object; effort?: object } {
  const { reasoning } = request;
  if (reasoning === undefined) return {};
  const style = thinkingStyleOf(model);
  if (reasoning === 'none') {
    if (style === 'always') return { effort: { effort: 'low' } };
    return style === 'adaptive' || !isClaude(model) ? { thinking: { type: 'disabled' } } : {};
  }
  const forced = request.toolChoice === 'required' || typeof request.toolChoice === 'object';
  if (style !== 'budget') {
    const effort = { effort: reasoning };
    // Newer models keep what they thought to themselves unless asked.
    return forced ? { effort } : { effort, thinking: { type: 'adaptive', display: 'summarized' } };
  }
  // Such a model wants its own signed thoughts back with the results of its tools, and those are not in a conversation of ours.
  const messages = messagesOf(request);
  const since = messages.findLastIndex(({ role }) => role === 'assistant') + 1;
  const amongTools = messages.slice(since).some(({ role }) => role === 'tool');
  if (forced || amongTools || maxTokens <= smallestBudget) return {};
  const budget = Math.max(smallestBudget, Math.floor(maxTokens * budgets[reasoning]));
  return { thinking: { type: 'enabled', budget_tokens: Math.min(budget, maxTokens - 1) } };
}

function formatOf({ schema }: CompletionRequest): { outputConfig: object; system: string[] } {
  if (schema === undefined) return { outputConfig: {}, system: [] };
  const described = jsonSchemaOf(schema);
  const limited = formatSchema(described);
  if (limited !== undefined) return { outputConfig: { format: { type: 'json_schema', schema: limited } }, system: [] };
  const asked = 'Answer only with JSON that is valid against this JSON Schema, without any other text:';
  return { outputConfig: {}, system: [`${asked}\n${JSON.stringify(described)}`] };
}

function stopSequencesOf({ stopSequences = [] }: CompletionRequest): readonly string[] {
  if (stopSequences.some((sequence) => sequence.trim() === ''))
    throw new TransportError('unsupported', "Anthropic's Messages API takes no stop sequence that is only white space");
  return stopSequences;
}

function toolOf({ name, description, inputSchema }: Tool, index: number): object {
  return {
    name,
    ...(description !== undefined && { description }),
    input_schema: jsonSchemaOf(inputSchema, `tools[${index}].inputSchema`),
  };
}

function choiceOf(choice: ToolChoice): object {
  if (typeof choice === 'object') return { type: 'tool', name: choice.tool };
  return { type: choice === 'required' ? 'any' : choice };
}
