import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Attempt, Transport } from '../../src/core/types.ts';
import { languageModel } from '../../src/integrations/ai-sdk.ts';
import { createFetch } from '../../src/integrations/fetch.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { type FaultName, randomFrom, type SimulatedServer } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { wrap } from '../../src/wrap.ts';
import { bookOf, briefly, closeness, tokensIn } from './books.ts';
import { Bench, sdkOf } from './support.ts';

/** The ledger of every other door than `complete()`, against the books of those who bill. */

type Told = Pick<Transport, 'on' | 'usage' | 'close'>;

/** Asks, and reads all of the answer, or of a stream the beginning only. */
type Ask = (prompt: string, stream: boolean, leaves: boolean) => Promise<void>;

interface Door {
  readonly name: string;
  open(server: SimulatedServer): { readonly transport: Told; readonly ask: Ask };
}

const messagesOf = (content: string) => [{ role: 'user' as const, content }];
const apiKey = 'sk-test';

async function read(items: AsyncIterable<unknown>, leaves: boolean): Promise<void> {
  let count = 0;
  for await (const _ of items) {
    count += 1;
    if (leaves && count > 6) return;
  }
}

const doors: readonly Door[] = [
  {
    name: 'createFetch(), OpenAI',
    open: ({ baseURL }) => {
      const fetch = createFetch();
      const client = new OpenAI({ baseURL, apiKey, fetch, maxRetries: 0, logLevel: 'off' });
      const ask: Ask = async (prompt, stream, leaves) => {
        const asked = { model: 'gpt-test', messages: messagesOf(prompt) };
        if (!stream) return void (await client.chat.completions.create(asked));
        await read(
          await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }),
          leaves,
        );
      };
      return { transport: fetch.transport, ask };
    },
  },
  {
    name: 'createFetch(), Anthropic',
    open: ({ url }) => {
      const fetch = createFetch();
      const client = new Anthropic({ baseURL: url, apiKey, fetch, maxRetries: 0, logLevel: 'off' });
      const ask: Ask = async (prompt, stream, leaves) => {
        const asked = { model: 'claude-test', max_tokens: 500, messages: messagesOf(prompt) };
        if (!stream) return void (await client.messages.create(asked));
        await read(await client.messages.create({ ...asked, stream: true }), leaves);
      };
      return { transport: fetch.transport, ask };
    },
  },
  {
    name: 'wrap(), the OpenAI SDK',
    open: (server) => {
      const client = sdkOf(server);
      const asking = wrap((body: OpenAI.Chat.ChatCompletionCreateParams, { signal }) =>
        client.chat.completions.create(body, { signal, maxRetries: 0 }),
      );
      const ask: Ask = async (prompt, stream, leaves) => {
        const asked = { model: 'gpt-test', messages: messagesOf(prompt) };
        if (!stream) return void (await asking(asked));
        const streamed = { ...asked, stream: true, stream_options: { include_usage: true } } as const;
        await read((await asking(streamed)) as AsyncIterable<unknown>, leaves);
      };
      return { transport: asking.transport, ask };
    },
  },
  {
    name: 'aiSdk() as a provider',
    open: ({ baseURL }) => {
      const model = createOpenAI({ baseURL, apiKey }).chat('gpt-test');
      const transport = createTransport({ providers: [aiSdk({ model })] });
      const ask: Ask = async (prompt, stream, leaves) => {
        if (!stream) return void (await transport.complete({ prompt }));
        await read(await transport.complete({ prompt, stream: true }), leaves);
      };
      return { transport, ask };
    },
  },
  {
    name: 'languageModel() under the AI SDK',
    open: ({ baseURL }) => {
      const inner = createOpenAI({ baseURL, apiKey }).chat('gpt-test');
      const transport = createTransport({ providers: [aiSdk({ model: inner })] });
      const model = languageModel(transport);
      const ask: Ask = async (prompt, stream, leaves) => {
        if (!stream) return void (await generateText({ model, prompt, maxRetries: 0 }));
        const controller = new AbortController();
        const { textStream } = streamText({
          ...{ model, prompt, maxRetries: 0, abortSignal: controller.signal },
          onError: () => {},
        });
        await read(textStream, leaves);
        controller.abort();
      };
      return { transport, ask };
    },
  },
];

const faults: readonly FaultName[] = ['cut-reset', 'http-503', 'stream-error-after-content', 'cut-end', 'http-500'];
const calls = 30;

/** Waits between attempts are not what is tested here. */
beforeAll(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  return () => vi.restoreAllMocks();
});

describe.concurrent.each(doors)('the ledger of $name', ({ name, open }) => {
  it('has every request, to the token where the provider has told, and marked where not', async () => {
    await using bench = new Bench();
    const server = await bench.server({
      ...{ answer: ({ index }) => `Answer ${index}: ${'one word more '.repeat(20 + (index % 20))}`, tokenMs: 1 },
      script: ({ index }) => (index % 5 === 4 ? faults[Math.floor(index / 5) % faults.length] : undefined),
    });
    const { transport, ask } = open(server);
    const lines: Attempt[] = [];
    transport.on('attempt:end', ({ ledger }) => lines.push(ledger));
    const random = randomFrom(11);
    // One after the other: the n-th line is the n-th request's.
    for (let call = 0; call < calls; call += 1)
      await ask(
        `Tell me about ${'this and that, at some length, '.repeat(2 + Math.floor(random() * 9))}`,
        random() < 0.6,
        call % 7 === 6,
      ).catch(() => {});
    await transport.close();
    await Promise.all(server.requests.map(({ closed }) => closed));

    expect(server.requests.length).toBeGreaterThanOrEqual(calls);
    expect(lines.length).toBe(server.requests.length);
    const book = bookOf(lines.map((line, index) => ({ line, record: server.requests[index] })));
    expect(book.told.length).toBeGreaterThan(calls / 2);
    const wrong = book.told.filter(({ line, record }) => tokensIn(line.usage) !== tokensIn(record?.billed));
    expect(wrong.map(briefly)).toEqual([]);
    const silent = book.silent.filter(({ record }) => tokensIn(record?.billed) > 0);
    expect(silent.map(briefly)).toEqual([]);
    expect(lines.every(({ mayBeBilled }) => mayBeBilled)).toBe(true);
    expect(book.estimated.length).toBeGreaterThan(1);
    const close = closeness(book.estimated);
    if (process.env.LEDGER_CALLS !== undefined)
      console.log(name, { lines: lines.length, told: book.told.length, estimated: book.estimated.length, ...close });
    const { ratio } = close;
    expect(Math.abs(ratio - 1)).toBeLessThan(0.1);
    const { attempts, estimated, inputTokens, outputTokens } = transport.usage();
    expect([attempts, estimated, inputTokens + outputTokens]).toEqual([
      ...[lines.length, book.estimated.length],
      lines.reduce((sum, { usage }) => sum + tokensIn(usage), 0),
    ]);
  }, 60_000);
});
