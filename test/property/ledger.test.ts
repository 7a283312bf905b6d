import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Attempt, CompletionRequest, ResumeOptions, Transport } from '../../src/core/types.ts';
import {
  type FaultName,
  type RequestRecord,
  randomFrom,
  type SimulatedProvider,
  simulated,
} from '../../src/testing/index.ts';
import { bookOf, briefly, closeness, tokensIn } from '../integration/books.ts';
import { allSettled, transport, virtualTime } from '../unit/middleware/support.ts';

virtualTime();

/** Calls that are made; `LEDGER_CALLS=10000` makes so many. */
const calls = Number(process.env.LEDGER_CALLS ?? 600);
/** Calls at once. */
const atOnce = 50;

const words = 'a an it of to the and for with into that over which answer model token stream provider estimation'.split(
  ' ',
);

/** As people write: few words or many, short ones and long ones. */
function said(random: () => number, most: number): string {
  const count = 5 + Math.floor(random() ** 2 * most);
  return Array.from({ length: count }, () => words[Math.floor(random() * words.length)]).join(' ');
}

/** Those that leave a provider in use: who is quarantined is asked nothing more. */
const faults: readonly FaultName[] = [
  ...(['cut-reset', 'cut-end', 'cut-close', 'stream-error-after-content', 'stream-error-before-content'] as const),
  ...(['http-503', 'http-500', 'stall', 'stall-before-content', 'silence-before-headers'] as const),
  ...([
    'silence-after-headers',
    'reset-before-headers',
    'reset-after-headers',
    'empty-answer',
    'refusal-after-content',
  ] as const),
  ...(['malformed-json', 'error-in-200', 'missing-terminal-event', 'rate-limited-ms'] as const),
];

const object = z.object({ said: z.string() });
const modes: readonly (ResumeOptions | undefined)[] = [
  undefined,
  { mode: 'restart' },
  { mode: 'continue' },
  { mode: 'continue', otherwise: 'restart' },
];

describe(`the ledger, over ${calls} random calls with hedging, resume, re-asking and cancellation`, () => {
  it('has every request, to the token where the provider has told, and within a tenth altogether where not', async () => {
    const random = randomFrom(7);
    const price = { input: 3, output: 15 };
    const providers = ['a', 'b', 'c'].map((name, at) =>
      simulated({
        ...{ name, domain: name, seed: at + 1, traits: { price }, tokenMs: 5 },
        // Every tenth is late, so that hedges have something to do; every tenth breaks, is refused, or falls silent.
        firstTokenMs: (draw) => (draw() < 0.1 ? 900 : 40),
        script: ({ index }) => (index % 10 === 9 ? faults[Math.floor(index / 10) % faults.length] : undefined),
        answer: ({ schema, index, prompt }) => {
          const text = said(randomFrom(prompt.length + index), 120);
          if (schema === undefined) return text;
          return index % 3 === 0 ? `I would say: ${text}` : JSON.stringify({ said: text });
        },
      }),
    );
    const llm = transport({
      providers,
      hedge: { afterMs: 200 },
      rateLimit: false,
      timeout: { firstContentMs: 5_000, idleMs: 2_000 },
    });
    const lines: Attempt[] = [];
    llm.on('attempt:end', ({ ledger }) => lines.push(ledger));
    const ofCalls: Attempt[] = [];
    llm.on('call:end', ({ attempts }) => ofCalls.push(...attempts));

    const ends = new Map<string, number>();
    let left = calls;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const end = await once(llm, random);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }
    };
    await allSettled(Array.from({ length: atOnce }, worker));
    await llm.close({ timeoutMs: 0 });

    // There is some of everything.
    expect([...ends.keys()]).toEqual(expect.arrayContaining(['ok', 'left', 'cancelled', 'deadline_exceeded']));
    const reasons = new Set(lines.map(({ reason }) => reason));
    expect([...reasons].sort()).toEqual(['failover', 'first', 'hedge', 'resume', 'retry']);
    expect(lines.filter(({ outcome }) => outcome === 'abandoned').length).toBeGreaterThan(calls / 100);

    // A line for each request, and no other; nobody is asked behind the ledger's back, and no call's end forgets one.
    const records = providers.flatMap((provider) =>
      provider.requests.map((record) => [provider.name, record] as const),
    );
    expect(lines.length).toBe(records.length);
    expect(ofCalls.length).toBe(lines.length);
    const book = bookOf(paired(lines, providers));
    const wrong = book.told.filter(({ line, record }) => tokensIn(line.usage) !== tokensIn(record?.billed));
    expect(wrong.map(briefly)).toEqual([]);
    expect(book.silent.filter(({ record }) => tokensIn(record?.billed) > 0).map(briefly)).toEqual([]);
    expect(book.told.length).toBeGreaterThan(calls / 2);
    expect(book.estimated.length).toBeGreaterThan(calls / 20);
    const close = closeness(book.estimated);
    if (process.env.LEDGER_CALLS !== undefined)
      console.log({
        calls,
        lines: lines.length,
        told: book.told.length,
        estimated: book.estimated.length,
        silent: book.silent.length,
        ...close,
        ...Object.fromEntries(ends),
        reasons: [...reasons].map((one) => `${one} ${lines.filter(({ reason }) => reason === one).length}`).join(', '),
      });
    expect(Math.abs(close.ratio - 1)).toBeLessThan(0.1);
    expect(lines.every(({ mayBeBilled }) => mayBeBilled)).toBe(true);

    // The transport's sums are those of the lines, in money too.
    const billed = records.reduce((sum, [, record]) => sum + tokensIn(record.billed), 0);
    const { attempts, inputTokens, outputTokens, cost } = llm.usage();
    expect([attempts, inputTokens + outputTokens]).toEqual([
      lines.length,
      lines.reduce((sum, { usage }) => sum + tokensIn(usage), 0),
    ]);
    expect(cost).toBeCloseTo((inputTokens * price.input + outputTokens * price.output) / 1e6, 6);
    expect(Math.abs((inputTokens + outputTokens) / billed - 1)).toBeLessThan(0.02);
    for (const by of ['provider', 'model', { metadata: 'team' }, { metadata: 'none' }] as const)
      expect(llm.usage(by).reduce((sum, group) => sum + tokensIn(group), 0)).toBe(inputTokens + outputTokens);
  }, 600_000);
});

/** Each line with its request: those of a provider begin in the same order. */
function paired(lines: readonly Attempt[], providers: readonly SimulatedProvider[]) {
  return providers.flatMap(({ name, requests }) => {
    const byId = new Map(requests.map((record) => [record.requestId, record]));
    const own = lines.filter(({ provider }) => provider === name);
    const known = own.map((line) => ({ line, record: byId.get(line.providerRequestId ?? '') }));
    // Who was left before the provider said a word does not know its id. Nothing of it was billed but what was made by then.
    const taken = new Set(known.map(({ record }) => record));
    const rest: RequestRecord[] = requests.filter((record) => !taken.has(record));
    const unknown = known
      .filter(({ record }) => record === undefined)
      .sort((x, y) => x.line.startedAt - y.line.startedAt);
    return [
      ...known.filter(({ record }) => record !== undefined),
      ...unknown.map(({ line }, index) => ({ line, record: rest[index] })),
    ];
  });
}

/** A call of one of many kinds: whole or streamed, for a person or a program, left, cancelled, out of time. */
async function once(llm: Transport, random: () => number): Promise<string> {
  const [kind, leaves, shape] = [random(), random(), random()];
  const request: CompletionRequest = {
    prompt: said(random, 400),
    metadata: { team: kind < 0.5 ? 'red' : 'blue' },
    ...(shape < 0.1 && { schema: object }),
  };
  const resume = modes[Math.floor(random() * modes.length)];
  const controller = new AbortController();
  const timer = leaves < 0.06 ? setTimeout(() => controller.abort(), leaves * 20_000) : undefined;
  const options = {
    signal: controller.signal,
    ...(resume !== undefined && { resume }),
    ...(leaves > 0.95 && { timeoutMs: 30 + random() * 1_500 }),
  };
  try {
    if (kind < 0.4) await llm.complete({ ...request, stream: false }, options);
    else {
      let chunks = 0;
      for await (const _ of await llm.complete({ ...request, stream: true }, options)) {
        chunks += 1;
        if (leaves > 0.06 && leaves < 0.14 && chunks > 500 * (leaves - 0.06)) return 'left';
      }
    }
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    clearTimeout(timer);
  }
}
