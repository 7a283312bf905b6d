/** The same SDK inside llm-transport, with a second provider beside the first. */

import { createTransport, type Transport, TransportError } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';
import type { Call, Caller } from './load.ts';

/** To the first word, and between words: silence is noticed in a second, however long the whole answer takes. */
export const silenceMs = 1_000;

export function withTransport(primaryURL: string, backupURL: string): Caller & { readonly transport: Transport } {
  const provider = (name: string, baseURL: string) =>
    openai({ name, model: 'simulated-model', client: new OpenAI({ baseURL, apiKey: 'simulated' }) });

  const transport = createTransport({
    providers: [provider('primary', primaryURL), provider('backup', backupURL)],
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
