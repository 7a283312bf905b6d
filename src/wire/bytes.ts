/** A piece, or nothing at the end. */
interface Read {
  readonly value?: Uint8Array | undefined;
}

/** A body as bytes, from whichever `fetch`: a web stream, or a Node stream or generator. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Reads a body piece by piece and can let go of it at once, also while a piece is awaited: an aborted signal or `cancel()` ends the
 * pending read and closes the socket.
 */
export class ByteReader {
  readonly #read: () => Promise<Read>;
  readonly #cancel: (reason: unknown) => Promise<unknown>;
  #ended = false;
  /** Given back by `peek`, taken by the next `read`. */
  #kept: Uint8Array | undefined;
  /** Who waits for the next piece. */
  #came: (piece: Uint8Array | undefined) => void = () => {};
  #broke: (error: unknown) => void = () => {};

  constructor(source: ByteSource | null | undefined) {
    if (source === null || source === undefined) {
      this.#read = async () => ({});
      this.#cancel = async () => {};
    } else if ('getReader' in source) {
      const reader = source.getReader();
      this.#read = () => reader.read();
      this.#cancel = (reason) => reader.cancel(reason);
    } else {
      const iterator = source[Symbol.asyncIterator]();
      let release: ((end: Read) => void) | undefined;
      this.#read = () =>
        new Promise((resolve, reject) => {
          release = resolve;
          iterator.next().then(({ done, value }) => resolve(done === true ? {} : { value }), reject);
        });
      this.#cancel = async () => {
        // A generator's `return` waits for its pending `next`; nobody waits for that here.
        release?.({});
        if ('destroy' in source && typeof source.destroy === 'function') source.destroy();
        else await iterator.return?.();
      };
    }
  }

  /** True once the end was read, or the body was let go. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The next piece, never empty; `undefined` at the end. Rejects with whatever broke the connection. */
  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => this.readInto(resolve, reject));
  }

  /**
   * Calls one of the two, once, in a later turn. Sooner than to wait for `read()`: at one piece for each event every promise is felt.
   * One read at a time.
   */
  readInto(came: (piece: Uint8Array | undefined) => void, broke: (error: unknown) => void): void {
    this.#came = came;
    this.#broke = broke;
    if (this.#kept === undefined && !this.#ended) this.#read().then(this.#got, this.#failed);
    else {
      const kept = this.#kept;
      this.#kept = undefined;
      queueMicrotask(() => came(kept));
    }
  }

  readonly #got = ({ value }: Read): void => {
    if (this.#ended) this.#came(undefined);
    else if (value?.byteLength === 0) this.readInto(this.#came, this.#broke);
    else {
      if (value === undefined) this.#ended = true;
      this.#came(value);
    }
  };

  readonly #failed = (error: unknown): void => {
    if (this.#ended) return this.#came(undefined);
    this.#ended = true;
    this.#broke(error);
  };

  /** The next piece, which the next `read` gives again. */
  async peek(): Promise<Uint8Array | undefined> {
    this.#kept = await this.read();
    return this.#kept;
  }

  /** The rest of the body as text. */
  async text(): Promise<string> {
    const first = await this.read();
    if (first === undefined) return '';
    let bytes = await this.read();
    // Mostly it comes in one piece.
    if (bytes === undefined) return wholeText.decode(first);
    const decoder = new TextDecoder();
    let text = decoder.decode(first, { stream: true });
    for (; bytes !== undefined; bytes = await this.read()) text += decoder.decode(bytes, { stream: true });
    return text + decoder.decode();
  }

  /** Lets go of the body: its socket is closed, a pending read ends. Does nothing once it has ended. */
  cancel(reason?: unknown): void {
    this.#kept = undefined;
    if (this.#ended) return;
    this.#ended = true;
    this.#cancel(reason).catch(() => {});
  }

  /**
   * For a body whose end no longer matters: reads it out, so that the connection can be used again, but for no longer than
   * `limitMs` (milliseconds); then cancels it.
   */
  drain(limitMs: number): void {
    if (this.#ended) return;
    const timer = setTimeout(() => this.cancel(), limitMs);
    timer.unref?.();
    const readOut = async (): Promise<void> => {
      while ((await this.read()) !== undefined) {
        // Nothing of it is wanted.
      }
    };
    readOut()
      .catch(() => {})
      .finally(() => clearTimeout(timer));
  }
}

/** For texts in one piece: making a decoder takes longer than decoding does. */
const wholeText = new TextDecoder();
