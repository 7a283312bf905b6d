import { TransportError } from './errors.ts';
import type { Pump } from './pump.ts';
import { readable } from './reply.ts';
import type { Chunk, Completion, CompletionStream, Reply } from './types.ts';

/** A streamed answer as the caller reads it. */
export function completionStream<T>(reply: Reply, transactionId: string): CompletionStream<T> {
  return new AnswerStream<T>(readable(reply), transactionId);
}

class AnswerStream<T> implements CompletionStream<T> {
  readonly transactionId: string;
  readonly provider: string;
  readonly #chunks: Pump;
  readonly #whole: Promise<Completion<T>>;
  #taken = false;

  constructor(reply: Reply & { readonly chunks: Pump }, transactionId: string) {
    this.transactionId = transactionId;
    this.provider = reply.provider;
    this.#chunks = reply.chunks;
    this.#whole = reply.done.then((outcome) => {
      if (outcome.ok) return outcome.completion as Completion<T>;
      throw outcome.error;
    });
    // Whoever reads the chunks has the error already, and need not ask for the whole.
    this.#whole.catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    return this.#take();
  }

  get text(): AsyncIterable<string> {
    return {
      [Symbol.asyncIterator]: () => {
        const chunks = this.#take();
        chunks.readAsText(() => true);
        return new TextIterator(chunks);
      },
    };
  }

  get completion(): Promise<Completion<T>> {
    // Nobody may be reading; what is read ahead stays readable.
    this.#chunks.readToEnd();
    return this.#whole;
  }

  #take(): Pump {
    if (this.#taken) throw new TypeError('The stream is being read already: read it once, as chunks or as text');
    this.#taken = true;
    return this.#chunks;
  }
}

interface Waiting {
  resolve(result: IteratorResult<string>): void;
  reject(error: unknown): void;
}

const over: IteratorResult<string> = { done: true, value: undefined };

/** Not a generator: that could be left only between two pieces, and a stream that is stalled would keep its socket. */
class TextIterator implements AsyncIterableIterator<string> {
  readonly #chunks: Pump;
  /** Those who wait for a text, of which the first is next. */
  #waiting: Waiting[] = [];
  #begun = false;
  /** It began again before anybody knew that only its text is read. */
  #lost: TransportError | undefined;

  constructor(chunks: Pump) {
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<string>> {
    const text = this.#waiting.length === 0 ? this.#there() : undefined;
    if (text !== undefined) return Promise.resolve({ done: false, value: text });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#waiting.length === 1) this.#ask();
    });
  }

  async return(): Promise<IteratorResult<string>> {
    await this.#chunks.return();
    return over;
  }

  /** The next text, when it has come already. */
  #there(): string | undefined {
    for (let chunk = this.#chunks.take(); chunk !== undefined; chunk = this.#chunks.take()) {
      const text = this.#textOf(chunk);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  #textOf(chunk: Chunk): string | undefined {
    // What comes after it began again is of the other answer.
    if (this.#lost !== undefined) return undefined;
    if (chunk.type === 'restart' && this.#begun) this.#lose(chunk.provider);
    if (chunk.type !== 'text') return undefined;
    this.#begun = true;
    return chunk.text;
  }

  #ask(): void {
    this.#chunks.nextInto(this.#came, this.#broke);
  }

  readonly #came = (chunk: Chunk | undefined): void => {
    if (chunk === undefined) {
      if (this.#lost !== undefined) return this.#broke(this.#lost);
      for (const waiting of this.#waiting.splice(0)) waiting.resolve(over);
      return;
    }
    const text = this.#textOf(chunk);
    if (text !== undefined) this.#waiting.shift()?.resolve({ done: false, value: text });
    if (this.#waiting.length > 0) this.#ask();
  };

  readonly #broke = (error: unknown): void => {
    this.#lost = undefined;
    this.#waiting.shift()?.reject(error);
    if (this.#waiting.length > 0) this.#ask();
  };

  /** Ends in an error, which is told once the layers have added to it what they add. */
  #lose(provider: string): void {
    this.#lost = new TransportError('stream_interrupted', 'The answer began again, which its text cannot tell', {
      provider,
      partial: { text: this.#chunks.readBefore, toolCalls: [], reasoning: undefined },
    });
    this.#chunks.stop(this.#lost);
  }
}
