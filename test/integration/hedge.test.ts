import { describe, expect, it } from 'vitest';
import { answerTo } from '../../src/testing/index.ts';
import { Bench, pool, providerAt, see, sequence, until, wires } from './support.ts';

const slow = { kind: 'slow', firstTokenMs: 30_000 } as const;

describe.each(wires)('a hedge over HTTP, with the SDK of $name', ({ providerAt }) => {
  it.each(['unary', 'unary unstreamed', 'streaming'] as const)(
    'answers in place of the first, whose socket is closed: two requests, one answer (%s)',
    async (mode) => {
      await using bench = new Bench();
      const [primary, backup] = [await bench.server({ fault: slow }), await bench.server()];
      const streaming = mode !== 'unary unstreamed';
      const llm = bench.transport({
        providers: [
          providerAt(primary, 'primary', { domain: 'one', streaming }),
          providerAt(backup, 'backup', { domain: 'two', streaming }),
        ],
        hedge: { afterMs: 40 },
      });
      const { text, attempts } = await see(llm, mode, { prompt: 'Hello' });
      expect(text).toBe(answerTo('Hello'));
      expect(sequence(attempts)).toEqual(['primary:abandoned', 'backup:ok']);
      await until(() => primary.inFlight === 0, 'the slow one is left');
      expect(primary.requests).toMatchObject([{ closedByClientAt: expect.any(Number) }]);
      expect(backup.requests).toHaveLength(1);
    },
  );
});

describe('a hundred calls, one in ten slow', () => {
  it('are answered without anybody waiting for the slow ones, and nothing is left open', async () => {
    await using bench = new Bench();
    const random = { ratio: 0.1, faults: [slow] } as const;
    const [primary, backup] = [await bench.server({ random, seed: 5 }), await bench.server()];
    const llm = bench.transport({
      providers: [providerAt(primary, 'primary', { domain: 'one' }), providerAt(backup, 'backup', { domain: 'two' })],
      hedge: { afterMs: 150 },
      timeout: false,
    });
    const jobs = Array.from({ length: 100 }, (_, index) => `Hello ${index}`);
    const seen = await pool(5, jobs, (prompt) => see(llm, 'unary', { prompt }));
    for (const [index, { text }] of seen.entries()) expect(text).toBe(answerTo(`Hello ${index}`));
    const attempts = seen.flatMap((one) => one.attempts);
    const requests = primary.requests.length + backup.requests.length;
    // A hedge that the first has overtaken at once may have been cancelled before it left.
    expect(requests).toBeLessThanOrEqual(attempts.length);
    expect(requests).toBeGreaterThanOrEqual(attempts.filter(({ outcome }) => outcome === 'ok').length);
    expect(attempts.length).toBeGreaterThan(100);
    expect(requests).toBeLessThan(150);
    await until(() => primary.inFlight + backup.inFlight === 0, 'all are left');
  });
});
