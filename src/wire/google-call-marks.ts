/** What Gemini said beside a tool call and wants to be told again. */
export interface CallMark {
  /** Its `thoughtSignature`. */
  readonly signature?: string;
  /** The id is Gemini's own: it may be sent. Vertex AI refuses ids that it has not given. */
  readonly given: boolean;
}

const mostMarks = 10_000;
const mostCharacters = 8_000_000;

/**
 * Remembers what Gemini said beside its tool calls, by model and id of the call. Bounded: what was not used for longest is forgotten.
 *
 * A signature is as long as the thinking it stands for, so it cannot be part of the id: a conversation can go on at another vendor,
 * and OpenAI takes ids of 40 characters.
 */
export class CallMarks {
  readonly #marks = new Map<string, CallMark>();
  #characters = 0;

  remember(model: string, id: string, mark: CallMark): void {
    const key = keyOf(model, id);
    this.#forget(key);
    this.#marks.set(key, mark);
    this.#characters += sizeOf(key, mark);
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= mostMarks && this.#characters <= mostCharacters) break;
      this.#forget(oldest);
    }
  }

  find(model: string, id: string): CallMark | undefined {
    const key = keyOf(model, id);
    const mark = this.#marks.get(key);
    if (mark !== undefined) {
      this.#marks.delete(key);
      this.#marks.set(key, mark);
    }
    return mark;
  }

  #forget(key: string): void {
    const mark = this.#marks.get(key);
    if (mark === undefined) return;
    this.#marks.delete(key);
    this.#characters -= sizeOf(key, mark);
  }
}

/** One for the process: two keys of one model, and a transport that is made anew, go on with each other's conversations. */
export const callMarks = new CallMarks();

function keyOf(model: string, id: string): string {
  return `${model}\n${id}`;
}

function sizeOf(key: string, mark: CallMark): number {
  return key.length + (mark.signature?.length ?? 0);
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
