import type {
  LanguageModelV4FilePart,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
} from '@ai-sdk/provider';
import { TransportError } from '../core/errors.ts';
import { jsonSchemaOf } from '../core/request.ts';
import type { FilePart, ImagePart, Message, TextPart, Tool } from '../core/types.ts';
import { messageGroups, originalTools } from './ai-sdk-carried.ts';
import { readDataUrl } from './data-url.ts';

type Assistant = Extract<LanguageModelV4Message, { role: 'assistant' }>;
type ToolResults = Extract<LanguageModelV4Message, { role: 'tool' }>;

/**
 * The messages as the AI SDK's prompt. Those that were made of such a prompt, and are still there in their order, come out as they were.
 * @throws TransportError `invalid_request` for an address of a picture or file that is none
 */
export function promptOf(messages: readonly Message[]): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Message[] = [];
  const toolNames = new Map<string, string>();
  let results: ToolResults | undefined;
  for (let at = 0; at < messages.length; ) {
    const message = messages[at] as Message;
    const group = messageGroups.get(message);
    if (message.role === 'assistant') for (const { id, name } of message.toolCalls ?? []) toolNames.set(id, name);
    if (group?.plain.every((plain, index) => messages[at + index] === plain)) {
      prompt.push(...group.originals);
      results = undefined;
      at += group.plain.length;
      continue;
    }
    at += 1;
    if (message.role !== 'tool') {
      prompt.push(messageFor(message));
      results = undefined;
      continue;
    }
    // The results of one step stand in one message.
    if (results === undefined) {
      results = { role: 'tool', content: [] };
      prompt.push(results);
    }
    const { toolCallId, content: value, isError = false } = message;
    const toolName = toolNames.get(toolCallId) ?? '';
    const output = { type: isError ? 'error-text' : 'text', value } as const;
    results.content.push({ type: 'tool-result', toolCallId, toolName, output });
  }
  return prompt;
}

function messageFor(message: Exclude<Message, { role: 'tool' }>): LanguageModelV4Message {
  if (message.role === 'system') return { role: 'system', content: message.content };
  if (message.role === 'assistant') return assistantMessage(message);
  const { content } = message;
  const parts: readonly (TextPart | ImagePart | FilePart)[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return { role: 'user', content: parts.map(userPart) };
}

function assistantMessage({ content, toolCalls = [] }: Extract<Message, { role: 'assistant' }>): Assistant {
  return {
    role: 'assistant',
    content: [
      ...(content === '' ? [] : [{ type: 'text' as const, text: content }]),
      ...toolCalls.map(({ id, name, input }) => ({
        type: 'tool-call' as const,
        toolCallId: id,
        toolName: name,
        input: input ?? {},
      })),
    ],
  };
}

function userPart(part: TextPart | ImagePart | FilePart): LanguageModelV4TextPart | LanguageModelV4FilePart {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const source = part.type === 'image' ? part.image : part.data;
  const { data, mediaType } = mediaOf(source);
  return {
    type: 'file',
    data,
    // Of a picture without a type the model's own code finds out.
    mediaType: part.mediaType ?? mediaType ?? 'image/*',
    ...(part.type === 'file' && part.filename !== undefined && { filename: part.filename }),
  };
}

function mediaOf(source: string | Uint8Array): {
  readonly data: LanguageModelV4FilePart['data'];
  readonly mediaType?: string | undefined;
} {
  if (typeof source !== 'string') return { data: { type: 'data', data: source } };
  const inline = readDataUrl(source);
  if (inline !== undefined) return { data: { type: 'data', data: inline.data }, mediaType: inline.mediaType };
  if (source.startsWith('data:') || !URL.canParse(source))
    throw new TransportError('invalid_request', 'a picture or file in the messages has an address that is none');
  return { data: { type: 'url', url: new URL(source) } };
}

/** A tool as the AI SDK has it. */
export function toolFor(tool: Tool, index: number): LanguageModelV4FunctionTool {
  const original = originalTools.get(tool);
  if (original !== undefined) return original;
  return {
    type: 'function',
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    inputSchema: jsonSchemaOf(
      tool.inputSchema,
      `tools[${index}].inputSchema`,
    ) as LanguageModelV4FunctionTool['inputSchema'],
  };
}
