import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Attempt,
  type CompletionStream,
  createTransport,
  type Middleware,
  mapChunks,
  type Reply,
  TransportError,
  type TransportEvent,
} from '../../src/index.ts';
import { answerTo, randomFrom } from '../../src/testing/answer.ts';
import { type FaultChoice, type FaultName, faults } from '../../src/testing/fault-cases.ts';
import { type SimulatedProvider, simulated } from '../../src/testing/simulated.ts';

/** What holds for every call, whatever its providers, its caller and its middleware do. */

const words = 12;

/** All but those whose answer is another one on purpose. */
const faultNames = (Object.keys(faults) as FaultName[]).filter((name) => name !== 'length');

interface ProviderPlan {
  readonly domain: 'a' | 'b';
  readonly streaming: boolean;
  readonly script: readonly FaultChoice[];
  readonly ratio: number;
  readonly firstTokenMs: number;
  readonly tokenMs: number;
  readonly concurrency: number;
  readonly requestsPerMinute: number;
}

interface CallPlan {
  readonly prompt: string;
  readonly startMs: number;
  /** How it is read: `whole` is unary, all others are streams. */
  readonly reading: 'whole' | 'chunks' | 'text' | 'completion' | 'both' | 'slowly' | 'leave' | 'never';
  readonly abortMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly priority: 'interactive' | 'default' | 'batch';
}

const toTheEnd: ReadonlySet<CallPlan['reading']> = new Set(['chunks', 'text', 'both', 'slowly']);

interface Scenario {
  readonly seed: number;
  readonly providers: readonly ProviderPlan[];
  readonly calls: readonly CallPlan[];
  readonly middleware: readonly ('change' | 'changeEach' | 'foreign' | 'foreignEach')[];
  readonly off: readonly ('retry' | 'resume' | 'circuitBreaker' | 'rateLimit')[];
  readonly maxQueued: number;
  readonly closeMs: number | undefined;
}

/** Usually undefined: in so many of ten cases it is not. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, often: number): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 10 - often, arbitrary: fc.constant(undefined) }, { weight: often, arbitrary });
const faultChoice = fc.oneof(
  { weight: 2, arbitrary: fc.constant<FaultChoice>('ok') },
  { weight: 3, arbitrary: fc.constantFrom<FaultChoice>(...faultNames) },
);

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(),
  providers: fc.array(
    fc.record({
      domain: fc.constantFrom('a' as const, 'b' as const),
      streaming: fc.boolean(),
      script: fc.array(faultChoice, { maxLength: 5 }),
      ratio: fc.constantFrom(0, 0, 0.3, 1),
      firstTokenMs: fc.constantFrom(0, 20, 400, 3_000),
      tokenMs: fc.constantFrom(0, 1, 50),
      concurrency: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
      requestsPerMinute: fc.constantFrom(6, 600, 600, Number.POSITIVE_INFINITY),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  calls: fc.array(
    fc.record({
      prompt: fc.string({ minLength: 1, maxLength: 20 }),
      startMs: fc.nat(2_000),
      reading: fc.constantFrom(
        ...(['whole', 'whole', 'whole', 'chunks', 'text', 'completion', 'both', 'slowly', 'leave', 'never'] as const),
      ),
      abortMs: sometimes(fc.nat(3_000), 2),
      timeoutMs: sometimes(fc.nat(6_000), 3),
      priority: fc.constantFrom('interactive' as const, 'default' as const, 'batch' as const),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  middleware: fc.subarray(['change', 'changeEach', 'foreign', 'foreignEach'] as const, { maxLength: 2 }),
  off: fc.subarray(['retry', 'resume', 'circuitBreaker', 'rateLimit'] as const, { maxLength: 2 }),
  maxQueued: fc.constantFrom(0, 1, 10_000, 10_000),
  closeMs: sometimes(fc.nat(4_000), 2),
});

/** A user's middleware that changes nothing, by the ways there are of changing something. */
const change: Middleware = (next) => async (request, context) =>
  mapChunks(await next(request, context), (chunk) => chunk);
const foreign: Middleware = (next) => async (request, context) => {
  const reply: Reply = await next(request, context);
  async function* chunks() {
    yield* reply.chunks;
  }
  return { ...reply, chunks: chunks() };
};

interface Ending {
  readonly plan: CallPlan;
  readonly transactionId: string;
  /** The text of an answer that is whole. */
  readonly text: string | undefined;
  /** What the reader of a stream had of it when it broke. */
  readonly read: string | undefined;
  readonly errors: readonly unknown[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Reads a stream as planned. */
async function readStream(stream: CompletionStream, plan: CallPlan) {
  let read = '';
  const errors: unknown[] = [];
  let whole: string | undefined;
  const caught = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      errors.push(error);
    }
  };
  const completion = (): Promise<void> =>
    caught(async () => {
      whole = (await stream.completion).text;
    });
  switch (plan.reading) {
    case 'text':
      await caught(async () => {
        for await (const text of stream.text) read += text;
      });
      break;
    case 'chunks':
    case 'slowly':
    case 'leave':
    case 'both': {
      const also = plan.reading === 'both' ? completion() : undefined;
      let chunks = 0;
      await caught(async () => {
        for await (const chunk of stream) {
          if (chunk.type === 'text') read += chunk.text;
          chunks += 1;
          if (plan.reading === 'slowly') await pause(40);
          if (plan.reading === 'leave' && chunks === 3) break;
        }
      });
      await also;
      break;
    }
    case 'never':
      // Long enough for everything to be over that could be.
      await pause(30_000);
  }
  await completion();
  return { read, errors, text: whole };
}

async function play(scenario: Scenario) {
  const random = randomFrom(scenario.seed);
  vi.spyOn(Math, 'random').mockImplementation(random);
  const providers = scenario.providers.map((plan, index) =>
    simulated({
      ...{ name: `${index + 1}`, words, seed: scenario.seed + index },
      ...{ domain: plan.domain, streaming: plan.streaming, script: plan.script },
      ...{ firstTokenMs: plan.firstTokenMs, tokenMs: plan.tokenMs },
      ...(plan.ratio > 0 && { random: { ratio: plan.ratio, faults: faultNames as [FaultName, ...FaultName[]] } }),
      limits: { concurrency: plan.concurrency, requestsPerMinute: plan.requestsPerMinute },
    }),
  );
  const { middleware, off, maxQueued, closeMs } = scenario;
  const llm = createTransport({
    providers: providers as unknown as [SimulatedProvider],
    timeout: { firstContentMs: 2_000, idleMs: 1_000, responseMs: 4_000, abandonedMs: 3_000 },
    retry: off.includes('retry') ? false : { maxWaitMs: 20_000 },
    resume: off.includes('resume') ? false : undefined,
    circuitBreaker: off.includes('circuitBreaker') ? false : undefined,
    rateLimit: off.includes('rateLimit') ? false : { maxQueued },
    use: middleware.flatMap((one) => (one === 'change' ? [change] : one === 'foreign' ? [foreign] : [])),
    useEach: middleware.flatMap((one) => (one === 'changeEach' ? [change] : one === 'foreignEach' ? [foreign] : [])),
  });
  const events: TransportEvent[] = [];
  llm.on('*', (event) => events.push(event));

  const endings: Ending[] = [];
  let over = 0;
  const make = async (plan: CallPlan, transactionId: string): Promise<void> => {
    await pause(plan.startMs);
    const controller = new AbortController();
    if (plan.abortMs !== undefined) setTimeout(() => controller.abort(), plan.abortMs);
    const options = {
      ...{ transactionId, priority: plan.priority, signal: controller.signal },
      ...(plan.timeoutMs !== undefined && { timeoutMs: plan.timeoutMs }),
    };
    const ending = { plan, transactionId, text: undefined, read: undefined };
    try {
      if (plan.reading === 'whole') {
        const { text } = await llm.complete({ prompt: plan.prompt }, options);
        endings.push({ ...ending, text, errors: [] });
      } else {
        const stream = await llm.complete({ prompt: plan.prompt, stream: true }, options);
        endings.push({ ...ending, ...(await readStream(stream, plan)) });
      }
    } catch (error) {
      endings.push({ ...ending, errors: [error] });
    } finally {
      over += 1;
    }
  };
  for (const [index, plan] of scenario.calls.entries()) void make(plan, `call-${index}`);
  let closing: Promise<void> | undefined;
  if (closeMs !== undefined) {
    setTimeout(() => {
      closing = llm.close({ timeoutMs: 1_000 });
    }, closeMs);
  }
  for (let seconds = 0; over < scenario.calls.length && seconds < 600; seconds += 1)
    await vi.advanceTimersByTimeAsync(1_000);
  const health = llm.health();
  // What the caller's own timers still wait for is not the transport's.
  await vi.advanceTimersByTimeAsync(5_000);
  closing ??= llm.close();
  let closed = false;
  void closing.then(() => {
    closed = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  const timers = vi.getTimerCount();
  return { providers, endings, events, health, closed, timers };
}

/** What is wrong with the events of one call; nothing, when all is well. */
function complaints(events: readonly TransportEvent[]): string[] {
  const wrong: string[] = [];
  const types = events.map(({ type }) => type);
  const count = (type: string, attempt?: number): number =>
    events.filter((event) => event.type === type && (attempt === undefined || event.attempt === attempt)).length;
  if (count('call:start') !== 1) wrong.push(`${count('call:start')} call:start`);
  if (count('call:end') !== 1) wrong.push(`${count('call:end')} call:end`);
  if (types[0] !== 'call:start') wrong.push(`begins with ${types[0]}`);
  if (types.at(-1) !== 'call:end') wrong.push(`ends with ${types.at(-1)}`);
  const attempts = new Set(events.filter(({ type }) => type === 'attempt:start').map(({ attempt }) => attempt));
  for (const attempt of attempts) {
    if (count('attempt:start', attempt) !== 1) wrong.push(`attempt ${attempt} starts more than once`);
    if (count('attempt:end', attempt) !== 1)
      wrong.push(`attempt ${attempt} ends ${count('attempt:end', attempt)} times`);
    if (count('attempt:answer', attempt) > 1) wrong.push(`attempt ${attempt} is answered more than once`);
    const order = events
      .filter((event) => event.attempt === attempt && event.type.startsWith('attempt:'))
      .map(({ type }) => type);
    if (order[0] !== 'attempt:start' || order.at(-1) !== 'attempt:end') wrong.push(`attempt ${attempt}: ${order}`);
  }
  if (count('attempt:start') !== count('attempt:end')) wrong.push('an attempt ends that never started');
  return wrong;
}

function checkLedger(attempts: readonly Attempt[], events: readonly TransportEvent[]): void {
  expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, index) => index + 1));
  for (const attempt of attempts) {
    expect(attempt.outcome).toBeDefined();
    expect(attempt.durationMs).toBeGreaterThanOrEqual(0);
  }
  const ended = events.flatMap((event) => (event.type === 'attempt:end' ? [event.ledger] : []));
  expect(new Set(ended)).toEqual(new Set(attempts));
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('whatever providers, callers and middleware do', () => {
  it('every call ends once, exactly, and leaves nothing behind', { timeout: 60_000 }, async () => {
    const kinds = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        vi.setSystemTime(1_800_000_000_000);
        const { providers, endings, events, health, closed, timers } = await play(scenario);

        // Every call has an outcome.
        expect(endings).toHaveLength(scenario.calls.length);
        for (const { plan, transactionId, text, read, errors } of endings) {
          const own = events.filter((event) => event.transactionId === transactionId);
          for (const error of errors) {
            expect(error).toBeInstanceOf(TransportError);
            const { code, attempts, partial, transactionId: stamped } = error as TransportError;
            kinds.set(code, (kinds.get(code) ?? 0) + 1);
            expect(stamped).toBe(transactionId);
            expect(['internal', 'middleware']).not.toContain(code);
            checkLedger(attempts, own);
            // Of a stream that broke, whoever read on had exactly what the error says.
            if (code === 'stream_interrupted' && toTheEnd.has(plan.reading)) expect(read).toBe(partial?.text);
          }
          // A success is the whole answer and nothing else.
          const expected = answerTo(plan.prompt, { words });
          if (text !== undefined) {
            kinds.set('ok', (kinds.get('ok') ?? 0) + 1);
            expect(text).toBe(expected);
          } else expect(errors).not.toEqual([]);
          if (read !== undefined) expect(expected.startsWith(read)).toBe(true);
          if (errors.length === 0 && toTheEnd.has(plan.reading)) expect(read).toBe(expected);
          // A call that was refused since the transport was closed never began.
          if (own.length > 0) expect({ transactionId, wrong: complaints(own) }).toEqual({ transactionId, wrong: [] });
          else expect(errors).toMatchObject([{ code: 'closed' }]);
        }

        // Nothing is left.
        expect(health.map(({ inFlight, queued }) => [inFlight, queued])).toEqual(health.map(() => [0, 0]));
        expect(providers.map(({ inFlight }) => inFlight)).toEqual(providers.map(() => 0));
        expect(closed).toBe(true);
        expect(timers).toBe(0);
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 400), seed: Number(process.env.FC_SEED ?? 1) },
    );
    // The runs have been somewhere.
    for (const code of ['ok', 'stream_interrupted', 'cancelled', 'deadline_exceeded', 'closed', 'no_provider'])
      expect(`${code}: ${kinds.get(code) ?? 0}`).not.toBe(`${code}: 0`);
  });
});
