/** A client as the tests ask it, and those of which there are several of a kind. */

import type { ChatAnthropic } from '@langchain/anthropic';
import type { ChatOpenAI } from '@langchain/openai';
import { type FinishReason, generateText, type LanguageModel, streamText } from 'ai';

export type Fetch = typeof globalThis.fetch;

/** A client, its own retries as they are by default unless it says otherwise. */
export interface Client {
  readonly name: string;
  /** A failure comes to it as an answer, and out of it as its own typed error. */
  readonly obeys: boolean;
  whole(signal?: AbortSignal): Promise<string>;
  /** All of a stream's text. `seen` is told of each piece; when it returns false, the loop is left. */
  pieces(seen?: (text: string) => boolean, signal?: AbortSignal): Promise<string>;
}

export const prompt = 'Say something in a few words';
export const apiKey = 'sk-canary-0123456789abcdef';
export const messages = [{ role: 'user' as const, content: prompt }];
export const model = 'simulated-1';

/** The client has told, in its own way, that the model will not answer. */
export class Refusal extends Error {}

/** What the AI SDK says of how an answer has ended. */
function told(finishReason: FinishReason): void {
  if (finishReason === 'content-filter') throw new Refusal('content-filter');
  if (finishReason === 'interrupted' || finishReason === 'error') throw new Error(`It was ended by ${finishReason}`);
}

/** Reads a stream of anything as text. */
export async function gathered<Item>(
  stream: AsyncIterable<Item>,
  textOf: (item: Item) => string | null | undefined,
  seen: (text: string) => boolean = () => true,
): Promise<string> {
  let all = '';
  for await (const item of stream) {
    const text = textOf(item) ?? '';
    all += text;
    if (text !== '' && !seen(text)) break;
  }
  return all;
}

interface ChatLike {
  readonly chat: { readonly completions: { create(body: object, options?: object): PromiseLike<unknown> } };
}
export interface ChatItem {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
}

export function chatClient(name: string, client: ChatLike): Client {
  const textOf = ({ choices }: ChatItem) => choices[0]?.delta?.content;
  return {
    name,
    obeys: true,
    whole: async (signal) => {
      const answer = (await client.chat.completions.create({ model, messages }, { signal })) as ChatItem;
      return answer.choices[0]?.message?.content ?? '';
    },
    pieces: async (seen, signal) => {
      const stream = await client.chat.completions.create({ model, messages, stream: true }, { signal });
      return gathered(stream as AsyncIterable<ChatItem>, textOf, seen);
    },
  };
}

export function aiSdkClient(name: string, asked: LanguageModel): Client {
  return {
    name,
    obeys: false,
    whole: async (abortSignal) => {
      const { text, finishReason } = await generateText({ model: asked, prompt, abortSignal });
      told(finishReason);
      return text;
    },
    pieces: async (seen, abortSignal) => {
      let failure: unknown;
      let isLeft = false;
      const result = streamText({
        model: asked,
        prompt,
        abortSignal,
        onError: ({ error }) => {
          failure = error;
        },
      });
      const text = await gathered(
        result.textStream,
        (piece) => piece,
        (piece) => {
          isLeft = seen?.(piece) === false;
          return !isLeft;
        },
      );
      if (failure !== undefined) throw failure;
      if (!isLeft) told(await result.finishReason);
      return text;
    },
  };
}

/** Where a client's server is: the addresses that each of them wants. */
export interface Place {
  readonly url: string;
  readonly baseURL: string;
}

/** How a client is made, on a fetch or, without one, as it comes. */
export type Make = (at: Place, fetch?: Fetch) => Client;

export const textOf = (content: unknown): string => (typeof content === 'string' ? content : '');
export function langChainClient(name: string, chat: ChatOpenAI | ChatAnthropic): Client {
  return {
    name,
    obeys: true,
    whole: async (signal) => textOf((await chat.invoke(prompt, { signal })).content),
    pieces: async (seen, signal) =>
      gathered(await chat.stream(prompt, { signal }), ({ content }) => textOf(content), seen),
  };
}
