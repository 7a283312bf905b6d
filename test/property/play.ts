import { vi } from 'vitest';
import {
  type CompletionStream,
  createTransport,
  type HealthSnapshot,
  type Middleware,
  type Outcome,
  type Transport,
  type TransportEvent,
} from '../../src/index.ts';
import { randomFrom } from '../../src/testing/answer.ts';
import { unhandledIn } from '../../src/testing/contract-traces.ts';
import { type SimulatedProvider, simulated } from '../../src/testing/simulated.ts';
import { type CallPlan, faultNames, type Scenario, words } from './scenarios.ts';
import { strategies } from './strategies.ts';
import { spared, userMiddleware } from './user-middleware.ts';

/** Plays a scenario in virtual time, and hands out what there is to be seen of it. */

export interface Ending {
  readonly plan: CallPlan;
  readonly transactionId: string;
  /** Milliseconds that the call had. */
  readonly timeoutMs: number | undefined;
  /** The text of an answer that is whole. */
  readonly text: string | undefined;
  /** What the reader of a stream had of it when it broke. */
  readonly read: string | undefined;
  readonly errors: readonly unknown[];
}

export interface Played {
  readonly providers: readonly SimulatedProvider[];
  readonly endings: readonly Ending[];
  readonly events: readonly TransportEvent[];
  /** When all calls were over. */
  readonly health: readonly HealthSnapshot[];
  /** Calls, and attempts, that were answered, with what `done` came to, and how often. */
  readonly dones: readonly { readonly transactionId: string; readonly outcomes: readonly Outcome[] }[];
  /** Of one call at each provider, long after, when all is well: the errors. `undefined` when the transport was closed before. */
  readonly afterwards: readonly unknown[] | undefined;
  readonly closed: boolean;
  readonly timers: number;
  readonly unhandled: readonly unknown[];
}

export const schema = { jsonSchema: { type: 'object', properties: { name: { type: 'string' } } } } as const;

/** The prompt of a call. */
export function promptOf({ prompt, long }: CallPlan): string {
  return long ? prompt.padEnd(600, ' and so on') : prompt;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Longer than anything that is kept from these calls. */
const longMs = 900_000;

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
          if (chunk.type === 'restart') read = '';
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

function providersOf(scenario: Scenario, isWell: () => boolean): SimulatedProvider[] {
  return scenario.providers.map((plan, index) =>
    simulated({
      ...{ name: `${index + 1}`, model: `model-${index + 1}`, words, seed: scenario.seed + index },
      ...{ domain: plan.domain, streaming: plan.streaming, script: plan.script, continues: plan.continues },
      firstTokenMs: () => (isWell() ? 0 : plan.firstTokenMs),
      tokenMs: () => (isWell() ? 0 : plan.tokenMs),
      ...(plan.ratio > 0 && { random: { ratio: plan.ratio, faults: faultNames } }),
      limits: {
        concurrency: plan.concurrency,
        requestsPerMinute: plan.requestsPerMinute,
        tokensPerMinute: plan.tokensPerMinute,
      },
      ...(plan.enforcedPerMinute !== undefined && { enforcedLimits: { requestsPerMinute: plan.enforcedPerMinute } }),
      traits: { weight: plan.weight, contextWindow: plan.contextWindow },
    }),
  );
}

/** Sees all that is answered; first in its place, so above whatever else users have put there. */
function witness(dones: { transactionId: string; outcomes: Outcome[] }[]): Middleware {
  return function witness(next) {
    return async (request, context) => {
      const reply = await next(request, context);
      const seen = { transactionId: context.transactionId, outcomes: [] as Outcome[] };
      dones.push(seen);
      // Both: `done` never rejects, whoever made it.
      reply.done.then(
        (outcome) => seen.outcomes.push(outcome),
        (error) => seen.outcomes.push({ ok: false, error }),
      );
      return reply;
    };
  };
}

export async function play(scenario: Scenario): Promise<Played> {
  vi.spyOn(Math, 'random').mockImplementation(randomFrom(scenario.seed));
  let well = false;
  const providers = providersOf(scenario, () => well);
  const { use, useEach, closeMs, options } = scenario;
  const dones: { transactionId: string; outcomes: Outcome[] }[] = [];
  const llm = createTransport({
    providers,
    ...options,
    route: strategies[scenario.strategy].make(),
    use: [witness(dones), ...use.map((name) => userMiddleware[name].make)],
    useEach: [witness(dones), ...useEach.map((name) => userMiddleware[name].make)],
  });
  const events: TransportEvent[] = [];
  llm.on('*', (event) => events.push(event));

  // What never ends by itself is ended by a deadline.
  const hangs = [...use, ...useEach].some((name) => userMiddleware[name].needsDeadline === true);
  const deadlineMs = hangs || options.timeout === false ? 8_000 : undefined;
  const endings: Ending[] = [];
  const make = async (plan: CallPlan, transactionId: string): Promise<void> => {
    await pause(plan.startMs);
    const controller = new AbortController();
    if (plan.abortMs !== undefined) setTimeout(() => controller.abort(), plan.abortMs);
    const timeoutMs = plan.timeoutMs ?? deadlineMs;
    const given = { transactionId, priority: plan.priority, signal: controller.signal, timeoutMs };
    const request = { prompt: promptOf(plan), ...(plan.schema && { schema }) };
    const ending = { plan, transactionId, timeoutMs, text: undefined, read: undefined };
    try {
      if (plan.reading === 'whole') {
        const { text } = await llm.complete(request, given);
        endings.push({ ...ending, text, errors: [] });
      } else {
        const stream = await llm.complete({ ...request, stream: true }, given);
        endings.push({ ...ending, ...(await readStream(stream, plan)) });
      }
    } catch (error) {
      endings.push({ ...ending, errors: [error] });
    }
  };

  let health: readonly HealthSnapshot[] = [];
  let afterwards: unknown[] | undefined;
  let closed = false;
  let timers = 0;
  const unhandled = await unhandledIn(async () => {
    for (const [index, plan] of scenario.calls.entries()) void make(plan, `call-${index}`);
    let closing: Promise<void> | undefined;
    if (closeMs !== undefined) {
      setTimeout(() => {
        closing = llm.close({ timeoutMs: 1_000 });
      }, closeMs);
    }
    await pass(() => endings.length === scenario.calls.length);
    // What the caller's own timers still wait for is not the transport's.
    await vi.advanceTimersByTimeAsync(5_000);
    health = llm.health();
    well = true;
    if (closing === undefined) afterwards = await oneEach(llm, providers);
    closing ??= llm.close();
    void closing.then(() => {
      closed = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    timers = vi.getTimerCount();
  });
  return { providers, endings, events, health, dones, afterwards, closed, timers, unhandled };
}

/** Lets virtual time pass, some hours at most: whatever has not come to an end by then never will. */
async function pass(over: () => boolean): Promise<void> {
  for (let ms = 250; !over() && ms < 16 * longMs; ms *= 2) await vi.advanceTimersByTimeAsync(ms);
}

/**
 * Long after, and with callers who are left alone: one call at each provider that is cancelled, then one that fails, then one for which
 * all is well. Whatever was kept from before is missed now. Returns the errors of the last.
 */
async function oneEach(llm: Transport, providers: readonly SimulatedProvider[]): Promise<unknown[]> {
  for (const provider of providers) provider.setLimits(undefined);
  let errors: unknown[] = [];
  for (const fault of ['silence-before-headers', 'http-500', 'ok'] as const) {
    await vi.advanceTimersByTimeAsync(longMs);
    errors = [];
    let over = 0;
    const controller = new AbortController();
    for (const provider of providers) {
      provider.setFault(fault);
      const { model } = provider;
      const options = { transactionId: `${fault} at ${model}`, values: [spared.of(true)], signal: controller.signal };
      llm
        .complete({ prompt: 'Hello', model }, options)
        .catch((error) => errors.push(error))
        .finally(() => {
          over += 1;
        });
    }
    if (fault === 'silence-before-headers') setTimeout(() => controller.abort(), 50);
    await pass(() => over === providers.length);
    if (over < providers.length) errors.push(new Error(`${providers.length - over} calls hang`));
  }
  return errors;
}
