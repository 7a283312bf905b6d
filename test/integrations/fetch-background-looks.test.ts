import { inspect } from 'node:util';
import OpenAI, { AzureOpenAI } from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TransportError } from '../../src/core/errors.ts';
import type { TransportEvent } from '../../src/core/events.ts';
import { createFetch, type FetchOptions, type TransportFetch } from '../../src/integrations/fetch.ts';
import {
  answerTo,
  type Fault,
  type FaultChoice,
  type SimulatedServer,
  simulatedServer,
} from '../../src/testing/index.ts';
import {
  begun,
  completed,
  created,
  ended,
  eventText,
  message,
  numbered,
  textOf,
} from '../providers/openai-responses-support.ts';
import { type Answer, answering, json, type Server, sse, until } from '../providers/support.ts';

/** How the rest of a Response in the background is asked for, and when it is not: real sockets, and OpenAI's own SDK. */

const input = 'A canary sings: yellow-bird-2718';
const said = answerTo(input);
const apiKey = 'sk-canary-0123456789abcdef';
const asked = { model: 'm', input, background: true, stream: true } as const;

const closing: (() => Promise<unknown>)[] = [];
let events: TransportEvent[] = [];
/** Waits between looks are a random part of their longest: none, here. */
beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  events = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0).toReversed()) await close();
});

function fetchWith(options: FetchOptions = {}): TransportFetch {
  const fetch = createFetch(options);
  fetch.transport.on('*', (event) => void events.push(event));
  closing.push(() => fetch.transport.close({ timeoutMs: 0 }));
  return fetch;
}

async function simulating(faults: readonly FaultChoice[]): Promise<SimulatedServer> {
  const server = await simulatedServer({ script: ({ index }) => faults[index] ?? 'ok' });
  closing.push(() => server.close());
  return server;
}

async function serving(answer: Answer): Promise<Server> {
  const server = await answering(answer);
  closing.push(() => server.close());
  return server;
}

const clientOf = (baseURL: string, fetch: TransportFetch) =>
  new OpenAI({ baseURL, apiKey, fetch, maxRetries: 0, logLevel: 'off' });

/** What OpenAI's SDK hands out of an answer. */
async function read(client: OpenAI): Promise<{ text: string; numbers: number[]; types: string[]; error: unknown }> {
  const seen = { text: '', numbers: [] as number[], types: [] as string[], error: undefined as unknown };
  try {
    for await (const event of await client.responses.create(asked)) {
      seen.numbers.push(event.sequence_number);
      seen.types.push(event.type);
      if (event.type === 'response.output_text.delta') seen.text += event.delta;
    }
  } catch (error) {
    seen.error = error;
  }
  return seen;
}

/** All bytes that come of an answer, as text, and what it ends in. */
async function bytesOf(fetch: typeof globalThis.fetch, baseURL: string, init: RequestInit = {}) {
  let text = '';
  let error: TransportError | undefined;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` };
  try {
    const response = await fetch(`${baseURL}/responses`, {
      method: 'POST',
      headers,
      body: JSON.stringify(asked),
      ...init,
    });
    const decoder = new TextDecoder();
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
  } catch (thrown) {
    error = thrown as TransportError;
  }
  return { text, error };
}

const codes = (type: string) => events.flatMap((event) => (event.type === type && 'code' in event ? [event.code] : []));
const urls = ({ requests }: Server) => requests.map(({ url }) => url);
const isLook = (url: string) => url.includes('starting_after');

/** An answer of four events, numbered from 0, of a server that says that it is made in the background. */
const whole = numbered([
  { ...created, response: { ...begun, background: true } },
  textOf('Hé'),
  textOf('llo'),
  ended(completed([message('Héllo')])),
]);
const first = whole.slice(0, 2);
/** The first events, then nothing; and what is answered to a look. */
const broken =
  (look: Answer, head = first): Answer =>
  (response, got) =>
    isLook(got.url) ? look(response, got) : sse(head)(response, got);

describe("a stream that OpenAI's SDK reads", () => {
  const ways: readonly (readonly [string, Fault, string])[] = [
    ['reset', { kind: 'cut', afterTokens: 5, by: 'reset' }, 'connection'],
    ['closed', { kind: 'cut', afterTokens: 5, by: 'close' }, 'connection'],
    ['ended as if it were whole', { kind: 'cut', afterTokens: 5, by: 'end' }, 'truncated'],
    ['garbled', { kind: 'malformed', afterTokens: 5 }, 'bad_response'],
    ['ended inside an event', { kind: 'truncatedJson', afterTokens: 5 }, 'truncated'],
    ['ended without its terminal event', { kind: 'unterminated', missing: 'terminalEvent' }, 'truncated'],
    ['silent', { kind: 'stall', afterTokens: 5 }, 'timeout'],
    ['kept busy with nothing', { kind: 'stall', afterTokens: 5, heartbeat: 'comments' }, 'timeout'],
  ];

  it.each(ways)('and that was %s, goes on where it was: all of it, once, made once', async (_, fault, code) => {
    const server = await simulating([fault]);
    const fetch = fetchWith(fault.kind === 'stall' ? { timeout: { idleMs: 300 } } : {});
    const { text, numbers, error, types } = await read(clientOf(server.baseURL, fetch));
    expect([text, error, types.at(-1)]).toEqual([said, undefined, 'response.completed']);
    expect(numbers).toEqual(numbers.map((_, at) => at));
    const posts = server.requests.filter(({ path }) => path === '/v1/responses');
    expect([posts.length, server.requests.length]).toEqual([1, 2]);
    expect(codes('resume')).toEqual([code]);
    const attempts = events.flatMap((event) => (event.type === 'attempt:end' ? [event.ledger] : []));
    expect(attempts).toMatchObject([{ number: 1, outcome: 'ok', usage: { outputTokens: 60 }, usageEstimated: false }]);
    expect(fetch.transport.health()).toMatchObject([{ circuit: 'closed', lastError: undefined, inFlight: 0 }]);
  });

  it('and that is cut again and again, goes on each time: what is told of it is what the server bills', async () => {
    const server = await simulating(Array.from({ length: 11 }, () => ({ kind: 'cut', afterTokens: 5, by: 'reset' })));
    const fetch = fetchWith();
    expect(await read(clientOf(server.baseURL, fetch))).toMatchObject({ text: said, error: undefined });
    expect(server.requests).toHaveLength(12);
    expect(codes('resume')).toEqual(Array(11).fill('connection'));
    const { attempts, inputTokens, outputTokens, estimated } = fetch.transport.usage();
    expect([attempts, estimated, { inputTokens, outputTokens }]).toEqual([1, 0, server.billed]);
  });

  it.each([
    ['resume: false', { resume: false }],
    ['no retries, and no quota', { retry: false }],
    ['no time-outs', { timeout: false }],
  ] satisfies [string, FetchOptions][])('goes on with %s', async (_, options) => {
    const server = await simulating([{ kind: 'cut', afterTokens: 5, by: 'end' }]);
    expect((await read(clientOf(server.baseURL, fetchWith(options)))).text).toBe(said);
    expect(server.requests).toHaveLength(2);
  });

  it('is not asked for again when it is not made in the background', async () => {
    const server = await serving(sse(first));
    const body = JSON.stringify({ ...asked, background: false });
    const { error } = await bytesOf(fetchWith(), server.baseURL, { body });
    expect(error).toMatchObject({ code: 'stream_interrupted', cause: { code: 'truncated' } });
    expect(urls(server)).toEqual(['/v1/responses']);
  });

  it('is not asked for anew either before its first content, where the server does not say what it is', async () => {
    const plain = numbered([created, textOf('Hello'), ended(completed([message('Hello')]))]);
    const server = await serving(broken(sse(plain.slice(1)), plain.slice(0, 1)));
    const { text, error } = await bytesOf(fetchWith(), server.baseURL);
    expect([text, error]).toEqual([plain.join(''), undefined]);
    expect(urls(server)).toEqual(['/v1/responses', '/v1/responses/resp_1?stream=true&starting_after=0']);
    // Nobody had seen anything of it: there is no seam.
    expect([codes('resume'), codes('retry')]).toEqual([[], []]);
  });
});

describe('an end is no break', () => {
  const failed = ended(completed([], { status: 'failed', error: { code: 'server_error', message: 'Sorry' } }) as never);
  it.each([
    ['response.failed', { ...failed, type: 'response.failed' }, 'server_error'],
    ['an error', { type: 'error', code: 'server_error', message: 'Sorry' }, 'server_error'],
    ['response.cancelled', ended({ ...completed([]), status: 'cancelled' }), undefined],
    ['response.incomplete', ended({ ...completed([message('Hé')]), status: 'incomplete' }), undefined],
  ])('%s', async (_, last, code) => {
    const [end = ''] = numbered([last], 2);
    let finish = (): void => {};
    const server = await serving((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first.join(''));
      finish = () => void response.end(end);
    });
    const inner = fetchWith();
    // Not with the first content: until that, an error is one of an answer that was never begun.
    const fetch = async (...given: Parameters<typeof inner>) => {
      const response = await inner(...given);
      finish();
      return response;
    };
    const { text, error } = await bytesOf(fetch, server.baseURL);
    expect(text).toBe([...first, end].join(''));
    expect((error?.cause as TransportError | undefined)?.code).toBe(code);
    expect(urls(server)).toEqual(['/v1/responses']);
  });
});

describe('what is no way back ends in what broke the stream:', () => {
  const refusing = (status: number) => json({ error: { message: `No, ${apiKey}: ${input}` } }, status);
  it.each<[string, Answer, number]>([
    ['a server that does not know of it', refusing(404), 1],
    ['a gateway that does not know such questions', refusing(400), 1],
    ['a key that is not taken any more', refusing(401), 1],
    ['an answer that is no stream', json(completed([message('Héllo')])), 1],
    ['five looks in vain', refusing(503), 5],
    ['five looks at nothing', sse([]), 5],
    ['five looks at comments', sse([': nothing\n\n']), 5],
    [
      'a server that wants to be left alone for long',
      (response) => response.writeHead(429, { 'retry-after': '60' }).end(),
      1,
    ],
    ['events of which one is missing', sse(whole.slice(3)), 1],
    ['events without numbers', sse([eventText(textOf('llo'))]), 1],
    ['another origin', (response) => response.writeHead(307, { location: 'http://elsewhere.invalid/' }).end(), 1],
  ])('%s', async (_, look, looks) => {
    const half = 'event: response.output_text.delta\ndata: {"type"';
    const server = await serving(broken(look, [...first, half]));
    const { text, error } = await bytesOf(fetchWith(), server.baseURL);
    expect(error).toMatchObject({ code: 'stream_interrupted', cause: { code: 'truncated' }, partial: { text: 'Hé' } });
    expect(
      `${first.join('')}${half}`.startsWith(text.replaceAll(': nothing\n\n', '')) && text.startsWith(first.join('')),
    ).toBe(true);
    expect(urls(server).filter(isLook)).toHaveLength(looks);
    expect(urls(server)).toHaveLength(1 + looks);
    expect(inspect([error, events], { depth: 9 })).not.toMatch(/sk-canary|yellow-bird/);
  });

  it("what had come of an event is the client's in the end, as it is of any stream", async () => {
    const half = 'event: response.output_text.delta\ndata: {"type"';
    const server = await serving(broken((response) => response.writeHead(404).end(), [...first, half]));
    expect((await bytesOf(fetchWith(), server.baseURL)).text).toBe(first.join('') + half);
  });

  it('silence, five times', async () => {
    const server = await serving((response, got) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (isLook(got.url)) response.flushHeaders();
      else response.write(first.join(''));
    });
    const { text, error } = await bytesOf(fetchWith({ timeout: { idleMs: 100 } }), server.baseURL);
    expect([text, error]).toMatchObject([first.join(''), { code: 'stream_interrupted', cause: { code: 'timeout' } }]);
    expect(urls(server)).toHaveLength(6);
    await until(() => server.closedEarly === 6);
  });

  it('numbers that do not tell events apart', async () => {
    const same = [...first, eventText({ ...textOf('llo'), sequence_number: 1 })];
    const server = await serving(sse(same));
    const { text, error } = await bytesOf(fetchWith(), server.baseURL);
    expect([text, error]).toMatchObject([same.join(''), { cause: { code: 'truncated' } }]);
    expect(urls(server)).toEqual(['/v1/responses']);
  });

  it("an event too long to be held back: what has come of it is the client's", async () => {
    const long = `${first.join('')}data: ${'x'.repeat(17 * 1024 * 1024)}`;
    const server = await serving(sse([long]));
    const { text, error } = await bytesOf(fetchWith(), server.baseURL);
    expect([text.length, error]).toMatchObject([long.length, { cause: { code: 'truncated' } }]);
    expect(urls(server)).toEqual(['/v1/responses']);
  });
});

describe('a look', () => {
  it('leaves out what the client has, where a server begins anew', async () => {
    const server = await serving(broken(sse(whole)));
    expect(await bytesOf(fetchWith(), server.baseURL)).toEqual({ text: whole.join(''), error: undefined });
  });

  it('is told as a break by what was garbled, by which nothing is handed on', async () => {
    const garbage = 'event: error\ndata: upstream connect error\n\n';
    const server = await serving(broken(sse(whole.slice(2)), [...first, garbage]));
    expect(await bytesOf(fetchWith(), server.baseURL)).toEqual({ text: whole.join(''), error: undefined });
    expect(codes('resume')).toEqual(['bad_response']);
  });

  it('is sent where the call was sent, as whom, and with what else it said; without what is about its body', async () => {
    const server = await serving(broken(sse(whole.slice(2))));
    const headers = {
      ...{ 'content-type': 'application/json', authorization: `Bearer ${apiKey}`, 'openai-project': 'p' },
      ...{ 'x-own': 'yes', 'idempotency-key': 'k', 'x-client-request-id': 'call-1' },
    };
    const request = new Request(`${server.baseURL}/responses?api-version=preview`, {
      ...{ method: 'POST', headers, body: JSON.stringify(asked) },
    });
    expect(await (await fetchWith()(request)).text()).toBe(whole.join(''));
    const look = server.requests[1];
    expect(look?.url).toBe('/v1/responses/resp_1?api-version=preview&stream=true&starting_after=1');
    expect(look?.headers).toMatchObject({
      ...{ authorization: `Bearer ${apiKey}`, 'openai-project': 'p', 'x-own': 'yes', 'x-client-request-id': 'call-1' },
    });
    expect(Object.keys(look?.headers ?? {}).filter((name) => /^(?:content|idempotency)-/.test(name))).toEqual([]);
  });

  it('goes to the target that makes the answer, with its key', async () => {
    const server = await serving(broken(sse(whole.slice(2))));
    const dead = await serving((response) => response.writeHead(503).end());
    const fetch = fetchWith({
      targets: [
        { baseURL: dead.baseURL, name: 'dead' },
        {
          baseURL: server.baseURL,
          name: 'alive',
          apiKey: 'sk-of-the-other',
          model: 'other',
          headers: { 'x-more': '1' },
        },
      ],
    });
    expect((await read(clientOf('http://nowhere.invalid/v1', fetch))).text).toBe('Héllo');
    expect(server.requests.map(({ headers, url }) => [isLook(url), headers.authorization, headers['x-more']])).toEqual([
      [false, 'Bearer sk-of-the-other', '1'],
      [true, 'Bearer sk-of-the-other', '1'],
    ]);
    expect(server.requests[0]?.body.model).toBe('other');
    expect(urls(dead).filter(isLook)).toEqual([]);
  });

  it('is sent as Azure wants it', async () => {
    const server = await serving(broken(sse(whole.slice(2))));
    const fetch = fetchWith();
    const endpoint = server.baseURL.replace(/\/v1$/, '');
    const azure = new AzureOpenAI({ endpoint, apiKey, apiVersion: 'preview', fetch, maxRetries: 0, logLevel: 'off' });
    expect((await read(azure)).text).toBe('Héllo');
    expect(server.requests.map(({ url, headers }) => [url, headers['api-key']])).toEqual([
      ['/openai/responses?api-version=preview', apiKey],
      ['/openai/responses/resp_1?api-version=preview&stream=true&starting_after=1', apiKey],
    ]);
  });

  it('follows a redirect within its origin', async () => {
    const server = await serving((response, got) => {
      if (got.url === '/moved') return sse(whole.slice(2))(response, got);
      if (isLook(got.url)) response.writeHead(307, { location: '/moved' }).end();
      else sse(first)(response, got);
    });
    expect((await bytesOf(fetchWith(), server.baseURL)).text).toBe(whole.join(''));
    expect(server.requests[2]?.headers.authorization).toBe(`Bearer ${apiKey}`);
  });

  it('waits as long as the server wants', async () => {
    let refusedAt = 0;
    let lookedAt = 0;
    const server = await serving(
      broken((response, got) => {
        lookedAt = performance.now();
        if (refusedAt > 0) return sse(whole.slice(2))(response, got);
        refusedAt = lookedAt;
        response.writeHead(429, { 'retry-after-ms': '60' }).end();
      }),
    );
    expect((await bytesOf(fetchWith(), server.baseURL)).error).toBeUndefined();
    expect(lookedAt - refusedAt).toBeGreaterThanOrEqual(59);
  });
});

describe('a client that leaves', () => {
  it.each(['abort', 'cancel'])('by %s ends the looking, and the connection', async (how) => {
    const server = await serving(broken(() => {}));
    const controller = new AbortController();
    const response = await fetchWith()(`${server.baseURL}/responses`, {
      ...{ method: 'POST', body: JSON.stringify(asked), signal: controller.signal },
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const rest = reader.read();
    rest.catch(() => {});
    await until(() => server.requests.length === 2);
    if (how === 'abort') {
      controller.abort();
      await expect(rest).rejects.toThrow('aborted');
    } else await reader.cancel();
    await until(() => server.closedEarly === 1);
    expect(events.filter(({ type }) => type === 'attempt:end')).toMatchObject([{ ledger: { outcome: 'cancelled' } }]);
    expect(server.requests).toHaveLength(2);
  });
});
