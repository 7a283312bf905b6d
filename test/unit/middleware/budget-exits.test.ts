import { describe, expect, it } from 'vitest';
import { contextKey } from '../../../src/core/context.ts';
import type { Completion, CompletionStream, Middleware, Provider, TransportOptions } from '../../../src/core/types.ts';
import { type Budget, budget, mapChunks, replyFrom, type Transport } from '../../../src/index.ts';
import { simulated } from '../../../src/testing/index.ts';
import { advance, flush, settled, transport, virtualTime } from './support.ts';

virtualTime();

/** Every way in which a call can end: after it nothing may be reserved, and what is spent is what the ledger has. */

const price = { input: 1_000_000, output: 2_000_000 };
const ask = { prompt: 'Tell me about budgets', maxOutputTokens: 60 } as const;
const forecast = { jsonSchema: { type: 'object' } } as const;

type Simulated = Parameters<typeof simulated>[0];
const a = (options: Simulated = {}) =>
  simulated({ name: 'a', domain: 'a', words: 20, firstTokenMs: 20, tokenMs: 5, traits: { price }, ...options });
const b = (options: Simulated = {}) => a({ name: 'b', domain: 'b', ...options });

interface Exit {
  readonly name: string;
  readonly options?: Partial<TransportOptions>;
  readonly providers?: readonly Provider[];
  /** Beside the budget, below it. */
  readonly below?: Middleware;
  /** What is done with the transport. @default a whole answer */
  readonly calls?: (llm: Transport) => Promise<unknown>;
  /** How the last attempt that was sent ended; `undefined`: none was. @default 'ok' */
  readonly ends?: string | undefined;
}

const whole = (llm: Transport, more: object = {}, options: object = {}): Promise<Completion> =>
  llm.complete({ ...ask, ...more }, options) as Promise<Completion>;
const stream = (llm: Transport, more: object = {}, options: object = {}): Promise<CompletionStream> =>
  llm.complete({ ...ask, ...more, stream: true }, options) as Promise<CompletionStream>;
async function read(answer: Promise<CompletionStream>, most = Number.POSITIVE_INFINITY): Promise<void> {
  let count = 0;
  for await (const _ of await answer) {
    count += 1;
    if (count >= most) return;
  }
}
/** Aborts after so many milliseconds. */
function leaving(ms: number): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return { signal: controller.signal };
}
const throwing = (): never => {
  throw new Error('oops');
};

const exits: readonly Exit[] = [
  { name: 'a whole answer' },
  { name: 'a stream', calls: (llm) => read(stream(llm)) },
  { name: 'a stream that only its completion is asked of', calls: async (llm) => (await stream(llm)).completion },
  {
    name: 'an error before anything is billed',
    providers: [a({ fault: 'http-503' })],
    options: { retry: false },
    ends: 'overloaded',
  },
  { name: 'an error that another provider makes good', providers: [a({ fault: 'http-503' }), b()] },
  {
    name: 'a cut before content',
    providers: [a({ fault: 'silence-before-headers' }), b()],
    options: { timeout: { firstContentMs: 100 } },
  },
  {
    name: 'a cut after content',
    providers: [a({ fault: 'cut-reset' })],
    calls: (llm) => read(stream(llm)),
    ends: 'connection',
  },
  { name: 'a refusal', providers: [a({ fault: 'refusal' })], ends: 'content_filtered' },
  { name: 'an adapter that throws', providers: [{ ...a(), stream: throwing, complete: throwing }], ends: 'internal' },
  {
    name: 'streaming refused, and asked again whole',
    providers: [a({ fault: 'streaming-refused' })],
    calls: (llm) => read(stream(llm)),
  },
  {
    name: 'a cancel in line',
    options: { rateLimit: {} },
    providers: [a({ firstTokenMs: 500 })],
    calls: (llm) => Promise.allSettled(Array.from({ length: 6 }, () => whole(llm, {}, leaving(50)))),
    ends: 'cancelled',
  },
  { name: 'a cancel in flight', calls: (llm) => whole(llm, {}, leaving(10)), ends: 'cancelled' },
  { name: 'a cancel in the middle of a stream', calls: (llm) => read(stream(llm, {}, leaving(60))), ends: 'cancelled' },
  { name: 'a break of the reader', calls: (llm) => read(stream(llm), 3), ends: 'cancelled' },
  {
    name: 'a reader that never reads',
    providers: [a({ answer: () => 'word '.repeat(40_000), tokenMs: 0 })],
    options: { timeout: { abandonedMs: 1_000 } },
    calls: async (llm) => {
      await stream(llm, { maxOutputTokens: 100_000 });
      await advance(5_000);
    },
    ends: 'cancelled',
  },
  {
    name: 'a deadline',
    providers: [a({ fault: 'stall' })],
    options: { timeout: false },
    calls: (llm) => whole(llm, {}, { timeoutMs: 100 }),
    ends: 'deadline_exceeded',
  },
  {
    name: 'a hedge, and its loser',
    providers: [a({ firstTokenMs: 800 }), b()],
    options: { hedge: { afterMs: 60 } },
    ends: 'any',
  },
  {
    name: 'a restart',
    providers: [a({ script: ({ index }) => (index === 0 ? 'cut-reset' : undefined) })],
    options: { resume: { mode: 'restart' } },
    calls: (llm) => read(stream(llm)),
  },
  {
    name: 'a continuation',
    providers: [
      a({ script: ({ index }) => (index === 0 ? { kind: 'cut', by: 'reset', afterTokens: 15 } : undefined) }),
    ],
    options: { resume: { mode: 'continue' } },
    calls: (llm) => read(stream(llm)),
  },
  {
    name: 'an answer that does not fit, and is asked again',
    providers: [a({ answer: ({ index }) => (index === 0 ? 'no' : '{}') })],
    calls: (llm) => whole(llm, { schema: forecast }),
  },
  {
    name: 'a stream that does not fit, and begins again',
    providers: [a({ answer: ({ index }) => (index === 0 ? 'no' : '{}') })],
    options: { resume: { mode: 'restart' } },
    calls: (llm) => read(stream(llm, { schema: forecast })),
  },
  {
    name: 'a transport that is closed',
    providers: [a({ fault: 'stall' })],
    options: { timeout: false },
    calls: (llm) => {
      const call = whole(llm);
      void advance(50).then(() => llm.close({ timeoutMs: 0 }));
      return call;
    },
    ends: 'closed',
  },
  { name: 'a layer below that throws at once', below: () => throwing, ends: undefined },
  {
    name: 'a layer below that throws when all is over',
    below: (next) => async (request, context) => {
      await (await next(request, context)).done;
      return throwing();
    },
  },
  {
    name: 'a layer below that throws in the middle',
    below: (next) => async (request, context) =>
      mapChunks(await next(request, context), (chunk) =>
        chunk.type === 'text' && chunk.text.includes('5:') ? throwing() : chunk,
      ),
    calls: (llm) => read(stream(llm)),
    ends: 'any',
  },
  {
    name: 'a layer below that answers by itself',
    below: () => async () => replyFrom({ text: 'Hi', toolCalls: [], finishReason: 'stop' } as unknown as Completion),
    ends: undefined,
  },
  {
    name: 'a layer below that never answers',
    below: () => () => new Promise(() => {}),
    calls: (llm) => whole(llm, {}, { timeoutMs: 100 }),
    ends: undefined,
  },
  { name: 'a price list that throws', providers: [a({ traits: {} })], options: { priceOf: throwing }, ends: undefined },
  {
    name: 'a listener that throws',
    calls: (llm) => {
      llm.on('*', throwing);
      return whole(llm);
    },
  },
];

/** A key whose value cannot be made a name. */
const tenant = contextKey<string>('tenant', 'anonymous');

describe('a budget is settled after', () => {
  it.each(exits)('$name', async ({ options, providers, below, calls = whole, ...exit }) => {
    const limit: Budget = budget({ tokens: 1_000_000, dollars: 1_000_000 });
    const llm = transport({
      ...options,
      providers: providers ?? [a()],
      useEach: [limit, ...(below === undefined ? [] : [below])],
    });
    let wasReserved = false;
    llm.on('attempt:start', () => {
      wasReserved ||= (limit.state()[0]?.reserved.tokens ?? 0) > 0;
    });
    const outcomes: (string | undefined)[] = [];
    llm.on('attempt:end', ({ ledger }) => outcomes.push(ledger.outcome));
    await settled(calls(llm));
    await advance(2_000);
    await flush();

    const ends = 'ends' in exit ? exit.ends : 'ok';
    if (ends !== 'any') expect(outcomes.at(-1)).toBe(ends);
    expect(wasReserved).toBe(ends !== undefined);
    const { spent, reserved } = limit.state()[0] ?? {
      spent: { tokens: 0, dollars: 0 },
      reserved: { tokens: 0, dollars: 0 },
    };
    expect(reserved).toEqual({ dollars: 0, tokens: 0 });
    const { inputTokens, outputTokens, cost } = llm.usage();
    expect(spent.tokens).toBe(inputTokens + outputTokens);
    expect(spent.dollars).toBeCloseTo(cost, 6);
  });

  it('a key whose value is no name, which is no reason to count it as somebody else', async () => {
    const limit = budget({ tokens: 1_000, by: tenant });
    const one = a();
    const llm = transport({ providers: [one], useEach: [limit] });
    const strange = Object.create(null) as string;
    const end = await settled(whole(llm, {}, { values: [tenant.of(strange)] }));
    expect([end.code, one.requests.length, limit.state()]).toEqual(['invalid_request', 0, []]);
  });
});
