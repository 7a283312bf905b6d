import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TransportEvent } from '../../src/core/events.ts';
import { answerTo, simulated } from '../../src/testing/index.ts';
import { Bench, errorOf, median, modes, pause, providerAt, see, sequence } from './support.ts';

describe('When the primary is down, the backup', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is asked without any timer in between: it answers while the clock stands still', async () => {
    for (const fault of [
      'http-500',
      'http-503',
      'connection-refused',
      'rate-limited',
      'unauthorized',
      'empty-answer',
    ] as const) {
      await using bench = new Bench();
      vi.useFakeTimers();
      const primary = simulated({ name: 'primary', fault });
      const backup = simulated({ name: 'backup' });
      const llm = bench.transport({ providers: [primary, backup] });
      const completion = await llm.complete({ prompt: 'Hello' });
      expect(sequence(completion.attempts)).toEqual([expect.stringMatching(/^primary:/), 'backup:ok']);
      expect(completion.text).toBe(answerTo('Hello'));
      vi.useRealTimers();
    }
  });

  it.each(modes)(
    'gets its request as soon after the failure as a healthy provider gets its own after the call, %s',
    async (mode) => {
      await using bench = new Bench();
      const primary = await bench.server();
      const backup = await bench.server();
      const llm = bench.over({ primary, backup }, mode, { circuitBreaker: false });
      const retries: TransportEvent[] = [];
      llm.on('retry', (event) => retries.push(event));
      const gaps = { healthy: [] as number[], failed: [] as number[] };
      // Both connections are made.
      await see(llm, mode, { prompt: 'Hello' });
      await primary.setFault('http-503');
      await see(llm, mode, { prompt: 'Hello' });
      for (let round = 0; round < 40; round += 1) {
        await primary.setFault('http-503');
        const { text } = await see(llm, mode, { prompt: 'Hello' });
        expect(text).toBe(answerTo('Hello'));
        gaps.failed.push((backup.requests.at(-1)?.receivedAt ?? 0) - (primary.requests.at(-1)?.endedAt ?? 0));
        await primary.setFault(undefined);
        const at = Date.now();
        await see(llm, mode, { prompt: 'Hello' });
        gaps.healthy.push((primary.requests.at(-1)?.receivedAt ?? 0) - at);
      }
      const [healthyMs, failedMs] = [median(gaps.healthy), median(gaps.failed)];
      console.info(
        `fail-over, ${mode}: the backup's request ${failedMs} ms after the failure, a healthy one's ${healthyMs} ms after the call (medians)`,
      );
      // The smallest back-off, with its jitter, has a median of 100 ms.
      expect(failedMs).toBeLessThanOrEqual(4 * healthyMs + 10);
      for (const event of retries) expect(event).toMatchObject({ waitMs: 0 });
    },
  );

  it('alone is asked once the circuit is open: the primary gets nothing more but a probe now and then', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'http-503' });
    const backup = await bench.server();
    const probesEveryMs = 400;
    const llm = bench.over({ primary, backup }, 'unary', { circuitBreaker: { maxOpenMs: probesEveryMs } });
    const changes: string[] = [];
    llm.on('circuit:change', ({ provider, from, to }) => changes.push(`${provider}: ${from} → ${to}`));
    while (llm.health()[0]?.circuit === 'closed') await see(llm, 'unary', { prompt: 'Hello' });
    expect(primary.requests).toHaveLength(3);
    const openedAt = Date.now();
    let direct = 0;
    let calls = 0;
    while (Date.now() - openedAt < 2_000) {
      const { attempts, text } = await see(llm, 'unary', { prompt: 'Hello' });
      expect(text).toBe(answerTo('Hello'));
      calls += 1;
      if (attempts.length === 1) direct += 1;
    }
    const elapsedMs = Date.now() - openedAt;
    const probes = primary.requests.slice(3);
    expect(probes.length).toBeGreaterThan(0);
    expect(calls - direct).toBe(probes.length);
    // Probes are a fifth less apart at most, so that many processes do not probe as one.
    expect(probes.length).toBeLessThanOrEqual(Math.ceil(elapsedMs / (0.8 * probesEveryMs)));
    for (const [index, { receivedAt }] of probes.slice(1).entries())
      expect(receivedAt - (probes[index]?.receivedAt ?? 0)).toBeGreaterThanOrEqual(0.8 * probesEveryMs - 2);
    expect(primary.maxInFlight).toBe(1);

    // And when it is back it is found out, and preferred again.
    await primary.setFault(undefined);
    const backAt = Date.now();
    while (llm.health()[0]?.circuit !== 'closed' && Date.now() - backAt < 10 * probesEveryMs)
      await see(llm, 'unary', { prompt: 'Hello' });
    expect((await see(llm, 'unary', { prompt: 'Hello' })).attempts).toMatchObject([
      { provider: 'primary', outcome: 'ok' },
    ]);
    expect(changes.slice(0, 2)).toEqual(['primary: closed → open', 'primary: open → half-open']);
    expect(changes.at(-1)).toBe('primary: half-open → closed');
  });

  it('with default options gets all calls of the first seconds after the circuit has opened', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'connection-refused' });
    const backup = await bench.server();
    const llm = bench.over({ primary, backup });
    const attempts: string[] = [];
    llm.on('attempt:start', ({ ledger }) => attempts.push(ledger.provider));
    const from = Date.now();
    while (Date.now() - from < 2_500) {
      expect((await see(llm, 'unary', { prompt: 'Hello' })).how).toBe('answered');
      await pause(10);
    }
    expect(attempts.filter((name) => name === 'primary')).toHaveLength(3);
  });

  it('of another failure domain is asked before one that fails together with the primary', async () => {
    await using bench = new Bench();
    const [one, two, other] = await Promise.all(
      ['http-503', undefined, undefined].map((fault) => bench.server({ fault: fault as 'http-503' | undefined })),
    );
    if (one === undefined || two === undefined || other === undefined) throw new Error('unreachable');
    const llm = bench.transport({
      providers: [
        providerAt(one, 'one', { domain: 'vendor' }),
        providerAt(two, 'two', { domain: 'vendor' }),
        providerAt(other, 'other', { domain: 'another vendor' }),
      ],
    });
    expect(sequence((await llm.complete({ prompt: 'Hello' })).attempts)).toEqual(['one:overloaded', 'other:ok']);
    await other.setFault('http-503');
    expect(sequence((await llm.complete({ prompt: 'Hello' })).attempts)).toEqual([
      'one:overloaded',
      'other:overloaded',
      'two:ok',
    ]);
  });

  it('is asked after a refusal by policy only when that was opted in', async () => {
    for (const fault of ['content-policy', 'refusal', 'refusal-field'] as const) {
      for (const mode of modes) {
        await using bench = new Bench();
        const primary = await bench.server({ fault });
        const backup = await bench.server();
        const llm = bench.over({ primary, backup }, mode, { retry: { contentFiltered: 'elsewhere' } });
        const { text, attempts } = await see(llm, mode, { prompt: 'Hello' });
        expect(sequence(attempts)).toEqual(['primary:content_filtered', 'backup:ok']);
        expect(text).toBe(answerTo('Hello'));
      }
    }
  });
});

describe("A lone provider's outage", () => {
  it.concurrent.each(['connection-refused', 'http-503', 'reset-before-headers'] as const)(
    '%s, three seconds long: is outlived by every call whose deadline allows it',
    async (fault) => {
      await using bench = new Bench();
      const primary = await bench.server();
      const llm = bench.over({ primary });
      expect((await see(llm, 'unary', { prompt: 'Hello' })).how).toBe('answered');
      await primary.setFault(fault);
      const answeredAt: number[] = [];
      let attempts = 0;
      llm.on('attempt:start', () => {
        attempts += 1;
      });
      const seen = Array.from({ length: 30 }, async (_, index) => {
        await pause(index * 50);
        const one = await see(
          llm,
          index % 2 === 0 ? 'unary' : 'streaming',
          { prompt: `Hello ${index}` },
          { timeoutMs: 15_000 },
          16_000,
        );
        answeredAt.push(Date.now());
        return one;
      });
      await pause(3_000);
      expect(answeredAt).toEqual([]);
      const duringOutage = attempts;
      await primary.setFault(undefined);
      const restoredAt = Date.now();
      for (const [index, { text, error }] of (await Promise.all(seen)).entries()) {
        expect(error).toBeUndefined();
        expect(text).toBe(answerTo(`Hello ${index}`));
      }
      const [firstMs, lastMs] = [Math.min(...answeredAt) - restoredAt, Math.max(...answeredAt) - restoredAt];
      console.info(
        `lone outage, ${fault}: ${duringOutage} attempts of 30 calls while it lasted; answered ${firstMs} to ${lastMs} ms after its end`,
      );
      expect(lastMs).toBeLessThanOrEqual(5_000);
      // Without the circuit each call would have made four.
      expect(duringOutage).toBeLessThan(2 * seen.length);
    },
    25_000,
  );

  it('is not waited for longer than retry.maxWaitMs, and the error says when to come back', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'rate-limited' });
    const llm = bench.over({ primary }, 'unary', { retry: { maxWaitMs: 300 } });
    const waits: number[] = [];
    llm.on('retry', ({ waitMs }) => waits.push(waitMs));
    const error = await errorOf(llm.complete({ prompt: 'Hello' }));
    expect(error).toMatchObject({ code: 'rate_limited', retry: 'again', blame: 'caller', status: 429 });
    expect(error.retryAfterMs).toBeGreaterThan(500);
    expect(primary.requests).toHaveLength(1);

    await primary.setFault('connection-refused');
    llm.reset('primary');
    expect((await errorOf(llm.complete({ prompt: 'Hello' }))).code).toBe('connection');
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(300);
  });

  it('that outlasts the deadline ends at once when nobody can be back in time', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'rate-limited' });
    const llm = bench.over({ primary });
    const error = await errorOf(llm.complete({ prompt: 'Hello' }, { timeoutMs: 900 }));
    expect(error).toMatchObject({ code: 'rate_limited', provider: 'primary', status: 429 });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    // The rest of the time is not sat out: it would have ended in `deadline_exceeded`.
    expect(error.attempts).toHaveLength(1);
  });
});
