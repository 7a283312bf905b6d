import type { BaseMessage } from '@langchain/core/messages';
import { TransportError } from '../../core/errors.ts';
import type { Message, ToolCall } from '../../core/types.ts';
import { type Content, fieldsOf, filesOf, partsOf, textOf } from './content.ts';

/**
 * LangChain's messages as messages of the transport. Told apart by what they say of themselves, not by their class, of which an
 * application may have two copies.
 *
 * @throws TransportError `invalid_request` for a message or a block that has no place in a request
 */
export function messagesFrom(messages: readonly BaseMessage[]): Message[] {
  const converted: Message[] = [];
  /** What tools have given that is no text: it goes after all results of the step. */
  let files: ReturnType<typeof filesOf> = [];
  const flush = (): void => {
    if (files.length > 0) converted.push({ role: 'user', content: files });
    files = [];
  };
  for (const message of messages) {
    const role = roleOf(message);
    if (role !== 'tool') flush();
    const content = message.content as Content;
    if (role === 'tool') {
      const { tool_call_id: toolCallId, status } = message as { tool_call_id?: string; status?: string };
      const isError = status === 'error';
      converted.push({ role, toolCallId: toolCallId ?? '', content: textOf(content), ...(isError && { isError }) });
      files.push(...filesOf(content));
    } else if (role === 'user') {
      const parts = partsOf(content);
      // Servers of open models know a text better than a list of texts.
      const isText = parts.every(({ type }) => type === 'text');
      converted.push({ role, content: isText ? textOf(content) : parts });
    } else if (role === 'system') converted.push({ role, content: textOf(content) });
    else {
      const toolCalls = toolCallsOf(message);
      converted.push({ role, content: textOf(content), ...(toolCalls.length > 0 && { toolCalls }) });
    }
  }
  flush();
  return converted;
}

const roles: Readonly<Record<string, Message['role']>> = {
  human: 'user',
  user: 'user',
  ai: 'assistant',
  assistant: 'assistant',
  system: 'system',
  developer: 'system',
  tool: 'tool',
};

function roleOf(message: BaseMessage): Message['role'] {
  const type = message.getType();
  const role = roles[type === 'generic' ? String(fieldsOf(message).role) : type];
  if (role === undefined)
    throw new TransportError('invalid_request', `a message is of the type '${type}', which has no place in a request`);
  return role;
}

function toolCallsOf(message: BaseMessage): ToolCall[] {
  const { tool_calls: calls = [] } = message as {
    tool_calls?: readonly { id?: string; name: string; args: unknown }[];
  };
  return calls.map(({ id, name, args }, index) => ({ id: id ?? `call_${index + 1}`, name, input: args }));
}
