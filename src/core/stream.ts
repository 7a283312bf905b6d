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
    return { [Symbol.asyncIterator]: () => textOf(this.#take()) };
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

async function* textOf(chunks: Pump): AsyncGenerator<string, void, undefined> {
  for await (const chunk of chunks) if (chunk.type === 'text') yield chunk.text;
}
