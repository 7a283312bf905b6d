import { createServer, type Server as HttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI, { AzureOpenAI } from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OptionsError, TransportError } from '../../src/core/errors.ts';
import type { TransportEvent } from '../../src/core/events.ts';
import { replyFrom } from '../../src/core/reply.ts';
import { createFetch, type FetchOptions, type TransportFetch } from '../../src/integrations/fetch.ts';
import { answerTo, type SimulatedServer, simulatedServer } from '../../src/testing/index.ts';
import { answering, type Server } from '../providers/support.ts';

/** Where requests go, with which key, and what is told of it; over real sockets. */

const prompt = 'A canary sings: yellow-bird-2718';
const messages = [{ role: 'user' as const, content: prompt }];
const model = 'm';
const apiKey = 'sk-canary-0123456789abcdef';
const answer = answerTo(prompt, { words: 8 });

let primary: SimulatedServer;
let backup: SimulatedServer;
let made: TransportFetch[] = [];
beforeEach(async () => {
  primary = await simulatedServer({ words: 8 });
  backup = await simulatedServer({ words: 8, requireKey: 'sk-of-the-backup' });
});
afterEach(async () => {
  await Promise.all(made.map(({ transport }) => transport.close({ timeoutMs: 0 })));
  made = [];
  await Promise.all([primary.close(), backup.close()]);
});

function fetchWith(options: FetchOptions = {}): TransportFetch {
  const fetch = createFetch(options);
  made.push(fetch);
  return fetch;
}

const openaiAt = (baseURL: string, fetch: TransportFetch, key = apiKey) =>
  new OpenAI({ baseURL, apiKey: key, fetch, maxRetries: 0, logLevel: 'off' });
const ask = async (client: OpenAI) =>
  (await client.chat.completions.create({ model, messages })).choices[0]?.message.content;

/** A server that keeps what it is asked, and answers each with the same. */
async function recorder(body = '{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'): Promise<Server> {
  return answering((response) => response.setHeader('content-type', 'application/json').end(body));
}

describe('targets', () => {
  it('fail over, each with its own address, key and model', async () => {
    await primary.setFault('http-503');
    const fetch = fetchWith({
      targets: [
        { baseURL: primary.baseURL, name: 'first' },
        { baseURL: backup.baseURL, name: 'second', apiKey: 'sk-of-the-backup', model: 'other' },
      ],
    });
    const client = openaiAt(primary.baseURL, fetch);
    expect(await ask(client)).toBe(answer);
    expect(backup.requests.map((request) => request.model)).toEqual(['other']);
    expect(fetch.transport.health().map(({ name, lastError }) => [name, lastError])).toEqual([
      ['first', 'overloaded'],
      ['second', undefined],
    ]);
  });

  it.each([
    ['an empty one', () => ''],
    ['none at all', () => undefined as unknown as string],
    ['one that threw', () => Promise.reject(new Error('The vault is shut, said sk-of-the-vault-0123456789'))],
  ])('are sent nothing when the function that gives their key gave %s', async (_, key) => {
    const fetch = fetchWith({
      targets: [
        { baseURL: primary.baseURL, apiKey: key, name: 'first' },
        { baseURL: backup.baseURL, apiKey: 'sk-of-the-backup' },
      ],
    });
    expect(await ask(openaiAt(primary.baseURL, fetch))).toBe(answer);
    expect([primary.requests.length, backup.requests.length]).toEqual([0, 1]);
    expect(fetch.transport.health()[0]).toMatchObject({ name: 'first', quarantined: true });
  });

  it('are all that model calls are sent to, and nothing else is', async () => {
    const other = await answering((response) =>
      response.setHeader('content-type', 'application/json').end('{"data":[]}'),
    );
    const fetch = fetchWith({ targets: [{ baseURL: primary.baseURL, apiKey: 'k' }] });
    const client = openaiAt(other.baseURL, fetch);
    expect(await ask(client)).toBe(answer);
    await client.embeddings.create({ model: 'e', input: 'x' }).catch(() => {});
    expect(other.requests.map(({ url }) => url)).toEqual(['/v1/embeddings']);
    await other.close();
  });

  it('get no key, and no other mark, that is not theirs', async () => {
    const own = await recorder();
    const elsewhere = await recorder();
    const fetch = fetchWith({ targets: [{ baseURL: elsewhere.baseURL, headers: { 'x-team': 'blue' } }] });
    const client = new OpenAI({
      ...{ baseURL: own.baseURL, apiKey, organization: 'org-canary', project: 'proj-canary', fetch, maxRetries: 0 },
      defaultHeaders: { 'x-gateway-pass': 'canary', cookie: 'canary=1', 'x-title': 'App' },
      defaultQuery: { sig: 'canary', 'api-version': '2024-10-21' },
    });
    await client.chat.completions.create({ model, messages });
    expect(own.requests).toEqual([]);
    const [got] = elsewhere.requests;
    expect(JSON.stringify([got?.url, got?.headers])).not.toMatch(/canary/);
    expect(got).toMatchObject({
      url: '/v1/chat/completions?api-version=2024-10-21',
      headers: { 'x-team': 'blue', 'x-title': 'App' },
    });
    await Promise.all([own.close(), elsewhere.close()]);
  });

  it.each<[string, (fetch: TransportFetch) => Promise<unknown>, string, string, object]>([
    [
      'Anthropic',
      (fetch) =>
        new Anthropic({ baseURL: 'http://127.0.0.1:9', apiKey, fetch, maxRetries: 0 }).messages.create({
          model,
          messages,
          max_tokens: 5,
        }),
      '',
      '/v1/messages',
      { authorization: 'Bearer its-key' },
    ],
    [
      'Gemini',
      (fetch) =>
        new GoogleGenAI({
          apiKey,
          httpOptions: { baseUrl: 'http://127.0.0.1:9', fetch } as never,
        }).models.generateContent({ model, contents: prompt }),
      '',
      '/v1/models/its-model:generateContent',
      { 'x-goog-api-key': 'its-key' },
    ],
    [
      'Gemini, with a version of its own',
      (fetch) =>
        new GoogleGenAI({
          apiKey,
          httpOptions: { baseUrl: 'http://127.0.0.1:9', fetch } as never,
        }).models.generateContent({ model, contents: prompt }),
      '/v1beta',
      '/v1beta/models/its-model:generateContent',
      { 'x-goog-api-key': 'its-key' },
    ],
    [
      'Azure',
      (fetch) =>
        new AzureOpenAI({
          endpoint: 'http://127.0.0.1:9',
          apiVersion: '2024-10-21',
          deployment: model,
          apiKey,
          fetch,
          maxRetries: 0,
        }).chat.completions.create({ model, messages }),
      '',
      '/openai/deployments/its-model/chat/completions?api-version=2024-10-21',
      { authorization: 'Bearer its-key' },
    ],
    [
      'Azure, by its newer addresses',
      (fetch) =>
        new AzureOpenAI({
          endpoint: 'http://127.0.0.1:9',
          apiVersion: '2024-10-21',
          deployment: model,
          apiKey,
          fetch,
          maxRetries: 0,
        }).chat.completions.create({ model, messages }),
      '/openai/v1',
      '/openai/v1/chat/completions?api-version=2024-10-21',
      { authorization: 'Bearer its-key' },
    ],
  ])('are asked as %s is', async (_, ask, path, url, headers) => {
    const body =
      '{"content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","type":"message","candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}';
    const at = await recorder(body);
    const fetch = fetchWith({
      targets: [{ baseURL: `http://${at.host}${path}`, apiKey: async () => 'its-key', model: 'its-model' }],
    });
    await ask(fetch);
    const [got] = at.requests;
    expect(got).toMatchObject({ url, headers });
    expect(JSON.stringify(got?.headers)).not.toContain(apiKey);
    await at.close();
  });

  it('name what is wrong with one', () => {
    expect(() => createFetch({ targets: [{ baseURL: 'nowhere' }] })).toThrow('targets[0].baseURL');
    expect(() => createFetch({ targets: [{ baseURL: 'http://x', apikey: 'k' } as never] })).toThrow(
      'targets[0].apikey',
    );
    expect(() => createFetch({ retries: 3 } as never)).toThrow(OptionsError);
    expect(() => createFetch({ providers: [] } as never)).toThrow(OptionsError);
    expect(() => createFetch({ failures: 'loud' as never })).toThrow('failures');
  });
});

describe('a key', () => {
  it('stays at its origin when a server sends the request to another', async () => {
    const thief = await recorder();
    for (const status of [307, 302]) {
      const open = await answering((response) =>
        response.writeHead(status, { location: `http://${thief.host}/v1/chat/completions` }).end(),
      );
      await expect(ask(openaiAt(open.baseURL, fetchWith({ retry: false })))).rejects.toThrow('another origin');
      expect([open.requests.length, thief.requests.length]).toEqual([1, 0]);
      await open.close();
    }
    await thief.close();
  });

  it('is not sent round in circles for ever', async () => {
    const open = await answering((response) =>
      response.writeHead(307, { location: `${open.baseURL}/chat/completions` }).end(),
    );
    await expect(ask(openaiAt(open.baseURL, fetchWith({ retry: false })))).rejects.toThrow('circles');
    expect(open.requests.length).toBe(21);
    await open.close();
  });

  it('does not go along when a file is at another origin', async () => {
    const got: IncomingHttpHeaders[] = [];
    const listen = (answer: RequestListener): Promise<HttpServer> =>
      new Promise((resolve) => {
        const server = createServer(answer).listen(0, '127.0.0.1', () => resolve(server));
      });
    const addressOf = (server: HttpServer) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const store = await listen(({ headers }, response) => {
      got.push(headers);
      response.end('bytes');
    });
    const open = await listen((_, response) => response.writeHead(302, { location: `${addressOf(store)}/f` }).end());
    const headers = { 'api-key': apiKey, authorization: `Bearer ${apiKey}`, cookie: apiKey };
    const response = await fetchWith()(`${addressOf(open)}/v1/files/f/content`, { headers });
    expect(await response.text()).toBe('bytes');
    expect(got.length).toBe(1);
    expect(JSON.stringify(got)).not.toContain(apiKey);
    store.close();
    open.close();
  });

  it('and a prompt are in no error, no event and no health', async () => {
    const events: TransportEvent[] = [];
    const fetch = fetchWith({ failures: 'throw', retry: { maxWaitMs: 0 } });
    fetch.transport.on('*', (event) => events.push(event));
    const errors: unknown[] = [];
    for (const fault of ['unauthorized', 'http-503', 'cut-reset', 'error-in-200', 'invalid-request'] as const) {
      await primary.setFault({
        kind: 'status',
        status: 400,
        repeatsKey: true,
        error: { message: `No: ${prompt} ${apiKey}` },
      });
      errors.push(await ask(openaiAt(primary.baseURL, fetch)).catch((error) => error.cause ?? error));
      await primary.setFault(fault);
      errors.push(await ask(openaiAt(primary.baseURL, fetch)).catch((error) => error.cause ?? error));
    }
    const told = inspect([errors, events, fetch.transport.health()], { depth: 12 });
    expect(errors.every((error) => TransportError.is(error))).toBe(true);
    expect(told).not.toContain(apiKey);
    expect(told).not.toContain('yellow-bird');
  });

  it('that is refused does not shut out another', async () => {
    const fetch = fetchWith();
    await expect(ask(openaiAt(backup.baseURL, fetch, 'sk-wrong'))).rejects.toMatchObject({ status: 401 });
    expect(await ask(openaiAt(backup.baseURL, fetch, 'sk-of-the-backup'))).toBe(answer);
    // Nothing more is sent with the first, and its SDK is told so in its own way.
    await expect(ask(openaiAt(backup.baseURL, fetch, 'sk-wrong'))).rejects.toMatchObject({
      status: 401,
      constructor: OpenAI.AuthenticationError,
    });
    expect(backup.requests.length).toBe(2);
    expect(fetch.transport.health().map(({ quarantined }) => quarantined)).toEqual([true, false]);
  });
});

describe('a stream that breaks after its first content', () => {
  it.each([
    ['{"error":{"code":"server_overloaded","message":"Full"}}', 'overloaded'],
    ['{"choices":', 'bad_response'],
  ])('hands %s on, and ends in what it means', async (data, code) => {
    const content = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
    const server = await answering((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(content);
      setTimeout(() => response.write(`data: ${data}\n\n`), 20);
    });
    const body = JSON.stringify({ model, messages, stream: true });
    const response = await fetchWith()(`${server.baseURL}/chat/completions`, { method: 'POST', body });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const piece of response.body ?? []) seen.push(Buffer.from(piece).toString());
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'stream_interrupted',
      cause: { code },
      partial: { text: 'Hi' },
    });
    expect(seen.join('')).toBe(`${content}data: ${data}\n\n`);
    while (server.closedEarly === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close();
  });
});

describe('a stream', () => {
  const body = JSON.stringify({ model, messages, stream: true });
  const eventStream = { 'content-type': 'text/event-stream' };

  it('is whole after its last event, however long its server keeps the connection, and however short a silence may be', async () => {
    const choice = { index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' };
    const event = `data: ${JSON.stringify({ choices: [choice] })}\n\n`;
    const server = await answering((response) => response.writeHead(200, eventStream).write(event));
    const fetch = fetchWith({ timeout: { idleMs: 400 } });
    const response = await fetch(`${server.baseURL}/chat/completions`, { method: 'POST', body });
    expect(await response.text()).toBe(event);
    await server.close();
  });

  it('of what is made in the background is not asked for twice, however long it is queued', async () => {
    const created = { type: 'response.created', response: { id: 'r', status: 'queued', background: true } };
    const event = `event: response.created\ndata: ${JSON.stringify(created)}\n\n`;
    const server = await answering((response) => response.writeHead(200, eventStream).write(event));
    const fetch = fetchWith({ timeout: { firstContentMs: 300, idleMs: 300 } });
    const response = await fetch(`${server.baseURL}/responses`, { method: 'POST', body });
    await expect(response.text()).rejects.toMatchObject({ code: 'stream_interrupted' });
    expect(server.requests.length).toBe(1);
    await server.close();
  });
});

describe('what is no model call', () => {
  it('is asked again by status, and handed on whatever it says', async () => {
    let count = 0;
    const server = await answering((response) => {
      count += 1;
      response
        .setHeader('content-type', 'application/json')
        .writeHead(count < 3 ? 503 : 200)
        .end('{"odd": []}');
    });
    const response = await fetchWith()(`${server.baseURL}/embeddings`, {
      method: 'POST',
      body: '{"model":"e","input":"x"}',
    });
    expect([response.status, await response.text(), count]).toEqual([200, '{"odd": []}', 3]);
    server.answer((response) => response.writeHead(404).end('{"error":{"message":"none"}}'));
    const missing = await fetchWith()(`${server.baseURL}/files/f1`, { method: 'DELETE', body: '{}' });
    expect([missing.status, await missing.text()]).toEqual([404, '{"error":{"message":"none"}}']);
    await server.close();
  });

  it('and can be sent only once, is sent once', async () => {
    const server = await answering((response) => response.writeHead(503).end('{}'));
    const form = new Blob(['{}']);
    const response = await fetchWith()(`${server.baseURL}/files`, { method: 'POST', body: form });
    expect([response.status, server.requests.length]).toEqual([503, 1]);
    await server.close();
  });

  it.each<[string, string, RequestInit]>([
    ['an address with a password', 'http://me:secret-canary@127.0.0.1/v1/models', {}],
    ['a GET with a body', 'http://127.0.0.1/v1/models', { body: '{}' }],
    ['a path alone', '/v1/models', {}],
  ])('and is no request at all, is for fetch itself to refuse: %s', async (_, address, init) => {
    const plain = await fetch(address, init).catch((error) => error);
    const ours = await fetchWith()(address, init).catch((error) => error);
    expect(ours).toBeInstanceOf(TypeError);
    expect([ours.message, ours.cause?.message]).toEqual([plain.message, plain.cause?.message]);
  });

  it('can be aborted while its body comes', async () => {
    const server = await answering((response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n'),
    );
    const controller = new AbortController();
    const response = await fetchWith()(`${server.baseURL}/runs`, {
      method: 'POST',
      body: '{}',
      signal: controller.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    controller.abort(new Error('enough'));
    await expect(reader?.read()).rejects.toThrow('enough');
    while (server.closedEarly === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close();
  });
});

describe('the transport of a fetch', () => {
  it('tells what happens, with the id that goes along', async () => {
    const fetch = fetchWith();
    const types: string[] = [];
    const ids = new Set<string>();
    const stop = fetch.transport.on('*', ({ type, transactionId }) => {
      types.push(type);
      ids.add(transactionId);
    });
    await ask(openaiAt(primary.baseURL, fetch));
    expect(types).toEqual(
      expect.arrayContaining(['call:start', 'attempt:start', 'attempt:answer', 'attempt:end', 'call:end']),
    );
    expect([...ids]).toEqual([primary.requests[0]?.headers['x-client-request-id']]);
    stop();
    const { length } = types;
    await ask(openaiAt(primary.baseURL, fetch));
    expect(types.length).toBe(length);
    expect(fetch.transport.health()).toMatchObject([
      { name: `${new URL(primary.url).host}/m`, model: 'm', inFlight: 0 },
    ]);
    expect(() => fetch.transport.reset('nobody')).toThrow(OptionsError);
  });

  it('tells what was used, by all that it has ever asked', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5 };
    const body = { choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }], usage };
    const fetch = fetchWith({ fetch: async () => Response.json(body), priceOf: () => 0.25 });
    const sum = () => fetch.transport.usage();
    expect([sum().attempts, fetch.transport.usage('model')]).toEqual([0, []]);
    const asking = async (name: string) => {
      const asked = { model: name, messages };
      await fetch('https://models.test/v1/chat/completions', { method: 'POST', body: JSON.stringify(asked) });
    };
    // So many that the first are not kept any more.
    for (let id = 0; id < 1_003; id += 1) await asking(`m-${id}`);
    await asking('m-0');
    expect(sum()).toMatchObject({ attempts: 1_004, inputTokens: 10_040, outputTokens: 5_020, cost: 251 });
    for (const by of ['provider', 'model', { metadata: 'team' }] as const) {
      const groups = fetch.transport.usage(by);
      expect([by, groups.reduce((all, { attempts }) => all + attempts, 0)]).toEqual([by, 1_004]);
    }
    const [first] = fetch.transport.usage('model');
    expect(first).toMatchObject({ attempts: expect.any(Number), cost: expect.any(Number) });
    expect(fetch.transport.usage({ metadata: 'team' }).map(({ key }) => key)).toEqual([undefined]);
    await fetch.transport.close();
    expect(sum().attempts).toBe(1_004);
  });

  it('warns once of a client that asks again by itself', async () => {
    const fetch = fetchWith();
    const retries: number[] = [];
    fetch.transport.on('client:retry', (event) => retries.push(event.retries));
    const headers = { 'x-stainless-retry-count': '2', 'content-type': 'application/json' };
    const body = JSON.stringify({ model, messages });
    for (let time = 0; time < 2; time += 1)
      await fetch(`${primary.baseURL}/chat/completions`, { method: 'POST', headers, body });
    expect(retries).toEqual([2]);
  });

  it('is closed, and then refuses in the form that the client understands', async () => {
    const fetch = fetchWith();
    await ask(openaiAt(primary.baseURL, fetch));
    await fetch.transport.close();
    await expect(ask(openaiAt(primary.baseURL, fetch))).rejects.toMatchObject({ status: 503, code: 'closed' });
    await expect(fetch(`${primary.baseURL}/models`)).rejects.toMatchObject({ code: 'closed' });
    const upload = { method: 'POST', body: new Blob(['{}']) };
    await expect(fetch(`${primary.baseURL}/files`, upload)).rejects.toMatchObject({ code: 'closed' });
    expect(primary.requests.length).toBe(1);
  });

  it('says so when a middleware answers with what is no response', async () => {
    const completion = { text: 'Hi', toolCalls: [], finishReason: 'stop', provider: 'cache' };
    const fetch = fetchWith({ use: [() => async () => replyFrom(completion as never)], failures: 'throw' });
    const body = (stream: boolean) => JSON.stringify({ model, messages, stream });
    for (const stream of [true, false])
      await expect(
        fetch(`${primary.baseURL}/chat/completions`, { method: 'POST', body: body(stream) }),
      ).rejects.toMatchObject({ code: 'middleware' });
  });

  it('rejects with the reason of an abort, as fetch does', async () => {
    await primary.setFault('silence-before-headers');
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const asked = fetchWith()(`${primary.baseURL}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model, messages }),
      signal: controller.signal,
    });
    const record = await primary.received(1);
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect((await record.closed).closedByClientAt).toBeDefined();
  });

  /** A call whose signal goes with a `Request`, or beside a copy of it; aborted after garbage was collected. */
  const abortedLate = async (send: (request: Request, signal: AbortSignal) => Promise<Response>, stream: boolean) => {
    await primary.setFault(stream ? 'stall' : 'silence-before-headers');
    const controller = new AbortController();
    const { signal } = controller;
    const asked = () => {
      const body = JSON.stringify({ model, messages, stream });
      const headers = { 'content-type': 'application/json' };
      const request = new Request(`${primary.baseURL}/chat/completions`, { method: 'POST', headers, body, signal });
      return send(request, signal).then((response) => response.text());
    };
    const failing = expect(asked()).rejects.toThrow();
    const record = await primary.received(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (globalThis.gc === undefined) throw new Error('It needs --expose-gc');
    globalThis.gc();
    controller.abort();
    expect((await record.closed).closedByClientAt).toBeDefined();
    await failing;
  };

  it.each([true, false])('hears of an abort after garbage was collected, by a Request: stream %s', (stream) =>
    abortedLate((request) => fetchWith()(request), stream),
  );

  it.each([true, false])('hears of an abort by a signal beside the copy of a Request: stream %s', (stream) =>
    abortedLate((request, signal) => fetchWith()(request.clone(), { signal }), stream),
  );

  it('closes the socket when the reader leaves', async () => {
    await primary.setFault('stall');
    const stream = await openaiAt(primary.baseURL, fetchWith()).chat.completions.create({
      model,
      messages,
      stream: true,
    });
    for await (const { choices } of stream) if (choices[0]?.delta.content) break;
    const record = await primary.received(1);
    expect((await record.closed).closedByClientAt).toBeDefined();
  });
});

describe('a stream that breaks after its first content', () => {
  it('is not made good, whatever resume says: nothing is asked again, and nothing is glued', async () => {
    for (const mode of ['restart', 'continue'] as const) {
      const server = await simulatedServer({ script: [{ kind: 'cut', afterTokens: 20, by: 'reset' }] });
      const client = openaiAt(server.baseURL, fetchWith({ resume: { mode, otherwise: 'restart' } }));
      let text = '';
      const reading = (async () => {
        for await (const { choices } of await client.chat.completions.create({ model, messages, stream: true }))
          text += choices[0]?.delta.content ?? '';
      })();
      await expect(reading).rejects.toThrow();
      expect([answerTo(prompt).startsWith(text), text !== '', server.requests.length]).toEqual([true, true, 1]);
      await server.close();
    }
  });
});
