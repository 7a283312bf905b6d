import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TransportEvent } from '../../src/core/events.ts';
import type { Chunk, Completion, Provider, ResumeOptions, Transport, TransportOptions } from '../../src/core/types.ts';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import {
  answerTo,
  type Fault,
  type IncomingRequest,
  randomFrom,
  type SimulatedServer,
  simulatedServer,
} from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

/** Streams of Responses in the background that fall silent, by the adapter: real sockets, OpenAI's own SDK. */

const runs = Number(process.env.STALLS ?? 16);
const words = 60;
/** What is taken for silence too early is a look more, and no other answer. */
const timeout = { firstContentMs: 30_000, idleMs: 300 };

const modes: readonly (readonly [string, ResumeOptions | false])[] = [
  ['error', { mode: 'error' }],
  ['restart', { mode: 'restart' }],
  ['continue', { mode: 'continue' }],
  ['continue, else a restart', { mode: 'continue', otherwise: 'restart' }],
  ['false', false],
];

const closing: (() => Promise<unknown>)[] = [];
/** Waits between looks are a random part of their longest: none, here. */
beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serving(script: (request: IncomingRequest) => Fault | undefined): Promise<SimulatedServer> {
  const server = await simulatedServer({ words, script });
  closing.push(() => server.close());
  return server;
}

function providerAt({ baseURL }: SimulatedServer, name = 'a'): Provider {
  const client = new OpenAI({ baseURL, apiKey: 'sk-canary-0123456789abcdef', logLevel: 'off' });
  return openaiResponses({ client, model: 'gpt-test', name, domain: name, background: true });
}

function transportOf(
  providers: TransportOptions['providers'],
  options: Partial<TransportOptions> = {},
): Transport & { readonly told: TransportEvent[] } {
  const llm = createTransport({ providers, timeout, hedge: false, ...options });
  closing.push(() => llm.close({ timeoutMs: 0 }));
  const told: TransportEvent[] = [];
  llm.on('*', (event) => void told.push(event));
  return Object.assign(llm, { told });
}

interface Read {
  readonly text: string;
  readonly chunks: readonly Chunk[];
  readonly completion?: Completion;
  readonly error?: unknown;
}

/** What a reader has who does as the chunks say. */
async function read(llm: Transport, prompt: string): Promise<Read> {
  const chunks: Chunk[] = [];
  let text = '';
  try {
    const stream = await llm.complete({ prompt, stream: true });
    for await (const chunk of stream) {
      chunks.push(chunk);
      if (chunk.type === 'restart') text = '';
      if (chunk.type === 'text') text += chunk.text;
      if (chunk.type === 'resume') expect(chunk.offset).toBe(text.length);
    }
    return { text, chunks, completion: await stream.completion };
  } catch (error) {
    return { text, chunks, error };
  }
}

const saidTo = (prompt: string, count = words) => answerTo(prompt, { words: count });
const askedAt = ({ requests }: SimulatedServer) => requests.filter(({ path }) => path === '/v1/responses').length;
const cancelledAt = ({ requests }: SimulatedServer) => requests.filter(({ path }) => path?.endsWith('/cancel')).length;
const of = (told: readonly TransportEvent[], type: string) => told.filter((event) => event.type === type).length;
const stall = (afterTokens: number, heartbeat: 'none' | 'comments' | 'emptyDeltas' = 'none'): Fault => ({
  ...{ kind: 'stall', afterTokens, heartbeat },
});

// At once: much of their time they wait.
describe.concurrent(`of ${runs} streams that fall silent anywhere, up to four times each,`, () => {
  it.each(modes)('every one is whole, once, and made once: resume %s', async (_, resume) => {
    const random = randomFrom(runs);
    const looks = new Map<string, number>();
    const script = ({ path = '' }: IncomingRequest): Fault | undefined => {
      const times = (looks.get(path) ?? 0) + 1;
      if (path !== '/v1/responses') looks.set(path, times);
      if (times > 3 || (path !== '/v1/responses' && random() < 0.3)) return undefined;
      const busy = (['none', 'none', 'comments', 'emptyDeltas'] as const)[Math.floor(random() * 4)];
      return stall(1 + Math.floor(random() * (words / 2)), busy);
    };
    // Not those that are closed when another test is over.
    await using server = await simulatedServer({ words, script });
    await using llm = createTransport({
      ...{ providers: [providerAt(server)], resume, rateLimit: false, timeout: { ...timeout, idleMs: 1_000 } },
    });
    const told: TransportEvent[] = [];
    llm.on('resume', (event) => void told.push(event));
    const prompts = Array.from({ length: runs }, (_, at) => `What is ${at}, in grüßen 🚀?`);
    for (const [at, { text, error, completion, chunks }] of (
      await Promise.all(prompts.map((prompt) => read(llm, prompt)))
    ).entries()) {
      expect([text, error]).toEqual([saidTo(prompts[at] as string), undefined]);
      expect(chunks.some(({ type }) => type === 'restart')).toBe(false);
      expect([completion?.text, completion?.resumed]).toEqual([text, true]);
      expect(completion?.attempts).toMatchObject([{ number: 1, outcome: 'ok', usageEstimated: false }]);
    }
    expect([askedAt(server), cancelledAt(server), server.billed.outputTokens]).toEqual([runs, 0, runs * words]);
    const { attempts, estimated, inputTokens, outputTokens } = llm.usage();
    expect([attempts, estimated, { inputTokens, outputTokens }]).toEqual([runs, 0, server.billed]);
    // Some of them more than once.
    expect(told.length).toBeGreaterThan(runs * 1.3);
    expect(llm.health()).toMatchObject([{ circuit: 'closed', lastError: undefined, inFlight: 0 }]);
  });
});

describe('a silence', () => {
  const prompt = 'Hello';

  it.each(modes)('that never ends is given up after five looks, and cancelled: resume %s', async (_, resume) => {
    // The first answer is silent for ever; another one would be good.
    const server = await serving(({ index }) => (index < 6 ? stall(index === 0 ? 5 : 0) : undefined));
    const llm = transportOf([providerAt(server)], { resume, retry: resume === false ? false : {} });
    const { text, error, completion, chunks } = await read(llm, prompt);
    const mode = resume === false ? 'error' : resume.mode;
    await server.received(mode === 'error' ? 7 : 8);
    const paths = server.requests.map(({ path = '' }) => path);
    expect(paths.slice(1, 6)).toEqual(Array(5).fill(expect.stringMatching(/^\/v1\/responses\/resp_\w+$/)));
    expect([askedAt(server), cancelledAt(server)]).toEqual([mode === 'error' ? 1 : 2, 1]);
    if (mode === 'error') {
      const partial = { text, toolCalls: [], reasoning: undefined };
      expect([text.length > 0, saidTo(prompt, 5).startsWith(text)]).toEqual([true, true]);
      expect(error).toMatchObject(
        resume === false
          ? { code: 'timeout', blame: 'provider', partial }
          : { code: 'stream_interrupted', partial, cause: { code: 'timeout', blame: 'provider' } },
      );
      const [line] = of(llm.told, 'attempt:end') === 1 ? llm.told.flatMap(lineOf) : [];
      expect(line).toMatchObject({ outcome: 'timeout', usageEstimated: true, mayBeBilled: true });
      return;
    }
    expect([text, error, completion?.attempts.map(({ outcome }) => outcome)]).toEqual([
      saidTo(prompt),
      undefined,
      ['timeout', 'ok'],
    ]);
    expect(chunks.some(({ type }) => type === 'restart')).toBe(mode === 'restart');
  });

  it('in a look that is not answered at all is another look', async () => {
    const faults: Fault[] = [
      stall(5),
      { kind: 'silence', at: 'beforeHeaders' },
      { kind: 'silence', at: 'afterHeaders' },
    ];
    const server = await serving(({ index }) => faults[index]);
    const llm = transportOf([providerAt(server)]);
    expect(await read(llm, prompt)).toMatchObject({ text: saidTo(prompt), completion: { resumed: true } });
    expect([askedAt(server), server.requests.length]).toEqual([1, 4]);
    for (const { closed } of server.requests.slice(0, 3)) expect((await closed).closedByClientAt).toBeDefined();
    expect(of(llm.told, 'resume')).toBe(2);
  });

  it('is told as one, and what breaks after it as what it is', async () => {
    const faults: Fault[] = [stall(5), { kind: 'cut', afterTokens: 5, by: 'end' }];
    const server = await serving(({ index }) => faults[index]);
    const llm = transportOf([providerAt(server)]);
    expect((await read(llm, prompt)).text).toBe(saidTo(prompt));
    const codes = llm.told.flatMap((event) => (event.type === 'resume' ? [event.code] : []));
    expect(codes).toEqual(['timeout', 'truncated']);
  });

  it('of a call that is not streamed is a look too', async () => {
    const server = await serving(({ index }) => (index === 0 ? stall(5) : undefined));
    const { text, attempts } = await transportOf([providerAt(server)]).complete({ prompt });
    expect([text, attempts.length, askedAt(server)]).toEqual([saidTo(prompt), 1, 1]);
  });

  it('is ended at once by who leaves: the look too, and the answer is cancelled', async () => {
    const controller = new AbortController();
    const server = await serving(({ index }) => {
      if (index === 1) setTimeout(() => controller.abort(), 10);
      return index === 0 ? stall(5) : { kind: 'silence', at: 'beforeHeaders' };
    });
    const llm = transportOf([providerAt(server)]);
    const stream = await llm.complete({ prompt, stream: true }, { signal: controller.signal });
    await expect(stream.completion).rejects.toMatchObject({ code: 'cancelled' });
    await server.received(3);
    expect([askedAt(server), cancelledAt(server), server.requests.length]).toEqual([1, 1, 3]);
    expect((await server.requests[1]?.closed)?.closedByClientAt).toBeDefined();
  });

  it('is no reason to look without background', async () => {
    const server = await serving(({ index }) => (index === 0 ? stall(5) : undefined));
    const client = new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test', logLevel: 'off' });
    const llm = transportOf([openaiResponses({ client, model: 'gpt-test' })]);
    const { error } = await read(llm, prompt);
    expect(error).toMatchObject({ code: 'stream_interrupted', cause: { code: 'timeout' } });
    expect(server.requests).toHaveLength(1);
  });
});

describe('before the first content', () => {
  const prompt = 'Hello';
  const first = { firstContentMs: 1_000, idleMs: 300 };

  it('a silence is a look where nobody else could be asked: there is no seam', async () => {
    const server = await serving(({ index }) => (index === 0 ? stall(0) : undefined));
    const llm = transportOf([providerAt(server)], { timeout: first });
    const { text, completion } = await read(llm, prompt);
    expect([text, completion?.resumed, completion?.attempts.length]).toEqual([saidTo(prompt), false, 1]);
    expect([askedAt(server), server.requests.length]).toEqual([1, 2]);
  });

  it('and is a fail-over where somebody else could: nobody has seen anything, and time is short', async () => {
    const server = await serving(() => stall(0));
    const other = await serving(() => undefined);
    const llm = transportOf([providerAt(server), providerAt(other, 'b')], { timeout: first });
    const { text, completion } = await read(llm, prompt);
    expect([text, completion?.provider, completion?.resumed]).toEqual([saidTo(prompt), 'b', false]);
    await server.received(2);
    expect([askedAt(server), cancelledAt(server), server.requests.length]).toEqual([1, 1, 2]);
  });
});

function lineOf(event: TransportEvent) {
  return event.type === 'attempt:end' ? [event.ledger] : [];
}
