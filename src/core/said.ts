import type { RawChunk } from './chunk-source.ts';
import type { PartialAnswer } from './errors.ts';
import type { Chunk, ToolCall } from './types.ts';

/** What an answer has said so far. */
export class Said {
  text = '';
  /** Items of a foreign stream were among it. */
  isRaw = false;
  #reasoning = '';
  #toolCalls: ToolCall[] = [];

  add(chunk: Chunk): void {
    if (chunk.type === 'text') this.text += chunk.text;
    else if (chunk.type === 'reasoning') this.#reasoning += chunk.text;
    else if (chunk.type === 'toolCall') this.#toolCalls.push(chunk.toolCall);
    else if (chunk.type === 'raw') {
      this.isRaw = true;
      this.text += (chunk as RawChunk).text ?? '';
      this.#reasoning += (chunk as RawChunk).reasoning ?? '';
    }
  }

  get isSomething(): boolean {
    return this.text !== '' || this.#reasoning !== '' || this.#toolCalls.length > 0;
  }

  get partial(): PartialAnswer {
    return { text: this.text, toolCalls: this.#toolCalls.slice(), reasoning: this.#reasoning || undefined };
  }
}
