/** Around one function that answers at once: ours, and what others put around a function or a model. */

import { generateText, type LanguageModel, streamText } from 'ai';
import {
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  retry,
  TimeoutStrategy,
  timeout,
  wrap as wrapPolicies,
} from 'cockatiel';
import { callable } from '../../src/providers/callable.ts';
import { createTransport } from '../../src/transport.ts';
import { wrap } from '../../src/wrap.ts';
import { longChunks, usualChunks } from '../answers.ts';
import { request, streamRequest } from '../stub-provider.ts';
import { readOut, type Table } from './row.ts';

const answer = {
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_760_000_000,
  model: 'stub-1',
  choices: [{ index: 0, message: { role: 'assistant', content: 'word', refusal: null }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 1, total_tokens: 13 },
};

interface Input {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
}

const input: Input = { model: 'stub-1', messages: [{ role: 'user', content: 'Hello' }] };

/** What all rows call for a whole answer. */
const ask = async (_input: Input): Promise<typeof answer> => answer;

const item = (content: string | undefined, finish_reason: string | null) => ({
  object: 'chat.completion.chunk',
  model: 'stub-1',
  choices: [{ index: 0, delta: content === undefined ? {} : { content }, finish_reason }],
});
const piece = item('word', null);
const last = item(undefined, 'stop');

/** What all rows read for a stream. */
async function* items(chunks: number): AsyncGenerator<typeof piece, void, undefined> {
  for (let index = 0; index < chunks; index += 1) yield piece;
  yield last;
}

export function functionsTable(): Table {
  const streamed = (chunks: number) => {
    const asked = wrap(async (_input: Input) => items(chunks));
    return async () => readOut(await asked({ ...input, stream: true }));
  };
  const asked = wrap(ask);
  const transport = (chunks: number) => {
    const llm = createTransport({
      providers: [
        callable({
          name: 'stub',
          complete: async () => (await ask(input)).choices[0]?.message.content ?? '',
          stream: () => words(chunks),
        }),
      ],
    });
    return { unary: () => llm.complete(request), stream: async () => readOut(await llm.complete(streamRequest)) };
  };
  const aiSdk = (chunks: number) => {
    const model = mockModel(chunks);
    return {
      unary: () => generateText({ model, prompt: 'Hello' }),
      stream: () => readOut(streamText({ model, prompt: 'Hello' }).textStream),
    };
  };
  return {
    title: 'Around a function',
    note: `that answers at once; streams of ${usualChunks} and ${longChunks} chunks`,
    moreChunks: longChunks - usualChunks,
    rows: [
      {
        label: 'function alone',
        calls: {
          unary: () => ask(input),
          stream: () => readOut(items(usualChunks)),
          long: () => readOut(items(longChunks)),
        },
      },
      {
        label: 'llm-transport: wrap()',
        calls: { unary: () => asked(input), stream: streamed(usualChunks), long: streamed(longChunks) },
      },
      {
        label: 'llm-transport: callable() + createTransport()',
        calls: {
          unary: transport(1).unary,
          stream: transport(usualChunks).stream,
          long: transport(longChunks).stream,
        },
      },
      { label: 'cockatiel: retry + breaker + bulkhead', calls: { unary: guarded(false) } },
      { label: 'cockatiel: … + timeout', calls: { unary: guarded(true) } },
      {
        label: 'AI SDK: generateText, streamText (mock model)',
        calls: {
          unary: aiSdk(1).unary,
          stream: aiSdk(usualChunks).stream,
          long: aiSdk(longChunks).stream,
        },
      },
    ],
  };
}

function guarded(withTimeout: boolean) {
  const retries = retry(handleAll, { maxAttempts: 3 });
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(3) });
  const slots = bulkhead(100, 10_000);
  const policy = withTimeout
    ? wrapPolicies(retries, breaker, slots, timeout(60_000, TimeoutStrategy.Cooperative))
    : wrapPolicies(retries, breaker, slots);
  return () => policy.execute(() => ask(input));
}

async function* words(chunks: number): AsyncGenerator<string, void, undefined> {
  for await (const { choices } of items(chunks)) {
    const text = choices[0]?.delta.content;
    if (text !== undefined) yield text;
  }
}

type Model = Extract<LanguageModel, { readonly specificationVersion: 'v4' }>;
type Part = Awaited<ReturnType<Model['doStream']>>['stream'] extends ReadableStream<infer Item> ? Item : never;

/** Made by hand: the SDK's own mock keeps every call that it was given. */
function mockModel(chunks: number): Model {
  const usage = {
    inputTokens: { total: 12, noCache: 12, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: chunks, text: chunks, reasoning: 0 },
  };
  const finishReason = { unified: 'stop', raw: 'stop' } as const;
  async function* parts(): AsyncGenerator<Part, void, undefined> {
    yield { type: 'stream-start', warnings: [] };
    yield { type: 'text-start', id: '0' };
    for await (const delta of words(chunks)) yield { type: 'text-delta', id: '0', delta };
    yield { type: 'text-end', id: '0' };
    yield { type: 'finish', usage, finishReason };
  }
  return {
    specificationVersion: 'v4',
    provider: 'stub',
    modelId: 'stub-1',
    supportedUrls: {},
    async doGenerate() {
      const text = (await ask(input)).choices[0]?.message.content ?? '';
      return { content: [{ type: 'text', text }], finishReason, usage, warnings: [] };
    },
    doStream: async () => ({ stream: ReadableStream.from(parts()) }),
  };
}
