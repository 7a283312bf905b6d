/** What the code takes for each option that is not given: looked up in it, or seen in what it does. */
import { createOpenAI } from '@ai-sdk/openai';
import OpenAI from 'openai';
import { expect, vi } from 'vitest';
import { costOf } from '../src/core/estimate.ts';
import type { Candidate, Context, Middleware, Provider } from '../src/core/types.ts';
import { createTransport, type TransportError, weighted, wrap } from '../src/index.ts';
import { languageModel } from '../src/integrations/ai-sdk.ts';
import { budgetDefaults } from '../src/middleware/budget.ts';
import { circuitBreakerDefaults } from '../src/middleware/circuit-breaker.ts';
import { rateLimitDefaults } from '../src/middleware/rate-limit.ts';
import { continuationOf } from '../src/middleware/resume/continuation.ts';
import { resumeDefaults } from '../src/middleware/resume.ts';
import { retryDefaults } from '../src/middleware/retry.ts';
import { timeoutDefaults } from '../src/middleware/timeout.ts';
import { transactionDefaults } from '../src/middleware/transaction.ts';
import { validateDefaults } from '../src/middleware/validate.ts';
import { aiSdk } from '../src/providers/ai-sdk.ts';
import { anthropic } from '../src/providers/anthropic.ts';
import { callable } from '../src/providers/callable.ts';
import { google } from '../src/providers/google.ts';
import { openai } from '../src/providers/openai.ts';
import { openaiResponses } from '../src/providers/openai-responses.ts';
import { Allowance } from '../src/testing/allowance.ts';
import { FaultPlan } from '../src/testing/fault-plan.ts';
import {
  answerTo,
  type FaultName,
  type SimulatedServerOptions,
  simulated,
  simulatedServer,
  tokensOf,
} from '../src/testing/index.ts';
import { observedFetch } from './docs-observed-fetch.ts';
import { observedSimulations } from './docs-observed-simulations.ts';
import { Told } from './docs-told.ts';

const told = (words: string, holds: Told['holds']) => new Told(words, holds);

const prompt = 'Hello';
const create = async (): Promise<never> => expect.unreachable();
const atHost = (baseURL: string) =>
  openai({ client: { baseURL, chat: { completions: { create } } } as never, model: 'm' });
const responsesAt = (baseURL: string, background?: boolean) => {
  const responses = { create, retrieve: create, cancel: create };
  return openaiResponses({ client: { baseURL, responses } as never, model: 'm', background });
};
const claude = () =>
  anthropic({ client: { baseURL: 'https://claude.test/v1', messages: { create } } as never, model: 'm' });
const gemini = () =>
  google({ client: { models: { generateContent: create, generateContentStream: create } }, model: 'm' });
const ours = () => callable({ name: 'ours', complete: () => 'Hello' });

/** Whether a Response is asked for in the background when nothing is said. */
async function backgroundByDefault(): Promise<boolean> {
  const server = await simulatedServer();
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test' });
  const llm = createTransport({ providers: [openaiResponses({ client, model: 'm' })] });
  await llm.complete({ prompt });
  await Promise.all([llm.close(), server.close()]);
  const body = server.requests[0]?.body as { readonly background?: boolean } | undefined;
  return body?.background ?? false;
}

/** What a call's context is when nothing is said. */
async function contextOfCall(): Promise<Context> {
  let seen: Context | undefined;
  const look: Middleware = (next) => (request, context) => {
    seen = context;
    return next(request, context);
  };
  await createTransport({ providers: [simulated()], use: [look] }).complete({ prompt });
  return seen as Context;
}

/** Runs what waits, on fake time, and says how long it took. */
async function elapsed(run: () => Promise<unknown>): Promise<number> {
  const from = Date.now();
  let at = Number.NaN;
  void run().then(() => {
    at = Date.now();
  });
  await vi.advanceTimersByTimeAsync(200_000);
  return at - from;
}

/** After how many milliseconds a call is hedged, whose provider has always been quicker. */
async function hedgesOf(domain: string, otherDomain: string, firstTokenMs = 20): Promise<number[]> {
  const a = simulated({ name: 'a', domain, firstTokenMs });
  const llm = createTransport({ providers: [a, simulated({ name: 'b', domain: otherDomain })] });
  const hedges: number[] = [];
  llm.on('hedge', ({ afterMs }) => hedges.push(afterMs));
  for (let call = 0; call < 20; call += 1) await elapsed(() => llm.complete({ prompt }));
  a.setFault({ kind: 'slow', firstTokenMs: 59_000 });
  await elapsed(() => llm.complete({ prompt }));
  return hedges;
}

/** After how many milliseconds an attempt is given up, of a provider that has answered so many; another could be asked. */
async function givenUpAfter(fault: FaultName, answers: number): Promise<number> {
  const a = simulated({ name: 'a' });
  const llm = createTransport({ providers: [a, simulated({ name: 'b' })], retry: false });
  for (let call = 0; call < answers; call += 1) await elapsed(() => llm.complete({ prompt }));
  a.setFault(fault);
  // It looks once more, a millisecond later.
  return Math.floor((await elapsed(() => llm.complete({ prompt }).catch(() => {}))) / 10) * 10;
}

/** How many of a hundred calls a provider without a weight gets, to one of another with a weight of 1. */
function shareWithoutWeight(): number {
  const strategy = weighted();
  const candidate = (name: string, weight?: number) => ({ name, traits: { weight }, waitMs: 0 }) as Candidate;
  const picks = Array.from({ length: 100 }, () =>
    strategy([candidate('a'), candidate('b', 1)], { prompt }, {} as Context),
  );
  const mine = picks.filter((pick) => pick?.name === 'a').length;
  return mine / (picks.length - mine);
}

async function answered(url: string): Promise<Response> {
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: prompt }] });
  return fetch(`${url}/chat/completions`, { method: 'POST', body });
}

const openServer = async <T>(use: (baseURL: string) => Promise<T>, options?: SimulatedServerOptions): Promise<T> => {
  vi.useRealTimers();
  await using server = await simulatedServer(options);
  return await use(server.baseURL);
};

/** The constants of the layers, by the type of their options. */
export const layerDefaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  RetryOptions: retryDefaults,
  TimeoutOptions: timeoutDefaults,
  CircuitBreakerOptions: circuitBreakerDefaults,
  RateLimitOptions: rateLimitDefaults,
  ResumeOptions: resumeDefaults,
  BudgetOptions: budgetDefaults,
  ValidateOptions: validateDefaults,
  TransactionOptions: transactionDefaults,
};

/** By option, as `RetryOptions.retries`. The time must be fake. */
export const observed: Readonly<Record<string, () => unknown>> = {
  ...Object.fromEntries(
    Object.entries(layerDefaults).flatMap(([type, defaults]) =>
      Object.entries(defaults).map(([option, value]) => [`${type}.${option}`, () => value]),
    ),
  ),

  ...observedFetch,
  ...observedSimulations,

  'TransportOptions.route': async () => {
    const llm = createTransport({ providers: [simulated()] });
    const names: string[] = [];
    llm.on('route', ({ strategy }) => names.push(`${strategy}()`));
    await llm.complete({ prompt });
    return names[0];
  },
  'TransactionOptions.store': () =>
    told('in process', async () => {
      const provider = simulated();
      const [one, other] = [createTransport({ providers: [provider] }), createTransport({ providers: [provider] })];
      for (const llm of [one, one, other]) await llm.complete({ prompt }, { transactionId: 'order-1' });
      // Once for each transport.
      return provider.requests.length === 2;
    }),
  'TransportOptions.hedge': () =>
    told(
      'with two failure domains: on',
      async () => (await hedgesOf('one', 'two')).length === 1 && (await hedgesOf('one', 'one')).length === 0,
    ),
  'HedgeOptions.afterMs': () =>
    told('adaptive: 800 or more', async () => {
      const [quick, slow] = [await hedgesOf('one', 'two', 20), await hedgesOf('one', 'two', 2_000)];
      return quick[0] === 800 && (slow[0] ?? 0) > 1.5 * 2_000;
    }),
  'TimeoutOptions.firstContentMs': () =>
    told('adaptive: 5,000 to 60,000', async () => {
      const silent = 'silence-after-headers';
      return (await givenUpAfter(silent, 0)) === 60_000 && (await givenUpAfter(silent, 10)) === 5_000;
    }),
  'TimeoutOptions.idleMs': () =>
    told(
      'adaptive: 1,000 to 30,000',
      async () => (await givenUpAfter('stall', 0)) === 30_000 && (await givenUpAfter('stall', 10)) === 1_000,
    ),
  'ResumeOptions.mode': async () => {
    const llm = createTransport({ providers: [simulated({ fault: 'cut-end' })] });
    const stream = await llm.complete({ prompt, stream: true });
    const code = await stream.completion.then(
      () => undefined,
      (error: TransportError) => error.code,
    );
    return code === 'stream_interrupted' ? 'error' : code;
  },
  'Transport.close.timeoutMs': async () => {
    const llm = createTransport({ providers: [simulated({ fault: 'silence-after-headers' })], timeout: false });
    const call = llm.complete({ prompt }).catch(() => {});
    await vi.advanceTimersByTimeAsync(0);
    void llm.close();
    return elapsed(() => call);
  },
  'CompletionRequest.stream': async () =>
    Symbol.asyncIterator in (await createTransport({ providers: [simulated()] }).complete({ prompt })),
  'CallOptions.timeoutMs': async () => (await contextOfCall()).deadline,
  'CallOptions.transactionId': () =>
    told('a random UUID', async () => {
      const ids = [(await contextOfCall()).transactionId, (await contextOfCall()).transactionId];
      return new Set(ids).size === 2 && ids.every((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id));
    }),
  'CallOptions.priority': async () => (await contextOfCall()).priority,
  'NamedCall.domain': () =>
    told('the name', () => wrap([{ name: 'eu', call: async () => 1 }]).transport.health()[0]?.domain === 'eu'),
  'Traits.weight': shareWithoutWeight,
  ...Object.fromEntries(
    (['cachedInput', 'cacheWriteInput'] as const).map((kind) => [
      `Traits.price.${kind}`,
      () =>
        told('the price of `input`', () => {
          const usage = { inputTokens: 10, outputTokens: 0, [`${kind}Tokens`]: 10 };
          return (
            costOf(usage, { input: 3, output: 9 }) ===
            costOf({ inputTokens: 10, outputTokens: 0 }, { input: 3, output: 9 })
          );
        }),
    ]),
  ),

  'OpenAIOptions.name': () =>
    told("'openai/<model>' at OpenAI, else '<host>/<model>'", () => {
      const names = [atHost('https://api.openai.com/v1').name, atHost('http://localhost:11434/v1').name];
      return names.join(' ') === 'openai/m localhost:11434/m';
    }),
  'OpenAIOptions.domain': () =>
    told("the host of the client's `baseURL`", () => atHost('http://localhost:1/v1').domain === 'localhost:1'),
  'OpenAIOptions.streaming': () => streams(atHost('http://localhost:1/v1')),
  'OpenAIResponsesOptions.name': () =>
    told("'openai-responses/<model>' at OpenAI, else '<host>/responses/<model>'", () => {
      const names = [responsesAt('https://api.openai.com/v1').name, responsesAt('http://localhost:1/v1').name];
      return names.join(' ') === 'openai-responses/m localhost:1/responses/m';
    }),
  'OpenAIResponsesOptions.domain': () =>
    told("the host of the client's `baseURL`", () => responsesAt('http://localhost:1/v1').domain === 'localhost:1'),
  'OpenAIResponsesOptions.streaming': () => streams(responsesAt('http://localhost:1/v1')),
  'OpenAIResponsesOptions.background': () => backgroundByDefault(),
  'AnthropicOptions.name': () => claude().name.replace('/m', '/<model>'),
  'AnthropicOptions.domain': () => told("the host of the client's `baseURL`", () => claude().domain === 'claude.test'),
  'AnthropicOptions.streaming': () => streams(claude()),
  'GoogleOptions.name': () => gemini().name.replace('/m', '/<model>'),
  'GoogleOptions.domain': () =>
    told('the host that the client asks', () => gemini().domain === 'generativelanguage.googleapis.com'),
  'GoogleOptions.streaming': () => streams(gemini()),
  'AiSdkOptions.name': () =>
    told('what the model calls its vendor, and itself: `openai.chat/gpt-5.5`', () => {
      return aiSdk({ model: createOpenAI({ apiKey: 'x' }).chat('gpt-5.5') }).name === 'openai.chat/gpt-5.5';
    }),
  'AiSdkOptions.domain': () =>
    told('the host, where the model tells it, else the vendor', () => {
      const model = createOpenAI({ apiKey: 'x', baseURL: 'http://localhost:1/v1' }).chat('m');
      const { provider, modelId, specificationVersion } = model;
      const silent = {
        provider,
        modelId,
        specificationVersion,
        doGenerate: model.doGenerate,
        doStream: model.doStream,
      };
      return [aiSdk({ model }), aiSdk({ model: silent })].map(({ domain }) => domain).join() === 'localhost:1,openai';
    }),
  'AiSdkOptions.streaming': () => streams(aiSdk({ model: createOpenAI({ apiKey: 'x' }).chat('m') })),
  'LanguageModelOptions.model': () =>
    told('all of them', async () => {
      const asked: unknown[] = [];
      const look: Middleware = (next) => (request, context) => {
        asked.push(request.model);
        return next(request, context);
      };
      const model = languageModel(createTransport({ providers: [simulated()], use: [look] }));
      await model.doGenerate({ prompt: [{ role: 'user', content: [{ type: 'text', text: prompt }] }] });
      return asked.length === 1 && asked[0] === undefined;
    }),
  'CallableOptions.model': () => told('the name', () => ours().model === 'ours'),
  'CallableOptions.domain': () => told('the name', () => ours().domain === 'ours'),
  'CallableOptions.kind': () => ours().kind,

  'SimulatedOptions.name': () => simulated().name,
  'SimulatedOptions.domain': () => told('the name', () => simulated({ name: 'x' }).domain === 'x'),
  'SimulatedOptions.model': () => simulated().model,
  'SimulatedOptions.streaming': () => streams(simulated()),
  'SimulatedOptions.enforcedLimits': () =>
    told('nothing', async () => {
      const provider = simulated({ words: 1 });
      const llm = createTransport({ providers: [provider], rateLimit: false });
      await Promise.all(Array.from({ length: 200 }, () => llm.complete({ prompt })));
      return provider.requests.every(({ status }) => status === 200);
    }),
  'SimulatedServerOptions.limits': () =>
    told('none', () =>
      openServer(async (url) =>
        (await Promise.all(Array.from({ length: 50 }, () => answered(url)))).every(({ ok }) => ok),
      ),
    ),
  'SimulatedServerOptions.requireKey': () =>
    told('any key, or none', () => openServer(async (url) => (await answered(url)).ok)),
  'SimulatedServerOptions.headers': () =>
    told('none', async () => {
      const namesOf = async (baseURL: string) => [...(await answered(baseURL)).headers.keys()].join();
      return (await openServer(namesOf)) === (await openServer(namesOf, { headers: {} }));
    }),
  'EnforcedLimits.burstRatio': () => {
    const allowance = new Allowance({ requestsPerMinute: 60 }, 0);
    let admitted = 0;
    while (allowance.admit({ inputTokens: 0, outputTokens: 0 }, 0, 0) === undefined) admitted += 1;
    return admitted / 60;
  },
  'EnforcedLimits.headers': () => new Allowance({ requestsPerMinute: 60 }, 0).readings(0).length > 0,
  'EnforcedLimits.retryAfter': () =>
    told('what `headers` is', () => {
      const tells = (headers: boolean): boolean => {
        const allowance = new Allowance({ requestsPerMinute: 1, headers }, 0);
        allowance.admit({ inputTokens: 0, outputTokens: 0 }, 0, 0);
        return allowance.admit({ inputTokens: 0, outputTokens: 0 }, 0, 0)?.retryAfterMs !== undefined;
      };
      return tells(true) && !tells(false);
    }),
  'ServiceOptions.answer': () =>
    told('the deterministic answer to the prompt', async () => (await answerOfSimulated()) === answerTo(prompt)),
  'ServiceOptions.words': async () => tokensOf(await answerOfSimulated()).length,
  'ServiceOptions.continues': async () => {
    const whole = await answerOfSimulated();
    const [delivered, anchor] = [whole.slice(0, 100), whole.slice(76, 100)];
    const llm = createTransport({ providers: [simulated()] });
    const { text } = await llm.complete(continuationOf({ prompt }, delivered, anchor));
    return text === anchor + whole.slice(100) ? 'exactly' : text;
  },
  'ServiceOptions.firstTokenMs': () => elapsed(answerOfSimulated),
  'ServiceOptions.tokenMs': () => elapsed(answerOfSimulated),
  'ServiceOptions.keepRequests': async () => {
    const provider = simulated({ words: 1 });
    const llm = createTransport({ providers: [provider], rateLimit: false });
    await Promise.all(Array.from({ length: 500 }, () => llm.complete({ prompt })));
    return provider.requests.length === 500 ? Number.POSITIVE_INFINITY : provider.requests.length;
  },
  'FaultPlanOptions.seed': async () => {
    const idOf = async (seed?: number) => {
      const provider = simulated({ seed });
      await createTransport({ providers: [provider] }).complete({ prompt });
      return provider.requests[0]?.requestId;
    };
    const id = await idOf();
    for (let seed = 0; seed < 10; seed += 1) if ((await idOf(seed)) === id) return seed;
    return undefined;
  },
  'ScheduledFault.toMs': () => {
    const plan = new FaultPlan({ schedule: [{ fromMs: 0, fault: 'http-503' }] }, 0);
    return plan.scheduled(Number.MAX_SAFE_INTEGER) === 'http-503' ? Number.POSITIVE_INFINITY : undefined;
  },
};

function streams(provider: Provider): boolean {
  return provider.stream !== undefined;
}

async function answerOfSimulated(): Promise<string> {
  return (await createTransport({ providers: [simulated()] }).complete({ prompt })).text;
}
