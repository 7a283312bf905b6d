import { describe, expect, it } from 'vitest';
import { mapChunks, replyFrom } from '../../src/core/reply.ts';
import type { Middleware, TransportOptions } from '../../src/core/types.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

/**
 * An answer that is there whole, with a `done` beside it that says that it failed: its error went past the layer that stamps errors,
 * and past `mapChunks` it was forgotten.
 */

const mine = { transactionId: 'mine' };

/** The error of a call, streamed from a provider that does not stream. */
async function errorOf(stream: boolean, options: Omit<TransportOptions, 'providers'>, request: object = {}) {
  const provider = simulated({ streaming: false, answer: () => 'no JSON' });
  const llm = createTransport({ providers: [provider], retry: false, ...options });
  const call = async () => {
    if (!stream) return llm.complete({ prompt: 'Hello', ...request }, mine);
    return (await llm.complete({ prompt: 'Hello', ...request, stream: true }, mine)).completion;
  };
  const error: unknown = await call().then(
    () => undefined,
    (thrown) => thrown,
  );
  await llm.close();
  return error;
}

const schema = { jsonSchema: { type: 'object' } };
const rejecting: Middleware = function rejecting(next) {
  return async (request, context) => ({
    ...(await next(request, context)),
    done: Promise.reject(new TypeError('a bug')),
  });
};
const mapped: Middleware = function mapped(next) {
  return async (request, context) => mapChunks(await next(request, context), (chunk) => chunk);
};

describe('a whole answer that failed all the same', () => {
  it('does not match the schema: its error has the transaction id and the ledger', async () => {
    expect(await errorOf(true, {}, { schema })).toMatchObject({
      ...{ code: 'schema_mismatch', transactionId: 'mine' },
      attempts: [{ number: 1, outcome: 'ok' }],
    });
  });

  it('does not match the schema although a middleware maps its chunks', async () => {
    expect(await errorOf(true, { use: [mapped] }, { schema })).toMatchObject({
      ...{ code: 'schema_mismatch', transactionId: 'mine' },
    });
  });

  it.each([true, false])('has a done that a middleware has made (stream: %s)', async (stream) => {
    for (const place of ['use', 'useEach'] as const) {
      expect(await errorOf(stream, { [place]: [rejecting] })).toMatchObject({
        ...{ code: 'middleware', transactionId: 'mine' },
        attempts: [{ number: 1, outcome: 'ok' }],
      });
    }
  });

  it('is over when a middleware has answered with it, however long it is and whoever reads it', async () => {
    const cached: Middleware = function cached(next) {
      return async (request, context) => {
        const outcome = await (await next({ ...request, stream: false }, context)).done;
        if (!outcome.ok) throw outcome.error;
        return replyFrom({ ...outcome.completion, text: 'x'.repeat(200_000) });
      };
    };
    const llm = createTransport({ providers: [simulated()], use: [cached] });
    const types: string[] = [];
    llm.on('*', ({ type }) => types.push(type));
    const stream = await llm.complete({ prompt: 'Hello', stream: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(types.at(-1)).toBe('call:end');
    let read = 0;
    for await (const text of stream.text) read += text.length;
    expect(read).toBe(200_000);
    await llm.close();
  });
});
