import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import type { SimulatedServer, WireName } from '../../src/testing/index.ts';
import { asking, readStream, type StreamOptions, sdkOf } from './support.ts';

export const apiKey = 'sk-canary';

export function anthropicOf(server: SimulatedServer, key = apiKey): Anthropic {
  return new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 0, logLevel: 'off' });
}

export function googleOf(server: SimulatedServer, key = apiKey): GoogleGenAI {
  return new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: server.url } });
}

export function messaging(prompt: string) {
  return { model: 'claude-test', max_tokens: 1_000, messages: [{ role: 'user' as const, content: prompt }] };
}

export function generating(prompt: string, signal?: AbortSignal) {
  return { model: 'gemini-test', contents: prompt, config: { ...(signal !== undefined && { abortSignal: signal }) } };
}

/** What an official SDK made of one request. */
export interface Read {
  readonly text: string;
  /** The finish reason in the wire's own word. */
  readonly finish: string | undefined;
  readonly error: unknown;
}

export interface ReadOptions extends StreamOptions {
  readonly prompt?: string;
  readonly stream?: boolean;
}

/** Asks by the official SDK of a wire. Streams are read event by event, as the SDK hands them out. */
export async function read(wire: WireName, server: SimulatedServer, options: ReadOptions = {}): Promise<Read> {
  const { prompt = 'Hello', stream = false, signal, onText } = options;
  const given = { ...(signal !== undefined && { signal }) };
  let text = '';
  const add = (more: string): void => {
    text += more;
    onText?.(text);
  };
  let finish: string | undefined;
  try {
    if (wire === 'openai') {
      if (stream) {
        const streamed = await readStream(sdkOf(server, apiKey), prompt, options);
        return { ...streamed, finish: streamed.finishReason ?? undefined };
      }
      const completion = await sdkOf(server, apiKey).chat.completions.create(asking(prompt), given);
      const choice = completion?.choices?.[0];
      return { text: choice?.message.content ?? '', finish: choice?.finish_reason, error: undefined };
    }
    if (wire === 'openai-responses') {
      const { responses } = sdkOf(server, apiKey);
      const body = { model: 'gpt-test', input: prompt };
      if (!stream) {
        const response = await responses.create(body, given);
        // Of an empty body the SDK makes nothing at all.
        const { output_text = '', incomplete_details, status } = response ?? {};
        return {
          text: output_text,
          finish: incomplete_details?.reason ?? (status === 'completed' ? status : undefined),
          error: undefined,
        };
      }
      for await (const event of await responses.create({ ...body, stream: true }, given)) {
        if (event.type === 'response.output_text.delta') add(event.delta);
        if (event.type === 'response.completed' || event.type === 'response.incomplete')
          finish = event.response.incomplete_details?.reason ?? event.response.status;
      }
      return { text, finish, error: undefined };
    }
    if (wire === 'anthropic') {
      const client = anthropicOf(server);
      if (stream) {
        for await (const event of await client.messages.create({ ...messaging(prompt), stream: true }, given)) {
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') add(event.delta.text);
          if (event.type === 'message_delta') finish = event.delta.stop_reason ?? undefined;
        }
        return { text, finish, error: undefined };
      }
      const message = await client.messages.create(messaging(prompt), given);
      for (const block of message?.content ?? []) if (block.type === 'text') text += block.text;
      return { text, finish: message?.stop_reason ?? undefined, error: undefined };
    }
    const { models } = googleOf(server);
    const responses = stream
      ? await models.generateContentStream(generating(prompt, signal))
      : [await models.generateContent(generating(prompt, signal))];
    for await (const response of responses) {
      for (const part of response.candidates?.[0]?.content?.parts ?? []) if (!part.thought) add(part.text ?? '');
      finish = response.candidates?.[0]?.finishReason ?? response.promptFeedback?.blockReason ?? finish;
    }
    return { text, finish, error: undefined };
  } catch (error) {
    return { text, finish, error };
  }
}

/** One request without an SDK in between. */
export async function raw(
  wire: WireName,
  server: SimulatedServer,
  { prompt = 'Hello', stream = false, signal }: ReadOptions = {},
) {
  const [path, body] = {
    openai: ['/v1/chat/completions', { ...asking(prompt), stream }],
    'openai-responses': ['/v1/responses', { model: 'gpt-test', input: prompt, stream }],
    anthropic: ['/v1/messages', { ...messaging(prompt), stream }],
    google: [
      `/v1beta/models/gemini-test:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
      { contents: [{ role: 'user', parts: [{ text: prompt }] }] },
    ],
  }[wire] as [string, object];
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'x-api-key': apiKey },
    body: JSON.stringify(body),
    ...(signal !== undefined && { signal }),
  });
  return { status: response.status, headers: response.headers, response };
}

/** What happens within a moment. Only to see that nothing does. */
export async function withinAMoment<T>(promise: Promise<T>): Promise<T | 'nothing'> {
  let timer: NodeJS.Timeout | undefined;
  const moment = new Promise<'nothing'>((resolve) => {
    timer = setTimeout(() => resolve('nothing'), 45);
  });
  const first = await Promise.race([promise, moment]);
  clearTimeout(timer);
  return first;
}
