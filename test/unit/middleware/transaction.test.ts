import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import type { Middleware } from '../../../src/core/types.ts';
import { simulated } from '../../../src/testing/index.ts';
import { broken, kept, readAll, transport, virtualTime } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

describe('transaction', () => {
  it('gives every call an id of its own, or the given one, and it is everywhere', async () => {
    const a = simulated({ name: 'a', script: ['http-500'] });
    const llm = transport({ providers: [a] });
    const answer = await kept(llm.complete(hello, { transactionId: 'order-1' }));
    expect(answer.transactionId).toBe('order-1');
    expect(a.requests.map(({ headers }) => headers['x-transaction-id'])).toEqual(['order-1', 'order-1']);
    expect(new Set(llm.events.map(({ transactionId }) => transactionId))).toEqual(new Set(['order-1']));
    const other = await kept(llm.complete({ ...hello, stream: true }));
    expect(other.transactionId).toMatch(/^[0-9a-f-]{36}$/);
    await kept(readAll(other));
  });

  it('puts the id and the whole ledger on every error, whichever layer it comes from', async () => {
    const throws =
      (code: 'budget_exceeded' | undefined): Middleware =>
      () =>
      () => {
        throw code === undefined ? new Error('oops') : new TransportError(code, 'no');
      };
    const cases = [
      [{ providers: [simulated({ fault: 'http-500' })] as const }, 'server_error', 4],
      [{ providers: [simulated()] as const, use: [throws('budget_exceeded')] }, 'budget_exceeded', 0],
      [{ providers: [simulated()] as const, use: [throws(undefined)] }, 'middleware', 0],
      [{ providers: [simulated()] as const, useEach: [throws(undefined)] }, 'middleware', 0],
    ] as const;
    for (const [options, code, attempts] of cases) {
      const error = await broken(
        transport({ ...options, circuitBreaker: false }).complete(hello, { transactionId: 'order-2' }),
      );
      expect([error.code, error.transactionId, error.attempts.length]).toEqual([code, 'order-2', attempts]);
    }
  });

  it('tells of a call once: how it began, and how it ended', async () => {
    const llm = transport({ providers: [simulated({ name: 'a', words: 3, tokenMs: 100 })] });
    await kept(llm.complete(hello));
    const stream = await kept(llm.complete({ ...hello, stream: true, metadata: { job: 7 } }));
    for await (const _ of stream) break;
    await broken(stream.completion);
    const calls = llm.events.filter(({ type }) => type.startsWith('call:'));
    expect(calls).toMatchObject([
      { type: 'call:start', stream: false },
      { type: 'call:end', outcome: 'ok', durationMs: 200, attempts: [{ outcome: 'ok' }] },
      { type: 'call:start', stream: true, metadata: { job: 7 } },
      { type: 'call:end', outcome: 'cancelled', durationMs: 0, attempts: [{ outcome: 'cancelled' }] },
    ]);
  });

  it('gives the reader of a broken stream and whoever waits for the whole the same error', async () => {
    const llm = transport({ providers: [simulated({ fault: 'cut-reset' })] });
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    const { error } = await kept(readAll(stream));
    expect(error).toBe(await broken(stream.completion));
    expect(error).toMatchObject({ transactionId: stream.transactionId, attempts: [{ outcome: 'connection' }] });
  });
});
