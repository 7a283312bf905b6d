import { describe, expect, it } from 'vitest';
import { beginAttempt } from '../../../src/core/context.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { isAbandoned } from '../../../src/core/signals.ts';
import type { Context, Middleware } from '../../../src/core/types.ts';
import { transaction as transactionLayer } from '../../../src/middleware/transaction.ts';
import { simulated } from '../../../src/testing/index.ts';
import { aCall, finish as done, foreignReply, listenersOf, Source, text } from '../core/support.ts';
import { broken, flush, given, kept, readAll, transport, virtualTime } from './support.ts';

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

  it("takes the caller's words out of every error, also of one that a middleware of theirs has written", async () => {
    const prompt = 'the canary sings at the bottom of the mine';
    const quoting: Middleware = () => (request) => {
      throw new TransportError('budget_exceeded', `too long: ${request.prompt}`);
    };
    const llm = transport({ providers: [simulated()], use: [quoting] });
    const error = await broken(llm.complete({ prompt }));
    expect(error).toMatchObject({ code: 'budget_exceeded', message: 'too long: [prompt]' });
  });

  /** The layer alone, over a reply that is under way. */
  function layer() {
    const controller = new AbortController();
    const listeners = listenersOf(controller.signal);
    const { above, seen } = aCall({ signal: controller.signal });
    const source = new Source(text('Hi'));
    const { reply, settle } = foreignReply(source);
    const below: Context[] = [];
    const answers = { handler: async () => reply };
    const handler = transactionLayer()(
      (_, context) => {
        below.push(context);
        return answers.handler();
      },
      { provider: undefined, onClose: () => {} },
    );
    const end = async () => {
      source.push(done);
      settle();
      await flush();
    };
    return { ask: () => handler(hello, above), below, answers, end, listeners, seen };
  }

  it('stops nothing after an answer, and lets go of the signal that it follows', async () => {
    const { ask, below, end, listeners } = layer();
    await ask();
    expect(listeners()).toBe(1);
    await end();
    expect([listeners(), given(below[0]).signal.aborted]).toEqual([0, false]);
  });

  it('stops what is still under way when the call is over without one', async () => {
    const { ask, below, answers, listeners } = layer();
    answers.handler = () => Promise.reject(new TransportError('server_error', 'x'));
    await expect(ask()).rejects.toMatchObject({ code: 'server_error' });
    expect(isAbandoned(given(below[0]).signal)).toBe(true);
    expect(listeners()).toBe(0);
  });

  it('is named by nothing that is told after its end', async () => {
    const { ask, below, end, seen } = layer();
    await ask();
    const context = beginAttempt(given(below[0]), 'first');
    context.publish({ type: 'mine' });
    await end();
    context.publish({ type: 'mine' });
    expect(seen.map(({ type, transactionId, attempt }) => [type, transactionId, attempt])).toEqual([
      ['call:start', 'transaction-1', 0],
      ['mine', 'transaction-1', 1],
      ['call:end', 'transaction-1', 0],
      ['mine', '', 0],
    ]);
  });
});
