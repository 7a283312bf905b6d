/** What the tests of the doors share: a transport over simulated servers, each with its own fault. */

import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import OpenAI from 'openai';
import type { Provider, Transport, TransportOptions } from '../../src/core/types.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { openai } from '../../src/providers/openai.ts';
import {
  type FaultChoice,
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
} from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

export const apiKey = 'sk-canary-0123456789abcdef';

/** How a provider over a simulated server is made. */
export type Make = (server: SimulatedServer, name: string) => Provider;

export const makes = {
  '@ai-sdk/openai': (server, name) =>
    aiSdk({ model: createOpenAI({ baseURL: server.baseURL, apiKey }).chat('gpt-test'), name }),
  '@ai-sdk/anthropic': (server, name) =>
    aiSdk({ model: createAnthropic({ baseURL: server.baseURL, apiKey })('claude-test'), name }),
  '@ai-sdk/google': (server, name) =>
    aiSdk({ model: createGoogle({ baseURL: `${server.url}/v1beta`, apiKey })('gemini-test'), name }),
  'openai()': (server, name) =>
    openai({ client: new OpenAI({ baseURL: server.baseURL, apiKey, logLevel: 'off' }), model: 'gpt-test', name }),
} as const satisfies Record<string, Make>;

/** Milliseconds. On a machine that is busy with something else no timer may be what ends a call. */
const longTimers = { firstContentMs: 20_000, idleMs: 20_000, responseMs: 20_000 };

/** Servers and transports of one test, let go of together. */
export class Doors implements AsyncDisposable {
  readonly #closing: (() => Promise<void>)[] = [];

  async server(fault?: FaultChoice, options?: SimulatedServerOptions): Promise<SimulatedServer> {
    const server = await simulatedServer(options);
    server.setFault(fault);
    this.#closing.push(() => server.close());
    return server;
  }

  over(providers: readonly Provider[], options: Partial<TransportOptions> = {}): Transport {
    const llm = createTransport({ timeout: longTimers, ...options, providers });
    this.#closing.unshift(() => llm.close({ timeoutMs: 0 }));
    return llm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing) await close();
  }
}

/** Reads a stream to its end. */
export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
