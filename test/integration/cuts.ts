/** Streams of real SDKs, cut anywhere: at any of their bytes by what stands between, or between two tokens by the server. */

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import type { Chunk, Provider } from '../../src/core/types.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { google } from '../../src/providers/google.ts';
import { openai } from '../../src/providers/openai.ts';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import { type Answer, answerTo, type Fault, type SimulatedServer, type WireName } from '../../src/testing/index.ts';

type Fetch = typeof globalThis.fetch;

/** How a stream ends at one of its bytes. */
export interface Cut {
  readonly bytes: number;
  readonly by: 'reset' | 'end' | 'stall';
}

/** Takes the cut of the next answer; `undefined` leaves it whole. */
export type Cuts = () => Cut | undefined;

/** A fetch whose answers end where they are cut. */
function cutting(cuts: Cuts): Fetch {
  return async (input, init) => {
    const cut = cuts();
    const response = await fetch(input, init);
    if (cut === undefined || response.body === null) return response;
    const reader = response.body.getReader();
    let left = cut.bytes;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        controller.enqueue(value.subarray(0, left));
        left -= value.length;
        if (left > 0) return;
        void reader.cancel();
        if (cut.by === 'end') controller.close();
        else if (cut.by === 'reset') controller.error(new TypeError('terminated', { cause: { code: 'ECONNRESET' } }));
        else await new Promise((resolve) => init?.signal?.addEventListener('abort', resolve));
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, response);
  };
}

/** A provider of each wire, whose answers are cut. */
export const providersOf: Readonly<Record<WireName, (server: SimulatedServer, name: string, cuts: Cuts) => Provider>> =
  {
    openai: (server, name, cuts) =>
      openai({
        client: new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test', logLevel: 'off', fetch: cutting(cuts) }),
        model: 'gpt-test',
        name,
      }),
    'openai-responses': (server, name, cuts) =>
      openaiResponses({
        client: new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test', logLevel: 'off', fetch: cutting(cuts) }),
        model: 'gpt-test',
        name,
      }),
    anthropic: (server, name, cuts) =>
      anthropic({
        client: new Anthropic({ baseURL: server.url, apiKey: 'sk-ant-test', logLevel: 'off', fetch: cutting(cuts) }),
        model: 'claude-test',
        name,
      }),
    google: (server, name, cuts) =>
      google({
        client: new GoogleGenAI({ apiKey: 'AIza', httpOptions: { baseUrl: server.url, fetch: cutting(cuts) } }),
        model: 'gemini-test',
        name,
      }),
  };

/** Characters of two, three and four bytes, on their own and in clusters; then what a model may say beside text. */
export function answerFor(prompt: string): Answer {
  const text = answerTo(prompt, { words: 40 });
  if (prompt.includes('tool')) {
    return {
      text,
      toolCalls: [1, 2].map((number) => ({ name: `tool_${number}`, input: { words: `grüße 🚀 ${prompt}` } })),
    };
  }
  return prompt.includes('think') ? { reasoning: answerTo('think', { words: 6 }), text } : { text };
}

/** What the server may do to a stream between two tokens. */
export function faultAt(afterTokens: number, kind: number): Fault {
  const faults: readonly Fault[] = [
    { kind: 'cut', afterTokens, by: 'reset' },
    { kind: 'cut', afterTokens, by: 'close' },
    { kind: 'cut', afterTokens, by: 'end' },
    { kind: 'streamError', afterTokens },
    { kind: 'stall', afterTokens },
    { kind: 'malformed', afterTokens },
    { kind: 'truncatedJson', afterTokens },
    { kind: 'unterminated', missing: 'terminalEvent' },
  ];
  return faults[kind % faults.length] as Fault;
}

/** What a reader has who does as the chunks say. */
export function keptOf(chunks: readonly Chunk[]): { text: string; reasoning: string; toolCalls: unknown[] } {
  let kept = { text: '', reasoning: '', toolCalls: [] as unknown[] };
  for (const chunk of chunks) {
    if (chunk.type === 'restart') kept = { text: '', reasoning: '', toolCalls: [] };
    else if (chunk.type === 'text') kept.text += chunk.text;
    else if (chunk.type === 'reasoning') kept.reasoning += chunk.text;
    else if (chunk.type === 'toolCall') kept.toolCalls.push({ name: chunk.toolCall.name, input: chunk.toolCall.input });
  }
  return kept;
}
