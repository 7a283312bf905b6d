/** The way most applications do it: the official SDK, and its own two retries. */

import OpenAI from 'openai';
import type { Call, Caller } from './load.ts';

/** It has to leave time for a whole answer. The SDK's default of ten minutes would be longer than the demo. */
export const sdkTimeoutMs = 3_000;

export function bareSdk(baseURL: string): Caller {
  const client = new OpenAI({ baseURL, apiKey: 'simulated', timeout: sdkTimeoutMs });

  return {
    name: 'bare SDK',

    async ask({ prompt, stream }: Call, signal: AbortSignal): Promise<string> {
      const question = { model: 'simulated-model', messages: [{ role: 'user' as const, content: prompt }] };
      if (!stream) {
        const completion = await client.chat.completions.create(question, { signal });
        return completion.choices[0]?.message.content ?? '';
      }
      let text = '';
      const chunks = await client.chat.completions.create({ ...question, stream: true }, { signal });
      for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    },

    describe(error: unknown): string {
      if (error instanceof OpenAI.APIError) {
        return error.status === undefined ? error.constructor.name : `${error.constructor.name} ${error.status}`;
      }
      if (!(error instanceof Error)) return 'unknown';
      // The first two words: what follows is different each time.
      return `${error.name}: ${error.message.split(' ', 2).join(' ')}`;
    },

    close: async () => {},
  };
}
