import { TransportError } from '../core/errors.ts';
import type { Message, ToolCall } from '../core/types.ts';
import { type CallMarks, signaturesFor } from './google-call-marks.ts';
import { mediaPart } from './google-media.ts';

/** A content of Gemini's. */
export interface Turn {
  readonly role: 'user' | 'model';
  readonly parts: readonly object[];
}

interface Result {
  /** Which call it answers. */
  readonly call: number;
  readonly part: object;
}

/**
 * The turns of a conversation, without its system messages. All results of a step are one turn, in the order of its calls: Gemini
 * takes them no other way. Ids go along only where Gemini has given them: Vertex AI refuses others.
 *
 * @throws TransportError `invalid_request` for the result of a tool that was not called
 */
export function turnsOf(messages: readonly Message[], model: string, marks: CallMarks): Turn[] {
  const turns: Turn[] = [];
  const calls: ToolCall[] = [];
  const answered = new Set<number>();
  let results: Result[] = [];
  const endStep = (): void => {
    const inOrder = results.toSorted((one, other) => one.call - other.call);
    if (inOrder.length > 0) turns.push({ role: 'user', parts: inOrder.map(({ part }) => part) });
    results = [];
  };
  messages.forEach((message, index) => {
    if (message.role === 'system') return;
    if (message.role === 'tool') {
      // Some vendors give one id to several calls.
      const waiting = calls.findIndex(({ id }, at) => id === message.toolCallId && !answered.has(at));
      const call = waiting === -1 ? calls.findLastIndex(({ id }) => id === message.toolCallId) : waiting;
      answered.add(call);
      const called = calls[call];
      if (called === undefined) throw unknownCall(index);
      const given = marks.find(model, called.id)?.given === true;
      results.push({ call, part: resultPart(message, called, given) });
      return;
    }
    endStep();
    if (message.role === 'assistant') calls.push(...(message.toolCalls ?? []));
    const parts = message.role === 'user' ? userParts(message.content) : modelParts(message, model, marks);
    if (parts.length > 0) turns.push({ role: message.role === 'user' ? 'user' : 'model', parts });
  });
  endStep();
  return turns;
}

function unknownCall(index: number): TransportError {
  return new TransportError(
    'invalid_request',
    `messages[${index}].toolCallId: expected the id of a tool call in an earlier message`,
  );
}

function resultPart(message: Extract<Message, { role: 'tool' }>, { id, name }: ToolCall, given: boolean): object {
  const response = message.isError === true ? { error: message.content } : { output: message.content };
  return { functionResponse: { ...(given && { id }), name, response } };
}

function userParts(content: Extract<Message, { role: 'user' }>['content']): object[] {
  if (typeof content === 'string') return [{ text: content }];
  return content.map((part) => (part.type === 'text' ? { text: part.text } : mediaPart(part)));
}

function modelParts(message: Extract<Message, { role: 'assistant' }>, model: string, marks: CallMarks): object[] {
  const calls = message.toolCalls ?? [];
  const known = calls.map(({ id }) => marks.find(model, id));
  const signatures = signaturesFor(known, model);
  const parts: object[] = message.content === '' ? [] : [{ text: message.content }];
  calls.forEach(({ id, name, input }, index) => {
    const signature = signatures[index];
    parts.push({
      functionCall: { ...(known[index]?.given === true && { id }), name, args: argumentsOf(input) },
      ...(signature !== undefined && { thoughtSignature: signature }),
    });
  });
  return parts;
}

/** Gemini takes an object and nothing else. */
function argumentsOf(input: unknown): unknown {
  if (input === undefined || input === null) return {};
  return typeof input === 'object' && !Array.isArray(input) ? input : { value: input };
}
