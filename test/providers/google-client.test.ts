import { GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OptionsError, TransportError } from '../../src/core/errors.ts';
import { type GoogleOptions, google } from '../../src/providers/google.ts';
import { apiKey, clientOf, providerOf, whole } from './google-support.ts';
import { answering, contextFor, errorOf, hello, json, read, type Server, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(whole));
});
afterEach(() => server.close());

describe('a client of Google', () => {
  test("whose time-out is over is the provider's fault, also in the middle of the answer", async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: ');
    });
    const provider = providerOf(server, { client: clientOf(server, { timeout: 150 }) });
    for (const error of [await errorOf(provider.complete(hello, contextFor().context)), (await read(provider)).error])
      expect([error?.code, error?.blame]).toEqual(['timeout', 'provider']);
    await until(() => server.closedEarly === server.requests.length);
  });

  test('with a fetch of its own is asked through it', async () => {
    const asked: string[] = [];
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      asked.push(String(input));
      return globalThis.fetch(input, init);
    };
    const provider = providerOf(server, { client: clientOf(server, { fetch }) });
    expect((await provider.complete(hello, contextFor().context)).text).toBe('Hello');
    expect(asked).toEqual([`http://${server.host}/v1/models/gemini-test:generateContent`]);
  });

  test("without one waits longer than Node's 300 seconds, through whatever dispatcher is the global one", async () => {
    const symbol = Symbol.for('undici.globalDispatcher.1');
    const globals = globalThis as unknown as Record<symbol, { dispatch(options: object, handler: object): boolean }>;
    const before = globals[symbol];
    const seen: object[] = [];
    globals[symbol] = {
      dispatch: (options, handler) => {
        seen.push(options);
        return before?.dispatch(options, handler) ?? false;
      },
    };
    try {
      await providerOf(server).complete(hello, contextFor().context);
    } finally {
      if (before !== undefined) globals[symbol] = before;
    }
    expect(seen).toEqual([expect.objectContaining({ headersTimeout: 0, bodyTimeout: 0 })]);
  });

  test('that has no credentials is not accepted, without anything being sent', async () => {
    const client = clientOf(server);
    const generateContent = async () => {
      throw new Error('Could not load the default credentials. Browse to https://cloud.google.com for more.');
    };
    const models = { generateContent, generateContentStream: generateContent };
    const provider = google({ client: Object.assign(Object.create(client), { models }), model: 'm', name: 'primary' });
    expect(await errorOf(provider.complete(hello, contextFor().context))).toMatchObject({
      code: 'authentication',
      retry: 'elsewhere',
    });
  });

  test('that hangs while it fetches credentials is left as soon as the call is aborted', async () => {
    const generateContent = () => new Promise<never>(() => {});
    const provider = google({
      client: { models: { generateContent, generateContentStream: generateContent } },
      model: 'm',
    });
    const controller = new AbortController();
    const reason = new TransportError('timeout', 'too slow');
    const asking = errorOf(provider.complete(hello, contextFor(controller.signal).context));
    controller.abort(reason);
    expect(await asking).toBe(reason);
  });

  test('that takes no fetch for one request is a bug that is named', async () => {
    const generateContent = async () => ({ candidates: [] });
    const provider = google({
      client: { models: { generateContent, generateContentStream: generateContent } },
      model: 'm',
    });
    const error = await errorOf(provider.complete(hello, contextFor().context));
    expect([error.code, error.message]).toEqual(['internal', expect.stringContaining('@google/genai 3')]);
  });

  test('of Vertex AI is asked at its own host, in its project', async () => {
    const asked: string[] = [];
    const fetch = async (input: string | URL | Request) => {
      asked.push(String(input));
      return Response.json(whole);
    };
    const httpOptions = { fetch, headers: { authorization: 'Bearer test' } };
    const googleAuthOptions = { authClient: { getRequestHeaders: async () => new Headers() } as never };
    const client = new GoogleGenAI({
      vertexai: true,
      project: 'p',
      location: 'europe-west4',
      httpOptions,
      googleAuthOptions,
    });
    const provider = google({ client, model: 'gemini-test' });
    const host = 'europe-west4-aiplatform.googleapis.com';
    expect(provider).toMatchObject({ name: 'google/gemini-test', domain: host });
    expect((await provider.complete(hello, contextFor().context)).text).toBe('Hello');
    expect(asked).toEqual([
      `https://${host}/v1beta1/projects/p/locations/europe-west4/publishers/google/models/gemini-test:generateContent`,
    ]);
  });
});

describe('the provider of Gemini', () => {
  test('is named after its model, in the domain of the host', () => {
    const provider = google({ client: new GoogleGenAI({ apiKey }), model: 'gemini-3.5-flash' });
    expect(provider).toMatchObject({
      name: 'google/gemini-3.5-flash',
      domain: 'generativelanguage.googleapis.com',
      kind: 'google',
      model: 'gemini-3.5-flash',
    });
    expect(google({ client: clientOf(server), model: 'm' }).domain).toBe(server.host);
    expect(google({ client: { models: clientOf(server).models }, model: 'm' }).domain).toBe(
      'generativelanguage.googleapis.com',
    );
  });

  test.each([
    ['google', undefined],
    ['google.client', { client: {}, model: 'm' }],
    ['google.client', { client: { models: { generateContent: () => {} } }, model: 'm' }],
    ['google.model', { model: '' }],
    ['google.nmae', { model: 'm', nmae: 'x' }],
    ['google.name', { model: 'm', name: '' }],
    ['google.streaming', { model: 'm', streaming: 'no' }],
    ['google.limits', { model: 'm', limits: 5 }],
  ])('says that %s is wrong', (path, options) => {
    const make = () => google((options && { client: clientOf(server), ...options }) as unknown as GoogleOptions);
    expect(make).toThrow(OptionsError);
    expect(make).toThrow(`${path}: `);
  });
});
