import { fieldsOf } from '../../wire/openai-chat-parts.ts';
import type { SseEvent } from '../../wire/sse.ts';

/** What an event is to who has had those before it: the one that follows, one that was there, from elsewhere, or no event at all. */
export type Standing = 'next' | 'known' | 'astray' | 'garbled';

/** How far a Response has come by, event by event: from where it can be asked for again. */
export class ResponsePlace {
  #id: string | undefined;
  /** Nothing new has come yet by this connection, which is not the first. */
  #isSeam = false;
  /** The number of the last event; -1 before the first. */
  after = -1;
  /** Something of the answer itself has come: there is something to go on with. */
  isBegun = false;
  /** The last event has come, or an error of the provider's own; or its events cannot be told apart by their numbers. */
  isFinal = false;

  /** The Response's id, where it can be asked for again. */
  get id(): string | undefined {
    return this.isFinal ? undefined : this.#id;
  }

  /** What comes next comes by another connection. */
  takenUp(): void {
    this.#isSeam = true;
  }

  /** Takes an event, or says that it is not the one that follows. */
  take({ event, data }: SseEvent): Standing {
    if (this.isFinal || data === '[DONE]' || data.trim() === '') return 'next';
    const isOwn = event === 'message' || event === 'error' || event.startsWith('response.');
    let item: unknown;
    try {
      item = JSON.parse(data);
    } catch {
      // Proxies put events of their own between those of the API.
      return isOwn ? 'garbled' : 'next';
    }
    const { type = event, sequence_number: number, delta, response } = fieldsOf(item);
    // Not every gateway gives its errors a number.
    if (type === 'error' || event === 'error') {
      this.isFinal = true;
      return 'next';
    }
    const isNumbered = typeof number === 'number';
    if (!isNumbered && !String(type).startsWith('response.')) return 'next';
    if (this.#isSeam) {
      if (isNumbered && number <= this.after) return 'known';
      // Something was lost, or may have come already.
      if (number !== this.after + 1) return 'astray';
      this.#isSeam = false;
    }
    if (isNumbered && number > this.after) this.after = number;
    else this.isFinal = true;
    const { id } = fieldsOf(response);
    if (isId(id)) this.#id ??= id;
    if (typeof delta === 'string' && delta !== '') this.isBegun = true;
    if (endings.has(String(type))) this.isFinal = true;
    return 'next';
  }
}

const endings: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
]);

/** An id that names nothing but a Response, also as a part of an address. */
function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id !== '.' && id !== '..';
}
