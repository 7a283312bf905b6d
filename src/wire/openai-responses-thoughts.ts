import { BoundedMemory } from './bounded-memory.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** What a model wants to be told again of what it has thought: sealed, for it alone to read. */
export type Thought = Readonly<Record<string, unknown>>;

/** What one model has thought before its calls of functions. */
export interface Thoughts {
  /** Notes the thoughts in an answer's output by the calls that they led to. */
  note(output: unknown): void;
  /** The thoughts that led to the call with this id, in their order. */
  before(callId: string): readonly Thought[];
}

const memory = new BoundedMemory<readonly Thought[]>((thoughts) => JSON.stringify(thoughts).length);

/**
 * Remembers a model's sealed reasoning (`encrypted_content`) by the id of the call that it led to. A model that is given it back with
 * the call's output thinks on; without it, it begins anew. There is no place for it in a message, and an id is too short for it.
 * One memory for the process, bounded: a transport that is made anew goes on with the conversations of the one before.
 */
export function thoughtsOf(host: string, model: string): Thoughts {
  const keyOf = (callId: string): string => `${host}\n${model}\n${callId}`;
  return {
    note(output) {
      let thoughts: Thought[] = [];
      for (const item of Array.isArray(output) ? output.map(fieldsOf) : []) {
        if (item.type === 'reasoning') thoughts.push(...sealed(item));
        else if (item.type === 'function_call') {
          if (thoughts.length > 0 && typeof item.call_id === 'string') memory.remember(keyOf(item.call_id), thoughts);
          thoughts = [];
        }
      }
    },
    before: (callId) => memory.find(keyOf(callId)) ?? [],
  };
}

/** As an input takes it: without its status, which is refused when it is `null`. Unsealed, it means nothing to a server that stores nothing. */
function sealed({ id, summary, encrypted_content }: Fields): Thought[] {
  if (typeof encrypted_content !== 'string' || encrypted_content === '') return [];
  return [{ type: 'reasoning', id, summary: summary ?? [], encrypted_content }];
}
