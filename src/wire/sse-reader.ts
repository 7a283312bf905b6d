import { ByteReader, type ByteSource } from './bytes.ts';
import { type SseEvent, SseParser } from './sse.ts';

/**
 * Reads the events of a body. `for await` gives them one by one and cancels the body when the loop is left; `read()` gives all
 * that came with one piece of the network, which is cheaper.
 */
export class SseReader implements AsyncIterable<SseEvent> {
  readonly bytes: ByteReader;
  readonly #parser = new SseParser();
  #truncated = false;

  constructor(source: ByteSource | ByteReader | null | undefined) {
    this.bytes = source instanceof ByteReader ? source : new ByteReader(source);
  }

  /** True when the body ended in the middle of an event. Known once it has ended. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** JSON between the events, which is none of theirs: see `SseParser`. */
  get stray(): string {
    return this.#parser.stray;
  }

  /** The next events, at least one; `undefined` at the end. Rejects with whatever broke the connection. */
  read(): Promise<readonly SseEvent[] | undefined> {
    // Mostly a piece has an event in it: no loop, which would cost as much again as the reading.
    return this.bytes.read().then((bytes) => {
      const events = this.#eventsIn(bytes);
      return events?.length === 0 ? this.#readOn() : events;
    });
  }

  async #readOn(): Promise<readonly SseEvent[] | undefined> {
    for (;;) {
      const events = this.#eventsIn(await this.bytes.read());
      if (events?.length !== 0) return events;
    }
  }

  #eventsIn(bytes: Uint8Array | undefined): readonly SseEvent[] | undefined {
    if (bytes !== undefined) return this.#parser.push(bytes);
    this.#truncated = this.#parser.end();
    return undefined;
  }

  /** Lets go of the body: its socket is closed, a pending read ends. */
  cancel(reason?: unknown): void {
    this.bytes.cancel(reason);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SseEvent, void, undefined> {
    try {
      for (let events = await this.read(); events !== undefined; events = await this.read()) yield* events;
    } finally {
      this.cancel();
    }
  }
}
