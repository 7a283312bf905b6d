import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { APICallError } from 'ai';
import { convertArrayToReadableStream, MockLanguageModelV4 } from 'ai/test';
import { describe, expect, it } from 'vitest';
import type { CompletionRequest, Middleware, Provider } from '../../src/core/types.ts';
import { mapChunks } from '../../src/index.ts';
import { languageModel } from '../../src/integrations/ai-sdk.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { callable } from '../../src/providers/callable.ts';
import { all, Doors } from './support.ts';

const usage = {
  inputTokens: { total: 12, noCache: 6, cacheRead: 4, cacheWrite: 2 },
  outputTokens: { total: 5, text: 2, reasoning: 3 },
  raw: { vendor_tokens: 17 },
};

const citations = [
  {
    source: { type: 'source' as const, sourceType: 'url' as const, id: 's0', url: 'https://example.com' },
    startIndex: 0,
  },
];

/** An answer with everything in it that there is. */
const content: LanguageModelV4Content[] = [
  { type: 'reasoning', text: 'Hm.', providerMetadata: { v: { signature: 'sig' } } },
  {
    type: 'text',
    text: 'Look: here.',
    citations,
    providerMetadata: { v: { id: 'msg' } },
  },
  { type: 'source', sourceType: 'document', id: 's1', mediaType: 'application/pdf', title: 'A', filename: 'a.pdf' },
  { type: 'tool-call', toolCallId: 'w', toolName: 'search', input: '{"q":1}', providerExecuted: true, dynamic: true },
  { type: 'tool-result', toolCallId: 'w', toolName: 'search', result: { found: [1, 2] } },
  { type: 'tool-approval-request', approvalId: 'ap', toolCallId: 'w' },
  { type: 'custom', kind: 'v.compaction', providerMetadata: { v: { data: 'x' } } },
  { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' }, providerMetadata: { v: { n: 1 } } },
  { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'url', url: new URL('https://example.com/x.png') } },
  { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{ "at": 1 }', providerMetadata: { v: { sig: 't' } } },
];
const result: LanguageModelV4GenerateResult = {
  content,
  finishReason: { unified: 'tool-calls', raw: 'tool_use' },
  usage,
  providerMetadata: { v: { tier: 'gold' } },
  request: { body: { asked: true } },
  response: { id: 'resp_1', modelId: 'm-2026', timestamp: new Date(0), headers: { 'x-request-id': 'req_1' } },
  warnings: [{ type: 'deprecated', setting: 'x', message: 'y' }],
};

/** The same as a stream. */
const parts: LanguageModelV4StreamPart[] = [
  { type: 'stream-start', warnings: result.warnings },
  { type: 'response-metadata', id: 'resp_1', modelId: 'm-2026', timestamp: new Date(0) },
  { type: 'raw', rawValue: { any: 'thing' } },
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'Hm.' },
  { type: 'reasoning-delta', id: 'r', delta: '', providerMetadata: { v: { signature: 'sig' } } },
  { type: 'reasoning-end', id: 'r' },
  { type: 'text-start', id: 't' },
  { type: 'text-delta', id: 't', delta: 'Look: ' },
  { type: 'text-delta', id: 't', delta: 'here.' },
  {
    type: 'text-end',
    id: 't',
    citations,
    providerMetadata: { v: { id: 'msg' } },
  },
  content[2] as LanguageModelV4StreamPart,
  { type: 'tool-input-start', id: 'w', toolName: 'search', providerExecuted: true },
  { type: 'tool-input-delta', id: 'w', delta: '{"q":1}' },
  { type: 'tool-input-end', id: 'w' },
  ...(content.slice(3) as LanguageModelV4StreamPart[]),
  { type: 'finish', finishReason: result.finishReason, usage, providerMetadata: result.providerMetadata },
];

function model(): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doGenerate: async () => result,
    doStream: async () => ({
      stream: convertArrayToReadableStream(parts),
      request: result.request,
      response: { headers: result.response?.headers },
    }),
  });
}

const prompt: LanguageModelV4CallOptions['prompt'] = [
  { role: 'system', content: 'Be brief.', providerOptions: { v: { cache: true } } },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'Look', providerOptions: { v: { x: 1 } } },
      { type: 'file', data: { type: 'data', data: 'iVBORw0KGgoAAAA' }, mediaType: 'image' },
      { type: 'file', data: { type: 'url', url: new URL('https://example.com/a.pdf') }, mediaType: 'application/pdf' },
      { type: 'file', data: { type: 'reference', reference: { v: 'file-1' } }, mediaType: 'application/pdf' },
      { type: 'file', data: { type: 'text', text: 'inline' }, mediaType: 'text/plain' },
    ],
  },
  { role: 'assistant', content: [{ type: 'reasoning', text: 'Only thought.' }] },
  {
    role: 'assistant',
    content: [
      { type: 'reasoning', text: 'Hm.', providerOptions: { v: { signature: 'sig' } } },
      { type: 'text', text: 'Looking.' },
      { type: 'tool-call', toolCallId: 'w', toolName: 'search', input: {}, providerExecuted: true },
      { type: 'tool-result', toolCallId: 'w', toolName: 'search', output: { type: 'json', value: 1 } },
      { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: { at: 1 }, providerOptions: { v: { sig: 't' } } },
      { type: 'tool-call', toolCallId: 'd', toolName: 'look', input: { at: 2 } },
    ],
  },
  {
    role: 'tool',
    content: [
      {
        type: 'tool-result',
        toolCallId: 'c',
        toolName: 'look',
        output: {
          type: 'content',
          value: [
            { type: 'text', text: 'grey' },
            { type: 'file', data: { type: 'data', data: '/9j/AAAA' }, mediaType: 'image/jpeg' },
          ],
        },
      },
      { type: 'tool-result', toolCallId: 'd', toolName: 'look', output: { type: 'error-json', value: { no: 1 } } },
    ],
  },
  { role: 'tool', content: [{ type: 'tool-approval-response', approvalId: 'ap', approved: true }] },
];

const options: LanguageModelV4CallOptions = {
  prompt,
  tools: [
    {
      type: 'function',
      name: 'look',
      description: 'Looks.',
      inputSchema: { type: 'object', properties: {} },
      strict: true,
      inputExamples: [{ input: { at: 1 } }],
      providerOptions: { v: { y: 1 } },
    },
    { type: 'provider', id: 'v.search', name: 'search', args: { deep: true } },
  ],
  toolChoice: { type: 'tool', toolName: 'look' },
  responseFormat: { type: 'json', schema: { type: 'object' }, name: 'thing', description: 'A thing.' },
  maxOutputTokens: 9,
  temperature: 0.1,
  topP: 0.2,
  topK: 3,
  presencePenalty: 0.4,
  frequencyPenalty: 0.5,
  seed: 6,
  stopSequences: ['#'],
  reasoning: 'xhigh',
  includeRawChunks: true,
  headers: { 'x-mine': 'y' },
  providerOptions: { v: { z: 1 } },
};

/** Without what the transport adds. */
function without<T extends { providerMetadata?: Record<string, unknown> }>(answer: T): T {
  const { 'llm-transport': ours, ...providerMetadata } = answer.providerMetadata ?? {};
  expect(ours).toMatchObject({ attempts: 1 });
  return { ...answer, providerMetadata };
}

/** A provider that is none of the AI SDK, and writes down what it is asked. */
function listening(name = 'listening') {
  const requests: CompletionRequest[] = [];
  const provider = callable({
    name,
    complete(request) {
      requests.push(request);
      return { text: 'Hi', reasoning: 'Hm', toolCalls: [{ id: 'c', name: 'look', input: { at: 1 } }] };
    },
  });
  return { provider, requests };
}

async function through(providers: Provider[], use: Middleware[] = []) {
  const doors = new Doors();
  const door = languageModel(doors.over(providers, { use }));
  return { door, [Symbol.asyncDispose]: () => doors[Symbol.asyncDispose]() };
}

describe('between the AI SDK in front and a model of it behind', () => {
  it('every part of a stream comes out as it went in', async () => {
    await using way = await through([aiSdk({ model: model() })]);
    const { stream, request, response } = await way.door.doStream(options);
    const got = await all(stream);
    expect(got.slice(0, -1)).toEqual(parts.slice(0, -1));
    expect(without(got.at(-1) as never)).toEqual(parts.at(-1));
    expect([request, response]).toEqual([result.request, { headers: result.response?.headers }]);
  });

  it.each([true, false])(
    'every part of a whole answer comes out as it went in, streamed on the wire: %s',
    async (streaming) => {
      await using way = await through([aiSdk({ model: model(), streaming })]);
      expect(without(await way.door.doGenerate(options))).toEqual(result);
    },
  );

  it('every part of an answer that cannot be streamed comes out, the last ones at its end', async () => {
    await using way = await through([aiSdk({ model: model(), streaming: false })]);
    const got = await all((await way.door.doStream(options)).stream);
    const kinds = new Set(got.map(({ type }) => type));
    for (const { type } of content)
      expect([...kinds]).toContain(type === 'text' || type === 'reasoning' ? `${type}-end` : type);
    expect(got.find((part) => part.type === 'tool-call' && part.toolCallId === 'c')).toEqual(content.at(-1));
    expect(without(got.at(-1) as never)).toMatchObject({ finishReason: result.finishReason, usage });
  });

  it.each(['doStream', 'doGenerate'] as const)(
    'the model is asked exactly what the door was asked, by %s',
    async (method) => {
      const behind = model();
      await using way = await through([aiSdk({ model: behind })]);
      const answer = await way.door[method](options);
      if ('stream' in answer) await all(answer.stream);
      const { abortSignal, headers, ...asked } = behind.doStreamCalls[0] as LanguageModelV4CallOptions;
      const { headers: _, ...given } = options;
      expect(asked).toEqual(given);
      expect(headers).toMatchObject({ 'x-mine': 'y' });
      expect(abortSignal).toBeInstanceOf(AbortSignal);
    },
  );

  it('a middleware that changes the request or the answer is obeyed', async () => {
    const behind = model();
    const change: Middleware = (next) => async (request, context) => {
      const messages = (request.messages ?? []).map((message) =>
        message.role === 'system' ? { ...message, content: 'Be long.' } : message,
      );
      const reply = await next({ ...request, messages }, context);
      return mapChunks(reply, (chunk) =>
        chunk.type === 'text' ? { ...chunk, text: chunk.text.toUpperCase() } : chunk,
      );
    };
    await using way = await through([aiSdk({ model: behind })], [change]);
    const got = await all((await way.door.doStream(options)).stream);
    expect(behind.doStreamCalls[0]?.prompt).toEqual([{ role: 'system', content: 'Be long.' }, ...prompt.slice(1)]);
    const said = got.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : [])).join('');
    expect(said).toBe('LOOK: HERE.');
    // Blocks are begun before they go on, and ended once.
    const open = new Set<string>();
    for (const part of got) {
      if (part.type === 'text-start' || part.type === 'reasoning-start') open.add(part.id);
      if (part.type === 'text-delta' || part.type === 'reasoning-delta') expect(open).toContain(part.id);
      if (part.type === 'text-end' || part.type === 'reasoning-end') expect(open.delete(part.id)).toBe(true);
    }
    expect(open.size).toBe(0);
    const whole = await way.door.doGenerate(options);
    expect(whole.content.find(({ type }) => type === 'text')).toMatchObject({ text: 'LOOK: HERE.' });
  });
});

describe('a model of the AI SDK behind the door', () => {
  it('goes on in its block after a piece of it that a middleware has changed', async () => {
    let changed = false;
    const first: Middleware = (next) => async (request, context) =>
      mapChunks(await next(request, context), (chunk) => {
        if (chunk.type !== 'text' || changed) return chunk;
        changed = true;
        return { ...chunk, text: 'Read: ' };
      });
    await using way = await through([aiSdk({ model: model() })], [first]);
    const got = await all((await way.door.doStream(options)).stream);
    const text = got.filter(({ type }) => type.startsWith('text-')) as { type: string; id: string; delta?: string }[];
    expect(text.map(({ type, delta }) => delta ?? type)).toEqual([
      ...['text-start', 'Read: ', 'text-end'],
      ...['text-start', 'here.', 'text-end'],
    ]);
    expect(text.map(({ id }) => id === 't')).toEqual([false, false, false, true, true, true]);
  });

  it('says nothing in its errors of what went along unseen', async () => {
    const thought = 'The treasure is buried under the old oak tree';
    const behind = new MockLanguageModelV4({
      doStream: async () => {
        throw new APICallError({
          ...{ message: 'x', url: 'https://x', requestBodyValues: {}, statusCode: 400 },
          responseBody: JSON.stringify({ error: { message: `Cannot read: ${thought}` } }),
        });
      },
    });
    await using way = await through([aiSdk({ model: behind })]);
    const asked = way.door.doGenerate({
      prompt: [prompt[0] as never, { role: 'assistant', content: [{ type: 'reasoning', text: thought }] }],
    });
    const error = (await asked.then(undefined, (thrown: unknown) => thrown)) as Error;
    expect(error.message).toContain('Cannot read');
    expect(error.message).not.toContain('treasure');
  });

  it('is left with the reason of the abort, by whoever reads the stream itself', async () => {
    const endless = new ReadableStream<LanguageModelV4StreamPart>({
      start(controller) {
        for (const part of parts.slice(0, 9)) controller.enqueue(part);
      },
    });
    await using way = await through([
      aiSdk({ model: new MockLanguageModelV4({ doStream: async () => ({ stream: endless }) }) }),
    ]);
    const controller = new AbortController();
    const { stream } = await way.door.doStream({ prompt, abortSignal: controller.signal });
    const reason = new Error('enough');
    const reading = (async () => {
      for await (const part of stream) if (part.type === 'text-delta') controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });
});

describe('between the AI SDK in front and another provider behind', () => {
  it('the request says in its own words what it can', async () => {
    const { provider, requests } = listening();
    await using way = await through([provider]);
    const { warnings } = await way.door.doGenerate({ ...options, responseFormat: undefined });
    expect(requests[0]).toMatchObject({
      ...{ maxOutputTokens: 9, temperature: 0.1, topP: 0.2, seed: 6, stopSequences: ['#'], reasoning: 'high' },
      tools: [{ name: 'look', description: 'Looks.', inputSchema: { jsonSchema: { type: 'object', properties: {} } } }],
      toolChoice: { tool: 'look' },
      providerOptions: {
        openai: { presence_penalty: 0.4, frequency_penalty: 0.5 },
        anthropic: { top_k: 3 },
        google: { topK: 3, presencePenalty: 0.4, frequencyPenalty: 0.5 },
      },
    });
    expect(requests[0]?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image', image: 'data:image/png;base64,iVBORw0KGgoAAAA', mediaType: 'image/png' },
          { type: 'file', data: 'https://example.com/a.pdf', mediaType: 'application/pdf' },
          { type: 'text', text: 'inline' },
        ],
      },
      {
        role: 'assistant',
        content: 'Looking.',
        toolCalls: [
          { id: 'c', name: 'look', input: { at: 1 } },
          { id: 'd', name: 'look', input: { at: 2 } },
        ],
      },
      { role: 'tool', toolCallId: 'c', content: 'grey' },
      { role: 'tool', toolCallId: 'd', content: '{"no":1}', isError: true },
      {
        role: 'user',
        content: [{ type: 'image', image: 'data:image/jpeg;base64,/9j/AAAA', mediaType: 'image/jpeg' }],
      },
    ]);
    const features = warnings.flatMap((warning) => (warning.type === 'unsupported' ? [warning.feature] : []));
    expect(features).toEqual(['the tool v.search', 'files by reference']);
  });

  it('the answer is whole in the words of the AI SDK, streamed too', async () => {
    await using way = await through([listening().provider]);
    const { content: got, finishReason } = await way.door.doGenerate({ prompt });
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{"at":1}' };
    expect(got).toEqual([{ type: 'reasoning', text: 'Hm' }, { type: 'text', text: 'Hi' }, call]);
    expect(finishReason).toEqual({ unified: 'tool-calls', raw: 'tool_calls' });
    const streamed = await all((await way.door.doStream({ prompt })).stream);
    expect(streamed.map(({ type }) => type)).toEqual([
      ...['stream-start', 'response-metadata', 'reasoning-start', 'reasoning-delta', 'reasoning-end'],
      ...[
        'text-start',
        'text-delta',
        'text-end',
        'tool-input-start',
        'tool-input-delta',
        'tool-input-end',
        'tool-call',
      ],
      ...['response-metadata', 'finish'],
    ]);
    expect(streamed).toContainEqual(call);
  });

  it('what goes into the call comes from providerOptions, and a slip in it is told', async () => {
    const { provider, requests } = listening();
    await using way = await through([provider]);
    const own = {
      priority: 'batch',
      transactionId: 'mine',
      metadata: { of: 'test' },
      providerOptions: { listening: { a: 1 } },
    };
    const { providerMetadata } = await way.door.doGenerate({
      prompt,
      providerOptions: { 'llm-transport': own, v: { z: 1 } },
    });
    expect(providerMetadata?.['llm-transport']).toMatchObject({ provider: 'listening', transactionId: 'mine' });
    expect(requests[0]).toMatchObject({ metadata: { of: 'test' }, providerOptions: { listening: { a: 1 } } });
    const wrong = { 'llm-transport': { prioriti: 'batch' } };
    await expect(way.door.doGenerate({ prompt, providerOptions: wrong })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(requests).toHaveLength(1);
  });
});
