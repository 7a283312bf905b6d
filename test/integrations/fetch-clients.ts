/** Real clients on a `fetch` that the tests give them, each asked in the same two ways. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { ChatAnthropic } from '@langchain/anthropic';
import { ChatOpenAI } from '@langchain/openai';
import { Mistral } from '@mistralai/mistralai';
import { HTTPClient } from '@mistralai/mistralai/lib/http.js';
import { generateText, type LanguageModel, streamText } from 'ai';
import Groq from 'groq-sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import Together from 'together-ai';

type Fetch = typeof globalThis.fetch;

/** A client, its own retries as they are by default unless it says otherwise. */
export interface Client {
  readonly name: string;
  /** A failure comes to it as an answer, and out of it as its own typed error. */
  readonly obeys: boolean;
  whole(signal?: AbortSignal): Promise<string>;
  /** All of a stream's text. `seen` is told of each piece; when it returns false, the loop is left. */
  pieces(seen?: (text: string) => boolean, signal?: AbortSignal): Promise<string>;
}

const prompt = 'Say something in a few words';
const apiKey = 'sk-canary-0123456789abcdef';
const messages = [{ role: 'user' as const, content: prompt }];
const model = 'simulated-1';

/** Reads a stream of anything as text. */
async function gathered<Item>(
  stream: AsyncIterable<Item>,
  textOf: (item: Item) => string | null | undefined,
  seen: (text: string) => boolean = () => true,
): Promise<string> {
  let all = '';
  for await (const item of stream) {
    const text = textOf(item) ?? '';
    all += text;
    if (text !== '' && !seen(text)) break;
  }
  return all;
}

interface ChatLike {
  readonly chat: { readonly completions: { create(body: object, options?: object): PromiseLike<unknown> } };
}
interface ChatItem {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
}

function chatClient(name: string, client: ChatLike): Client {
  const textOf = ({ choices }: ChatItem) => choices[0]?.delta?.content;
  return {
    name,
    obeys: true,
    whole: async (signal) => {
      const answer = (await client.chat.completions.create({ model, messages }, { signal })) as ChatItem;
      return answer.choices[0]?.message?.content ?? '';
    },
    pieces: async (seen, signal) => {
      const stream = await client.chat.completions.create({ model, messages, stream: true }, { signal });
      return gathered(stream as AsyncIterable<ChatItem>, textOf, seen);
    },
  };
}

function aiSdkClient(name: string, asked: LanguageModel): Client {
  return {
    name,
    obeys: false,
    whole: async (abortSignal) => (await generateText({ model: asked, prompt, abortSignal })).text,
    pieces: async (seen, abortSignal) => {
      let failure: unknown;
      const result = streamText({
        model: asked,
        prompt,
        abortSignal,
        onError: ({ error }) => {
          failure = error;
        },
      });
      const text = await gathered(result.textStream, (piece) => piece, seen);
      if (failure !== undefined) throw failure;
      return text;
    },
  };
}

/** The clients at one server, by the addresses that each of them wants. */
export function clientsAt(
  { url, baseURL }: { readonly url: string; readonly baseURL: string },
  fetch: Fetch,
): readonly Client[] {
  const stainless = { apiKey, fetch: fetch as never, logLevel: 'off' as const };
  const anthropic = new Anthropic({ baseURL: url, ...stainless });
  const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, fetch } as never });
  const mistral = new Mistral({ serverURL: url, apiKey, httpClient: new HTTPClient({ fetcher: fetch as never }) });
  const chatOpenAI = new ChatOpenAI({ model, apiKey, configuration: { baseURL, fetch }, maxRetries: 0 });
  const chatAnthropic = new ChatAnthropic({
    model,
    apiKey,
    clientOptions: { baseURL: url, fetch } as never,
    maxRetries: 0,
  });
  const textOf = (content: unknown): string => (typeof content === 'string' ? content : '');
  const langChain = (name: string, chat: ChatOpenAI | ChatAnthropic): Client => ({
    name,
    obeys: true,
    whole: async (signal) => textOf((await chat.invoke(prompt, { signal })).content),
    pieces: async (seen, signal) =>
      gathered(await chat.stream(prompt, { signal }), ({ content }) => textOf(content), seen),
  });
  return [
    chatClient('openai', new OpenAI({ baseURL, ...stainless }) as never),
    chatClient('groq-sdk', new Groq({ baseURL: url, ...stainless }) as never),
    chatClient('together-ai', new Together({ baseURL, ...stainless }) as never),
    {
      name: '@anthropic-ai/sdk',
      obeys: true,
      whole: async (signal) => {
        const { content } = await anthropic.messages.create({ model, messages, max_tokens: 500 }, { signal });
        return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      },
      pieces: async (seen, signal) =>
        gathered(
          await anthropic.messages.create({ model, messages, max_tokens: 500, stream: true }, { signal }),
          (event) =>
            event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : '',
          seen,
        ),
    },
    {
      name: '@google/genai',
      obeys: false,
      whole: async (abortSignal) =>
        (await google.models.generateContent({ model, contents: prompt, config: { abortSignal } })).text ?? '',
      pieces: async (seen, abortSignal) =>
        gathered(
          await google.models.generateContentStream({ model, contents: prompt, config: { abortSignal } }),
          ({ text }) => text,
          seen,
        ),
    },
    {
      name: '@mistralai/mistralai',
      obeys: false,
      whole: async (signal) => {
        const answer = await mistral.chat.complete({ model, messages }, { fetchOptions: { signal } });
        return textOf(answer.choices[0]?.message?.content);
      },
      pieces: async (seen, signal) =>
        gathered(
          await mistral.chat.stream({ model, messages }, { fetchOptions: { signal } }),
          ({ data }) => textOf(data.choices[0]?.delta.content),
          seen,
        ),
    },
    aiSdkClient('@ai-sdk/openai', createOpenAI({ baseURL, apiKey, fetch }).chat(model)),
    aiSdkClient('@ai-sdk/anthropic', createAnthropic({ baseURL, apiKey, fetch })(model)),
    aiSdkClient('@ai-sdk/google', createGoogle({ baseURL: `${url}/v1beta`, apiKey, fetch })(model)),
    langChain('@langchain/openai', chatOpenAI),
    langChain('@langchain/anthropic', chatAnthropic),
  ];
}

/** What goes wrong at an Ollama, once for each request that comes; then nothing. */
export type OllamaFault = 'http-503' | 'cut-reset' | 'cut-end' | 'error-line' | 'stall' | 'error-in-200';

/** An Ollama, as small as it can be: lines of JSON. */
export async function ollamaServer(faults: OllamaFault[]) {
  const words = ['One', ' two', ' three'];
  const line = (value: object) => `${JSON.stringify({ model, created_at: '2026-01-01T00:00:00Z', ...value })}\n`;
  let requests = 0;
  let left = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    const fault = faults.shift();
    let body = '';
    for await (const part of request) body += part;
    response.on('close', () => {
      if (!response.writableEnded) left += 1;
    });
    if (fault === 'http-503' || fault === 'error-in-200') {
      response.writeHead(fault === 'http-503' ? 503 : 200).end('{"error":"out of memory"}');
      return;
    }
    const { stream } = JSON.parse(body) as { stream?: boolean };
    if (stream === false) {
      const message = { role: 'assistant', content: words.join('') };
      response.end(line({ message, done: true, done_reason: 'stop', eval_count: 3, prompt_eval_count: 5 }));
      return;
    }
    for (const content of words.slice(0, fault === undefined ? 3 : 2)) {
      response.write(line({ message: { role: 'assistant', content }, done: false }));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (fault === 'cut-reset') request.socket.resetAndDestroy();
    if (fault === 'error-line') response.write(line({ error: 'out of memory' }));
    if (fault === 'stall') return;
    if (fault === undefined)
      response.write(line({ message: { content: '' }, done: true, done_reason: 'stop', eval_count: 3 }));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    text: words.join(''),
    get requests() {
      return requests;
    },
    /** Answers whose connection the client has closed. */
    get left() {
      return left;
    },
    client: (fetch: Fetch): Client => {
      const ollama = new Ollama({ host: url, fetch });
      return {
        name: 'ollama',
        obeys: false,
        whole: async () => (await ollama.chat({ model, messages })).message.content,
        pieces: async (seen) =>
          gathered(await ollama.chat({ model, messages, stream: true }), ({ message }) => message.content, seen),
      };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
