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

/** Not a generator: that could be left only between two pieces, and a stream that is stalled would keep its socket. */
class TextIterator implements AsyncIterableIterator<string> {
  readonly #chunks: Pump;
  #last: Promise<unknown> = Promise.resolve();
  #begun = false;

  constructor(chunks: Pump) {
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<string>> {
    const next = this.#last.then(() => this.#next());
    this.#last = next.catch(() => {});
    return next;
  }

  async return(): Promise<IteratorResult<string>> {
    await this.#chunks.return();
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<string>> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return { done, value: undefined };
      if (value.type === 'text') {
        this.#begun = true;
        return { done: false, value: value.text };
      }
      // It began again before anybody knew that only its text is read.
      if (value.type === 'restart' && this.#begun) {
        const error = new TransportError('stream_interrupted', 'The answer began again, which its text cannot tell', {
          provider: value.provider,
          partial: { text: this.#chunks.readBefore, toolCalls: [], reasoning: undefined },
        });
        this.#chunks.stop(error);
        // With what the layers add to it. What comes before that is of the other answer.
        for (;;) if ((await this.#chunks.next()).done === true) throw error;
      }
    }
  }
}
