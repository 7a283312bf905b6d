import { TransportError } from '../core/errors.ts';
import { jsonSchemaOf, messagesOf } from '../core/request.ts';
import type { CompletionRequest, Tool, ToolChoice } from '../core/types.ts';
import type { CallMarks } from './google-call-marks.ts';
import { thinkingConfig } from './google-thinking.ts';
import { turnsOf } from './google-turns.ts';
import { fieldsOf } from './openai-chat-parts.ts';

/** The parameters of the SDK's `generateContent`, without what belongs to the connection. */
export interface GeminiParameters {
  readonly model: string;
  readonly contents: readonly object[];
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * A request as the SDK takes it (https://ai.google.dev/api/generate-content). `providerOptions.google` is merged over the config,
 * last; `metadata` is not sent.
 *
 * @throws TransportError `invalid_request` for what cannot be said to Gemini: nothing but system messages, the result of a tool that
 *   was not called, a schema that cannot be described as JSON Schema
 */
export function geminiParameters(request: CompletionRequest, model: string, marks: CallMarks): GeminiParameters {
  const messages = messagesOf(request);
  const contents = turnsOf(messages, model, marks);
  if (contents.length === 0)
    throw new TransportError('invalid_request', 'messages: expected one that is not a system message');
  const config: Record<string, unknown> = {};
  const system = messages.filter(({ role, content }) => role === 'system' && content !== '');
  if (system.length > 0) config.systemInstruction = { parts: system.map(({ content }) => ({ text: content })) };
  if (request.tools !== undefined && request.tools.length > 0) {
    config.tools = [{ functionDeclarations: request.tools.map(declaration) }];
    if (request.toolChoice !== undefined)
      config.toolConfig = { functionCallingConfig: callingConfig(request.toolChoice) };
  }
  if (request.schema !== undefined) {
    config.responseMimeType = 'application/json';
    config.responseJsonSchema = jsonSchemaOf(request.schema);
  }
  if (request.maxOutputTokens !== undefined) config.maxOutputTokens = request.maxOutputTokens;
  if (request.temperature !== undefined) config.temperature = request.temperature;
  if (request.topP !== undefined) config.topP = request.topP;
  if (request.seed !== undefined) config.seed = request.seed;
  if (request.stopSequences !== undefined && request.stopSequences.length > 0)
    config.stopSequences = request.stopSequences;
  const thinking = request.reasoning === undefined ? undefined : thinkingConfig(request.reasoning, model);
  if (thinking !== undefined) config.thinkingConfig = thinking;
  return { model, contents, config: { ...config, ...ownOptions(request), ...oneRequest } };
}

/** The SDK would go on by itself: calling tools, and asking for the rest of a long answer. An attempt is one request. */
const oneRequest = { automaticFunctionCalling: { disable: true }, automaticContinuation: false };

/** A tool call is delivered whole or not at all, so its arguments are not asked for piece by piece. */
function ownOptions(request: CompletionRequest): Record<string, unknown> {
  const own = request.providerOptions?.google ?? {};
  const toolConfig = fieldsOf(own.toolConfig);
  const { streamFunctionCallArguments, ...calling } = fieldsOf(toolConfig.functionCallingConfig);
  if (streamFunctionCallArguments === undefined) return own;
  return { ...own, toolConfig: { ...toolConfig, functionCallingConfig: calling } };
}

function declaration(tool: Tool, index: number): object {
  return {
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    parametersJsonSchema: jsonSchemaOf(tool.inputSchema, `tools[${index}].inputSchema`),
  };
}

function callingConfig(choice: ToolChoice): object {
  if (typeof choice !== 'string') return { mode: 'ANY', allowedFunctionNames: [choice.tool] };
  return { mode: choice === 'required' ? 'ANY' : choice === 'none' ? 'NONE' : 'AUTO' };
}
