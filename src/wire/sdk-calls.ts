import { isInput } from './anthropic-answer.ts';
import { stopReasonOf } from './anthropic-parts.ts';
import type { Failures } from './failures.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** A call of a tool in a whole answer. */
interface Called {
  readonly name: unknown;
  /** Its input can be read. */
  readonly isReadable: boolean;
}

/** @throws TransportError `bad_response` when a call has no name, or an input that is no JSON */
export function throwIfBroken(calls: readonly Called[], failures: Failures): void {
  for (const { name, isReadable } of calls) {
    if (typeof name !== 'string' || name === '')
      throw failures.of('bad_response', 'asked for a tool without naming it');
    if (!isReadable) throw failures.of('bad_response', 'asked for a tool with arguments that are not JSON');
  }
}

/** Those in a message. The last call of an answer that was cut off is cut off too, whatever it looks like. */
export function anthropicCalls({ content, stop_reason: reason }: Fields): readonly Called[] {
  const blocks = listOf(content);
  const isCut = stopReasonOf(reason, false) === 'length' && blocks.at(-1)?.type === 'tool_use';
  return (isCut ? blocks.slice(0, -1) : blocks)
    .filter(({ type }) => type === 'tool_use')
    .map(({ name, input }) => ({ name, isReadable: isInput(input) }));
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}
