/** Every SDK that an application may have inside a wrapped function, asked as its documentation does, with its own retries off. */

import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { ChatAnthropic } from '@langchain/anthropic';
import { ChatOpenAI } from '@langchain/openai';
import { Mistral } from '@mistralai/mistralai';
import { OpenRouter } from '@openrouter/sdk';
import { generateText, streamText } from 'ai';
import Groq from 'groq-sdk';
import OpenAI from 'openai';
import Together from 'together-ai';
import type { CallInfo } from '../../src/core/types.ts';
import type { SimulatedServer } from '../../src/testing/index.ts';

export interface Question {
  readonly prompt: string;
  readonly stream: boolean;
}

type Ask = (question: Question, info: CallInfo) => Promise<unknown>;

export interface Client {
  readonly name: string;
  readonly wire: 'openai' | 'openai-responses' | 'anthropic' | 'google';
  make(server: Pick<SimulatedServer, 'url' | 'baseURL'>): Ask;
  /** The text in a whole result, or in an item. */
  textOf(value: unknown): string;
}

const apiKey = 'sk-canary-in-a-wrapped-sdk';
const user = (content: string) => [{ role: 'user' as const, content }];

/** Something of which nothing is known: read where these SDKs have their texts. */
type Loose = { readonly [key: string]: Loose } & readonly Loose[];
const at = (value: unknown, ...path: (string | number)[]): string => {
  let found = value as Loose | undefined;
  for (const key of path) found = found?.[key as never] as Loose | undefined;
  return typeof found === 'string' ? found : '';
};
const chatText = (value: unknown) =>
  at(value, 'choices', 0, 'message', 'content') || at(value, 'choices', 0, 'delta', 'content');

export const clients: readonly Client[] = [
  {
    name: 'openai, chat',
    wire: 'openai',
    make: ({ baseURL }) => {
      const { chat } = new OpenAI({ baseURL, apiKey, logLevel: 'off', maxRetries: 0 });
      return ({ prompt, stream }, { signal }) =>
        chat.completions.create({ model: 'm', messages: user(prompt), stream, ...(stream && usageToo) }, { signal });
    },
    textOf: chatText,
  },
  {
    name: 'openai, responses',
    wire: 'openai-responses',
    make: ({ baseURL }) => {
      const { responses } = new OpenAI({ baseURL, apiKey, logLevel: 'off', maxRetries: 0 });
      return ({ prompt, stream }, { signal }) => responses.create({ model: 'm', input: prompt, stream }, { signal });
    },
    textOf: (value) =>
      at(value, 'output_text') || (at(value, 'type') === 'response.output_text.delta' ? at(value, 'delta') : ''),
  },
  {
    name: 'groq',
    wire: 'openai',
    make: ({ url }) => {
      const { chat } = new Groq({ baseURL: url, apiKey, logLevel: 'off', maxRetries: 0 });
      return ({ prompt, stream }, { signal }) =>
        chat.completions.create({ model: 'm', messages: user(prompt), stream, ...usageToo } as never, { signal });
    },
    textOf: chatText,
  },
  {
    name: 'together',
    wire: 'openai',
    make: ({ baseURL }) => {
      const { chat } = new Together({ baseURL, apiKey, logLevel: 'off', maxRetries: 0 });
      return ({ prompt, stream }, { signal }) =>
        chat.completions.create({ model: 'm', messages: user(prompt), stream, ...usageToo } as never, { signal });
    },
    textOf: chatText,
  },
  {
    name: 'mistral',
    wire: 'openai',
    make: ({ url }) => {
      const { chat } = new Mistral({ serverURL: url, apiKey });
      return ({ prompt, stream }, { signal }) =>
        stream
          ? chat.stream({ model: 'm', messages: user(prompt) }, { signal })
          : chat.complete({ model: 'm', messages: user(prompt) }, { signal });
    },
    textOf: (value) => chatText(value) || chatText((value as { readonly data?: unknown }).data),
  },
  {
    name: 'openrouter',
    wire: 'openai',
    make: ({ baseURL }) => {
      const { chat } = new OpenRouter({ serverURL: baseURL, apiKey, retryConfig: { strategy: 'none' } });
      return ({ prompt, stream }, { signal }) =>
        chat.send({ chatRequest: { model: 'm', messages: user(prompt), stream } }, { signal });
    },
    textOf: chatText,
  },
  {
    name: 'anthropic',
    wire: 'anthropic',
    make: ({ url }) => {
      const { messages } = new Anthropic({ baseURL: url, apiKey, logLevel: 'off', maxRetries: 0 });
      return ({ prompt, stream }, { signal }) =>
        messages.create({ model: 'm', max_tokens: 1_000, messages: user(prompt), stream }, { signal });
    },
    textOf: (value) =>
      at(value, 'content', 0, 'text') ||
      (at(value, 'type') === 'content_block_delta' ? at(value, 'delta', 'text') : ''),
  },
  {
    name: 'google',
    wire: 'google',
    make: ({ url }) => {
      const { models } = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
      return ({ prompt, stream }, { signal }) => {
        const request = { model: 'gemini-m', contents: prompt, config: { abortSignal: signal } };
        return stream ? models.generateContentStream(request) : models.generateContent(request);
      };
    },
    textOf: (value) => at(value, 'candidates', 0, 'content', 'parts', 0, 'text'),
  },
  {
    name: 'ai sdk, openai',
    wire: 'openai-responses',
    make: ({ baseURL }) => {
      const model = createOpenAI({ baseURL, apiKey })('m');
      return asking((prompt, abortSignal) => ({ model, prompt, abortSignal, maxRetries: 0 }));
    },
    textOf: partText,
  },
  {
    name: 'ai sdk, anthropic',
    wire: 'anthropic',
    make: ({ url }) => {
      const model = createAnthropic({ baseURL: `${url}/v1`, apiKey })('m');
      return asking((prompt, abortSignal) => ({ model, prompt, abortSignal, maxRetries: 0 }));
    },
    textOf: partText,
  },
  {
    name: 'langchain, openai',
    wire: 'openai',
    make: ({ baseURL }) => {
      const model = new ChatOpenAI({ model: 'm', apiKey, maxRetries: 0, configuration: { baseURL } });
      return ({ prompt, stream }, { signal }) =>
        stream ? model.stream(prompt, { signal }) : model.invoke(prompt, { signal });
    },
    textOf: (value) => at(value, 'content'),
  },
  {
    name: 'langchain, anthropic',
    wire: 'anthropic',
    make: ({ url }) => {
      const model = new ChatAnthropic({ model: 'claude-m', apiKey, maxRetries: 0, anthropicApiUrl: url });
      return ({ prompt, stream }, { signal }) =>
        stream ? model.stream(prompt, { signal }) : model.invoke(prompt, { signal });
    },
    textOf: (value) => at(value, 'content'),
  },
];

const usageToo = { stream_options: { include_usage: true } };

type TextCall = Parameters<typeof generateText>[0] & Parameters<typeof streamText>[0];

/** A stream of parts, as `streamText` has it inside; what it returns is tested apart. */
function asking(callOf: (prompt: string, signal: AbortSignal) => object): Ask {
  return async ({ prompt, stream }, { signal }) => {
    const call = callOf(prompt, signal) as TextCall;
    return stream ? streamText({ ...call, onError() {} }).stream : generateText(call);
  };
}

function partText(value: unknown): string {
  const type = at(value, 'type');
  return type === '' || type === 'text-delta' ? at(value, 'text') : '';
}
