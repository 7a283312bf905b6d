/** A provider that costs next to nothing: what is measured around it is the transport. */

import type { Chunk, CompletionRequest, Provider, ProviderAnswer } from '../src/core/types.ts';

const usage = { inputTokens: 12, outputTokens: 1 };
const whole: ProviderAnswer = {
  text: 'word',
  toolCalls: [],
  reasoning: undefined,
  finishReason: 'stop',
  usage,
  model: 'stub-1',
  raw: undefined,
};
const text: Chunk = { type: 'text', text: 'word' };
const finish: Chunk = { type: 'finish', finishReason: 'stop', usage, model: 'stub-1' };

export const request: CompletionRequest & { readonly stream?: false } = { prompt: 'Hello' };
export const streamRequest: CompletionRequest & { readonly stream: true } = { prompt: 'Hello', stream: true };

/** A provider in process whose streams have so many chunks of content. */
export function stubProvider(chunks: number, name = 'stub'): Provider & Required<Pick<Provider, 'stream'>> {
  return {
    name,
    domain: name,
    kind: 'stub',
    model: 'stub-1',
    complete: async () => whole,
    stream: () => new StubStream(chunks),
  };
}

/** Not a generator: that alone would cost as much as a chunk does. */
class StubStream implements AsyncIterableIterator<Chunk> {
  #left: number;

  constructor(chunks: number) {
    this.#left = chunks + 1;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    this.#left -= 1;
    if (this.#left < 0) return Promise.resolve({ done: true, value: undefined });
    return Promise.resolve({ done: false, value: this.#left === 0 ? finish : text });
  }

  return(): Promise<IteratorResult<Chunk>> {
    return Promise.resolve({ done: true, value: undefined });
  }
}
