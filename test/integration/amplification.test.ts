import { describe, expect, it } from 'vitest';
import type { Attempt, Transport } from '../../src/core/types.ts';
import { answerTo, type FaultChoice, type SimulatedServer } from '../../src/testing/index.ts';
import { Bench, type Mode, pause, type Seen, see } from './support.ts';

const calls = 1_000;
/** A hang is not what is looked for here: with a thousand calls a busy machine needs its time. */
const guardMs = 30_000;
const modeOf = (index: number): Mode => (index % 2 === 0 ? 'unary' : 'streaming');
const indices = Array.from({ length: calls }, (_, index) => index);

/** What a warm transport has that a cold one has not: a provider that has answered is sent everything at once. */
async function warmUp(llm: Transport, servers: readonly SimulatedServer[]): Promise<void> {
  for (const server of servers) {
    // The first in the list is asked as long as it is there.
    await server.setFault('ok');
    expect((await see(llm, 'unary', { prompt: 'Hello' })).how).toBe('answered');
    await server.setFault('context-length');
  }
}

interface Down {
  readonly name: string;
  readonly fault: FaultChoice;
  readonly temperature: 'cold' | 'warm';
}

const downs = (temperature: Down['temperature']): readonly Down[] => [
  { name: '503 everywhere', fault: 'http-503', temperature },
  { name: 'nobody listens', fault: 'connection-refused', temperature },
  { name: '429 everywhere, without a hint', fault: 'rate-limited-no-hint', temperature },
];

describe('A thousand concurrent calls while everything is down', () => {
  const title =
    '$name, $temperature: at most 1.15 requests a call, a typed error for each, and service again within 5 s of theirs';
  // Of a cold transport next to nothing is heard: these take time, but no work.
  it.concurrent.each(downs('cold'))(title, down, 60_000);
  it.each(downs('warm'))(title, down, 60_000);

  async function down({ name, fault, temperature }: Down): Promise<void> {
    await using bench = new Bench();
    const primary = await bench.server({ words: 5, keepRequests: 10_000 });
    const backup = await bench.server({ words: 5, keepRequests: 10_000 });
    const servers = [primary, backup];
    const llm = bench.over({ primary, backup }, 'unary', { timeout: {} });
    if (temperature === 'warm') await warmUp(llm, servers);
    for (const server of servers) await server.setFault(fault);
    const before = primary.requests.length + backup.requests.length;
    const attempts: Attempt[] = [];
    llm.on('attempt:end', ({ ledger }) => attempts.push(ledger));

    const timeoutMs = 3_000;
    const seen = await Promise.all(
      indices.map((index) => see(llm, modeOf(index), { prompt: `Hello ${index}` }, { timeoutMs }, guardMs)),
    );
    const received = primary.requests.length + backup.requests.length - before;
    const amplification = Math.max(received, attempts.length) / calls;

    // Their service is restored: a steady trickle of calls notices.
    for (const server of servers) await server.setFault(undefined);
    const restoredAt = Date.now();
    const trickle: Promise<{ at: number; seen: Seen }>[] = [];
    let firstAt = Number.POSITIVE_INFINITY;
    // Counted, not timed: a machine that is busy with something else may hold this loop for longer than any pause.
    let sinceThen = 0;
    while (sinceThen < 5 && (sinceThen > 0 || Date.now() - restoredAt < 8_000)) {
      const at = Date.now();
      if (at >= firstAt) sinceThen += 1;
      const call = see(
        llm,
        'unary',
        { prompt: `Trickle ${trickle.length}` },
        { timeoutMs: sinceThen > 0 ? 10_000 : 1_000 },
      );
      trickle.push(
        call.then((one) => {
          if (one.how === 'answered') firstAt = Math.min(firstAt, Date.now());
          return { at, seen: one };
        }),
      );
      await pause(50);
    }
    const later = await Promise.all(trickle);
    const codes = [...new Set(seen.map(({ error }) => error?.code))].sort().join(', ');
    console.info(
      `${name}, ${temperature}: ${received} requests, ${attempts.length} attempts for ${calls} calls (${amplification.toFixed(3)} a call); ` +
        `${codes}; service again ${firstAt - restoredAt} ms after theirs`,
    );

    expect(seen.filter(({ how }) => how !== 'failed')).toEqual([]);
    expect(codes).not.toMatch(/internal|middleware|closed|cancelled/);
    expect(amplification).toBeLessThanOrEqual(1.15);
    expect(firstAt - restoredAt).toBeLessThanOrEqual(5_000);
    // From then on every call is answered, exactly.
    const after = later.filter(({ at }) => at >= firstAt).map((one) => one.seen);
    expect(after.length).toBeGreaterThan(0);
    for (const [index, one] of later.entries())
      if (one.seen.how === 'answered') expect(one.seen.text).toBe(answerTo(`Trickle ${index}`, { words: 5 }));
    expect(after.filter(({ how }) => how !== 'answered')).toEqual([]);
    expect(llm.health().map(({ inFlight, queued }) => inFlight + queued)).toEqual([0, 0]);
  }
});

describe('A thousand concurrent calls while one request in five fails at both providers', () => {
  it.each(['cold', 'warm'] as const)(
    '%s: at least 99.5 % are answered, each of them exactly',
    async (temperature) => {
      await using bench = new Bench();
      const faults = ['http-500', 'http-502-html', 'http-503', 'http-529'] as const;
      const [primary, backup] = await Promise.all(
        [1, 2].map((seed) => bench.server({ seed, firstTokenMs: 20, words: 20, random: { ratio: 0.2, faults } })),
      );
      if (primary === undefined || backup === undefined) throw new Error('unreachable');
      const llm = bench.over({ primary, backup }, 'unary', { timeout: {} });
      if (temperature === 'warm') await warmUp(llm, [primary, backup]);
      for (const server of [primary, backup]) await server.setFault(undefined);
      const before = primary.requests.length + backup.requests.length;

      const seen = await Promise.all(
        indices.map((index) => see(llm, modeOf(index), { prompt: `Hello ${index}` }, {}, 2 * guardMs)),
      );
      const answered = seen.filter(({ how }) => how === 'answered');
      const received = primary.requests.length + backup.requests.length - before;
      const failed = seen.filter(({ how }) => how !== 'answered').map(({ error, how }) => error?.code ?? how);
      console.info(
        `one in five fails, ${temperature}: ${answered.length} of ${calls} answered, ${received} requests` +
          (failed.length > 0 ? `; ${failed.join(', ')}` : ''),
      );
      expect(answered.length).toBeGreaterThanOrEqual(0.995 * calls);
      for (const [index, { how, text }] of seen.entries())
        if (how === 'answered') expect(text).toBe(answerTo(`Hello ${index}`, { words: 20 }));
    },
    4 * guardMs,
  );
});
