/** Three ways to make the same calls with the same SDKs. */

import { createTransport, lowestLatency } from '../../src/index.ts';
import { pause } from '../../src/testing/pause.ts';
import type { Call } from './load.ts';
import { type Ask, type Place, providerAt, sdkAt } from './sdks.ts';
import { Slots } from './slots.ts';
import type { Trouble } from './trouble.ts';

/** One of the ways. */
export interface Client {
  /** The text that the application would go on with. Rejects when it has to be told that there is none. */
  ask(call: Call, signal: AbortSignal, shows: () => void): Promise<string>;
  close(): Promise<void>;
}

/** How the clients are called, and made. The last is compared with the others. */
export const clients: readonly {
  readonly label: string;
  readonly at: (places: Place[], trouble: Trouble) => Client;
}[] = [
  { label: 'bare SDK', at: bareSdk },
  { label: 'hand-written loop', at: handWrittenLoop },
  { label: 'llm-transport', at: transport },
];

/** As it comes, with its own two retries. Of several servers each has a client, and the calls take these in turn. */
function bareSdk(places: Place[]): Client {
  const asks = places.map((place) => sdkAt(place));
  let turn = 0;
  return {
    ask: ({ prompt }, signal, shows) => (asks[turn++ % asks.length] as Ask)(prompt, signal, shows),
    close: async () => {},
  };
}

const retries = 4;
const firstBackOffMs = 500;
const longestBackOffMs = 8_000;

/**
 * What applications write themselves: so many attempts at once at each server, four retries with exponential back-off and full
 * jitter, a time-out for each attempt; of several servers each attempt takes the next.
 */
function handWrittenLoop(places: Place[], { loop }: Trouble): Client {
  const servers = places.map((place) => ({
    ask: sdkAt(place, { maxRetries: 0, timeout: loop.timeoutMs }),
    slots: new Slots(loop.concurrency),
  }));
  let turn = 0;
  return {
    async ask({ prompt }, signal, shows) {
      for (let count = 0; ; count += 1) {
        const { ask, slots } = servers[turn++ % servers.length] as (typeof servers)[number];
        try {
          await slots.take(signal);
          try {
            return await ask(prompt, signal, shows);
          } finally {
            slots.give();
          }
        } catch (error) {
          if (signal.aborted || count >= retries || !isWorthRetrying(error)) throw error;
        }
        await pause(Math.random() * Math.min(longestBackOffMs, firstBackOffMs * 2 ** count), signal);
        signal.throwIfAborted();
      }
    },
    close: async () => {},
  };
}

/** By the status; without one the connection has failed, or the time was over. */
function isWorthRetrying(error: unknown): boolean {
  const { status } = error as { readonly status?: number };
  return status === undefined || status === 408 || status === 409 || status === 429 || status >= 500;
}

/** With its defaults, around the same SDKs; who waits for an answer is interactive, the rest is not. */
function transport(places: Place[], { route }: Trouble): Client {
  const llm = createTransport({
    providers: places.map((place, index) => providerAt(place, `server-${index + 1}`)),
    ...(route === 'lowestLatency' && { route: lowestLatency() }),
  });
  return {
    async ask({ prompt, deadlineMs, interactive }, signal, shows) {
      const priority = interactive ? 'interactive' : 'default';
      const stream = await llm.complete({ prompt, stream: true }, { signal, timeoutMs: deadlineMs, priority });
      let text = '';
      for await (const piece of stream.text) {
        if (text === '') shows();
        text += piece;
      }
      return text;
    },
    close: () => llm.close({ timeoutMs: 0 }),
  };
}
