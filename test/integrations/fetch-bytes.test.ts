import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFetch } from '../../src/integrations/fetch.ts';
import { randomFrom } from '../../src/testing/answer.ts';

/** What comes through is, byte for byte, what was sent: over real sockets, beside the bare `fetch`. */

type Random = () => number;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const words = [
  'grüße',
  '🚀',
  ' the',
  ' "quoted"',
  '\\n',
  '{"error":',
  ' data: x',
  '[DONE]',
  '漢字',
  '\u2028',
  ' finish_reason',
];

/** A well-formed stream in a dialect, as servers really differ: line ends, comments, padding, names of events. */
const dialects: Readonly<
  Record<string, { path: string; events: (random: Random, said: readonly string[]) => readonly Frame[] }>
> = {
  chat: {
    path: '/v1/chat/completions',
    events: (random, said) => [
      { data: { id: 'c1', choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] } },
      ...said.map((content) => ({
        data: {
          id: 'c1',
          choices: [{ index: 0, delta: { content }, finish_reason: null }],
          obfuscation: 'x'.repeat(random() * 9),
        },
      })),
      { data: { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] } },
      { data: { choices: [], usage: { prompt_tokens: 5, completion_tokens: said.length } } },
      ...(random() < 0.8 ? [{ data: '[DONE]' }] : []),
    ],
  },
  responses: {
    path: '/v1/responses',
    events: (_, said) =>
      [
        { type: 'response.created', response: { id: 'r1', model: 'm', status: 'in_progress' } },
        ...said.map((delta) => ({ type: 'response.output_text.delta', delta })),
        { type: 'response.completed', response: { status: 'completed', usage: { input_tokens: 5, output_tokens: 6 } } },
      ].map((data) => ({ event: data.type, data })),
  },
  messages: {
    path: '/v1/messages',
    events: (_, said) =>
      [
        { type: 'message_start', message: { model: 'm', usage: { input_tokens: 4, output_tokens: 1 } } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'ping' },
        ...said.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } },
        { type: 'message_stop' },
      ].map((data) => ({ event: data.type, data })),
  },
  gemini: {
    path: '/v1beta/models/m:streamGenerateContent?alt=sse',
    events: (_, said) => [
      ...said.map((text) => ({ data: { candidates: [{ content: { parts: [{ text }] }, index: 0 }] } })),
      {
        data: { candidates: [{ content: {}, finishReason: 'STOP', index: 0 }], usageMetadata: { promptTokenCount: 3 } },
      },
    ],
  },
  ollama: {
    path: '/api/chat',
    events: (_, said) => [
      ...said.map((content) => ({ line: { model: 'm', message: { role: 'assistant', content }, done: false } })),
      { line: { model: 'm', message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' } },
    ],
  },
  cohere: {
    path: '/v2/chat',
    events: (_, said) =>
      [
        { type: 'message-start', id: 'x' },
        ...said.map((text) => ({ type: 'content-delta', index: 0, delta: { message: { content: { text } } } })),
        {
          type: 'message-end',
          delta: { finish_reason: 'COMPLETE', usage: { tokens: { input_tokens: 3, output_tokens: 4 } } },
        },
      ].map((data) => ({ event: data.type, data })),
  },
};

interface Frame {
  readonly event?: string;
  readonly data?: unknown;
  readonly line?: unknown;
}

function textOf(frames: readonly Frame[], random: Random): string {
  const end = pick(random, ['\n', '\r\n', '\r']);
  const comment = () => (random() < 0.2 ? `: keep-alive${end}${end}` : '');
  return frames
    .map(({ event, data, line }) => {
      if (line !== undefined) return `${JSON.stringify(line)}${random() < 0.2 ? '\r\n' : '\n'}`;
      const json = typeof data === 'string' ? data : JSON.stringify(data);
      const space = random() < 0.8 ? ' ' : '';
      return `${comment()}${event === undefined ? '' : `event:${space}${event}${end}`}data:${space}${json}${end}${end}`;
    })
    .join('');
}

/** Cut anywhere, in the middle of a character too. */
function piecesOf(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  const longest = pick(random, [1, 7, 60, 2_000]);
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(random() * longest);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

let url = '';
const answers = new Map<string, (response: ServerResponse) => Promise<void>>();
const server = createServer(async (request: IncomingMessage, response) => {
  request.resume();
  await answers.get(String(request.headers['x-case']))?.(response);
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function bytesThrough(fetch: typeof globalThis.fetch, path: string, id: string, isWhole: boolean) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-case': id },
    body: JSON.stringify({ model: 'm', stream: !isWhole, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const { status, url: address } = response;
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  return { status, address, headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

describe('bytes', () => {
  const transportFetch = createFetch();
  afterAll(() => transportFetch.transport.close());

  it.each(Object.keys(dialects))('of 1,000 random streams are the same with it and without it: %s', async (name) => {
    const { path, events } = dialects[name] as (typeof dialects)[string];
    const streams = Math.ceil(1_000 / Object.keys(dialects).length);
    const check = async (seed: number): Promise<void> => {
      const random = randomFrom(seed);
      const said = Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(random, words));
      const text = textOf(events(random, said), random);
      const isGzipped = random() < 0.3;
      const sent = isGzipped ? gzipSync(text) : Buffer.from(text);
      const pieces = piecesOf(sent, random);
      const id = `${name}-${seed}`;
      answers.set(id, async (response) => {
        const type = name === 'ollama' ? 'application/x-ndjson' : 'text/event-stream';
        response.writeHead(200, { 'content-type': type, ...(isGzipped && { 'content-encoding': 'gzip' }) });
        for (const [at, piece] of pieces.entries()) {
          response.write(piece);
          if (at % 20 === 19) await new Promise(setImmediate);
        }
        response.end();
      });
      const bare = await bytesThrough(globalThis.fetch, path, id, false);
      const through = await bytesThrough(transportFetch, path, id, false);
      answers.delete(id);
      expect(bare.bytes.toString()).toBe(text);
      expect({ seed, ...through }).toEqual({ seed, ...bare });
    };
    for (let seed = 1; seed <= streams; seed += 10)
      await Promise.all(Array.from({ length: Math.min(10, streams - seed + 1) }, (_, at) => check(seed + at)));
    expect(transportFetch.transport.health().every(({ lastError }) => lastError === undefined)).toBe(true);
  });

  it('of an answer in one piece are the same', async () => {
    const text = '{ "choices": [ {"index":0,"message":{"content":"grüße 🚀"},"finish_reason":"stop"} ]  }\n';
    answers.set('whole', async (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', 'x-request-id': 'r1' });
      response.end(gzipSync(text));
    });
    const bare = await bytesThrough(globalThis.fetch, '/v1/chat/completions', 'whole', true);
    expect(bare.bytes.toString()).toBe(text);
    expect(await bytesThrough(transportFetch, '/v1/chat/completions', 'whole', true)).toEqual(bare);
  });

  it.each<[string, string, string, string]>([
    [
      'of a preamble that repeats long instructions',
      '/v1/responses',
      `data: ${JSON.stringify({ type: 'response.created', response: { instructions: 'a'.repeat(400_000) } })}\n\n`,
      'data: {"type":"response.output_text.delta","delta":"Hi"}\n\ndata: {"type":"response.completed","response":{"status":"completed"}}\n\n',
    ],
    [
      'of one long event',
      '/v1/chat/completions',
      '',
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'a'.repeat(400_000) }, finish_reason: 'stop' }] })}\n\n`,
    ],
    [
      'of a preamble longer than what is held back',
      '/v1/chat/completions',
      ': keep-alive\n\n'.repeat(100_000),
      'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n',
    ],
  ])('%s come, though nobody can read before the first content', async (id, path, preamble, rest) => {
    answers.set(id, async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(preamble);
      response.end(rest);
    });
    const fetch = createFetch({ retry: false });
    const { bytes } = await bytesThrough(fetch, path, id, false);
    expect(bytes.toString() === preamble + rest).toBe(true);
    await fetch.transport.close();
  });

  it('are not read on while nobody reads them', async () => {
    const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x'.repeat(4_000) } }] })}\n\n`;
    let written = 0;
    answers.set('slow', async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const left = once(response, 'close');
      while (!response.destroyed && written < 64 * 1024 * 1024) {
        written += event.length;
        if (!response.write(event)) await Promise.race([once(response, 'drain'), left]);
      }
      response.end();
    });
    const response = await transportFetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'x-case': 'slow', 'content-type': 'application/json' },
      body: '{"model":"m","stream":true,"messages":[]}',
    });
    const reader = response.body?.getReader();
    await reader?.read();
    // Until the server has had nothing to write to for a while.
    for (let [still, before] = [0, 0]; still < 8; still = before === written ? still + 1 : 0) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    // What the sockets hold, on both sides, and 64 KiB here.
    expect(written).toBeLessThan(16 * 1024 * 1024);
    await reader?.cancel();
  });
});
