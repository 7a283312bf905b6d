import type { ToolCall } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

interface Open {
  index: number;
  id: string;
  name: string;
  json: string;
}

/** Puts tool calls together from their pieces: each comes out whole, with its arguments parsed, or not at all. */
export class ToolCallAssembler {
  readonly #failures: Failures;
  #open: Open | undefined;
  #count = 0;
  /** Pieces that have come, but for empty ones. */
  pieces = 0;

  constructor(failures: Failures) {
    this.#failures = failures;
  }

  /**
   * Takes the pieces of one delta. A new index, or a new id and name under the same index (Mistral and Gemini count nothing), ends
   * the call before it.
   * @returns the calls that are whole now
   * @throws TransportError `bad_response` when the arguments are no JSON
   */
  push(pieces: unknown): ToolCall[] {
    const whole: ToolCall[] = [];
    if (!Array.isArray(pieces)) return whole;
    for (const value of pieces) {
      const piece = fieldsOf(value);
      const called = fieldsOf(piece.function);
      const id = typeof piece.id === 'string' ? piece.id : '';
      const name = typeof called.name === 'string' ? called.name : '';
      const index = typeof piece.index === 'number' ? piece.index : (this.#open?.index ?? 0);
      const open = this.#open;
      const another =
        open !== undefined && (index !== open.index || (id !== '' && name !== '' && open.id !== '' && id !== open.id));
      if (another) whole.push(...this.finish());
      if (this.#open === undefined) this.#open = { index, id: '', name: '', json: '' };
      if (this.#open.id === '') this.#open.id = id;
      if (this.#open.name === '') this.#open.name = name;
      const json = argumentsOf(called);
      this.#open.json += json;
      if (json !== '' || name !== '') this.pieces += 1;
    }
    return whole;
  }

  /** The call that is open, as the last one. @throws TransportError `bad_response` when its arguments are no JSON */
  finish(): ToolCall[] {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return [];
    this.#count += 1;
    return [this.#whole(open)];
  }

  /** Forgets the call that is open: the answer was cut off at its length inside it. A call that happens to be whole is kept. */
  finishIfWhole(): ToolCall[] {
    try {
      // Nothing at all is no sign of being whole here.
      return this.#open?.json.trim() === '' ? [] : this.finish();
    } catch {
      return [];
    } finally {
      this.#open = undefined;
    }
  }

  #whole({ id, name, json }: Open): ToolCall {
    if (name === '') throw this.#failures.of('bad_response', 'asked for a tool without naming it');
    let input: unknown = {};
    if (json.trim() !== '') {
      try {
        input = JSON.parse(json);
      } catch {
        throw this.#failures.of('bad_response', 'asked for a tool with arguments that are not JSON');
      }
    }
    return { id: id === '' ? `call_${this.#count - 1}` : id, name, input };
  }
}

function argumentsOf(called: Fields): string {
  if (typeof called.arguments === 'string') return called.arguments;
  return typeof called.arguments === 'object' && called.arguments !== null ? JSON.stringify(called.arguments) : '';
}
