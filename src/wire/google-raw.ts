import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** Puts the chunks of a stream together into the `GenerateContentResponse` that an unstreamed answer would have been. */
export class GeminiRaw {
  #head: Fields = {};
  #candidate: Fields = {};
  readonly #parts: Fields[] = [];
  #usage: Fields | undefined;

  /** What has been counted so far. Each chunk tells the sums, but not each tells all of them. */
  get usage(): Fields {
    return this.#usage ?? {};
  }

  push(chunk: Fields, candidate: Fields): void {
    const { candidates: _, usageMetadata, ...head } = chunk;
    this.#head = { ...this.#head, ...head };
    if (typeof usageMetadata === 'object' && usageMetadata !== null) this.#usage = { ...this.#usage, ...usageMetadata };
    const { content, ...rest } = candidate;
    this.#candidate = { ...this.#candidate, ...rest };
    for (const part of partsOf(candidate)) this.#add(part);
  }

  whole(): object {
    const content = { role: 'model', parts: this.#parts };
    const candidates =
      Object.keys(this.#candidate).length === 0 && this.#parts.length === 0 ? [] : [{ content, ...this.#candidate }];
    return {
      candidates,
      ...(this.#usage !== undefined && { usageMetadata: this.#usage }),
      ...this.#head,
    };
  }

  /** Text that goes on is one part; a part with more than text in it stays what it is. */
  #add(part: Fields): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && isPlainText(part) && isPlainText(last) && part.thought === last.thought)
      this.#parts[this.#parts.length - 1] = { ...last, text: `${last.text}${part.text}` };
    else this.#parts.push(part);
  }
}

/** The parts of a candidate's content; `content: {}` has none. */
export function partsOf(candidate: Fields): readonly Fields[] {
  const { parts } = fieldsOf(candidate.content);
  return Array.isArray(parts) ? parts.map(fieldsOf) : [];
}

function isPlainText(part: Fields): boolean {
  return typeof part.text === 'string' && Object.keys(part).every((key) => key === 'text' || key === 'thought');
}
