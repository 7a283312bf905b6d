/** Real clients on a `fetch` that the tests give them, each asked in the same two ways. */

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
import { CohereClientV2 } from 'cohere-ai';
import Groq from 'groq-sdk';
import { Ollama } from 'ollama';
import OpenAI, { AzureOpenAI } from 'openai';
import Together from 'together-ai';
import {
  aiSdkClient,
  apiKey,
  type ChatItem,
  chatClient,
  type Fetch,
  gathered,
  langChainClient,
  type Make,
  messages,
  model,
  prompt,
  Refusal,
  textOf,
} from './client.ts';

/** Gemini says in a good answer what it does not answer. */
function textOfGemini({ text, promptFeedback }: GenerateContentResponse): string {
  if (promptFeedback?.blockReason !== undefined) throw new Refusal(promptFeedback.blockReason);
  return text ?? '';
}

/** What the SDKs of Stainless have in common. */
const stainless = (fetch: Fetch | undefined) => ({ apiKey, fetch: fetch as never, logLevel: 'off' as const });

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
