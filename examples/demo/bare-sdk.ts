/** The way most applications do it: the vendor's official SDK, with whatever retries it has by itself. */

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import type { SimulatedServer } from 'llm-transport/testing';
import OpenAI from 'openai';
import type { Call, Caller } from './load.ts';
import type { WireName } from './options.ts';

/** It has to leave time for a whole answer. The SDKs' own, ten minutes or none at all, would be longer than the demo. */
export const sdkTimeoutMs = 3_000;

/** How an application asks by the SDK alone. */
type Ask = (call: Call, signal: AbortSignal) => Promise<string>;

interface Sdk {
  /** For people: how the client is made. */
  readonly made: string;
  readonly retries: string;
  readonly at: (server: SimulatedServer) => Ask;
}

/** Each vendor's SDK with its own defaults, but for the time-out. */
export const sdks: Readonly<Record<WireName, Sdk>> = {
  openai: { made: 'new OpenAI({ baseURL: primary })', retries: 'with its own 2 retries', at: openaiAt },
  anthropic: { made: 'new Anthropic({ baseURL: primary })', retries: 'with its own 2 retries', at: anthropicAt },
  google: { made: 'new GoogleGenAI({ httpOptions: { … } })', retries: 'which does not retry by itself', at: googleAt },
};

export function bareSdk(wire: WireName, server: SimulatedServer): Caller {
  return {
    name: 'bare SDK',
    ask: sdks[wire].at(server),

    describe(error: unknown): string {
      if (!(error instanceof Error)) return 'unknown';
      // The errors of all three SDKs have a status, if only an undefined one.
      if ('status' in error) return [error.constructor.name, error.status ?? ''].join(' ').trim();
      if (error instanceof SyntaxError) return 'SyntaxError: no JSON';
      // The first two words: what follows is different each time.
      return `${error.name}: ${error.message.split(' ', 2).join(' ')}`;
    },

    close: async () => {},
  };
}

function openaiAt({ baseURL }: SimulatedServer): Ask {
  const client = new OpenAI({ baseURL, apiKey: 'simulated', timeout: sdkTimeoutMs });
  return async ({ prompt, stream }, signal) => {
    const question = { model: 'simulated-model', messages: [{ role: 'user' as const, content: prompt }] };
    if (!stream) {
      const completion = await client.chat.completions.create(question, { signal });
      return completion.choices[0]?.message.content ?? '';
    }
    let text = '';
    const chunks = await client.chat.completions.create({ ...question, stream: true }, { signal });
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
    return text;
  };
}

function anthropicAt({ url }: SimulatedServer): Ask {
  const client = new Anthropic({ baseURL: url, apiKey: 'simulated', timeout: sdkTimeoutMs });
  return async ({ prompt, stream }, signal) => {
    const messages = [{ role: 'user' as const, content: prompt }];
    const question = { model: 'simulated-model', max_tokens: 1_000, messages };
    if (!stream) {
      const { content } = await client.messages.create(question, { signal });
      return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    }
    let text = '';
    for await (const event of await client.messages.create({ ...question, stream: true }, { signal }))
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
    return text;
  };
}

function googleAt({ url }: SimulatedServer): Ask {
  const { models } = new GoogleGenAI({
    apiKey: 'simulated',
    httpOptions: { baseUrl: url, timeout: sdkTimeoutMs },
  });
  return async ({ prompt, stream }, signal) => {
    const question = { model: 'simulated-model', contents: prompt, config: { abortSignal: signal } };
    if (!stream) return (await models.generateContent(question)).text ?? '';
    let text = '';
    for await (const chunk of await models.generateContentStream(question)) text += chunk.text ?? '';
    return text;
  };
}
