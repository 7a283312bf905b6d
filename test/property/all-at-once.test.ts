import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { contextKey } from '../../src/core/context.ts';
import { TransportError } from '../../src/core/errors.ts';
import type { TransactionStore } from '../../src/core/transaction-types.ts';
import type { Attempt, Completion, CompletionStream, ResumeOptions, Transport } from '../../src/core/types.ts';
import { budget } from '../../src/middleware/budget.ts';
import {
  type Answer,
  answerTo,
  type Continuation,
  type FaultName,
  type IncomingRequest,
  randomFrom,
  type SimulatedProvider,
  simulated,
} from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { tokensIn } from '../integration/books.ts';
import { flush, kept, virtualTime } from '../unit/middleware/support.ts';

/**
 * Joining, replaying, hedging, resuming, re-asking and budgets on one transport, while providers, stores, readers and clocks do what they
 * want: no answer is glued, and the books are right. Each run has a seed of its own; `RUNS=1000` makes so many.
 */

virtualTime();

const runs = Number(process.env.RUNS ?? 24);
const callsEach = 100;
const tenant = contextKey('tenant', 'nobody');
const tenants = ['__proto__', 'constructor', 'acme'];
const schema = z.object({ said: z.string().transform((said) => said.length), more: z.number().default(3) });
const tools = [{ name: 'look', inputSchema: { jsonSchema: { type: 'object' } } }];
const faults: readonly FaultName[] = [
  ...(['cut-reset', 'cut-end', 'cut-close', 'stream-error-after-content', 'stream-error-before-content'] as const),
  ...(['http-503', 'http-500', 'stall', 'stall-before-content', 'reset-before-headers', 'empty-answer'] as const),
  ...(['malformed-json', 'error-in-200', 'missing-terminal-event', 'rate-limited-ms', 'length'] as const),
];
const modes: readonly ResumeOptions[] = [
  ...([{ mode: 'error' }, { mode: 'restart' }, { mode: 'continue' }] as const),
  { mode: 'continue', otherwise: 'restart' },
];
const continues = [
  ...(['exactly', 'exactly', 'exactly', 'ignores', 'paraphrases', 'repeats'] as const),
  ({ anchor, rest }: Continuation) => `${anchor} — ${anchor}${rest}`,
  ({ anchor, delivered, rest }: Continuation) => `${anchor}\n> ${delivered.slice(-40)}${rest}`,
];

const rejections: unknown[] = [];
const note = (reason: unknown): void => {
  rejections.push(reason);
};
beforeEach(() => {
  rejections.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is asked: some with a schema, some answered with tool calls or thoughts too. */
function promptOf(number: number): string {
  return `p${number}x ${'more '.repeat(number)}`;
}
function numberIn(prompt: string): number {
  return Number(/^p(\d+)x/.exec(prompt)?.[1]);
}
const hasSchema = (number: number): boolean => number % 3 === 0;
function referenceOf(number: number): string {
  const said = answerTo(promptOf(number), { words: 8 + ((number * 7) % 50) });
  return hasSchema(number) ? JSON.stringify({ said }) : said;
}
function answer({ turns, index }: IncomingRequest): Answer {
  const number = numberIn(turns[0]?.text ?? '');
  const text = referenceOf(number);
  if (hasSchema(number)) return { text: index % 3 === 0 ? `I would say: ${text}` : text };
  if (number % 4 === 1) return { text, toolCalls: [{ id: 'call_1', name: 'look', input: { at: promptOf(number) } }] };
  return number % 4 === 2 ? { text, reasoning: 'so it seems to me' } : { text };
}

/** A store that is slow, hangs, throws, and mixes its keys up. */
function anyStore(random: () => number): TransactionStore {
  const kept = new Map<string, string>();
  const odd = (): unknown => {
    const chance = random();
    if (chance < 0.25) throw new Error('The store is down');
    if (chance < 0.5) return Promise.reject(new Error('The store is down'));
    return chance < 0.75 ? new Promise(() => {}) : '{"version":1,"digest"';
  };
  return {
    get: (key) => {
      if (random() < 0.3) return odd();
      if (random() < 0.1) return [...kept.values()][0];
      return random() < 0.5 ? kept.get(key) : wait(200).then(() => kept.get(key));
    },
    set: (key, value) => {
      if (random() < 0.3) return odd();
      return random() < 0.5 ? void kept.set(key, value) : wait(300).then(() => kept.set(key, value));
    },
    delete: (key) => kept.delete(key),
  };
}

function setUp(seed: number, random: () => number) {
  const any = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const names = ['a', 'b', 'c'].slice(0, 1 + Math.floor(random() * 3));
  const providers = names.map((name, at) =>
    simulated({
      ...{ name, domain: name, seed: seed * 10 + at, tokenMs: 5, continues: any(continues), answer },
      firstTokenMs: (draw) => (draw() < 0.15 ? 900 : 40),
      script: ({ index }) => ((index * 7 + at) % 10 < 4 ? faults[Math.imul(index + 1, 0x9e3779b1) >>> 28] : undefined),
    }),
  );
  const limit = budget({ tokens: random() < 0.3 ? 12_000 : 10_000_000, by: tenant });
  const llm = createTransport({
    ...{ providers, hedge: { afterMs: 200 }, resume: any(modes), useEach: [limit] },
    transaction: { by: tenant, replayMs: 3_000, ...(random() < 0.5 && { store: anyStore(random) }) },
    timeout: { firstContentMs: 5_000, idleMs: 2_000 },
  });
  const lines: Attempt[] = [];
  llm.on('attempt:end', ({ ledger }) => lines.push(ledger));
  return { llm, providers, limit, lines };
}

/** One call, of one tenant or another, that stays or leaves. @throws Error when what it was given is wrong */
async function play(llm: Transport, random: () => number): Promise<string> {
  await wait(random() * 4_000);
  const number = Math.floor(random() * 12);
  const who = tenants[Math.floor(random() * 3)] as string;
  const controller = new AbortController();
  const leaves = random();
  if (leaves < 0.2) setTimeout(() => controller.abort(), random() * 1_500);
  const request = {
    ...{ prompt: promptOf(number), metadata: { who }, tools, stream: random() < 0.6 },
    ...(hasSchema(number) && { schema }),
  };
  const call = {
    ...{ signal: controller.signal, values: [tenant.of(who)] },
    ...(random() < 0.8 && { transactionId: `${who}-${number}` }),
    ...(random() < 0.5 && { resume: modes[Math.floor(random() * 4)] }),
    ...(leaves > 0.9 && { timeoutMs: 30 + random() * 1_500 }),
  };
  try {
    const given = await llm.complete<unknown>(request, call);
    if (!('completion' in given)) return checked(given, number);
    const { text, end } = await read(given, random);
    if (end === 'left') return isBeginning(text, number);
    const whole = await given.completion;
    expect(text).toBe(whole.text);
    return checked(whole, number);
  } catch (error) {
    if (!TransportError.is(error)) throw error;
    // An answer that does not fit its schema is told as it was.
    if (error.partial !== undefined && !hasSchema(number)) isBeginning(error.partial.text, number);
    return error.code;
  }
}

function checked({ text, object, toolCalls, finishReason }: Completion, number: number): string {
  if (finishReason === 'length') return isBeginning(text, number);
  const reference = referenceOf(number);
  expect([number, text]).toEqual([number, reference]);
  if (hasSchema(number)) expect(object).toEqual({ said: JSON.parse(reference).said.length, more: 3 });
  else expect(toolCalls.length).toBe(number % 4 === 1 ? 1 : 0);
  return 'ok';
}

function isBeginning(text: string, number: number): string {
  if (!hasSchema(number)) expect([number, referenceOf(number).startsWith(text), text]).toEqual([number, true, text]);
  return 'a part';
}

/** Reads as chunks or as text, at a pace of its own, and perhaps not to the end. */
async function read(stream: CompletionStream, random: () => number): Promise<{ text: string; end: 'all' | 'left' }> {
  const paceMs = random() < 0.5 ? 0 : random() * 40;
  const most = random() < 0.25 ? Math.floor(random() * 30) : Number.POSITIVE_INFINITY;
  let text = '';
  let count = 0;
  if (random() < 0.25) {
    for await (const piece of stream.text) {
      text += piece;
      await wait(paceMs);
    }
    return { text, end: 'all' };
  }
  for await (const chunk of stream) {
    if (chunk.type === 'restart') text = '';
    if (chunk.type === 'text') text += chunk.text;
    if (chunk.type === 'resume') expect(chunk.offset).toBe(text.length);
    count += 1;
    if (count > most) return { text, end: 'left' };
    await wait(paceMs);
  }
  return { text, end: 'all' };
}

/** Lets virtual time pass until all is over. Not by the clock, which jumps. */
async function over<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  let values: T[] | undefined;
  let thrown: unknown;
  Promise.all(promises).then(
    (all) => {
      values = all;
    },
    (error) => {
      thrown = error;
    },
  );
  await flush();
  while (values === undefined && thrown === undefined) {
    if (vi.getTimerCount() === 0) throw new Error('It hangs: nothing is left to wait for');
    vi.advanceTimersToNextTimer();
    await flush();
  }
  if (thrown !== undefined) throw thrown;
  return values as T[];
}

/** The books of all: a line for each request, to the token where the provider has told, and the same sums everywhere. */
function checkBooks({ llm, providers, limit, lines }: ReturnType<typeof setUp>): void {
  const requests = providers.flatMap((provider: SimulatedProvider) =>
    provider.requests.map((record) => [`${provider.name} ${record.requestId}`, record.billed] as const),
  );
  expect(lines).toHaveLength(requests.length);
  const bills = new Map(requests);
  for (const { provider, providerRequestId, usage, usageEstimated, outcome } of lines) {
    const billed = bills.get(`${provider} ${providerRequestId}`);
    if (billed === undefined || usageEstimated) continue;
    expect([outcome, tokensIn(usage)]).toEqual([outcome, tokensIn(billed)]);
  }
  const used = lines.reduce((sum, { usage }) => sum + tokensIn(usage), 0);
  const all = llm.usage();
  expect([all.attempts, tokensIn(all)]).toEqual([lines.length, used]);
  // What a tenant has used is what its budget says.
  const spent = limit.state().filter((state) => state.spent.tokens > 0);
  const groups = llm.usage({ metadata: 'who' }).filter((group) => tokensIn(group) > 0);
  expect(new Map(spent.map((state) => [state.key, state.spent.tokens]))).toEqual(
    new Map(groups.map((group) => [group.key, tokensIn(group)])),
  );
  for (const { reserved } of limit.state()) expect(reserved).toEqual({ dollars: 0, tokens: 0 });
}

describe('all of it at once', () => {
  it.each(Array.from({ length: runs }, (_, at) => at + 1))(
    'run %i: nothing is glued, and the books are right',
    async (seed) => {
      const random = randomFrom(seed);
      const bench = setUp(seed, random);
      // By up to an hour, forward and back: a machine that slept, or is told the time.
      if (random() < 0.4)
        for (let jump = 0; jump < 6; jump += 1) {
          const byMs = (random() - 0.5) * 7_200_000;
          setTimeout(() => vi.setSystemTime(Date.now() + byMs), random() * 5_000);
        }
      const ends = await over(Array.from({ length: callsEach }, () => play(bench.llm, random)));
      await over([bench.llm.close({ timeoutMs: 0 })]);
      await flush();

      expect(ends.filter((end) => end === 'internal' || end === 'middleware' || end === 'invalid_request')).toEqual([]);
      expect(ends.filter((end) => end === 'ok').length).toBeGreaterThan(5);
      checkBooks(bench);
      for (const { inFlight } of bench.providers) expect(inFlight).toBe(0);
      expect(rejections).toEqual([]);
      // The test's own timers, of jumps and stores.
      await kept(wait(10_000));
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});
