import type { Message } from '../core/types.ts';
import { type Block, blockOf } from './anthropic-blocks.ts';
import { ToolIds } from './tool-ids.ts';

/** A conversation as the Messages API takes it. */
export interface Turns {
  /** For the top-level `system`. */
  readonly system: readonly string[];
  readonly messages: readonly object[];
}

interface Turn {
  readonly role: 'user' | 'assistant';
  /** Results of tools: the API wants them first. */
  readonly results: Block[];
  /** The rest, in its order; a text is a system message. */
  readonly items: (Block | string)[];
}

/**
 * Puts messages into turns: system messages at the start apart, results of tools and what the user says after them into one user
 * turn, results first.
 *
 * A system message in the middle stays where it is. With `systemTurns` it is a turn of its own after the user turn that it stands in
 * (the API allows no other place); without, and where there is no such turn, it is a text of the user's, marked as `<system>`.
 */
export function turnsOf(messages: readonly Message[], { systemTurns }: { readonly systemTurns: boolean }): Turns {
  const start = messages.findIndex(({ role }) => role !== 'system');
  // The API wants at least one turn: of system messages alone the last one is taken for it.
  const lead = start === -1 ? messages.length - 1 : start;
  const system = messages.slice(0, Math.max(0, lead)).map(({ content }) => content as string);
  const rest =
    start === -1
      ? messages.slice(-1).map(({ content }) => ({ role: 'user', content }) as Message)
      : messages.slice(start);

  const ids = new ToolIds();
  const turns: Turn[] = [];
  const turnFor = (role: Turn['role']): Turn => {
    const last = turns.at(-1);
    if (last?.role === role) return last;
    const turn: Turn = { role, results: [], items: [] };
    turns.push(turn);
    return turn;
  };
  for (const message of rest) {
    if (message.role === 'assistant') {
      // The API refuses a turn with nothing in it.
      const blocks = assistantBlocks(message, ids);
      if (blocks.length > 0) turnFor('assistant').items.push(...blocks);
    } else if (message.role === 'tool') turnFor('user').results.push(resultBlock(message, ids));
    else if (message.role === 'system') turnFor('user').items.push(message.content);
    else {
      const { content } = message;
      turnFor('user').items.push(...(typeof content === 'string' ? [textBlock(content)] : content.map(blockOf)));
    }
  }
  return {
    system: system.filter((text) => text.trim() !== ''),
    messages: turns.flatMap((turn) => written(turn, systemTurns)),
  };
}

function written({ role, results, items }: Turn, systemTurns: boolean): object[] {
  const systems = items.filter((item) => typeof item === 'string').filter((text) => text.trim() !== '');
  const own = items.filter((item) => typeof item !== 'string');
  const apart = systemTurns && systems.length > 0 && results.length + own.length > 0;
  const blocks = apart ? own : items.map((item) => (typeof item === 'string' ? markedBlock(item) : item));
  const turn = { role, content: contentOf([...results, ...blocks]) };
  return apart ? [turn, { role: 'system', content: contentOf(systems.map(textBlock)) }] : [turn];
}

/** A single text as it is; else blocks, without empty texts, which the API refuses. */
function contentOf(blocks: readonly Block[]): string | readonly Block[] {
  const full = blocks.filter((block) => block.type !== 'text' || String(block.text).trim() !== '');
  const kept = full.length > 0 ? full : blocks.slice(0, 1);
  const [only] = kept;
  return kept.length === 1 && only?.type === 'text' ? String(only.text) : kept;
}

function assistantBlocks(message: Message & { role: 'assistant' }, ids: ToolIds): Block[] {
  const calls = (message.toolCalls ?? []).map(({ id, name, input }) => ({
    type: 'tool_use',
    id: ids.ofCall(id),
    name,
    input: input ?? {},
  }));
  return message.content.trim() === '' ? calls : [textBlock(message.content), ...calls];
}

function resultBlock({ toolCallId, content, isError }: Message & { role: 'tool' }, ids: ToolIds): Block {
  return {
    type: 'tool_result',
    tool_use_id: ids.ofResult(toolCallId),
    ...(content !== '' && { content }),
    ...(isError === true && { is_error: true }),
  };
}

function textBlock(text: string): Block {
  return { type: 'text', text };
}

function markedBlock(text: string): Block {
  return textBlock(`<system>\n${text}\n</system>`);
}
