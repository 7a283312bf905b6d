import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attempt, CompletionStream, Transport } from '../../src/core/types.ts';
import { simulated } from '../../src/testing/index.ts';
import { checkEvents, flush, settled, transport, virtualTime } from '../unit/middleware/support.ts';

/** Whatever calls with one id do, each in its own time: one of them is sent, and all who stay have the same answer. */

virtualTime();

const runs = 400;
const id = 'order-1';

/** What a call does. Times in milliseconds. */
interface Plan {
  readonly at: number;
  readonly streams: boolean;
  /** Between two chunks. */
  readonly paceMs: number;
  readonly leaves: 'never' | 'abort' | 'timeout' | 'break' | 'return';
  /** After so many milliseconds, or chunks. */
  readonly after: number;
}

interface Told {
  readonly code: string;
  /** What its reader has read. */
  readonly text: string;
  /** Its reader has read all of it. */
  readonly isWhole: boolean;
  readonly attempts: readonly Attempt[];
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const plan = (leaves: fc.Arbitrary<Plan['leaves']>): fc.Arbitrary<Plan> =>
  fc.record({
    at: fc.integer({ min: 0, max: 1_200 }),
    streams: fc.boolean(),
    paceMs: fc.constantFrom(0, 0, 1, 30, 200),
    leaves,
    after: fc.integer({ min: 0, max: 900 }),
  });
const anyhow = fc.constantFrom<Plan['leaves']>('never', 'never', 'abort', 'timeout', 'break', 'return');
const server = fc.record({
  words: fc.integer({ min: 1, max: 30 }),
  firstTokenMs: fc.constantFrom(0, 5, 300),
  tokenMs: fc.constantFrom(0, 1, 25),
});

async function read(
  stream: CompletionStream,
  { paceMs, leaves, after }: Plan,
): Promise<{ text: string; isWhole: boolean }> {
  let text = '';
  let chunks = 0;
  const iterator = stream[Symbol.asyncIterator]();
  for (;;) {
    if (leaves === 'return' && chunks === after % 7) {
      await iterator.return?.();
      return { text, isWhole: false };
    }
    const { done, value } = await iterator.next();
    if (done === true) return { text, isWhole: true };
    if (value.type === 'restart') text = '';
    if (value.type === 'text') text += value.text;
    chunks += 1;
    if (leaves === 'break' && chunks > after % 7) {
      await iterator.return?.();
      return { text, isWhole: false };
    }
    if (paceMs > 0) await wait(paceMs);
  }
}

async function play(llm: Transport, one: Plan): Promise<Told> {
  await wait(one.at);
  const controller = new AbortController();
  if (one.leaves === 'abort') void wait(one.after).then(() => controller.abort());
  const options = {
    transactionId: id,
    signal: controller.signal,
    ...(one.leaves === 'timeout' && { timeoutMs: one.after }),
  };
  try {
    if (!one.streams) {
      const { text, attempts } = await llm.complete({ prompt: 'Hello' }, options);
      return { code: 'ok', text, isWhole: true, attempts };
    }
    const stream = await llm.complete({ prompt: 'Hello', stream: true }, options);
    const has = await read(stream, one);
    const whole = await stream.completion;
    return { code: 'ok', ...has, attempts: whole.attempts };
  } catch (error) {
    const { code, attempts, partial } = error as { code: string; attempts: Attempt[]; partial?: { text: string } };
    return { code, text: partial?.text ?? '', isWhole: false, attempts };
  }
}

/** All calls, in virtual time, to their ends. */
async function all(llm: Transport, plans: readonly Plan[]): Promise<Told[]> {
  const result = await settled(Promise.all(plans.map((one) => play(llm, one))));
  if (!result.ok) throw result.error;
  await flush();
  return result.value;
}

const mayEndIn = (one: Plan): string[] =>
  one.leaves === 'never'
    ? ['ok']
    : one.leaves === 'timeout'
      ? ['ok', 'deadline_exceeded']
      : // A whole answer is not read, so it is not left.
        ['ok', 'cancelled'];

describe('calls with one id', () => {
  it(`are one, whoever leaves, as long as one stays (${runs} runs)`, async () => {
    await fc.assert(
      fc.asyncProperty(
        server,
        fc.boolean(),
        fc.array(plan(anyhow), { minLength: 1, maxLength: 49 }),
        async (how, streams, others) => {
          const a = simulated(how);
          const llm = transport({ providers: [a] });
          const stays: Plan = { at: 0, streams, paceMs: 0, leaves: 'never', after: 0 };
          const plans = [stays, ...others];
          const told = await all(llm, plans);
          expect(a.requests).toHaveLength(1);
          const text = told[0]?.text;
          expect(text?.split(' ')).toHaveLength(how.words);
          for (const [index, { code, text: own, isWhole }] of told.entries()) {
            expect(mayEndIn(plans[index] as Plan)).toContain(code);
            if (isWhole) expect(own).toBe(text);
            // Of one that left, the beginning.
            else expect(text?.startsWith(own)).toBe(true);
          }
          expect(a.inFlight).toBe(0);
          // The ledger is with one of them.
          expect(told.flatMap(({ attempts }) => attempts)).toHaveLength(1);
          expect(llm.usage()).toMatchObject({ attempts: 1, outputTokens: a.billed.outputTokens });
          checkEvents(llm.events);
        },
      ),
      { numRuns: runs, seed: 7 },
    );
  }, 120_000);

  it(`end what was sent when the last has left, and are sent again after that (${runs} runs)`, async () => {
    await fc.assert(
      fc.asyncProperty(
        server,
        fc.constantFrom<'error' | 'restart'>('error', 'restart'),
        fc.array(
          fc.constantFrom<'http-500' | 'cut-reset' | 'stall-after-content' | 'ok'>('http-500', 'cut-reset', 'ok'),
          { maxLength: 4 },
        ),
        fc.array(plan(fc.oneof(anyhow, fc.constant<Plan['leaves']>('abort'))), { minLength: 1, maxLength: 20 }),
        async (how, mode, script, plans) => {
          const a = simulated({
            name: 'a',
            ...how,
            script: script.map((one) => (one === 'ok' ? undefined : one)) as never,
          });
          const llm = transport({ providers: [a], resume: { mode } });
          const told = await all(llm, plans);
          expect(a.inFlight).toBe(0);
          // Every request is in the ledger of one call, once.
          expect(told.flatMap(({ attempts }) => attempts)).toHaveLength(a.requests.length);
          const ended = llm.events.flatMap((event) => (event.type === 'call:end' ? event.attempts : []));
          expect(ended).toHaveLength(a.requests.length);
          expect(llm.usage().attempts).toBe(a.requests.length);
          const texts = new Set(told.filter(({ isWhole }) => isWhole).map(({ text }) => text));
          expect(texts.size).toBeLessThanOrEqual(1);
          const starts = llm.events.filter(({ type }) => type === 'call:start').length;
          const joins = llm.events.filter(({ type }) => type === 'call:join').length;
          expect(starts + joins).toBe(plans.length);
        },
      ),
      { numRuns: runs, seed: 11 },
    );
  }, 120_000);
});
