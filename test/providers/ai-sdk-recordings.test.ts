import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Provider } from '../../src/core/types.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import * as anthropicWire from './anthropic-support.ts';
import * as googleWire from './google-support.ts';
import { answering, apiKey, contextFor, errorOf, good, hello, providerOf, read, type Server } from './support.ts';

/** Real answers, and some of our own making, through models of the AI SDK: they come to the same as through the official SDKs. */

interface Recorded {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly sse?: string;
  readonly body_json?: unknown;
}

const folder = new URL('../../../shared/recordings/', import.meta.url);
/** Headers that belong to the recorded connection, not to this one. */
const ofConnection = /^(?:content-length|content-encoding|transfer-encoding|connection|set-cookie|keep-alive)$/i;

interface Vendor {
  readonly folders: readonly string[];
  readonly own: Readonly<Record<string, Recorded>>;
  official(server: Server): Provider;
  aiSdk(server: Server): Provider;
}

const error = (status: number, body: object, headers: Recorded['headers'] = {}): Recorded => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const sse = (events: readonly unknown[]) =>
  events.map((one) => (typeof one === 'string' ? one : `data: ${JSON.stringify(one)}\n\n`)).join('');
const stream = { 'content-type': 'text/event-stream' };

const vendors: Readonly<Record<string, Vendor>> = {
  openai: {
    folders: ['openai', 'azure', 'mistral', 'openrouter'],
    own: {
      'own/stream': { status: 200, headers: { ...stream, 'x-request-id': 'req_own' }, sse: sse(good) },
      'own/slow-down': error(429, { error: { code: 'rate_limit_exceeded', message: 'x' } }, { 'retry-after': '3' }),
      'own/refused-without-a-message': {
        status: 200,
        headers: { 'content-type': 'application/json', 'x-request-id': 'req_own' },
        body: JSON.stringify({ id: 'x', model: 'm', choices: [{ index: 0, finish_reason: 'content_filter' }] }),
      },
      'own/no-money': error(429, { error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'x' } }),
    },
    official: (server) => providerOf(server),
    aiSdk: ({ baseURL }) => aiSdk({ model: createOpenAI({ baseURL, apiKey }).chat('gpt-test'), name: 'primary' }),
  },
  anthropic: {
    folders: ['anthropic'],
    own: {
      'own/overloaded': error(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
      'own/too-long': error(400, {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'prompt is too long: 2000 tokens > 1000 maximum' },
      }),
    },
    official: (server) => anthropicWire.providerOf(server),
    aiSdk: ({ baseURL }) => aiSdk({ model: createAnthropic({ baseURL, apiKey })('claude-test'), name: 'primary' }),
  },
  google: {
    folders: ['gemini', 'vertex'],
    own: {
      'own/stream': { status: 200, headers: stream, sse: googleWire.good.map(googleWire.event).join('') },
      'own/quota': error(429, {
        error: {
          ...{ code: 429, status: 'RESOURCE_EXHAUSTED', message: 'Please retry in 7s.' },
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }],
        },
      }),
    },
    official: (server) => googleWire.providerOf(server),
    aiSdk: ({ host }) =>
      aiSdk({ model: createGoogle({ baseURL: `http://${host}/v1beta`, apiKey })('gemini-test'), name: 'primary' }),
  },
};

/** What the vendors' packages do not recognise: @ai-sdk/openai is for OpenAI, and takes no notice of OpenRouter's error beside a choice. */
const known: Readonly<Record<string, object>> = {
  'openrouter/stream-mid-stream-error': {
    ...{ code: undefined, status: undefined, finishReason: 'length' },
    ...{ requestId: expect.any(String), usage: expect.any(Object) },
  },
};

/** Responses has a format of its own. */
const otherFormats = /^openai\/responses-/;

function recordings({ folders, own }: Vendor): [string, Recorded][] {
  const found = folders.flatMap((name) => {
    const place = new URL(`${name}/`, folder);
    if (!existsSync(place)) return [];
    return readdirSync(place).map((file): [string, Recorded] => [
      `${name}/${file.replace('.json', '')}`,
      (JSON.parse(readFileSync(new URL(file, place), 'utf8')) as { response: Recorded }).response,
    ]);
  });
  return [...Object.entries(own), ...found.filter(([name]) => !otherFormats.test(name))];
}

let server: Server;
beforeAll(async () => {
  server = await answering((response) => response.end());
});
afterAll(() => server.close());

function replay({ status, headers = {}, body, body_json, sse: events }: Recorded): void {
  server.answer((response) => {
    response.setHeader('content-type', events === undefined ? 'application/json' : 'text/event-stream');
    for (const [name, value] of Object.entries(headers)) if (!ofConnection.test(name)) response.setHeader(name, value);
    response.statusCode = status;
    response.end(body ?? events ?? JSON.stringify(body_json));
  });
}

/** What matters of an answer, whoever has read it. */
async function outcomeOf(provider: Provider, { sse: events, status }: Recorded) {
  const given = contextFor();
  if (events !== undefined || status >= 400) {
    const { text, toolCalls, finish, error: thrown, requestId } = await read(provider, hello, given);
    const calls = toolCalls.map(({ name, input }) => ({ name, input }));
    const [{ finishReason, usage } = {}] = finish as { finishReason?: string; usage?: object }[];
    return { text, calls, finishReason, usage: totals(usage), requestId, ...errorFacts(thrown) };
  }
  try {
    const { text, toolCalls, finishReason, usage } = await provider.complete(hello, given.context);
    const calls = toolCalls.map(({ name, input }) => ({ name, input }));
    return { text, calls, finishReason, usage: totals(usage), requestId: given.requestId };
  } catch (thrown) {
    return errorFacts(await errorOf(Promise.reject(thrown)));
  }
}

function totals(usage: object | undefined) {
  const { inputTokens, outputTokens } = (usage ?? {}) as { inputTokens?: number; outputTokens?: number };
  return { inputTokens, outputTokens };
}

function errorFacts(thrown: { code?: string; status?: number; retryAfterMs?: number } | undefined) {
  return { code: thrown?.code, status: thrown?.status, retryAfterMs: thrown?.retryAfterMs };
}

describe.each(Object.entries(vendors))('answers of %s through the AI SDK', (_, vendor) => {
  test.each(recordings(vendor))('%s means what it means to the adapter', async (name, recorded) => {
    replay(recorded);
    const expected = await outcomeOf(vendor.official(server), recorded);
    expect(await outcomeOf(vendor.aiSdk(server), recorded)).toEqual({ ...expected, ...known[name] });
  });
});
