/** One streamed question through an official SDK. */

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { Provider } from '../../src/index.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { openai } from '../../src/providers/openai.ts';
import type { ServerPlan } from './trouble.ts';

/** Where a server is, and what it speaks. */
export interface Place {
  readonly url: string;
  readonly wire: ServerPlan['wire'];
}

/** How an SDK's client is made; what is not given is the SDK's own default. */
export interface SdkOptions {
  readonly maxRetries?: number;
  /** Milliseconds until the headers must be there. */
  readonly timeout?: number;
}

/** Asks, and calls back when the first content has come. Resolves with the whole text. */
export type Ask = (prompt: string, signal: AbortSignal, shows: () => void) => Promise<string>;

const model = 'bench-model';
const apiKey = 'sk-bench';

/** The SDK as an application uses it. */
export function sdkAt({ url, wire }: Place, options: SdkOptions = {}): Ask {
  if (wire === 'openai') {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, ...options });
    return async (prompt, signal, shows) => {
      const messages = [{ role: 'user', content: prompt } as const];
      const chunks = await client.chat.completions.create({ model, messages, stream: true }, { signal });
      let text = '';
      for await (const chunk of chunks) {
        const piece = chunk.choices[0]?.delta.content ?? '';
        if (text === '' && piece !== '') shows();
        text += piece;
      }
      return text;
    };
  }
  const client = new Anthropic({ apiKey, baseURL: url, ...options });
  return async (prompt, signal, shows) => {
    const messages = [{ role: 'user', content: prompt } as const];
    const events = await client.messages.create({ model, max_tokens: 1_000, messages, stream: true }, { signal });
    let text = '';
    for await (const event of events) {
      if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue;
      if (text === '') shows();
      text += event.delta.text;
    }
    return text;
  };
}

/** The same SDK behind its adapter. */
export function providerAt({ url, wire }: Place, name: string): Provider {
  return wire === 'openai'
    ? openai({ name, model, client: new OpenAI({ apiKey, baseURL: `${url}/v1` }) })
    : anthropic({ name, model, client: new Anthropic({ apiKey, baseURL: url }) });
}
