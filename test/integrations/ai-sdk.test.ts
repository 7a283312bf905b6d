import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import {
  createProviderRegistry,
  customProvider,
  generateText,
  isStepCount,
  type LanguageModel,
  NoSuchModelError,
  Output,
  streamText,
  ToolLoopAgent,
  tool,
} from 'ai';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { OptionsError, TransportError } from '../../src/core/errors.ts';
import type { ResumeOptions } from '../../src/core/types.ts';
import { languageModel, languageModelProvider } from '../../src/integrations/ai-sdk.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import {
  answerTo,
  type FaultChoice,
  type SimulatedServer,
  simulated,
  simulatedServer,
} from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { all, apiKey, Doors, makes } from './support.ts';

// The AI SDK writes its warnings to the console.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

const maxRetries = 0;
const getWeather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, sky: 'grey' }),
});
const tools = { get_weather: getWeather };
const prompt = 'Use get_weather please';

/** Ways to break off before the first content: behind a preamble, where the wire has one. */
const breaks = [
  ['is reset', { kind: 'cut', afterTokens: 0, by: 'reset' }],
  ['ends cleanly', { kind: 'cut', afterTokens: 0, by: 'end' }],
  ['reports an error', 'stream-error-before-content'],
] as const satisfies readonly (readonly [string, FaultChoice])[];

/** What a stream of `streamText` comes to, and what went wrong. */
async function streamed(model: LanguageModel) {
  const errors: unknown[] = [];
  const result = streamText({
    model,
    prompt,
    tools,
    stopWhen: isStepCount(4),
    maxRetries,
    onError: ({ error }) => void errors.push(error),
  });
  const types = new Set<string>();
  let text = '';
  try {
    for await (const part of result.stream) {
      types.add(part.type);
      if (part.type === 'text-delta') text += part.text;
    }
  } catch (error) {
    errors.push(error);
  }
  const settled = Promise.all([result.steps, result.finishReason, result.usage]);
  return { types, text, errors, whole: await settled.catch(() => undefined) };
}

describe.each(Object.entries(makes))('the AI SDK over a transport of %s', (kind, make) => {
  it.each(breaks)(
    'streams with tools past a dead provider and one that %s before content: the caller sees nothing of it',
    async (_, fault) => {
      await using doors = new Doors();
      const dead = await doors.server('http-503');
      const cut = await doors.server(fault);
      const good = await doors.server();
      const llm = doors.over([make(dead, 'dead'), make(cut, 'cut'), make(good, 'good')]);
      const { errors, types, text, whole } = await streamed(languageModel(llm));

      expect(errors).toEqual([]);
      expect(types).toContain('tool-result');
      expect([...types].filter((type) => type === 'error' || type === 'abort')).toEqual([]);
      const [steps = [], finishReason, usage] = whole ?? [];
      expect(finishReason).toBe('stop');
      expect(steps.map(({ toolCalls }) => toolCalls.map(({ toolName }) => toolName))).toEqual([['get_weather'], []]);
      expect(text).toBe(steps.at(-1)?.text);
      expect(text.length).toBeGreaterThan(100);
      const billed = good.requests.map(({ inputTokens, outputTokens }) => [inputTokens, outputTokens]);
      expect([usage?.inputTokens, usage?.outputTokens]).toEqual(sums(billed));
      expect(good.requests).toHaveLength(2);
      // Each was asked once by the first step, and at most once more by the second.
      for (const server of [dead, cut]) expect([1, 2]).toContain(server.requests.length);
    },
  );

  it('generates text, with what it took and who answered', async () => {
    await using doors = new Doors();
    const dead = await doors.server('http-503');
    const good = await doors.server();
    const llm = doors.over([make(dead, 'dead'), make(good, 'good')]);
    const result = await generateText({ model: languageModel(llm), prompt: 'Hello there', maxRetries });

    expect(result.text).toBe(answerTo('Hello there'));
    expect(result.finishReason).toBe('stop');
    expect(result.usage).toMatchObject({ inputTokens: good.requests[0]?.inputTokens, outputTokens: 60 });
    expect(result.providerMetadata?.['llm-transport']).toMatchObject({ provider: 'good', attempts: 2 });
    expect([dead, good].map(({ requests }) => requests.length)).toEqual([1, 1]);
  });

  it('gives objects of a shape, whole and streamed', async () => {
    await using doors = new Doors();
    const model = languageModel(doors.over([make(await doors.server(), 'only')]));
    const output = Output.object({ schema: z.object({ name: z.string(), age: z.number() }) });
    const { output: whole } = await generateText({ model, prompt: 'Who?', output, maxRetries });
    expect([typeof whole.name, typeof whole.age]).toEqual(['string', 'number']);
    expect(await streamText({ model, prompt: 'Who?', output, maxRetries }).output).toEqual(whole);
  });

  it('runs an agent through its steps', async () => {
    await using doors = new Doors();
    const server = await doors.server();
    const agent = new ToolLoopAgent({ model: languageModel(doors.over([make(server, 'only')])), tools, maxRetries });
    const { steps, text } = await agent.generate({ prompt });
    expect(steps).toHaveLength(2);
    expect(steps[0]?.toolResults).toMatchObject([{ toolName: 'get_weather', output: { sky: 'grey' } }]);
    expect(text).not.toBe('');
    expect(server.requests).toHaveLength(2);
  });

  it('throws the error of a provider once, unretried by the AI SDK, and without key or prompt', async () => {
    await using doors = new Doors();
    const server = await doors.server('unauthorized-repeats-key');
    const model = languageModel(doors.over([make(server, 'only')]));
    const secret = 'The treasure is buried under the oak';
    // With the AI SDK's own retries left on, as they are by default.
    const error = await generateText({ model, prompt: secret }).catch((thrown: unknown) => thrown);
    expect(TransportError.is(error) && error.code).toBe('authentication');
    expect(server.requests).toHaveLength(1);
    const shown = `${JSON.stringify(error)} ${(error as Error).stack}`;
    expect(shown).not.toContain(apiKey);
    expect(shown).not.toContain(secret);
  });

  it('is not retried by the AI SDK when all attempts have failed', async () => {
    await using doors = new Doors();
    const server = await doors.server('http-503');
    const model = languageModel(doors.over([make(server, 'only')], { retry: false }));
    await expect(generateText({ model, prompt: 'Hello' })).rejects.toMatchObject({ code: 'overloaded' });
    expect(server.requests).toHaveLength(1);
    await expect(streamText({ model, prompt: 'Hello', onError: () => {} }).text).rejects.toThrow();
    expect(server.requests).toHaveLength(2);
  });

  it('is an error for whoever reads a stream that broke, in whichever way', async () => {
    await using doors = new Doors();
    const model = languageModel(doors.over([make(await doors.server('cut-end'), 'only')]));
    const errors: unknown[] = [];
    const ask = () =>
      streamText({ model, prompt: 'Hello', maxRetries, onError: ({ error }) => void errors.push(error) });
    let text = '';
    const reading = (async () => {
      for await (const piece of ask().textStream) text += piece;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'stream_interrupted' });
    expect(text).not.toBe('');
    expect(answerTo('Hello').startsWith(text)).toBe(true);
    await expect(ask().text).rejects.toMatchObject({ code: 'stream_interrupted' });
    expect(errors).toHaveLength(2);
    const parts: string[] = [];
    await expect(
      (async () => {
        for await (const { type } of ask().stream) parts.push(type);
      })(),
    ).rejects.toMatchObject({ code: 'stream_interrupted' });
    expect(parts.at(-1)).toBe('error');
  });

  it('closes the connection when the signal aborts, before the answer and in it', async () => {
    await using doors = new Doors();
    for (const fault of ['silence-before-headers', 'stall'] as const) {
      const server = await doors.server(fault);
      const model = languageModel(doors.over([make(server, 'only')]));
      const controller = new AbortController();
      const { signal: abortSignal } = controller;
      const result = streamText({ model, prompt: 'Hello', maxRetries, abortSignal, onError: () => {} });
      const types: string[] = [];
      const reading = (async () => {
        for await (const { type } of result.stream) {
          types.push(type);
          if (type === 'text-delta') controller.abort();
        }
      })();
      const record = await server.received(1);
      if (fault === 'silence-before-headers') controller.abort();
      await reading;
      expect(types).toContain('abort');
      expect(types).not.toContain('error');
      expect(await record.closed).toMatchObject({ closedByClientAt: expect.any(Number) });
    }
  });

  it('closes the connection when its own stream is cancelled', async () => {
    await using doors = new Doors();
    const server = await doors.server(undefined, { tokenMs: 20 });
    const model = languageModel(doors.over([make(server, 'only')]));
    const { stream } = await model.doStream({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] });
    const reader = stream.getReader();
    for (;;) if ((await reader.read()).value?.type === 'text-delta') break;
    await reader.cancel();
    const record = await server.received(1);
    expect(await record.closed).toMatchObject({ closedByClientAt: expect.any(Number) });
  });

  if (kind.startsWith('@'))
    it('hands out every part that the model itself gives, in their order', async () => {
      await using doors = new Doors();
      const server = await doors.server();
      const plain = plainModels[kind as keyof typeof plainModels](server);
      const model = languageModel(doors.over([make(server, 'only')]));
      const definition = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } as const;
      const options = {
        prompt: [{ role: 'user' as const, content: [{ type: 'text' as const, text: prompt }] }],
        tools: [{ type: 'function' as const, name: 'get_weather', inputSchema: definition }],
      };
      const partsOf = async (asked: typeof plain) => masked(await all((await asked.doStream(options)).stream));
      expect(await partsOf(model)).toEqual(await partsOf(plain));
      const [ours, theirs] = [await model.doGenerate(options), await plain.doGenerate(options)];
      const kinds = ({ content }: typeof ours) =>
        content.filter(({ type }) => type !== 'custom').map(({ type }) => type);
      expect(kinds(ours)).toEqual(kinds(theirs));
      expect([ours.finishReason, ours.usage.inputTokens]).toEqual([theirs.finishReason, theirs.usage.inputTokens]);
      expect(ours.warnings).toEqual(theirs.warnings);
    });
});

const plainModels = {
  '@ai-sdk/openai': ({ baseURL }) => createOpenAI({ baseURL, apiKey }).chat('gpt-test'),
  '@ai-sdk/anthropic': ({ baseURL }) => createAnthropic({ baseURL, apiKey })('claude-test'),
  '@ai-sdk/google': ({ url }) => createGoogle({ baseURL: `${url}/v1beta`, apiKey })('gemini-test'),
} satisfies Record<string, (server: { baseURL: string; url: string }) => Exclude<LanguageModel, string>>;

/** Without what is another one each time: ids, and the time. */
function masked(parts: readonly object[]): unknown[] {
  const known = new Map<string, string>();
  const text = JSON.stringify(
    parts.map((part) => {
      const { timestamp: _, ...rest } = part as Record<string, unknown>;
      const { 'llm-transport': ours, ...metadata } = (rest.providerMetadata ?? {}) as Record<string, unknown>;
      return ours === undefined ? rest : { ...rest, providerMetadata: metadata };
    }),
  ).replace(/"(?:id|toolCallId|responseId)":"[^"]*"/g, (id) => {
    if (!known.has(id)) known.set(id, `"id":"${known.size}"`);
    return known.get(id) as string;
  });
  return JSON.parse(text);
}

function sums(rows: readonly (readonly (number | undefined)[])[]): number[] {
  return [0, 1].map((column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0));
}

describe.each(['@ai-sdk/anthropic', '@ai-sdk/google', 'openai()'] as const)('reasoning over %s', (kind) => {
  it('is handed out, and goes back with its signature in the next step', async () => {
    await using doors = new Doors();
    const toolCalls = [{ name: 'get_weather', input: { city: 'Oslo' }, id: 'call_1' }];
    const server = await doors.server(undefined, {
      answer: ({ afterToolResult }) =>
        afterToolResult ? { reasoning: 'So it is.', text: 'Grey.' } : { reasoning: 'Hm, well.', toolCalls },
    });
    const llm = doors.over([makes[kind](server, 'only')]);
    const result = streamText({
      ...{ model: languageModel(llm), prompt, tools, stopWhen: isStepCount(3), maxRetries, reasoning: 'low' },
    });
    expect(await result.text).toBe('Grey.');
    const steps = await result.steps;
    expect(steps.map(({ reasoningText }) => reasoningText)).toEqual(['Hm, well.', 'So it is.']);
    const [first, second] = server.requests;
    expect(JSON.stringify(second?.body)).toContain('grey');
    // Of Anthropic and Gemini: what the model signed in the first step is told again in the second.
    const signatures = [...JSON.stringify(steps[0]?.content).matchAll(/"(?:thoughtS|s)ignature":"([^"]+)"/g)];
    expect(signatures.length > 0).toBe(kind !== 'openai()');
    for (const [, signature = ''] of signatures) expect(JSON.stringify(second?.body)).toContain(signature);
    expect(JSON.stringify(first?.body)).toMatch(/reasoning_effort|thinking/);
  });
});

describe('a stream of the AI SDK whose reader has left without a word', () => {
  it('is let go of once it was read ahead: its connection is closed', async () => {
    await using doors = new Doors();
    const server = await doors.server(undefined, { words: 60_000 });
    const timeout = { firstContentMs: 20_000, idleMs: 20_000, abandonedMs: 20 };
    const model = languageModel(doors.over([makes['@ai-sdk/openai'](server, 'only')], { timeout }));
    for await (const _ of streamText({ model, prompt: 'Hello', maxRetries, onError: () => {} }).textStream) break;
    const record = await server.received(1);
    expect(await record.closed).toMatchObject({ closedByClientAt: expect.any(Number) });
  });
});

describe('plain AI SDK, for comparison', () => {
  it.each(['http-503', 'reset-after-headers', 'stream-error-before-content', 'empty-200', 'cut-end'] as const)(
    'fails under %s',
    async (fault) => {
      await using doors = new Doors();
      const { baseURL } = await doors.server(fault);
      const { errors, whole } = await streamed(createOpenAI({ baseURL, apiKey }).chat('gpt-test'));
      const failed = errors.length > 0 || whole === undefined || !['stop', 'tool-calls'].includes(whole[1] as string);
      expect(failed).toBe(true);
    },
  );
});

describe('a transport as a provider of the AI SDK', () => {
  it('is one for createProviderRegistry and customProvider, by the models that it has', async () => {
    await using doors = new Doors();
    const llm = doors.over([simulated({ name: 'a', model: 'small' }), simulated({ name: 'b', model: 'large' })]);
    const provider = languageModelProvider(llm);
    const registry = createProviderRegistry({ llm: provider });
    const custom = customProvider({ languageModels: { best: languageModel(llm, { model: 'large' }) } });
    const who = async (model: LanguageModel) =>
      (await generateText({ model, prompt: 'Hello', maxRetries })).providerMetadata?.['llm-transport']?.provider;

    expect(await who(registry.languageModel('llm:auto'))).toBe('a');
    expect(await who(registry.languageModel('llm:large'))).toBe('b');
    expect(await who(custom.languageModel('best'))).toBe('b');
    expect(await who(customProvider({ fallbackProvider: provider }).languageModel('large'))).toBe('b');
    const place = globalThis as { AI_SDK_DEFAULT_PROVIDER?: unknown };
    place.AI_SDK_DEFAULT_PROVIDER = provider;
    expect(await who('large')).toBe('b');
    delete place.AI_SDK_DEFAULT_PROVIDER;
    for (const ask of [
      () => provider.languageModel('huge'),
      () => provider.embeddingModel('large'),
      () => provider.imageModel('large'),
    ]) {
      let thrown: unknown;
      try {
        ask();
      } catch (error) {
        thrown = error;
      }
      expect(NoSuchModelError.isInstance(thrown)).toBe(true);
    }
  });

  it('says what is wrong when it is made', () => {
    const llm = { complete: async () => {} } as never;
    expect(() => languageModel({} as never)).toThrow(OptionsError);
    expect(() => languageModel(llm, { modle: 'x' } as never)).toThrow(/languageModel\.modle/);
    expect(() => languageModel(llm, { model: '' })).toThrow(/languageModel\.model/);
    expect(() => languageModelProvider(llm, { model: 'x' } as never)).toThrow(/languageModelProvider\.model/);
  });
});

describe('a stream of the AI SDK that breaks after it was answered', () => {
  const scene = (resume: ResumeOptions) => {
    const cut = { kind: 'cut', afterTokens: 30, by: 'reset' } as const;
    const [a, b] = [simulated({ name: 'a', fault: cut, tokenMs: 1 }), simulated({ name: 'b' })];
    return { b, llm: createTransport({ providers: [a, b], resume, hedge: false }) };
  };

  const read = async (model: LanguageModel) => {
    const errors: unknown[] = [];
    const types: string[] = [];
    let text = '';
    const { stream } = streamText({ model, prompt, maxRetries, onError: ({ error }) => void errors.push(error) });
    try {
      for await (const part of stream) {
        types.push(part.type);
        if (part.type === 'text-delta') text += part.text;
      }
    } catch (error) {
      errors.push(error);
    }
    return { text, types, errors };
  };

  it('goes on where it stopped, in one block of text', async () => {
    const { llm } = scene({ mode: 'continue' });
    const { text, types, errors } = await read(languageModel(llm));
    expect([text, errors]).toEqual([answerTo(prompt), []]);
    expect(types.filter((type) => type === 'text-start' || type === 'text-end')).toEqual(['text-start', 'text-end']);
    await llm.close();
  });

  it('goes on where it stopped, also between models of the AI SDK, and says that it did', async () => {
    const cut = { kind: 'cut', afterTokens: 30, by: 'reset' } as const;
    // Enough between its tokens for them to have come before the connection goes.
    await using broken = await simulatedServer({ fault: cut, tokenMs: 1 });
    await using sound = await simulatedServer();
    const at = ({ baseURL }: SimulatedServer, name: string) =>
      aiSdk({ model: createAnthropic({ baseURL, apiKey: 'sk-test' })('claude-test'), name });
    const llm = createTransport({
      providers: [at(broken, 'a'), at(sound, 'b')],
      ...{ resume: { mode: 'continue' }, hedge: false },
    });
    const { text, types, errors } = await read(languageModel(llm));
    expect([text, errors]).toEqual([answerTo(prompt), []]);
    const starts = types.filter((type) => type === 'text-start').length;
    expect(types.filter((type) => type === 'text-end').length).toBe(starts);
    const { providerMetadata } = streamText({ model: languageModel(llm), prompt, maxRetries });
    expect(await providerMetadata).toMatchObject({ 'llm-transport': { provider: 'b', attempts: 2, resumed: true } });
    const whole = await generateText({ model: languageModel(llm), prompt, maxRetries });
    expect(whole.providerMetadata?.['llm-transport']).not.toHaveProperty('resumed');
    await llm.close();
  });

  it('does not begin again, which could not be told: it ends in the error, and nothing more is asked', async () => {
    const { llm, b } = scene({ mode: 'restart' });
    const { text, errors } = await read(languageModel(llm));
    expect(errors[0]).toMatchObject({ code: 'stream_interrupted', partial: { text } });
    expect([answerTo(prompt).startsWith(text), b.requests.length]).toEqual([true, 0]);
    await llm.close();
  });

  it('is resumed as the call wishes', async () => {
    const { llm } = scene({});
    const { text } = streamText({
      model: languageModel(llm),
      prompt,
      maxRetries,
      providerOptions: { 'llm-transport': { resume: { mode: 'continue' } } },
    });
    expect(await text).toBe(answerTo(prompt));
    await llm.close();
  });
});

describe('calls with one transactionId', () => {
  const providerOptions = { 'llm-transport': { transactionId: 'order-1' } };
  const question = (data: string) => [
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: prompt },
        { type: 'file' as const, data, mediaType: 'audio/wav' },
      ],
    },
  ];

  it('are one request: each has all the parts of the answer', async () => {
    const provider = simulated({ words: 5, firstTokenMs: 20 });
    const llm = createTransport({ providers: [provider] });
    const ask = () => streamText({ model: languageModel(llm), prompt, maxRetries, providerOptions }).text;
    expect(new Set(await Promise.all([ask(), ask(), ask()])).size).toBe(1);
    expect(provider.requests).toHaveLength(1);
    await llm.close();
  });

  it('ask the same only when all is the same, also what the transport has no words for', async () => {
    const provider = simulated({ words: 5, firstTokenMs: 20 });
    const llm = createTransport({ providers: [provider] });
    const ask = (data: string) =>
      generateText({ model: languageModel(llm), messages: question(data), maxRetries, providerOptions });
    const [one, two, other] = await Promise.allSettled([ask('AAAA'), ask('AAAA'), ask('BBBB')]);
    expect([one.status, two.status, other.status]).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(other).toMatchObject({ reason: { code: 'invalid_request' } });
    // Its parts are more than what is kept of an answer: it is asked again.
    await ask('AAAA');
    expect(provider.requests).toHaveLength(2);
    await llm.close();
  });
});
