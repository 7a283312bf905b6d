import { describe, expect, it } from 'vitest';
import type { Middleware } from '../../src/core/types.ts';
import { simulated } from '../../src/testing/index.ts';
import { allSettled, transport, virtualTime } from '../unit/middleware/support.ts';

/**
 * A middleware that brings the deadline forward, and calls that share an answer: where the one that began had less time than that, the
 * new deadline was taken for one that is watched already, and held for none of them.
 */

virtualTime();

const fiveSeconds: Middleware = (next) => (request, context) =>
  next(request, context.fork({ deadline: Math.min(context.deadline, Date.now() + 5_000) }));
const hello = { prompt: 'Hello' };

function setUp(firstTokenMs = 20_000) {
  const a = simulated({ firstTokenMs });
  return { a, llm: transport({ providers: [a], timeout: false, use: [fiveSeconds] }) };
}

describe('a deadline that a middleware has brought forward', () => {
  it.each([
    { what: 'less time', first: 100, second: undefined, ends: [100, 5_000] },
    { what: 'as much time', first: undefined, second: undefined, ends: [5_000, 5_000] },
    { what: 'more time', first: 60_000, second: 300, ends: [5_000, 300] },
  ])('holds for a call that joins one which had $what', async ({ first, second, ends }) => {
    const { a, llm } = setUp();
    const calls = [first, second].map((timeoutMs) => llm.complete(hello, { transactionId: 'order-1', timeoutMs }));
    const results = await allSettled(calls);
    expect(results.map(({ code, ms }) => [code, ms])).toEqual(ends.map((ms) => ['deadline_exceeded', ms]));
    expect([a.requests.length, a.inFlight]).toEqual([1, 0]);
  });

  it('is no deadline for a call that has less time than that, and is joined later', async () => {
    const { a, llm } = setUp(1_000);
    const first = llm.complete(hello, { transactionId: 'order-1', timeoutMs: 500 });
    const second = llm.complete(hello, { transactionId: 'order-1' });
    const results = await allSettled<unknown>([first, second]);
    expect(results.map(({ code }) => code)).toEqual(['deadline_exceeded', 'ok']);
    expect(a.requests).toHaveLength(1);
  });
});
