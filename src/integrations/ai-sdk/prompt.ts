import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
  SharedV4Warning,
} from '@ai-sdk/provider';
import type { FilePart, ImagePart, Message, TextPart, ToolCall } from '../../core/types.ts';
import { type MessageGroup, messageGroups } from '../../wire/ai-sdk-carried.ts';

type UserPart = TextPart | ImagePart | FilePart;
type File = Pick<LanguageModelV4FilePart, 'data' | 'mediaType' | 'filename'>;

/**
 * The AI SDK's prompt as messages of the transport. The prompt itself goes along beside them, message by message. `lost` is told what
 * the messages alone do not say: it reaches models of the AI SDK only.
 */
export function messagesFrom(prompt: LanguageModelV4Prompt, lost: (warning: SharedV4Warning) => void): Message[] {
  const groups: { originals: LanguageModelV4Message[]; plain: Message[] }[] = [];
  let early: LanguageModelV4Message[] = [];
  for (const original of prompt) {
    const plain = plainMessages(original, lost);
    const last = groups.at(-1);
    if (plain.length > 0) {
      groups.push({ originals: [...early, original], plain });
      early = [];
    } else if (last === undefined) early.push(original);
    else last.originals.push(original);
  }
  if (groups.length === 0) groups.push({ originals: early, plain: [{ role: 'user', content: '' }] });
  for (const group of groups) messageGroups.set(group.plain[0] as Message, group satisfies MessageGroup);
  return groups.flatMap(({ plain }) => plain);
}

function plainMessages(message: LanguageModelV4Message, lost: (warning: SharedV4Warning) => void): Message[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [userMessage(message.content.flatMap((part) => (part.type === 'text' ? [part] : filePart(part, lost))))];
    case 'assistant':
      return assistantMessages(message, lost);
    default:
      return toolMessages(message, lost);
  }
}

function userMessage(parts: readonly UserPart[]): Message {
  const content = parts.map((part): UserPart => (part.type === 'text' ? { type: 'text', text: part.text } : part));
  const [first] = content;
  // Servers of open models know a text better than a list of one.
  if (content.length <= 1 && (first === undefined || first.type === 'text'))
    return { role: 'user', content: first?.text ?? '' };
  return { role: 'user', content };
}

/** What the model thought, and what its vendor ran for it, is no other vendor's to be told. */
function assistantMessages(
  { content }: Extract<LanguageModelV4Message, { role: 'assistant' }>,
  lost: (warning: SharedV4Warning) => void,
): Message[] {
  let text = '';
  const toolCalls: ToolCall[] = [];
  for (const part of content) {
    if (part.type === 'text') text += part.text;
    else if (part.type === 'tool-call' && part.providerExecuted !== true)
      toolCalls.push({ id: part.toolCallId, name: part.toolName, input: part.input });
    else if (part.type === 'file')
      lost({
        type: 'unsupported',
        feature: 'files of the assistant',
        details: 'They reach models of the AI SDK only.',
      });
  }
  if (text === '' && toolCalls.length === 0) return [];
  return [{ role: 'assistant', content: text, ...(toolCalls.length > 0 && { toolCalls }) }];
}

/** Files that a tool has given go into a message of the user's, after all results of the step. */
function toolMessages(
  { content }: Extract<LanguageModelV4Message, { role: 'tool' }>,
  lost: (warning: SharedV4Warning) => void,
): Message[] {
  const results: Message[] = [];
  const files: UserPart[] = [];
  for (const part of content) {
    if (part.type !== 'tool-result') continue;
    const { text, isError } = resultText(part.output);
    results.push({ role: 'tool', toolCallId: part.toolCallId, content: text, ...(isError && { isError }) });
    if (part.output.type !== 'content') continue;
    for (const value of part.output.value) if (value.type === 'file') files.push(...filePart(value, lost));
  }
  if (files.length > 0) results.push({ role: 'user', content: files });
  return results;
}

function resultText(output: LanguageModelV4ToolResultOutput): { readonly text: string; readonly isError: boolean } {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return { text: output.value, isError: output.type === 'error-text' };
    case 'json':
    case 'error-json':
      return { text: JSON.stringify(output.value), isError: output.type === 'error-json' };
    case 'execution-denied':
      return { text: output.reason ?? 'The tool was not allowed to run.', isError: true };
    default: {
      const texts = output.value.flatMap((part) => (part.type === 'text' ? [part.text] : []));
      return { text: texts.join('\n'), isError: false };
    }
  }
}

function filePart({ data, mediaType, filename }: File, lost: (warning: SharedV4Warning) => void): UserPart[] {
  // Who knows what a text file is for one vendor does not for another: all of them take text.
  if (data.type === 'text') return [{ type: 'text', text: data.text }];
  if (data.type === 'reference') {
    lost({ type: 'unsupported', feature: 'files by reference', details: 'They reach models of the AI SDK only.' });
    return [];
  }
  const known = /^[^/]+\/[^*]+$/.test(mediaType) ? mediaType : undefined;
  const kind = mediaType.split('/')[0];
  const type = known ?? (data.type === 'data' ? imageTypeOf(data.data) : undefined);
  const source = data.type === 'url' ? data.url.href : inline(data.data, type ?? mediaType);
  if (kind === 'image') return [{ type: 'image', image: source, ...(type !== undefined && { mediaType: type }) }];
  return [{ type: 'file', data: source, mediaType: type ?? mediaType, ...(filename !== undefined && { filename }) }];
}

function inline(data: Uint8Array | string, mediaType: string): string | Uint8Array {
  if (typeof data !== 'string' || data.startsWith('data:')) return data;
  return `data:${mediaType};base64,${data}`;
}

/** How pictures begin, in base64. */
const beginnings: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
];

/** The type of a picture by its first bytes: where the AI SDK does not tell more than that it is one. */
function imageTypeOf(data: Uint8Array | string): string | undefined {
  const text = typeof data === 'string' ? data : Buffer.from(data.subarray(0, 12)).toString('base64');
  return beginnings.find(([beginning]) => text.startsWith(beginning))?.[1];
}
