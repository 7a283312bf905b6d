import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { createFetch, type FetchOptions } from '../../src/integrations/fetch.ts';
import { answerTo, type FaultChoice } from '../../src/testing/index.ts';
import { type Client, prompt } from './client.ts';
import { placeOf, serverFor } from './client-server.ts';
import { type ClientName, clientMakers } from './fetch-clients.ts';

/**
 * Every client that takes a fetch, over real sockets, with its own retries as they are by default: what the table of clients under
 * faults (clients-table.test.ts) does not show.
 */

/** Of a fetch at what falls silent. Nothing else may wait for a clock: on a busy machine all of these are slow at first. */
const short = { idleMs: 1_000 };
const long = { firstContentMs: 30_000, idleMs: 30_000, responseMs: 30_000 };
const answer = answerTo(prompt, { words: 12 });
const names = Object.keys(clientMakers) as ClientName[];

// What the AI SDK says of a model that it does not know is of no interest here.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

/** A client at a server of its own, where these things go wrong one after the other. */
async function at(
  name: ClientName,
  faults: readonly FaultChoice[],
  { always, ...options }: FetchOptions & { always?: FaultChoice } = {},
) {
  const script = ({ index }: { readonly index: number }) => always ?? faults[index];
  const server = await serverFor(name, { words: 12, tokenMs: 2, script });
  const fetch = createFetch({
    ...{ timeout: { ...long, ...(always === 'stall-comments' && short) }, retry: { maxWaitMs: 3_000 } },
    ...options,
  });
  return {
    server,
    client: clientMakers[name](placeOf(server), fetch) as Client,
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
    await using place = await at(name, [fault, 'ok', fault]);
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
    const told = error as { status?: number; statusCode?: number; status_code?: number };
    // Google says it with a 400.
    expect([400, 401]).toContain(told.status ?? told.statusCode ?? told.status_code);
    expect(`${error.message}${error.stack}`).not.toContain('sk-canary');
  });
});
