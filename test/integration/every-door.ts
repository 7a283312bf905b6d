/** Every way to a server that has a ledger: the adapters, and the doors with the clients that people put there. */

import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import type { Attempt, Provider, Transport, TransportOptions } from '../../src/core/types.ts';
import { languageModel } from '../../src/integrations/ai-sdk.ts';
import { createFetch } from '../../src/integrations/fetch.ts';
import { chatModel } from '../../src/integrations/langchain.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { google } from '../../src/providers/google.ts';
import { openai } from '../../src/providers/openai.ts';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import { createTransport } from '../../src/transport.ts';
import { wrap } from '../../src/wrap.ts';
import { type Client, clients } from './wrap-clients.ts';

type Told = Pick<Transport, 'on' | 'close'>;
type Options = Omit<TransportOptions, 'providers'>;

/** Where it is: the address that some SDKs want, and that with `/v1`. */
export interface Place {
  readonly url: string;
  readonly baseURL: string;
}

export interface Door {
  readonly name: string;
  readonly wire: Client['wire'];
  open(
    place: Place,
    options: Options,
  ): { readonly transport: Told; readonly ask: (stream: boolean) => Promise<unknown> };
}

export const prompt = 'Tell me, in a few words that nobody will read, how long this is';
const apiKey = 'sk-test';
const messages = [{ role: 'user' as const, content: prompt }];

async function read(items: unknown): Promise<void> {
  for await (const item of items as AsyncIterable<{ readonly type?: string; readonly error?: unknown }>)
    if (item.type === 'error' && item.error instanceof Error) throw item.error;
}

/** A provider, asked by `complete()`: `unstreamed`, over the wire too. */
function provided(name: string, wire: Door['wire'], make: (place: Place, streaming: boolean) => Provider): Door[] {
  return [true, false].map((streaming) => ({
    name: streaming ? name : `${name}, unstreamed`,
    wire,
    open: (place, options) => {
      const transport = createTransport({ ...options, providers: [make(place, streaming)] });
      const ask = async (stream: boolean): Promise<void> => {
        if (stream) await read(await transport.complete({ prompt, stream }));
        else await transport.complete({ prompt });
      };
      return { transport, ask };
    },
  }));
}

const openaiAt = ({ baseURL }: Place, more: object = {}) => new OpenAI({ baseURL, apiKey, logLevel: 'off', ...more });
const anthropicAt = ({ url: baseURL }: Place, more: object = {}) =>
  new Anthropic({ baseURL, apiKey, logLevel: 'off', ...more });
const googleAt = ({ url: baseUrl }: Place, more: object = {}) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl, ...more } });

const providers: readonly Door[] = [
  ...provided('openai()', 'openai', (place, streaming) => openai({ client: openaiAt(place), model: 'm', streaming })),
  ...provided('openaiResponses()', 'openai-responses', (place, streaming) =>
    openaiResponses({ client: openaiAt(place), model: 'm', streaming }),
  ),
  ...provided('anthropic()', 'anthropic', (place, streaming) =>
    anthropic({ client: anthropicAt(place), model: 'm', streaming }),
  ),
  ...provided('google()', 'google', (place, streaming) => google({ client: googleAt(place), model: 'm', streaming })),
  ...provided('aiSdk(), openai', 'openai', ({ baseURL }, streaming) =>
    aiSdk({ model: createOpenAI({ baseURL, apiKey }).chat('m'), streaming }),
  ),
  ...provided('aiSdk(), responses', 'openai-responses', ({ baseURL }, streaming) =>
    aiSdk({ model: createOpenAI({ baseURL, apiKey }).responses('m'), streaming }),
  ),
  ...provided('aiSdk(), anthropic', 'anthropic', ({ baseURL }, streaming) =>
    aiSdk({ model: createAnthropic({ baseURL, apiKey })('m'), streaming }),
  ),
  ...provided('aiSdk(), google', 'google', ({ url }, streaming) =>
    aiSdk({ model: createGoogle({ baseURL: `${url}/v1beta`, apiKey })('m'), streaming }),
  ),
];

/** Frameworks on top of a transport. */
const frameworks: readonly Door[] = [
  {
    name: 'languageModel() under the AI SDK',
    wire: 'openai',
    open: (place, options) => {
      const transport = createTransport({ ...options, providers: [openai({ client: openaiAt(place), model: 'm' })] });
      const model = languageModel(transport);
      const call = { model, prompt, maxRetries: 0, onError: () => {} };
      const ask = async (stream: boolean): Promise<void> => {
        if (stream) await read(streamText(call).stream);
        else await generateText({ model, prompt, maxRetries: 0 });
      };
      return { transport, ask };
    },
  },
  {
    name: 'chatModel() under LangChain',
    wire: 'openai',
    open: (place, options) => {
      const transport = createTransport({ ...options, providers: [openai({ client: openaiAt(place), model: 'm' })] });
      const model = chatModel(transport);
      const ask = async (stream: boolean): Promise<void> => {
        if (stream) await read(await model.stream(prompt));
        else await model.invoke(prompt);
      };
      return { transport, ask };
    },
  },
];

type Fetch = typeof globalThis.fetch;
type Asking = (place: Place, fetch: Fetch) => (stream: boolean) => Promise<unknown>;

const fetching: readonly (readonly [string, Door['wire'], Asking])[] = [
  [
    'OpenAI',
    'openai',
    (place, fetch) => {
      const { completions } = openaiAt(place, { fetch, maxRetries: 0 }).chat;
      return (stream) =>
        completions.create({
          model: 'm',
          messages,
          stream,
          ...(stream && { stream_options: { include_usage: true } }),
        });
    },
  ],
  [
    'OpenAI Responses',
    'openai-responses',
    (place, fetch) => {
      const { responses } = openaiAt(place, { fetch, maxRetries: 0 });
      return (stream) => responses.create({ model: 'm', input: prompt, stream });
    },
  ],
  [
    'Anthropic',
    'anthropic',
    (place, fetch) => {
      const client = anthropicAt(place, { fetch, maxRetries: 0 });
      return (stream) => client.messages.create({ model: 'm', max_tokens: 500, messages, stream });
    },
  ],
  [
    'Google',
    'google',
    (place, fetch) => {
      const { models } = googleAt(place, { fetch });
      const asked = { model: 'm', contents: prompt };
      return (stream) => (stream ? models.generateContentStream(asked) : models.generateContent(asked));
    },
  ],
  [
    'AI SDK',
    'openai',
    ({ baseURL }, fetch) => {
      const model = createOpenAI({ baseURL, apiKey, fetch }).chat('m');
      const call = { model, prompt, maxRetries: 0, onError: () => {} };
      return async (stream) => (stream ? streamText(call).stream : generateText({ model, prompt, maxRetries: 0 }));
    },
  ],
];

const fetches: readonly Door[] = fetching.map(([name, wire, asking]) => ({
  name: `createFetch(), ${name}`,
  wire,
  open: (place, options) => {
    const fetch = createFetch(options as never);
    const asked = asking(place, fetch as Fetch);
    const ask = async (stream: boolean): Promise<void> => {
      const answer = await asked(stream);
      if (stream) await read(answer);
    };
    return { transport: fetch.transport as Told, ask };
  },
}));

const wrapped: readonly Door[] = clients.map((client) => ({
  name: `wrap(), ${client.name}`,
  wire: client.wire,
  open: (place, options) => {
    const asking = wrap(client.make(place), options);
    const ask = async (stream: boolean): Promise<void> => {
      const answer = await asking({ prompt, stream });
      if (stream) await read(answer);
    };
    return { transport: asking.transport, ask };
  },
}));

export const doors: readonly Door[] = [...providers, ...frameworks, ...fetches, ...wrapped];

/** The lines of the ledger that one question at a door has left, without retries. */
export async function linesOf(
  door: Door,
  place: Place,
  stream: boolean,
  options: Options = {},
): Promise<readonly Attempt[]> {
  const { transport, ask } = door.open(place, { retry: false, timeout: longTimers, ...options });
  const lines: Attempt[] = [];
  transport.on('attempt:end', ({ ledger }) => lines.push(ledger));
  await ask(stream).catch(() => {});
  await transport.close({ timeoutMs: 0 });
  return lines;
}

/** Milliseconds. On a machine that is busy with something else no timer may be what ends a call. */
const longTimers = { firstContentMs: 20_000, idleMs: 20_000, responseMs: 20_000 };
