/** Real clients on a `fetch` that the tests give them, each asked in the same two ways. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { type GenerateContentResponse, GoogleGenAI } from '@google/genai';
import { ChatAnthropic } from '@langchain/anthropic';
import { ChatOpenAI } from '@langchain/openai';
import { Mistral } from '@mistralai/mistralai';
import { HTTPClient } from '@mistralai/mistralai/lib/http.js';
import { OpenRouter, HTTPClient as OpenRouterHTTPClient } from '@openrouter/sdk';
import { type FinishReason, generateText, type LanguageModel, streamText } from 'ai';
import { CohereClientV2 } from 'cohere-ai';
import Groq from 'groq-sdk';
import { Ollama } from 'ollama';
import OpenAI, { AzureOpenAI } from 'openai';
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

export const prompt = 'Say something in a few words';
export const apiKey = 'sk-canary-0123456789abcdef';
const messages = [{ role: 'user' as const, content: prompt }];
const model = 'simulated-1';

/** The client has told, in its own way, that the model will not answer. */
export class Refusal extends Error {}

/** What the AI SDK says of how an answer has ended. */
function told(finishReason: FinishReason): void {
  if (finishReason === 'content-filter') throw new Refusal('content-filter');
  if (finishReason === 'interrupted' || finishReason === 'error') throw new Error(`It was ended by ${finishReason}`);
}

/** Gemini says in a good answer what it does not answer. */
function textOfGemini({ text, promptFeedback }: GenerateContentResponse): string {
  if (promptFeedback?.blockReason !== undefined) throw new Refusal(promptFeedback.blockReason);
  return text ?? '';
}

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
    whole: async (abortSignal) => {
      const { text, finishReason } = await generateText({ model: asked, prompt, abortSignal });
      told(finishReason);
      return text;
    },
    pieces: async (seen, abortSignal) => {
      let failure: unknown;
      let isLeft = false;
      const result = streamText({
        model: asked,
        prompt,
        abortSignal,
        onError: ({ error }) => {
          failure = error;
        },
      });
      const text = await gathered(
        result.textStream,
        (piece) => piece,
        (piece) => {
          isLeft = seen?.(piece) === false;
          return !isLeft;
        },
      );
      if (failure !== undefined) throw failure;
      if (!isLeft) told(await result.finishReason);
      return text;
    },
  };
}

/** Where a client's server is: the addresses that each of them wants. */
export interface Place {
  readonly url: string;
  readonly baseURL: string;
}

/** How a client is made, on a fetch or, without one, as it comes. */
export type Make = (at: Place, fetch?: Fetch) => Client;

const textOf = (content: unknown): string => (typeof content === 'string' ? content : '');
/** What the SDKs of Stainless have in common. */
const stainless = (fetch: Fetch | undefined) => ({ apiKey, fetch: fetch as never, logLevel: 'off' as const });

function langChainClient(name: string, chat: ChatOpenAI | ChatAnthropic): Client {
  return {
    name,
    obeys: true,
    whole: async (signal) => textOf((await chat.invoke(prompt, { signal })).content),
    pieces: async (seen, signal) =>
      gathered(await chat.stream(prompt, { signal }), ({ content }) => textOf(content), seen),
  };
}

/** LangChain asks again after nearly everything: under a fetch it is told not to, as the page says. */
const langChainRetries = (fetch: Fetch | undefined) => (fetch === undefined ? {} : { maxRetries: 0 });

/** Every client that takes a fetch, by its name. */
export const clientMakers = {
  openai: ({ baseURL }, fetch) => chatClient('openai', new OpenAI({ baseURL, ...stainless(fetch) }) as never),
  'openai, Responses': ({ baseURL }, fetch) => {
    const { responses } = new OpenAI({ baseURL, ...stainless(fetch) });
    return {
      name: 'openai, Responses',
      obeys: true,
      whole: async (signal) => textOf((await responses.create({ model, input: prompt }, { signal })).output_text),
      pieces: async (seen, signal) =>
        gathered(
          await responses.create({ model, input: prompt, stream: true }, { signal }),
          (event) => (event.type === 'response.output_text.delta' ? event.delta : ''),
          seen,
        ),
    };
  },
  AzureOpenAI: ({ url: endpoint }, fetch) =>
    chatClient(
      'AzureOpenAI',
      new AzureOpenAI({ endpoint, baseURL: null as never, apiVersion: '2024-10-21', ...stainless(fetch) }) as never,
    ),
  'groq-sdk': ({ url }, fetch) => chatClient('groq-sdk', new Groq({ baseURL: url, ...stainless(fetch) }) as never),
  'together-ai': ({ baseURL }, fetch) =>
    chatClient('together-ai', new Together({ baseURL, ...stainless(fetch) }) as never),
  '@anthropic-ai/sdk': ({ url }, fetch) => {
    const anthropic = new Anthropic({ baseURL: url, ...stainless(fetch) });
    return {
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
    };
  },
  '@google/genai': ({ url }, fetch) => {
    const httpOptions = { baseUrl: url, ...(fetch !== undefined && { fetch }) };
    const { models } = new GoogleGenAI({ apiKey, httpOptions: httpOptions as never });
    return {
      name: '@google/genai',
      obeys: false,
      whole: async (abortSignal) =>
        textOfGemini(await models.generateContent({ model, contents: prompt, config: { abortSignal } })),
      pieces: async (seen, abortSignal) =>
        gathered(
          await models.generateContentStream({ model, contents: prompt, config: { abortSignal } }),
          textOfGemini,
          seen,
        ),
    };
  },
  '@mistralai/mistralai': ({ url: serverURL }, fetch) => {
    const httpClient = fetch && new HTTPClient({ fetcher: fetch as never });
    const { chat } = new Mistral({ serverURL, apiKey, ...(httpClient && { httpClient }) });
    return {
      name: '@mistralai/mistralai',
      obeys: false,
      whole: async (signal) => {
        const answer = await chat.complete({ model, messages }, { fetchOptions: { signal } });
        return textOf(answer.choices[0]?.message?.content);
      },
      pieces: async (seen, signal) =>
        gathered(
          await chat.stream({ model, messages }, { fetchOptions: { signal } }),
          ({ data }) => textOf(data.choices[0]?.delta.content),
          seen,
        ),
    };
  },
  '@openrouter/sdk': ({ baseURL: serverURL }, fetch) => {
    const httpClient = fetch && new OpenRouterHTTPClient({ fetcher: fetch as never });
    const { chat } = new OpenRouter({ serverURL, apiKey, ...(httpClient && { httpClient }) });
    const send = (stream: boolean, signal?: AbortSignal) =>
      chat.send({ chatRequest: { model, messages, stream } }, { fetchOptions: { signal } }) as Promise<unknown>;
    return {
      name: '@openrouter/sdk',
      obeys: false,
      whole: async (signal) => textOf(((await send(false, signal)) as ChatItem).choices[0]?.message?.content),
      pieces: async (seen, signal) =>
        gathered(
          (await send(true, signal)) as AsyncIterable<ChatItem>,
          ({ choices }) => choices[0]?.delta?.content,
          seen,
        ),
    };
  },
  '@ai-sdk/openai': ({ baseURL }, fetch) =>
    aiSdkClient('@ai-sdk/openai', createOpenAI({ baseURL, apiKey, fetch }).chat(model)),
  '@ai-sdk/anthropic': ({ baseURL }, fetch) =>
    aiSdkClient('@ai-sdk/anthropic', createAnthropic({ baseURL, apiKey, fetch })(model)),
  '@ai-sdk/google': ({ url }, fetch) =>
    aiSdkClient('@ai-sdk/google', createGoogle({ baseURL: `${url}/v1beta`, apiKey, fetch })(model)),
  '@langchain/openai': ({ baseURL }, fetch) =>
    langChainClient(
      '@langchain/openai',
      new ChatOpenAI({ model, apiKey, configuration: { baseURL, fetch }, ...langChainRetries(fetch) }),
    ),
  '@langchain/anthropic': ({ url }, fetch) =>
    langChainClient(
      '@langchain/anthropic',
      new ChatAnthropic({
        model,
        apiKey,
        clientOptions: { baseURL: url, fetch } as never,
        ...langChainRetries(fetch),
      }),
    ),
  ollama: ({ url: host }, fetch) => {
    const client = () => new Ollama({ host, ...(fetch !== undefined && { fetch }) });
    return {
      name: 'ollama',
      obeys: false,
      whole: async () => (await client().chat({ model, messages })).message.content,
      pieces: async (seen, signal) => {
        const stream = await client().chat({ model, messages, stream: true });
        // It takes no signal.
        signal?.addEventListener('abort', () => stream.abort());
        return gathered(stream, ({ message }) => message.content, seen);
      },
    };
  },
  'cohere-ai': ({ url: environment }, fetch) => {
    const cohere = new CohereClientV2({ token: apiKey, environment, ...(fetch !== undefined && { fetch }) });
    return {
      name: 'cohere-ai',
      obeys: false,
      whole: async (abortSignal) => {
        const { message } = await cohere.chat({ model, messages }, { abortSignal });
        return (message?.content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
      },
      pieces: async (seen, abortSignal) =>
        gathered(
          await cohere.chatStream({ model, messages }, { abortSignal }),
          (event) => {
            if (event.type === 'message-end' && event.delta?.finishReason === 'ERROR') throw new Error('ERROR');
            return event.type === 'content-delta' ? event.delta?.message?.content?.text : '';
          },
          seen,
        ),
    };
  },
} as const satisfies Record<string, Make>;

export type ClientName = keyof typeof clientMakers;

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
