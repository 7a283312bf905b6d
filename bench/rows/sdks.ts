/** The same answers over the same stubbed `fetch`: the official SDK bare, ours around it, and what others make of it. */

import { createOpenAI } from '@ai-sdk/openai';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { openai } from '../../src/providers/openai.ts';
import { createTransport } from '../../src/transport.ts';
import { cannedAnswer, longChunks, stubFetch, usualChunks } from '../answers.ts';
import type { Call } from '../harness.ts';
import { request, streamRequest } from '../stub-provider.ts';
import { type Row, readOut, type Table } from './row.ts';

const model = 'gpt-bench';
const usual = stubFetch(cannedAnswer(usualChunks));
const long = stubFetch(cannedAnswer(longChunks));

export function sdksTable(): Table {
  return {
    title: "Over OpenAI's wire",
    note: `the same stubbed fetch under all; "unary" is an answer in one piece, "stream" one of ${usualChunks} chunks, each a piece of its own`,
    moreChunks: longChunks - usualChunks,
    rows: [bareSdk(), ...transport(), aiSdk(), ...langchain()],
  };
}

const clientOf = (fetch: typeof globalThis.fetch): OpenAI =>
  new OpenAI({ apiKey: 'sk-bench', baseURL: 'http://bench.local/v1', maxRetries: 2, fetch });

function bareSdk(): Row {
  const messages = [{ role: 'user', content: 'Hello' } as const];
  const streamed = (fetch: typeof globalThis.fetch): Call => {
    const client = clientOf(fetch);
    return async () =>
      readOut(
        await client.chat.completions.create({
          model,
          messages,
          stream: true,
          stream_options: { include_usage: true },
        }),
      );
  };
  const client = clientOf(usual);
  return {
    label: 'OpenAI SDK alone',
    calls: {
      unary: () => client.chat.completions.create({ model, messages }),
      stream: streamed(usual),
      long: streamed(long),
    },
  };
}

function transport(): Row[] {
  const llm = (fetch: typeof globalThis.fetch, streaming = true) =>
    createTransport({ providers: [openai({ client: clientOf(fetch), model, streaming })] });
  const whole = llm(usual, false);
  const byDefault = llm(usual);
  const longByDefault = llm(long);
  return [
    {
      label: 'llm-transport around it',
      calls: {
        unary: () => whole.complete(request),
        stream: async () => readOut(await byDefault.complete(streamRequest)),
        long: async () => readOut(await longByDefault.complete(streamRequest)),
      },
    },
    {
      label: '… unary call, streamed on the wire',
      calls: { stream: () => byDefault.complete(request), long: () => longByDefault.complete(request) },
    },
  ];
}

function aiSdk(): Row {
  const modelOf = (fetch: typeof globalThis.fetch) =>
    createOpenAI({ apiKey: 'sk-bench', baseURL: 'http://bench.local/v1', fetch }).chat(model);
  const usualModel = modelOf(usual);
  const longModel = modelOf(long);
  return {
    label: 'AI SDK: generateText, streamText',
    calls: {
      unary: () => generateText({ model: usualModel, prompt: 'Hello' }),
      stream: () => readOut(streamText({ model: usualModel, prompt: 'Hello' }).textStream),
      long: () => readOut(streamText({ model: longModel, prompt: 'Hello' }).textStream),
    },
  };
}

function langchain(): Row[] {
  const chatOf = (fetch: typeof globalThis.fetch) =>
    new ChatOpenAI({
      apiKey: 'sk-bench',
      model,
      cache: false,
      configuration: { baseURL: 'http://bench.local/v1', fetch },
    });
  const chat = chatOf(usual);
  const longChat = chatOf(long);
  const rowOf = (label: string, of: (chat: ChatOpenAI) => Pick<ChatOpenAI, 'invoke' | 'stream'>): Row => {
    const one = of(chat);
    const longOne = of(longChat);
    return {
      label,
      calls: {
        unary: () => one.invoke('Hello'),
        stream: async () => readOut(await one.stream('Hello')),
        long: async () => readOut(await longOne.stream('Hello')),
      },
    };
  };
  return [
    rowOf('LangChain: ChatOpenAI', (one) => one),
    rowOf('LangChain: … withRetry()', (one) => one.withRetry({ stopAfterAttempt: 3 }) as never),
    rowOf('LangChain: … withFallbacks()', (one) => one.withFallbacks([chatOf(usual)]) as never),
  ];
}
