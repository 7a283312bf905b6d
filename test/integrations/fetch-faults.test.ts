import { Ollama } from 'ollama';
import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { createFetch, type FetchOptions } from '../../src/integrations/fetch.ts';
import { answerTo, type FaultChoice, simulatedServer } from '../../src/testing/index.ts';
import { type Client, type ClientName, clientMakers, type OllamaFault, ollamaServer } from './fetch-clients.ts';

/**
 * Every client that takes a fetch, over real sockets, with its own retries as they are by default: what the table of clients under
 * faults (clients-table.test.ts) does not show.
 */

/** Of a fetch at what falls silent. Nothing else may wait for a clock: on a busy machine all of these are slow at first. */
const short = { idleMs: 1_000 };
const long = { firstContentMs: 30_000, idleMs: 30_000, responseMs: 30_000 };
const answer = answerTo('Say something in a few words', { words: 12 });
/** All whose wire the simulated server speaks. */
const names = (Object.keys(clientMakers) as ClientName[]).filter((name) => name !== 'ollama' && name !== 'cohere-ai');

// What the AI SDK says of a model that it does not know is of no interest here.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

/** A client at a server of its own, where these things go wrong one after the other. */
async function at(
  name: ClientName,
  faults: FaultChoice[],
  { always, ...options }: FetchOptions & { always?: FaultChoice } = {},
) {
  const server = await simulatedServer({ words: 12, tokenMs: 2, script: faults });
  if (always !== undefined) await server.setFault(always);
  const fetch = createFetch({
    ...{ timeout: { ...long, ...(always === 'stall-comments' && short) }, retry: { maxWaitMs: 3_000 } },
    ...options,
  });
  return {
    server,
    client: clientMakers[name](server, fetch) as Client,
    async [Symbol.asyncDispose]() {
      await fetch.transport.close({ timeoutMs: 0 });
      await server.close();
    },
  };
}

/** What a promise rejects with. */
async function failing(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => {
      throw new Error(`expected a failure, got ${JSON.stringify(value)}`);
    },
    (error: Error) => error,
  );
}

describe.concurrent.each(names)('%s', (name) => {
  it('gets its answer, whole and in pieces', async () => {
    await using place = await at(name, []);
    const { client, server } = place;
    expect(await client.whole()).toBe(answer);
    expect(await client.pieces()).toBe(answer);
    expect(server.requests.length).toBe(2);
    expect(server.requests[0]?.headers['x-client-request-id']).toMatch(/^[\w-]{36}$/);
  });

  it.each<FaultChoice>(['http-503', 'empty-200'])('does not see %s', async (fault) => {
    await using place = await at(name, [fault, undefined as never, fault]);
    const { client, server } = place;
    expect(await client.whole()).toBe(answer);
    expect(server.requests.length).toBe(2);
    expect(await client.pieces()).toBe(answer);
    expect(server.requests.length).toBe(4);
  });

  it.each<FaultChoice>(['stream-error-after-content', 'stall-comments'])(
    'never takes a stream for whole after %s',
    async (fault) => {
      await using place = await at(name, [], { always: fault });
      const { client, server } = place;
      let text = '';
      const error = await failing(
        client.pieces((piece) => {
          text += piece;
          return true;
        }),
      );
      expect(error).toBeInstanceOf(Error);
      expect(text).not.toBe('');
      expect(answer.startsWith(text)).toBe(true);
      // What was handed on is never asked for again.
      expect(server.requests.length).toBe(1);
      await server.requests[0]?.closed;
    },
  );

  it.each<FaultChoice>(['http-503', 'reset-before-headers', 'error-in-200', 'cut-end'])(
    'is told of %s once, in a form after which it does not ask again',
    async (fault) => {
      await using place = await at(name, [], { always: fault, retry: false });
      const { client, server } = place;
      const error = await failing(client.whole());
      expect(server.requests.length).toBe(1);
      if (client.obeys) expect((error as { status?: number }).status).toBeGreaterThanOrEqual(500);
      else expect(TransportError.is(error) || TransportError.is(error.cause)).toBe(true);
    },
  );

  it('is told of a refused key as by its provider, after one request', async () => {
    await using place = await at(name, [], { always: 'unauthorized' });
    const { client, server } = place;
    const error = await failing(client.whole());
    expect(server.requests.length).toBe(1);
    // Google says it with a 400.
    const status =
      (error as { status?: number; statusCode?: number }).status ?? (error as { statusCode?: number }).statusCode;
    expect([400, 401]).toContain(status);
    expect(`${error.message}${error.stack}`).not.toContain('sk-canary');
  });
});

describe.concurrent('ollama', () => {
  const asked = async (faults: OllamaFault[], ask: (client: Client) => Promise<string>) => {
    const ollama = await ollamaServer(faults);
    const fetch = createFetch({ timeout: { ...long, ...(faults.includes('stall') && short) } });
    const outcome = await ask(ollama.client(fetch)).catch((error: Error) => error);
    const { requests } = ollama;
    await fetch.transport.close({ timeoutMs: 0 });
    await ollama.close();
    return { outcome, requests, text: ollama.text };
  };

  it.each<[OllamaFault[]]>([[[]], [['http-503', 'http-503']], [['error-in-200']]])(
    'does not see %s',
    async (faults) => {
      const count = faults.length + 1;
      const unary = await asked([...faults], (client) => client.whole());
      expect([unary.outcome, unary.requests]).toEqual([unary.text, count]);
      const stream = await asked([...faults], (client) => client.pieces());
      expect([stream.outcome, stream.requests]).toEqual([stream.text, count]);
    },
  );

  it.each<[OllamaFault]>([['cut-reset'], ['cut-end'], ['error-line'], ['stall']])(
    'never takes a stream for whole after %s',
    async (fault) => {
      const { outcome, requests } = await asked([fault, fault], (client) => client.pieces());
      expect(outcome).toBeInstanceOf(Error);
      expect(requests).toBe(1);
    },
  );

  it('closes the socket when its stream is aborted', async () => {
    const ollama = await ollamaServer(['stall']);
    const fetch = createFetch();
    const stream = await new Ollama({ host: ollama.url, fetch }).chat({
      model: 'm',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
    });
    await expect(async () => {
      for await (const _ of stream) stream.abort();
    }).rejects.toThrow();
    while (ollama.left === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ollama.requests).toBe(1);
    await fetch.transport.close({ timeoutMs: 0 });
    await ollama.close();
  });
});
