import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { APICallError, RetryError } from 'ai';
import { convertArrayToReadableStream, MockLanguageModelV3, MockLanguageModelV4 } from 'ai/test';
import { describe, expect, it, vi } from 'vitest';
import { isStreamingRefused, OptionsError, type TransportError } from '../../src/core/errors.ts';
import type { CompletionRequest } from '../../src/core/types.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { contextFor, errorOf, hello, read, until } from './support.ts';

const usage = {
  inputTokens: { total: 12, noCache: 6, cacheRead: 4, cacheWrite: 2 },
  outputTokens: { total: 5, text: 2, reasoning: 3 },
};
const finish: LanguageModelV4StreamPart = { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage };
const start: LanguageModelV4StreamPart = { type: 'stream-start', warnings: [] };
const text = (delta: string): LanguageModelV4StreamPart[] => [
  { type: 'text-start', id: '1' },
  { type: 'text-delta', id: '1', delta },
  { type: 'text-end', id: '1' },
];

/** A model that streams these parts. */
function streaming(parts: readonly LanguageModelV4StreamPart[], headers?: Record<string, string>): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doStream: async () => ({ stream: convertArrayToReadableStream([...parts]), response: { headers } }),
  });
}

function failing(error: unknown): MockLanguageModelV4 {
  const fail = async () => {
    throw error;
  };
  return new MockLanguageModelV4({ doStream: fail, doGenerate: fail });
}

function callError(fields: Partial<ConstructorParameters<typeof APICallError>[0]>): APICallError {
  return new APICallError({
    message: 'x',
    url: 'https://x',
    requestBodyValues: { prompt: 'a secret prompt' },
    ...fields,
  });
}

/** What a model is asked, of a request. */
async function asked(request: CompletionRequest): Promise<LanguageModelV4CallOptions> {
  const model = streaming([start, ...text('Hi'), finish]);
  await read(aiSdk({ model }), request);
  return model.doStreamCalls[0] as LanguageModelV4CallOptions;
}

describe('what a model of the AI SDK is asked', () => {
  it('is the request in the words of the AI SDK', async () => {
    const inputSchema = { jsonSchema: { type: 'object', properties: {} } };
    const jsonSchema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const options = await asked({
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image', image: 'data:image/png;base64,AAAA' },
            { type: 'image', image: new Uint8Array([1]) },
            { type: 'file', data: 'https://example.com/a.pdf', mediaType: 'application/pdf', filename: 'a.pdf' },
          ],
        },
        {
          role: 'assistant',
          content: '',
          toolCalls: [
            { id: 'c1', name: 'look', input: { at: 1 } },
            { id: 'c2', name: 'ask', input: {} },
          ],
        },
        { role: 'tool', toolCallId: 'c1', content: 'grey' },
        { role: 'tool', toolCallId: 'c2', content: 'no', isError: true },
        { role: 'assistant', content: 'Grey.' },
      ],
      tools: [{ name: 'look', description: 'Looks.', inputSchema }],
      toolChoice: { tool: 'look' },
      schema: { jsonSchema, name: 'thing' },
      maxOutputTokens: 10,
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      stopSequences: ['#'],
      reasoning: 'low',
      providerOptions: { 'ai-sdk': { topK: 3, providerOptions: { vendor: { x: 1 } }, headers: { 'x-mine': 'y' } } },
    });
    expect(options).toMatchObject({
      ...{ maxOutputTokens: 10, temperature: 0.5, topP: 0.9, seed: 7, stopSequences: ['#'], reasoning: 'low', topK: 3 },
      providerOptions: { vendor: { x: 1 } },
      headers: { 'x-client-request-id': 'transaction-1', 'x-mine': 'y' },
      toolChoice: { type: 'tool', toolName: 'look' },
      tools: [{ type: 'function', name: 'look', description: 'Looks.', inputSchema: inputSchema.jsonSchema }],
      responseFormat: { type: 'json', name: 'thing', schema: { ...jsonSchema, additionalProperties: false } },
    });
    expect(options.prompt).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'file', data: { type: 'data', data: 'AAAA' }, mediaType: 'image/png' },
          { type: 'file', data: { type: 'data', data: new Uint8Array([1]) }, mediaType: 'image/*' },
          {
            type: 'file',
            data: { type: 'url', url: new URL('https://example.com/a.pdf') },
            mediaType: 'application/pdf',
            filename: 'a.pdf',
          },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: { at: 1 } },
          { type: 'tool-call', toolCallId: 'c2', toolName: 'ask', input: {} },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'c1', toolName: 'look', output: { type: 'text', value: 'grey' } },
          { type: 'tool-result', toolCallId: 'c2', toolName: 'ask', output: { type: 'error-text', value: 'no' } },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'Grey.' }] },
    ]);
  });

  it('refuses an address that is none', async () => {
    const content = [{ type: 'image' as const, image: 'not an address' }];
    const { error } = await read(aiSdk({ model: streaming([]) }), { messages: [{ role: 'user', content }] });
    expect(error?.code).toBe('invalid_request');
  });
});

describe('what a model of the AI SDK answers', () => {
  const parts: LanguageModelV4StreamPart[] = [
    { type: 'stream-start', warnings: [{ type: 'other', message: 'careful' }] },
    { type: 'response-metadata', id: 'resp_1', modelId: 'm-2026' },
    { type: 'reasoning-start', id: 'r' },
    { type: 'reasoning-delta', id: 'r', delta: 'Hm.' },
    { type: 'reasoning-delta', id: 'r', delta: '', providerMetadata: { v: { signature: 's' } } },
    { type: 'reasoning-end', id: 'r' },
    ...text('Look: '),
    { type: 'source', sourceType: 'url', id: 's1', url: 'https://example.com' },
    { type: 'tool-call', toolCallId: 'w', toolName: 'search', input: '{}', providerExecuted: true },
    { type: 'tool-result', toolCallId: 'w', toolName: 'search', result: 'found' },
    { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' } },
    { type: 'tool-input-start', id: 'c1', toolName: 'look' },
    { type: 'tool-input-delta', id: 'c1', delta: '{"at":1}' },
    { type: 'tool-input-end', id: 'c1' },
    { type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: '{"at":1}', providerMetadata: { v: { t: 1 } } },
    { ...finish, finishReason: { unified: 'tool-calls', raw: 'tool_use' } },
  ];

  it('comes as chunks; what no chunk has a place for is raw', async () => {
    const { chunks, requestId, raw } = await read(aiSdk({ model: streaming(parts) }));
    expect(chunks).toEqual([
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Look: ' },
      { type: 'raw', value: expect.objectContaining({ type: 'tool-call', providerExecuted: true }) },
      { type: 'raw', value: expect.objectContaining({ type: 'tool-result' }) },
      { type: 'raw', value: expect.objectContaining({ type: 'file' }) },
      { type: 'toolCall', toolCall: { id: 'c1', name: 'look', input: { at: 1 } } },
      {
        type: 'finish',
        finishReason: 'tool_calls',
        model: 'm-2026',
        usage: {
          inputTokens: 12,
          outputTokens: 5,
          cachedInputTokens: 4,
          cacheWriteInputTokens: 2,
          reasoningTokens: 3,
        },
      },
    ]);
    expect(requestId).toBe('resp_1');
    expect(raw).toMatchObject({
      content: [
        { type: 'reasoning', text: 'Hm.', providerMetadata: { v: { signature: 's' } } },
        { type: 'text', text: 'Look: ' },
        { type: 'source' },
        { type: 'tool-call', toolCallId: 'w' },
        { type: 'tool-result' },
        { type: 'file' },
        { type: 'tool-call', toolCallId: 'c1' },
      ],
      warnings: [{ type: 'other', message: 'careful' }],
      response: { id: 'resp_1', modelId: 'm-2026' },
    });
  });

  it('tells the headers first, the price where there is one, and that a tool call is being written', async () => {
    const withCost = { ...finish, usage: { ...usage, raw: { cost: 0.25 } } } as LanguageModelV4StreamPart;
    const model = streaming([...parts.slice(0, -1), withCost], {
      'x-request-id': 'req_1',
      'x-ratelimit-limit-requests': '9',
    });
    const { facts, header } = await read(aiSdk({ model }));
    expect(facts[0]).toMatchObject({ providerRequestId: 'req_1' });
    expect(header('x-ratelimit-limit-requests')).toBe('9');
    expect(facts.some(({ progress }) => progress === true)).toBe(true);
    expect(facts.find(({ cost }) => cost !== undefined)?.cost).toBe(0.25);
  });

  const endings: [string, LanguageModelV4StreamPart[], string][] = [
    ['that breaks off', [{ ...finish, finishReason: { unified: 'interrupted', raw: undefined } }], 'truncated'],
    [
      'that does not say why it ended',
      [{ ...finish, finishReason: { unified: 'other', raw: undefined } }],
      'truncated',
    ],
    ['that just ends', [], 'truncated'],
    ['that was refused', [{ ...finish, finishReason: { unified: 'content-filter', raw: 'x' } }], 'content_filtered'],
    ['that ends in an error', [{ ...finish, finishReason: { unified: 'error', raw: 'x' } }], 'server_error'],
    [
      'with an error in it',
      [{ type: 'error', error: { message: 'Overloaded', type: 'overloaded_error' } }],
      'overloaded',
    ],
    ['with an exception in it', [{ type: 'error', error: callError({ statusCode: 429 }) }], 'rate_limited'],
    [
      'with a tool call that is no JSON',
      [{ type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{"at":' }, finish],
      'bad_response',
    ],
  ];
  it.each(endings)('an answer %s is none', async (_, rest, code) => {
    const { error, finish: finished } = await read(aiSdk({ model: streaming([start, ...text('Hel'), ...rest]) }));
    expect(finished).toEqual([]);
    expect(error?.code).toBe(code);
  });

  it('leaves out a tool call that was cut off at the limit', async () => {
    const cut: LanguageModelV4StreamPart = { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{"at":' };
    const length = { ...finish, finishReason: { unified: 'length', raw: 'length' } } as LanguageModelV4StreamPart;
    const { toolCalls, finish: finished } = await read(
      aiSdk({ model: streaming([start, ...text('Hel'), cut, length]) }),
    );
    expect([toolCalls, finished[0]?.finishReason]).toEqual([[], 'length']);
  });

  it('is never read further than it was when the reader leaves, and the model hears of it', async () => {
    let signal: AbortSignal | undefined;
    let cancelled = false;
    const endless = new ReadableStream<LanguageModelV4StreamPart>({
      pull: (controller) => controller.enqueue({ type: 'text-delta', id: '1', delta: 'x' }),
      cancel: () => {
        cancelled = true;
      },
    });
    const model = new MockLanguageModelV4({
      doStream: async ({ abortSignal }) => {
        signal = abortSignal;
        return { stream: endless };
      },
    });
    for await (const _ of aiSdk({ model }).stream?.(hello, contextFor().context) ?? []) break;
    expect(signal?.aborted).toBe(true);
    await until(() => cancelled);
  });

  it.each(['streamed', 'whole'])(
    'ends at once when the call is aborted and the model takes no notice, %s',
    async (way) => {
      const forever = () => new Promise<never>(() => {});
      const provider = aiSdk({ model: new MockLanguageModelV4({ doStream: forever, doGenerate: forever }) });
      const controller = new AbortController();
      const { context } = contextFor(controller.signal);
      const asking =
        way === 'whole' ? provider.complete(hello, context) : read(provider, hello, { ...contextFor(), context });
      controller.abort();
      const error = way === 'whole' ? await errorOf(asking) : ((await asking) as { error?: TransportError }).error;
      expect(error?.code).toBe('cancelled');
    },
  );
});

describe('a stream of a model that takes no notice of its signal', () => {
  it('ends at once when the call is aborted in the middle of it', async () => {
    const stream = new ReadableStream<LanguageModelV4StreamPart>({
      start(controller) {
        for (const part of [start, ...text('Hel')]) controller.enqueue(part);
      },
    });
    const model = new MockLanguageModelV4({ doStream: async () => ({ stream }) });
    const controller = new AbortController();
    const { context } = contextFor(controller.signal);
    const reading = (async () => {
      for await (const _ of aiSdk({ model }).stream?.(hello, context) ?? []) setImmediate(() => controller.abort());
    })();
    expect((await errorOf(reading)).code).toBe('cancelled');
  });
});

describe('what a model of the AI SDK throws', () => {
  const cases: [string, unknown, string][] = [
    ['a status', callError({ statusCode: 503 }), 'overloaded'],
    [
      'a body',
      callError({ statusCode: 400, responseBody: '{"error":{"code":"context_length_exceeded"}}' }),
      'context_length_exceeded',
    ],
    [
      'a broken connection',
      callError({ cause: new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }) }),
      'connection',
    ],
    ['a body that broke', callError({ statusCode: 200, cause: new TypeError('terminated') }), 'connection'],
    [
      'retries that somebody has put around it',
      new RetryError({ message: 'x', reason: 'maxRetriesExceeded', errors: [callError({ statusCode: 401 })] }),
      'authentication',
    ],
    ['a stranger', new RangeError('a secret prompt'), 'internal'],
  ];
  it.each(cases)('means what it means: %s', async (_, thrown, code) => {
    const provider = aiSdk({ model: failing(thrown) });
    const { error } = await read(provider, { prompt: 'a secret prompt' });
    const whole = await errorOf(provider.complete({ prompt: 'a secret prompt' }, contextFor().context));
    for (const one of [error, whole]) {
      expect(one?.code).toBe(code);
      expect(JSON.stringify(one)).not.toContain('a secret prompt');
    }
  });

  it('says when to come back, and tells the headers of a refusal', async () => {
    const responseHeaders = { 'retry-after': '7', 'x-request-id': 'req_9' };
    const { error, header, requestId } = await read(
      aiSdk({ model: failing(callError({ statusCode: 429, responseHeaders })) }),
    );
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 7_000, providerRequestId: 'req_9' });
    expect([header('retry-after'), requestId]).toEqual(['7', 'req_9']);
  });

  it('can be a refusal to stream: then it is asked for a whole answer', async () => {
    const responseBody = '{"error":{"message":"Your organization must be verified to stream","param":"stream"}}';
    const { error } = await read(aiSdk({ model: failing(callError({ statusCode: 400, responseBody })) }));
    expect(isStreamingRefused(error)).toBe(true);
  });
});

describe('models of older specifications', () => {
  const image: CompletionRequest = {
    messages: [{ role: 'user', content: [{ type: 'image', image: 'data:image/png;base64,AAAA' }] }],
  };

  it('of v3 are asked and read in their way', async () => {
    const file = { type: 'file' as const, mediaType: 'image/png', data: 'AAAA' };
    const model = new MockLanguageModelV3({
      doStream: async () => ({ stream: convertArrayToReadableStream([...text('Hi'), file, finish] as never[]) }),
    });
    const { chunks, text: said } = await read(aiSdk({ model }), image);
    expect(said).toBe('Hi');
    expect(chunks[1]).toEqual({ type: 'raw', value: { ...file, data: { type: 'data', data: 'AAAA' } } });
    const [content] = (model.doStreamCalls[0]?.prompt[0]?.content ?? []) as { data?: unknown }[];
    expect(content?.data).toBe('AAAA');
  });

  it('of v2 are asked and read in their way, whole too', async () => {
    const seen: LanguageModelV4CallOptions[] = [];
    const end = (finishReason: string) => ({
      finishReason,
      usage: { inputTokens: 3, outputTokens: 4, cachedInputTokens: 1 },
    });
    const modelOf = (reason: string) => ({
      specificationVersion: 'v2' as const,
      provider: 'old',
      modelId: 'm',
      doStream: async (options: LanguageModelV4CallOptions) => {
        seen.push(options);
        return { stream: convertArrayToReadableStream([...text('Hi'), { type: 'finish', ...end(reason) }]) };
      },
      doGenerate: async () => ({ content: [{ type: 'text', text: 'Hi' }], ...end(reason), warnings: [] }),
    });
    const providerOptions = { 'ai-sdk': { tools: [{ type: 'provider', id: 'a.b', name: 'b', args: {} }] } };
    const { text: said, finish: finished } = await read(aiSdk({ model: modelOf('stop') }), {
      ...image,
      providerOptions,
    });
    expect([said, finished[0]?.finishReason]).toEqual(['Hi', 'stop']);
    expect(finished[0]?.usage).toEqual({ inputTokens: 3, outputTokens: 4, cachedInputTokens: 1 });
    expect(seen[0]?.tools).toMatchObject([{ type: 'provider-defined', id: 'a.b' }]);
    expect((await read(aiSdk({ model: modelOf('unknown') }))).error?.code).toBe('truncated');
    const whole = await aiSdk({ model: modelOf('stop') }).complete(hello, contextFor().context);
    expect(whole).toMatchObject({ text: 'Hi', finishReason: 'stop', usage: { inputTokens: 3, outputTokens: 4 } });
  });
});

describe('a provider on a model of the AI SDK', () => {
  it('is called by its vendor and model, and fails with its host', () => {
    const at = 'http://127.0.0.1:9/v1';
    const models: LanguageModelV4[] = [
      createOpenAI({ baseURL: at, apiKey: 'x' }).chat('gpt-test'),
      createAnthropic({ baseURL: at, apiKey: 'x' })('claude-test'),
      createGoogle({ baseURL: at, apiKey: 'x' })('gemini-test'),
    ];
    expect(models.map((model) => aiSdk({ model })).map(({ name, domain, kind }) => [name, domain, kind])).toEqual([
      ['openai.chat/gpt-test', '127.0.0.1:9', 'ai-sdk'],
      ['anthropic.messages/claude-test', '127.0.0.1:9', 'ai-sdk'],
      ['google.generative-ai/gemini-test', '127.0.0.1:9', 'ai-sdk'],
    ]);
    expect(aiSdk({ model: new MockLanguageModelV4({ provider: 'acme.chat' }) }).domain).toBe('acme');
  });

  it('has no stream when it is not to stream', async () => {
    const model = new MockLanguageModelV4({
      doGenerate: async () => ({
        content: [{ type: 'text', text: 'Hi' }],
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: { ...usage, raw: { cost: 0.5 } },
        warnings: [],
      }),
    });
    const provider = aiSdk({ model, streaming: false });
    expect(provider.stream).toBeUndefined();
    const { context, facts } = contextFor();
    expect(await provider.complete(hello, context)).toMatchObject({ text: 'Hi', finishReason: 'stop' });
    expect(facts).toContainEqual(expect.objectContaining({ cost: 0.5, usageIsWhole: true }));
  });

  it('says what is wrong when it is made', () => {
    for (const options of [
      {},
      { model: 'gpt' },
      { model: streaming([]), streaming: 1 },
      { model: streaming([]), x: 1 },
    ])
      expect(() => aiSdk(options as never)).toThrow(OptionsError);
  });

  it('lets go of a model that does not end after its last word', async () => {
    vi.useFakeTimers();
    try {
      let signal: AbortSignal | undefined;
      const model = new MockLanguageModelV4({
        doStream: async ({ abortSignal }) => {
          signal = abortSignal;
          const stream = new ReadableStream<LanguageModelV4StreamPart>({
            start(controller) {
              for (const part of [start, ...text('Hi'), finish]) controller.enqueue(part);
            },
          });
          return { stream };
        },
      });
      const { error, text: said } = await read(aiSdk({ model }));
      expect([error, said, signal?.aborted]).toEqual([undefined, 'Hi', false]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(signal?.aborted).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
