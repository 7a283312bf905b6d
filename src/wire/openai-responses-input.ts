import { TransportError } from '../core/errors.ts';
import type { FilePart, ImagePart, Message, TextPart } from '../core/types.ts';
import { audioOf, dataUrl, defaultName, imageUrl, toolOutput } from './openai-media.ts';
import type { Thoughts } from './openai-responses-thoughts.ts';
import { ToolIds } from './tool-ids.ts';

/** An item of a Responses input. */
export type InputItem = Readonly<Record<string, unknown>>;

/**
 * A conversation as the items of a Responses input (https://platform.openai.com/docs/api-reference/responses/create): messages, calls
 * of functions and their outputs. What the model had thought before a call goes in front of it again, when `thoughts` remembers it.
 *
 * @throws TransportError `unsupported` for a recording that is an address
 */
export function inputOf(messages: readonly Message[], thoughts: Pick<Thoughts, 'before'> | undefined): InputItem[] {
  const ids = new ToolIds();
  return messages.flatMap((message) => itemsOf(message, ids, thoughts));
}

function itemsOf(message: Message, ids: ToolIds, thoughts: Pick<Thoughts, 'before'> | undefined): InputItem[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user': {
      const { content } = message;
      return [{ role: 'user', content: typeof content === 'string' ? content : content.map(inputPart) }];
    }
    case 'tool':
      return [{ type: 'function_call_output', call_id: ids.ofResult(message.toolCallId), output: toolOutput(message) }];
    case 'assistant':
      return assistantItems(message, ids, thoughts);
  }
}

function assistantItems(
  { content, toolCalls = [] }: Message & { readonly role: 'assistant' },
  ids: ToolIds,
  thoughts: Pick<Thoughts, 'before'> | undefined,
): InputItem[] {
  const said: InputItem[] = content === '' ? [] : [{ role: 'assistant', content }];
  const calls = toolCalls.map(({ id, name, input }) => ({
    thought: thoughts?.before(id) ?? [],
    call: { type: 'function_call', call_id: ids.ofCall(id), name, arguments: JSON.stringify(input ?? {}) },
  }));
  // First it thinks, then it speaks, then it calls.
  const [first, ...others] = calls;
  if (first === undefined) return said;
  return [...first.thought, ...said, first.call, ...others.flatMap(({ thought, call }) => [...thought, call])];
}

function inputPart(part: TextPart | ImagePart | FilePart): object {
  if (part.type === 'text') return { type: 'input_text', text: part.text };
  if (part.type === 'image') return { type: 'input_image', detail: 'auto', image_url: imageUrl(part) };
  const audio = audioOf(part.mediaType);
  const isAddress = typeof part.data === 'string' && !part.data.startsWith('data:');
  if (audio !== undefined && isAddress)
    throw new TransportError('unsupported', 'OpenAI Responses takes recordings as data, not as addresses');
  if (isAddress) return { type: 'input_file', file_url: part.data };
  const url = typeof part.data === 'string' ? part.data : dataUrl(part.data, part.mediaType);
  if (audio !== undefined)
    return { type: 'input_audio', input_audio: { data: url.slice(url.indexOf(',') + 1), format: audio } };
  return { type: 'input_file', filename: part.filename ?? defaultName(part.mediaType), file_data: url };
}
