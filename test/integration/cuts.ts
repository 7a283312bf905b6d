/** Streams of real SDKs, cut anywhere, and what is left to a reader who does as the chunks say. */

import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import type { Chunk, Provider } from '../../src/core/types.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { google } from '../../src/providers/google.ts';
import { openai } from '../../src/providers/openai.ts';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import { type Answer, answerTo, type Fault } from '../../src/testing/index.ts';

export type Fetch = typeof globalThis.fetch;

/** How a stream ends: behind so much of it, at any byte, between two events, or between two tokens. */
export interface Cut {
  readonly where: 'byte' | 'event' | 'token';
  /** 0 to 1. */
  readonly ratio: number;
  readonly by: 'reset' | 'end' | 'error' | 'stall';
}

/** Takes the cut of the next answer; `undefined` leaves it whole. */
export type Cuts = () => Cut | undefined;

/** A format of streams, with the SDK that speaks it. `background`: taken up again by the provider itself. */
export const formats = ['openai', 'openai-responses', 'anthropic', 'google', 'ai-sdk'] as const;
export type Format = (typeof formats)[number] | 'background';

interface Place {
  readonly url: string;
  readonly baseURL: string;
}

const key = { apiKey: 'sk-test' };

/** A provider of each format at an address, whose answers come by `fetch`. */
export const providersOf: Readonly<Record<Format, (at: Place, name: string, fetch: Fetch) => Provider>> = {
  openai: ({ baseURL }, name, fetch) =>
    openai({ client: new OpenAI({ ...key, baseURL, logLevel: 'off', fetch }), model: 'gpt-test', name }),
  'openai-responses': ({ baseURL }, name, fetch) =>
    openaiResponses({ client: new OpenAI({ ...key, baseURL, logLevel: 'off', fetch }), model: 'gpt-test', name }),
  background: ({ baseURL }, name, fetch) =>
    openaiResponses({
      client: new OpenAI({ ...key, baseURL, logLevel: 'off', fetch }),
      ...{ model: 'gpt-test', name, background: true },
    }),
  anthropic: ({ url }, name, fetch) =>
    anthropic({ client: new Anthropic({ ...key, baseURL: url, logLevel: 'off', fetch }), model: 'claude-test', name }),
  google: ({ url }, name, fetch) =>
    google({
      client: new GoogleGenAI({ apiKey: 'AIza', httpOptions: { baseUrl: url, fetch } }),
      model: 'gemini-test',
      name,
    }),
  'ai-sdk': ({ baseURL }, name, fetch) =>
    aiSdk({ model: createAnthropic({ ...key, baseURL, fetch })('claude-test'), name }),
};

/** Characters of two, three and four bytes, on their own and in clusters; then what a model may say beside text. */
export function answerFor(prompt: string): Answer {
  const text = answerTo(prompt, { words: 24 });
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

/** What the answer to a prompt is as a reader would have it. */
export function wantedOf(prompt: string): ReturnType<typeof keptOf> {
  const { reasoning = '', text = '', toolCalls = [] } = answerFor(prompt);
  return keptOf([
    { type: 'reasoning', text: reasoning },
    { type: 'text', text },
    ...toolCalls.map(({ name, input }): Chunk => ({ type: 'toolCall', toolCall: { id: '', name, input } })),
  ]);
}
