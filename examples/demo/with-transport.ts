/** The same SDK inside llm-transport, with a second provider beside the first. */

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { createTransport, type Provider, type Transport, TransportError } from 'llm-transport';
import { anthropic } from 'llm-transport/providers/anthropic';
import { google } from 'llm-transport/providers/google';
import { openai } from 'llm-transport/providers/openai';
import type { SimulatedServer } from 'llm-transport/testing';
import OpenAI from 'openai';
import type { Call, Caller } from './load.ts';
import type { WireName } from './options.ts';

/** To the first word, and between words: silence is noticed in a second, however long the whole answer takes. */
export const silenceMs = 1_000;

const model = 'simulated-model';
const apiKey = 'simulated';

/** Each vendor's client behind its adapter. */
const adapters: Readonly<Record<WireName, (name: string, server: SimulatedServer) => Provider>> = {
  openai: (name, { baseURL }) => openai({ name, model, client: new OpenAI({ baseURL, apiKey }) }),
  anthropic: (name, { url }) => anthropic({ name, model, client: new Anthropic({ baseURL: url, apiKey }) }),
  google: (name, { url }) =>
    google({ name, model, client: new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } }) }),
};

/** A simulated server, and the wire on which it is asked. */
export interface Endpoint {
  readonly server: SimulatedServer;
  readonly wire: WireName;
}

export function withTransport(primary: Endpoint, backup: Endpoint): Caller & { readonly transport: Transport } {
  const transport = createTransport({
    providers: [adapters[primary.wire]('primary', primary.server), adapters[backup.wire]('backup', backup.server)],
    timeout: { firstContentMs: silenceMs, idleMs: silenceMs },
  });

  return {
    name: 'llm-transport',
    transport,

    async ask({ prompt, stream }: Call, signal: AbortSignal): Promise<string> {
      if (!stream) {
        const completion = await transport.complete({ prompt }, { signal });
        return completion.text;
      }
      let text = '';
      const answer = await transport.complete({ prompt, stream: true }, { signal });
      for await (const piece of answer.text) text += piece;
      return text;
    },

    describe: (error: unknown) => (TransportError.is(error) ? error.code : `not typed: ${error}`),
    close: () => transport.close(),
  };
}
