import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import type { Completion, CompletionStream, Transport } from '../../src/core/types.ts';
import { createFetch } from '../../src/integrations/fetch.ts';
import { randomFrom, simulatedServer } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { anthropicWire, googleWire, openaiWire, responsesWire } from './support.ts';

const id = { transactionId: 'order-1' };
const hello = { prompt: 'Hello' };
const streamed = { ...hello, stream: true } as const;
const wires = [openaiWire, responsesWire, anthropicWire, googleWire];

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(met: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !met(); waited += 5) {
    if (waited > 5_000) throw new Error(`waited in vain for ${what}`);
    await wait(5);
  }
}

/** Reads a stream at a pace of its own, and perhaps not to its end. Returns what it read where that is all. */
async function read(stream: CompletionStream, paceMs: number, most: number): Promise<string | undefined> {
  let text = '';
  let chunks = 0;
  for await (const chunk of stream) {
    if (chunk.type === 'text') text += chunk.text;
    chunks += 1;
    if (chunks > most) return undefined;
    if (paceMs > 0) await wait(paceMs);
  }
  return text;
}

/** One of many that come, stay or leave by chance. */
async function one(llm: Transport, chance: () => number): Promise<string | undefined> {
  await wait(chance() * 60);
  const controller = new AbortController();
  const leaves = chance();
  if (leaves < 0.3) setTimeout(() => controller.abort(), chance() * 80);
  const options = { ...id, signal: controller.signal };
  try {
    if (chance() < 0.3) return (await llm.complete(hello, options)).text;
    const most = leaves < 0.5 ? Math.floor(chance() * 10) : Number.POSITIVE_INFINITY;
    return await read(await llm.complete(streamed, options), chance() < 0.5 ? 0 : 2, most);
  } catch {
    if (!controller.signal.aborted) throw new Error('It failed, and had not been cancelled');
    return undefined;
  }
}

describe.each(wires)('50 calls with one id, over $name', (wire) => {
  it('are one request, and all who stay have the same answer', async () => {
    let stayed = 0;
    for (const seed of [1, 2, 3, 4, 5]) {
      await using server = await simulatedServer({ words: 40, firstTokenMs: 20, tokenMs: 2 });
      await using llm = createTransport({ providers: [wire.providerAt(server, 'a')] });
      const chance = randomFrom(seed);
      const first = llm.complete(streamed, id).then((stream) => read(stream, 0, Number.POSITIVE_INFINITY));
      const [text, ...others] = await Promise.all([first, ...Array.from({ length: 49 }, () => one(llm, chance))]);
      expect(text?.split(' ')).toHaveLength(40);
      const whole = others.filter((other) => other !== undefined);
      expect(new Set([text, ...whole]).size).toBe(1);
      expect(server.requests).toHaveLength(1);
      expect(llm.usage()).toMatchObject({ attempts: 1, outputTokens: server.billed.outputTokens });
      stayed += whole.length;
    }
    expect(stayed).toBeGreaterThan(80);
  });

  it('leave one by one, and the last one closes the socket at once', async () => {
    await using server = await simulatedServer({ words: 10_000, tokenMs: 2 });
    await using llm = createTransport({ providers: [wire.providerAt(server, 'a')] });
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const calls = controllers.map(({ signal }, index) =>
      index % 3 === 0
        ? llm.complete(streamed, { ...id, signal }).then((stream) => read(stream, 0, Number.POSITIVE_INFINITY))
        : llm.complete(streamed, { ...id, signal }).then((stream) => stream.completion),
    );
    const ends = Promise.allSettled(calls);
    await until(() => (server.requests[0]?.tokensSent ?? 0) > 20, 'an answer');
    for (const controller of controllers.slice(0, -1)) controller.abort();
    const sent = server.requests[0]?.tokensSent ?? 0;
    await until(() => (server.requests[0]?.tokensSent ?? 0) > sent + 20, 'more of it');
    expect(server.requests[0]?.closedByClientAt).toBeUndefined();
    controllers.at(-1)?.abort();
    await until(() => server.requests[0]?.closedByClientAt !== undefined, 'the socket to be closed');
    const codes = (await ends).map((end) => (end.status === 'rejected' ? end.reason.code : 'ok'));
    expect(codes).toEqual(codes.map(() => 'cancelled'));
    expect(server.requests).toHaveLength(1);
  });
});

describe('a fetch', () => {
  it('has no joining: its X-Client-Request-Id is a name, which a client may have for all that it asks', async () => {
    await using server = await simulatedServer({ words: 3, firstTokenMs: 20 });
    const fetch = createFetch();
    const client = new OpenAI({
      fetch,
      baseURL: server.baseURL,
      apiKey: 'sk-test',
      maxRetries: 0,
      defaultHeaders: { 'X-Client-Request-Id': 'mine' },
    });
    const ask = (content: string) =>
      client.chat.completions.create({ model: 'gpt-test', messages: [{ role: 'user', content }] });
    await Promise.all([ask('Hello'), ask('Hello'), ask('Goodbye')]);
    expect(server.requests.map(({ headers }) => headers['x-client-request-id'])).toEqual(['mine', 'mine', 'mine']);
    await fetch.transport.close();
  });
});

describe('a process that starts again', () => {
  const script = fileURLToPath(new URL('./replaying-process.ts', import.meta.url));
  const run = async (...args: readonly string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
    return JSON.parse(stdout) as { text: string; attempts: number; paid: number; usage: Completion['usage'] };
  };

  it('is given what the one before it has paid for, and sends nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'transaction-'));
    try {
      await using server = await simulatedServer({ words: 8 });
      const file = join(folder, 'answers.json');
      const first = await run(server.baseURL, file);
      expect(first).toMatchObject({ attempts: 1, paid: 1 });
      expect(server.requests).toHaveLength(1);
      const second = await run(server.baseURL, file);
      expect(second).toEqual({ ...first, attempts: 0, paid: 0 });
      expect(server.requests).toHaveLength(1);
      // Where nothing is kept, it is paid for.
      await run(server.baseURL, join(folder, 'other.json'), 'exit');
      expect(server.requests).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
