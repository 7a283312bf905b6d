import OpenAI from 'openai';
import type { Context, ReceivedFacts } from '../../src/core/types.ts';
import type { SimulatedServer } from '../../src/testing/index.ts';

/** The official SDK, pointed at a simulated server, with its own retries off. */
export function sdkOf(server: SimulatedServer, apiKey = 'sk-test'): OpenAI {
  return new OpenAI({ baseURL: server.baseURL, apiKey, maxRetries: 0, logLevel: 'off' });
}

/** A chat request with one user message. */
export function asking(prompt: string) {
  return { model: 'gpt-test', messages: [{ role: 'user' as const, content: prompt }] };
}

/** What came of a stream: its text, its chunks, and the error with which it broke. */
export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Is told all the text so far, whenever some has come. */
  readonly onText?: (text: string) => void;
}

export async function readStream(client: OpenAI, prompt = 'Hello', { onText, signal }: StreamOptions = {}) {
  const textIn = (chunks: readonly OpenAI.ChatCompletionChunk[]): string =>
    chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
  const options = { ...(signal !== undefined && { signal }) };
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  let error: unknown;
  try {
    const body = { ...asking(prompt), stream: true as const, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(body, options)) {
      chunks.push(chunk);
      onText?.(textIn(chunks));
    }
  } catch (thrown) {
    error = thrown;
  }
  const finishReason = chunks.map((chunk) => chunk.choices[0]?.finish_reason).find((reason) => reason != null);
  return { chunks, text: textIn(chunks), finishReason, error };
}

/** As little of a context as a provider needs. */
export function contextFor(signal: AbortSignal = new AbortController().signal) {
  const facts: ReceivedFacts[] = [];
  const context: Context = {
    transactionId: 'transaction-1',
    attempt: 1,
    signal,
    deadline: Number.POSITIVE_INFINITY,
    priority: 'default',
    attempts: [],
    get: (key) => key.initial,
    with: () => context,
    fork: () => context,
    publish: () => {},
    received: (more) => facts.push(more),
  };
  return { context, facts };
}
