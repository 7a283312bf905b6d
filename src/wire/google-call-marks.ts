import { BoundedMemory } from './bounded-memory.ts';

/** What Gemini said beside a tool call and wants to be told again. */
export interface CallMark {
  /** Its `thoughtSignature`. */
  readonly signature?: string;
  /** The id is Gemini's own: it may be sent. Vertex AI refuses ids that it has not given. */
  readonly given: boolean;
}

/**
 * Remembers what Gemini said beside its tool calls, by model and id of the call. Bounded: what was not used for longest is forgotten.
 *
 * A signature is as long as the thinking it stands for, so it cannot be part of the id: a conversation can go on at another vendor,
 * and OpenAI takes ids of 40 characters.
 */
export class CallMarks {
  readonly #marks = new BoundedMemory<CallMark>(({ signature }) => signature?.length ?? 0);

  remember(model: string, id: string, mark: CallMark): void {
    this.#marks.remember(keyOf(model, id), mark);
  }

  find(model: string, id: string): CallMark | undefined {
    return this.#marks.find(keyOf(model, id));
  }
}

/** One for the process: two keys of one model, and a transport that is made anew, go on with each other's conversations. */
export const callMarks = new CallMarks();

function keyOf(model: string, id: string): string {
  return `${model}\n${id}`;
}

/** What Google has for calls that were not made by the model, or whose signature is lost: they are taken without one. */
const unsigned = 'skip_thought_signature_validator';

/**
 * The signature that goes with each call of one step. Of parallel calls only the first is signed. Gemini 3 refuses a step whose first
 * call is not; models before it would only read the stand-in.
 */
export function signaturesFor(marks: readonly (CallMark | undefined)[], model: string): (string | undefined)[] {
  const strict = /gemini-(?![12](?:[.-]|$))/.test(model);
  return marks.map((mark, index) => mark?.signature ?? (index === 0 && strict ? unsigned : undefined));
}
