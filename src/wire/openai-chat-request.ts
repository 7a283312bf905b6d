import { createHash } from 'node:crypto';
import { TransportError } from '../core/errors.ts';
import { jsonSchemaOf, messagesOf } from '../core/request.ts';
import type { CompletionRequest, FilePart, ImagePart, Message, SchemaOption, TextPart, Tool } from '../core/types.ts';
import { audioOf, dataUrl, defaultName, imageUrl, toolOutput } from './openai-media.ts';
import { namedSchema } from './strict-schema.ts';

/** What a Chat Completions server wants to be told in its own way. */
export interface ChatDialect {
  readonly model: string;
  /** The field for `maxOutputTokens`. */
  readonly maxTokensField: 'max_completion_tokens' | 'max_tokens';
  /** Mistral refuses ids of tool calls that are not nine letters or digits, such as those of every other vendor. */
  readonly shortToolCallIds?: boolean;
}

export type ChatBody = Record<string, unknown>;

/**
 * The body of a Chat Completions request (https://platform.openai.com/docs/api-reference/chat/create), without `stream`.
 * `providerOptions.openai` is merged over it, last; `metadata` is not sent.
 *
 * @throws TransportError `unsupported` for a file that is an address (the API takes files as data only), `invalid_request` for a
 *   schema that cannot be described as JSON Schema
 */
export function chatBody(
  request: CompletionRequest,
  { model, maxTokensField, shortToolCallIds = false }: ChatDialect,
): ChatBody {
  const idOf = shortToolCallIds ? shortId : (id: string) => id;
  const body: ChatBody = { model, messages: messagesOf(request).map((message) => chatMessage(message, idOf)) };
  if (request.tools !== undefined && request.tools.length > 0) {
    body.tools = request.tools.map(chatTool);
    if (request.toolChoice !== undefined)
      body.tool_choice =
        typeof request.toolChoice === 'string'
          ? request.toolChoice
          : { type: 'function', function: { name: request.toolChoice.tool } };
  }
  if (request.schema !== undefined) body.response_format = responseFormat(request.schema);
  if (request.maxOutputTokens !== undefined) body[maxTokensField] = request.maxOutputTokens;
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.seed !== undefined) body.seed = request.seed;
  if (request.stopSequences !== undefined && request.stopSequences.length > 0) body.stop = request.stopSequences;
  if (request.reasoning !== undefined) body.reasoning_effort = request.reasoning;
  return { ...body, ...request.providerOptions?.openai };
}

/** Nine letters or digits: such an id stays, any other becomes the same nine each time. */
function shortId(id: string): string {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id;
  return createHash('sha256').update(id).digest('hex').slice(0, 9);
}

function chatMessage(message: Message, idOf: (id: string) => string): object {
  if (message.role === 'user') {
    const { content } = message;
    return { role: 'user', content: typeof content === 'string' ? content : content.map(chatPart) };
  }
  if (message.role === 'tool') {
    return { role: 'tool', tool_call_id: idOf(message.toolCallId), content: toolOutput(message) };
  }
  if (message.role === 'system') return { role: 'system', content: message.content };
  const calls = message.toolCalls ?? [];
  if (calls.length === 0) return { role: 'assistant', content: message.content };
  return {
    role: 'assistant',
    content: message.content === '' ? null : message.content,
    tool_calls: calls.map(({ id, name, input }) => ({
      id: idOf(id),
      type: 'function',
      function: { name, arguments: JSON.stringify(input ?? {}) },
    })),
  };
}

function chatPart(part: TextPart | ImagePart | FilePart): object {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'image') return { type: 'image_url', image_url: { url: imageUrl(part) } };
  const audio = audioOf(part.mediaType);
  if (typeof part.data === 'string' && !part.data.startsWith('data:'))
    throw new TransportError('unsupported', 'OpenAI Chat Completions takes files as data, not as addresses');
  const url = typeof part.data === 'string' ? part.data : dataUrl(part.data, part.mediaType);
  if (audio !== undefined)
    return { type: 'input_audio', input_audio: { data: url.slice(url.indexOf(',') + 1), format: audio } };
  return { type: 'file', file: { filename: part.filename ?? defaultName(part.mediaType), file_data: url } };
}

function chatTool(tool: Tool, index: number): object {
  return {
    type: 'function',
    function: {
      name: tool.name,
      ...(tool.description !== undefined && { description: tool.description }),
      parameters: jsonSchemaOf(tool.inputSchema, `tools[${index}].inputSchema`),
    },
  };
}

function responseFormat(option: SchemaOption<unknown>): object {
  return { type: 'json_schema', json_schema: namedSchema(option) };
}
