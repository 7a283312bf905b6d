import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import type { Attempt } from '../../src/core/types.ts';
import { createFetch } from '../../src/integrations/fetch.ts';

/** Recorded answers of real providers, as they pass: the same bytes, and the right judgement of each. */

const folder = new URL('../../../shared/recordings/', import.meta.url);
/** Headers that belong to the recorded connection, not to this one. */
const ofConnection =
  /^(?:content-length|content-encoding|transfer-encoding|connection|alt-svc|set-cookie|keep-alive)$/i;

interface Expected {
  /** What the error is taken for. */
  readonly code?: string;
  readonly status?: number;
  readonly retryAfterMs?: number;
  /** Tokens in and out; absent where the answer does not tell them. */
  readonly usage?: readonly [input: number, output: number];
  readonly model?: string;
}

const expected: Readonly<Record<string, Expected>> = {
  'anthropic/error-400-prompt-too-long': { code: 'context_length_exceeded', status: 400 },
  'anthropic/error-401-authentication': { code: 'authentication', status: 401 },
  'anthropic/messages-stream': { usage: [15, 9], model: 'claude-haiku-4-5-20251001' },
  'anthropic/messages-stream-tool-use': { usage: [633, 75], model: 'claude-haiku-4-5-20251001' },
  'anthropic/messages-success': { usage: [14, 10], model: 'claude-haiku-4-5-20251001' },
  'anthropic/quoted-429-rate-limit-input-tokens-2025': { code: 'rate_limited', status: 429, retryAfterMs: 16_000 },
  'anthropic/quoted-529-overloaded': { code: 'overloaded', status: 529 },
  'anthropic/stream-success-with-retry-after-header': { usage: [11, 32], model: 'claude-3-7-sonnet-20250219' },
  'azure/chat-content-filter-finish': { code: 'content_filtered' },
  'azure/error-429-rate-limit-reached': { code: 'rate_limited', status: 429, retryAfterMs: 1_000 },
  'gemini/error-400-api-key-invalid': { code: 'authentication', status: 400 },
  'gemini/error-429-resource-exhausted-retryinfo': { code: 'rate_limited', status: 429, retryAfterMs: 48_940 },
  'gemini/generate-blocked-safety': { code: 'content_filtered' },
  'gemini/generate-success': { usage: [8, 29], model: 'gemini-2.5-flash' },
  'gemini/stream': { usage: [8, 27], model: 'gemini-2.5-flash' },
  'gemini/stream-function-call': { usage: [103, 73], model: 'gemini-2.5-flash' },
  'mistral/chat-stream': { usage: [22, 8], model: 'mistral-small-latest' },
  'ollama/chat-stream-ndjson': { usage: [17, 50], model: 'llama3' },
  'openai/chat-stream-tool-calls': { model: 'gpt-3.5-turbo-0125' },
  'openai/chat-stream-usage-done': { usage: [12, 5], model: 'gpt-4-0613' },
  'openai/chat-success': { usage: [12, 5], model: 'gpt-4o-mini-2024-07-18' },
  'openai/error-400-context-length-exceeded': { code: 'context_length_exceeded', status: 400 },
  'openai/error-401-invalid-api-key': { code: 'authentication', status: 401 },
  'openai/error-404-model-not-found': { code: 'unsupported', status: 404 },
  'openai/responses-stream': { usage: [11, 5], model: 'gpt-5.5-2026-04-23' },
  'openai/responses-stream-tool-call': { usage: [58, 23], model: 'gpt-5.5-2026-04-23' },
  'openai/responses-success': { usage: [11, 5], model: 'gpt-5.5-2026-04-23' },
  'openrouter/stream': { usage: [15, 9], model: 'anthropic/claude-4.5-haiku-20251001' },
  // After its first content: the error says that the output was at its limit, with a 400 inside a 200.
  'openrouter/stream-mid-stream-error': { code: 'invalid_request', status: 400 },
  'vertex/generate-blocked-model-armor': { code: 'content_filtered' },
};

interface Recording {
  readonly request?: { readonly url?: string; readonly body?: unknown };
  readonly response: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string | readonly string[]>>;
    readonly body?: string;
    readonly sse?: string;
    readonly body_json?: unknown;
    readonly body_raw_base64?: string;
  };
}

const vendors = existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.md')) : [];
const recordings = vendors.flatMap((vendor) =>
  readdirSync(new URL(`${vendor}/`, folder)).map((file): [string, Recording] => [
    `${vendor}/${file.replace('.json', '')}`,
    JSON.parse(readFileSync(new URL(`${vendor}/${file}`, folder), 'utf8')) as Recording,
  ]),
);

let answer: (response: ServerResponse) => void = () => {};
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => answer(response));
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

function bytesOf({ body, sse, body_json: json, body_raw_base64: raw }: Recording['response']): Buffer {
  const text = body ?? sse ?? (json === undefined ? undefined : JSON.stringify(json));
  return text === undefined ? Buffer.from(raw ?? '', 'base64') : Buffer.from(text);
}

/** Where a recording without a request would have been asked. */
const paths: Readonly<Record<string, string>> = { anthropic: '/v1/messages' };

async function replay(name: string, { request, response }: Recording, pieces: number) {
  const bytes = bytesOf(response);
  answer = (to) => {
    for (const [header, value] of Object.entries(response.headers ?? {}))
      if (!ofConnection.test(header)) to.setHeader(header, value);
    to.statusCode = response.status;
    const size = Math.ceil(bytes.length / pieces);
    for (let at = 0; at < bytes.length; at += size) to.write(bytes.subarray(at, at + size));
    to.end();
  };
  const fetch = createFetch({ retry: false, failures: 'throw' });
  const lines: Attempt[] = [];
  fetch.transport.on('attempt:end', ({ ledger }) => lines.push(ledger));
  const { pathname, search } = new URL(request?.url ?? `http://x${paths[name.split('/')[0] ?? '']}`);
  const { body } = request ?? {};
  const asked = typeof body === 'object' && body !== null ? body : typeof body === 'string' ? JSON.parse(body) : {};
  const isStream = /stream|mid/.test(name) && !pathname.includes(':');
  try {
    const through = await fetch(`${url}${pathname}${search}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...(!pathname.includes(':') && { model: 'asked' }),
        ...(isStream && { stream: true }),
        ...asked,
      }),
    });
    return { same: Buffer.from(await through.arrayBuffer()).equals(bytes), lines };
  } catch (error) {
    if (!TransportError.is(error)) throw error;
    return { error, lines };
  } finally {
    await fetch.transport.close();
  }
}

describe('a recorded answer', () => {
  it.skipIf(recordings.length === 0)('is one of those whose meaning is known', () => {
    expect(recordings.map(([name]) => name).toSorted()).toEqual(Object.keys(expected).toSorted());
  });

  it.each(recordings)('%s passes as it is, and is taken for what it is', async (name, recording) => {
    const { code, status, retryAfterMs, usage, model } = expected[name] ?? {};
    for (const pieces of [1, 97]) {
      const { error, same, lines } = await replay(name, recording, pieces);
      const [line] = lines;
      expect(lines.length).toBe(1);
      if (code !== undefined) {
        expect(error).toMatchObject({ code, status, retryAfterMs });
        continue;
      }
      expect([same, error]).toEqual([true, undefined]);
      expect(line).toMatchObject({ outcome: 'ok', model, usageEstimated: usage === undefined });
      if (usage !== undefined) expect([line?.usage?.inputTokens, line?.usage?.outputTokens]).toEqual(usage);
    }
  });
});
