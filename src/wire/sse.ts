import { Utf8Decoder } from './utf8.ts';

/** An event of a text/event-stream. */
export interface SseEvent {
  /** `message` when the stream does not name it. */
  readonly event: string;
  readonly data: string;
}

/**
 * Bytes in, events out, by the rules of the WHATWG (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream):
 * lines end in CR, LF or CRLF, wherever the bytes are cut; a byte order mark and comments are ignored, as are `id` and `retry`.
 * Synchronous, so many events in one piece of the network cost no more turns of the loop than one.
 */
export class SseParser {
  readonly #decoder = new Utf8Decoder();
  /** The start of a line whose end has not come yet. */
  #line = '';
  /** The last piece ended in CR: an LF that comes next belongs to it. */
  #afterCr = false;
  #event = '';
  #data: string | undefined;
  #stray = '';

  /**
   * Lines that look like JSON and belong to no event, at most 16,000 characters: a server that breaks off with a bare error body,
   * as Google's do, writes it there. All of it is here once the stream has ended.
   */
  get stray(): string {
    return this.#stray;
  }

  /** The events that end within `bytes`. */
  push(bytes: Uint8Array): SseEvent[] {
    return this.read(this.decode(bytes));
  }

  /** The first half of `push`: the text in `bytes`. */
  decode(bytes: Uint8Array): string {
    return this.#decoder.push(bytes);
  }

  /** True when an event has ended, and no other has begun. */
  get isBetween(): boolean {
    return this.#line === '' && this.#data === undefined && this.#event === '' && !this.#afterCr;
  }

  /**
   * Tells the parser that the stream has ended.
   * @returns true when it ended in the middle of an event. That event is not dispatched.
   */
  end(): boolean {
    const rest = this.#line + this.#decoder.end();
    this.#keepStray(rest);
    const cutLine = rest !== '' && !rest.startsWith(':');
    return cutLine || this.#data !== undefined || this.#event !== '';
  }

  /** The second half of `push`: the events that end within `text`. */
  read(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    if (text === '') return events;
    let at = this.#afterCr && text.charCodeAt(0) === 10 ? 1 : 0;
    this.#afterCr = false;
    let lf = text.indexOf('\n', at);
    let cr = text.indexOf('\r', at);
    while (lf !== -1 || cr !== -1) {
      const endsInCr = cr !== -1 && (lf === -1 || cr < lf);
      const end = endsInCr ? cr : lf;
      if (this.#line === '') this.#take(text, at, end, events);
      else {
        const line = this.#line + text.slice(at, end);
        this.#line = '';
        this.#take(line, 0, line.length, events);
      }
      at = end + 1;
      if (endsInCr) {
        if (at === text.length) this.#afterCr = true;
        else if (lf === at) at += 1;
        cr = text.indexOf('\r', at);
      }
      if (lf !== -1 && lf < at) lf = text.indexOf('\n', at);
    }
    if (at < text.length) this.#line += at === 0 ? text : text.slice(at);
    return events;
  }

  /** One line, `text` from `from` to `to`. */
  #take(text: string, from: number, to: number, events: SseEvent[]): void {
    if (from === to) {
      if (this.#data !== undefined)
        events.push({ event: this.#event === '' ? 'message' : this.#event, data: this.#data });
      this.#data = undefined;
      this.#event = '';
      return;
    }
    if (text.startsWith('data', from)) {
      const value = fieldValue(text, from + 4, to);
      if (value !== undefined) this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (text.startsWith('event', from)) {
      const value = fieldValue(text, from + 5, to);
      if (value !== undefined) this.#event = value;
    } else this.#keepStray(text, from, to);
  }

  #keepStray(text: string, from = 0, to = text.length): void {
    if (jsonStarts.includes(text.charAt(from)) && this.#stray.length < 16_000)
      this.#stray += `${text.slice(from, to)}\n`;
  }
}

/** How a line of JSON can begin, and no field of an event does. */
const jsonStarts: readonly string[] = ['{', '}', '[', ']', '"', ' ', '\t', ','];

/** What stands after the field's name, without the colon and one space; `undefined` when the name goes on. */
function fieldValue(text: string, from: number, to: number): string | undefined {
  if (from >= to) return from === to ? '' : undefined;
  if (text.charCodeAt(from) !== 58) return undefined;
  const start = text.charCodeAt(from + 1) === 32 && from + 1 < to ? from + 2 : from + 1;
  return text.slice(start, to);
}
