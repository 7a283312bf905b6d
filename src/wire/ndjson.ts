import type { SseEvent } from './sse.ts';
import { Utf8Decoder } from './utf8.ts';

/** Bytes in, lines of JSON out, wherever the bytes are cut: NDJSON, one value a line. Read as `SseParser` is. */
export class NdjsonParser {
  readonly #decoder = new Utf8Decoder();
  /** The start of a line whose end has not come yet. */
  #line = '';

  /** There is nothing between the lines. */
  readonly stray = '';

  /** The lines that end within `bytes`; empty ones are left out. */
  push(bytes: Uint8Array): SseEvent[] {
    return this.read(this.decode(bytes));
  }

  /** The first half of `push`: the text in `bytes`. */
  decode(bytes: Uint8Array): string {
    return this.#decoder.push(bytes);
  }

  /** True when a line has ended, and no other has begun. */
  get isBetween(): boolean {
    return this.#line === '';
  }

  /** The second half of `push`: the lines that end within `text`. */
  read(text: string): SseEvent[] {
    const lines = text.split('\n');
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop() as string;
    return lines.flatMap((line) => (line.trim() === '' ? [] : [{ event: 'message', data: line }]));
  }

  /**
   * Tells the parser that the stream has ended.
   * @returns true when it ended in the middle of a line
   */
  end(): boolean {
    return (this.#line + this.#decoder.end()).trim() !== '';
  }
}
