import type { Dialect } from '../../wire/dialect.ts';
import { readErrorBody } from '../../wire/error-body.ts';
import type { Failures } from '../../wire/failures.ts';
import { Alike } from '../../wire/followers/alike.ts';
import type { Follower, StreamEnd } from '../../wire/followers/follower.ts';
import { NdjsonParser } from '../../wire/ndjson.ts';
import { fieldsOf } from '../../wire/openai-chat-parts.ts';
import { type SseEvent, SseParser } from '../../wire/sse.ts';

/** Reads the events of a stream while its bytes pass. */
export class Passage {
  readonly follower: Follower;
  /** The text in the last piece. */
  text = '';
  /** What ends the answer, and not well: it was in the last piece. */
  error: unknown;
  readonly #parser: SseParser | NdjsonParser;
  readonly #failures: Failures;
  readonly #alike = new Alike();
  /** The last piece had in it what is nothing but text. */
  #isSkimmed = false;

  constructor(dialect: Dialect, failures: Failures) {
    this.follower = dialect.follow(failures);
    this.#parser = dialect.isNdjson ? new NdjsonParser() : new SseParser();
    this.#failures = failures;
  }

  /** Takes a piece of the network. True when it has content. */
  take(piece: Uint8Array): boolean {
    const text = this.#parser.decode(piece);
    const wasBetween = this.#parser.isBetween;
    const like = wasBetween ? this.#alike.textIn(text) : undefined;
    if (like !== undefined) {
      this.text = like;
      return true;
    }
    let hasContent = false;
    this.text = '';
    this.#isSkimmed = true;
    try {
      const events = this.#parser.read(text);
      for (const event of events) {
        if (!this.#take(event)) continue;
        hasContent = true;
        this.text += this.follower.itemText;
      }
      if (!this.#isSkimmed) this.#alike.forget();
      else if (events.length === 1 && wasBetween && this.#parser.isBetween) this.#alike.learn(text, this.text);
    } catch (error) {
      this.error = error;
    }
    return hasContent;
  }

  /** The stream has ended. @throws TransportError when it was no whole answer */
  end(): StreamEnd {
    const isCut = this.#parser.end();
    if (this.follower.finished) return this.follower.end();
    // Google breaks a stream off with a bare body between the events.
    if (/"error"/.test(this.#parser.stray)) {
      const { body, known } = readErrorBody(this.#parser.stray);
      if (known && typeof body === 'object') throw this.#failures.inBand(body);
    }
    if (isCut) throw this.#failures.of('truncated', 'ended its stream in the middle of an event');
    return this.follower.end();
  }

  #take({ event, data }: SseEvent): boolean {
    if (this.follower.skim(data, event)) return true;
    this.#isSkimmed = false;
    if (data === '[DONE]' || event === 'ping' || data.trim() === '') return false;
    let item: unknown;
    try {
      item = JSON.parse(data);
    } catch {
      // Proxies put events of their own between those of the API.
      if (event !== 'message' && event !== 'error') return false;
      throw this.#failures.of('bad_response', 'sent an event that is not JSON');
    }
    return this.follower.take(fieldsOf(item), event);
  }
}
