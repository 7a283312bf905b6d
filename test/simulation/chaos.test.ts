import { describe, expect, it } from 'vitest';
import type { TransportError } from '../../src/core/errors.ts';
import type { Completion } from '../../src/core/types.ts';
import {
  answerTo,
  faultCases,
  faults,
  randomFrom,
  type SimulatedProvider,
  simulated,
} from '../../src/testing/index.ts';
import {
  advance,
  chance,
  finish,
  readAll,
  settled,
  transport,
  virtualTime,
  watch,
} from '../unit/middleware/support.ts';

virtualTime();

interface Ended {
  readonly prompt: string;
  readonly outcome: 'ok' | 'broken' | string;
  readonly text: string;
  readonly error?: TransportError;
  readonly attempts: Completion['attempts'];
}

/** Everything that can go wrong but what quarantines for minutes, which other tests look at. */
const troubles = faultCases
  .map(({ name }) => name)
  .filter(
    (name) =>
      ![
        'unauthorized',
        'unauthorized-repeats-key',
        'forbidden',
        'payment-required',
        'insufficient-quota',
        'rate-limited-600s',
      ].includes(name),
  );

function world(seed: number, share: number) {
  const make = (name: string, offset: number): SimulatedProvider =>
    simulated({
      name,
      seed: seed * 10 + offset,
      words: 12,
      firstTokenMs: (random) => 20 + random() * 300,
      tokenMs: (random) => random() * 20,
      limits: { concurrency: 20 },
      random: { ratio: share, faults: troubles },
      schedule: [],
    });
  const providers = [make('a', 1), make('b', 2), make('c', 3)] as const;
  const llm = transport({ providers, timeout: { firstContentMs: 3_000, idleMs: 2_000, responseMs: 5_000 } });
  return { providers, llm };
}

async function run(seed: number, share: number, calls: number) {
  chance(seed);
  const random = randomFrom(seed * 7 + 1);
  const { providers, llm } = world(seed, share);
  const pending: { at: number; limit: number; ended: ReturnType<typeof watch<Ended>> }[] = [];
  for (let index = 0; index < calls; index++) {
    const prompt = `Question ${seed}/${index}`;
    const stream = random() < 0.5;
    const limit = random() < 0.5 ? 20_000 + random() * 20_000 : Number.POSITIVE_INFINITY;
    const controller = new AbortController();
    if (random() < 0.1) setTimeout(() => controller.abort(), random() * 2_000);
    const options = { timeoutMs: limit, signal: controller.signal };
    const call = async (): Promise<Ended> => {
      try {
        if (!stream) {
          const { text, attempts } = await llm.complete({ prompt }, options);
          return { prompt, outcome: 'ok', text, attempts };
        }
        const opened = await llm.complete({ prompt, stream: true }, options);
        const { text, error, chunks } = await readAll(opened);
        if (error === undefined) {
          expect(chunks.filter(({ type }) => type === 'finish')).toHaveLength(1);
          const { attempts } = await opened.completion;
          return { prompt, outcome: 'ok', text, attempts };
        }
        const { code, attempts } = error as TransportError;
        return { prompt, outcome: code, text, error: error as TransportError, attempts };
      } catch (thrown) {
        const error = thrown as TransportError;
        return { prompt, outcome: error.code ?? String(thrown), text: '', error, attempts: error.attempts };
      }
    };
    pending.push({ at: Date.now(), limit, ended: watch(call()) });
    await advance(random() * 60);
  }
  await advance(400_000);
  return { llm, providers, pending };
}

describe('three providers in all kinds of trouble, calls of all kinds', () => {
  it.each([
    [0.1, 1],
    [0.1, 2],
    [0.3, 3],
    [0.3, 4],
    [0.6, 5],
    [0.6, 6],
    [0.95, 7],
  ])(
    '%s of the requests fail (seed %s): exact answers or typed errors, nothing hangs, nobody is asked against their will',
    async (share, seed) => {
      const { llm, providers, pending } = await run(seed, share, 150);

      for (const { at, limit, ended } of pending) {
        const { result } = ended;
        if (result === undefined) throw new Error(`A call of ${at} hangs`);
        if (!result.ok) throw result.error;
        const { prompt, outcome, text, error } = result.value;
        const whole = answerTo(prompt, { words: 12 });
        // `length` is an answer that is short by right.
        const short = text === answerTo(prompt, { words: 12 }).split(' ').slice(0, 5).join(' ');
        if (outcome === 'ok') expect(text === whole || short).toBe(true);
        else {
          expect(error?.name).toBe('TransportError');
          expect(whole.startsWith(text) || 'let me see'.startsWith(text)).toBe(true);
          if (outcome === 'stream_interrupted') expect(error?.partial?.text ?? '').toBe(text);
        }
        expect(result.ms).toBeLessThanOrEqual(limit + 2);
      }

      for (const provider of providers) {
        const { requests } = provider;
        let closedUntil = 0;
        const refused = new Set<string>();
        for (const { receivedAt, fault, headers } of requests) {
          expect(receivedAt).toBeGreaterThanOrEqual(closedUntil);
          const call = headers['x-transaction-id'] ?? '';
          expect(refused.has(call)).toBe(false);
          if (fault === faults['do-not-retry']) refused.add(call);
          if (fault?.kind === 'status' && fault.retryAfter !== undefined) {
            // What was under way, or sent in the same moment, could not know.
            const under = requests.filter((other) => other.receivedAt === receivedAt).length;
            if (under === 1) closedUntil = Math.max(closedUntil, receivedAt + fault.retryAfter.ms);
          }
        }
        expect(provider.inFlight).toBe(0);
        expect(provider.maxInFlight).toBeLessThanOrEqual(20);
      }

      // The ledgers add up to what the providers saw.
      const attempts = pending.flatMap(({ ended }) => (ended.result?.ok ? ended.result.value.attempts : []));
      const served = providers.reduce((sum, { requests }) => sum + requests.length, 0);
      const twice = providers
        .flatMap(({ requests }) => requests)
        .filter(
          ({ fault, stream }) => stream && (fault?.kind === 'streamIgnored' || fault === faults['streaming-refused']),
        ).length;
      expect(attempts.length).toBe(served - twice);

      // And when the trouble is over, it is over: whichever is the only healthy one answers.
      for (const healthy of providers) {
        for (const provider of providers) provider.setFault(provider === healthy ? 'ok' : 'http-503');
        for (let count = 0; count < 100; count++) {
          watch(llm.complete({ prompt: 'Hi' }, { timeoutMs: 20_000 }));
          await advance(100);
        }
        const result = await settled(llm.complete({ prompt: 'Hi' }, { timeoutMs: 20_000 }));
        expect(result.ok && result.value.provider).toBe(healthy.name);
        expect(result.ms).toBeLessThanOrEqual(2_000);
      }
      await finish(llm);
    },
  );

  it('is the same run for the same seed', async () => {
    const log = async () => {
      const { llm, pending } = await run(11, 0.4, 60);
      const from = llm.events[0]?.at ?? 0;
      const ids = new Map<string, number>();
      const events = llm.events.map(({ type, at, transactionId, attempt }) => {
        if (!ids.has(transactionId)) ids.set(transactionId, ids.size);
        return `${at - from} ${ids.get(transactionId)}.${attempt} ${type}`;
      });
      await finish(llm);
      return { events, outcomes: pending.map(({ ended }) => ended.result?.ok && ended.result.value.outcome) };
    };
    expect(await log()).toEqual(await log());
  });
});
