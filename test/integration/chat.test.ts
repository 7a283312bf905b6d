import { describe, expect, it } from 'vitest';
import type { Chunk, Tool } from '../../src/core/types.ts';
import { answerTo, type FaultName, type RequestRecord } from '../../src/testing/index.ts';
import { Bench, modes, pool, see, sequence, timersFor } from './support.ts';

const tools: readonly Tool[] = [
  {
    name: 'get_weather',
    description: 'The weather in a city',
    inputSchema: {
      jsonSchema: {
        type: 'object',
        properties: { city: { type: 'string' }, days: { type: 'integer' }, units: { enum: ['metric', 'imperial'] } },
        required: ['city'],
      },
    },
  },
  { name: 'get_time', inputSchema: { jsonSchema: { type: 'object', properties: { zone: { type: 'string' } } } } },
];
const prompt = 'Use get_weather and get_time, please';
const words = answerTo(prompt, { words: 3 });
const called = [
  { id: 'call_1', name: 'get_weather', input: { city: words, days: 42, units: 'metric' } },
  { id: 'call_2', name: 'get_time', input: { zone: words } },
];

describe('Tool calls', () => {
  it.each(modes)('in parallel are put together from their pieces and come whole, %s', async (mode) => {
    await using bench = new Bench();
    const primary = await bench.server({ tokenMs: 1 });
    const llm = bench.over({ primary }, mode);
    const { completion, chunks, error } = await see(llm, mode, { prompt, tools });
    expect(error).toBeUndefined();
    expect(completion).toMatchObject({ text: '', finishReason: 'tool_calls', toolCalls: called });
    if (mode === 'streaming') {
      const calls = chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk.toolCall] : []));
      expect(calls).toEqual(called);
      expect(chunks.at(-1)).toMatchObject({ type: 'finish', finishReason: 'tool_calls' });
    }

    // And a conversation goes on with their results.
    const messages = [
      { role: 'user' as const, content: prompt },
      { role: 'assistant' as const, content: '', toolCalls: completion?.toolCalls ?? [] },
      { role: 'tool' as const, toolCallId: 'call_1', content: 'sunny' },
      { role: 'tool' as const, toolCallId: 'call_2', content: 'noon' },
    ];
    const next = await see(llm, mode, { messages, tools });
    expect(next.completion).toMatchObject({ finishReason: 'stop', toolCalls: [] });
    expect(next.text).toBe(answerTo(primary.requests[1]?.prompt ?? ''));
    expect(primary.requests[1]?.prompt).toBe(`${prompt}\n\nsunny\nnoon`);
  });

  it.each(modes)('that are cut off in the middle are never handed out, %s', async (mode) => {
    for (const fault of [
      { kind: 'cut', afterTokens: 3, by: 'close' },
      { kind: 'cut', afterTokens: 3, by: 'end' },
      { kind: 'stall', afterTokens: 3 },
    ] as const) {
      await using bench = new Bench();
      const primary = await bench.server({ fault });
      const backup = await bench.server();
      const llm = bench.over({ primary, backup }, mode, { timeout: timersFor(fault) });
      const { completion, chunks, attempts } = await see(llm, mode, { prompt, tools });
      // Nothing had been delivered yet: a streaming call is as good as a unary one.
      expect(sequence(attempts)).toEqual([
        expect.stringMatching(/^primary:(connection|truncated|timeout)$/),
        'backup:ok',
      ]);
      expect(completion?.toolCalls).toEqual(called);
      const types = new Set(chunks.map(({ type }: Chunk) => type));
      if (mode === 'streaming') expect(types).toEqual(new Set(['toolCall', 'finish']));
    }
  });
});

describe('The ledger', () => {
  it.each(modes)("has the provider's bill for what it answered, and the ids of all its requests, %s", async (mode) => {
    await using bench = new Bench();
    const primary = await bench.server({ script: (request) => (request.index % 3 === 1 ? 'http-503' : 'ok') });
    const backup = await bench.server({ words: 25, seed: 7 });
    const llm = bench.over({ primary, backup }, mode);
    const seen = await pool(4, Array.from({ length: 20 }), (_) => see(llm, mode, { prompt: 'One two three' }));
    const attempts = seen.flatMap((one) => one.attempts);
    for (const one of seen) {
      expect(one.how).toBe('answered');
      const last = one.attempts.at(-1);
      expect(one.completion?.usage).toMatchObject({
        inputTokens: 3,
        outputTokens: last?.provider === 'backup' ? 25 : 60,
      });
      expect(last?.usage).toEqual(one.completion?.usage);
      expect(last?.usageEstimated).toBe(false);
    }
    for (const [name, server] of Object.entries({ primary, backup })) {
      const mine = attempts.filter(({ provider }) => provider === name);
      const sum = (field: 'inputTokens' | 'outputTokens') =>
        mine.reduce((total, { usage }) => total + (usage?.[field] ?? 0), 0);
      expect({ inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens') }).toEqual(server.billed);
      const ids = server.requests.map(({ requestId }) => requestId).sort();
      expect(mine.map(({ providerRequestId }) => providerRequestId).sort()).toEqual(ids);
    }
    expect(attempts.some(({ outcome }) => outcome === 'overloaded')).toBe(true);
  });

  it('counts what a broken stream had cost, as an estimate', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'cut-close' });
    const llm = bench.over({ primary });
    const { error } = await see(llm, 'streaming', { prompt: 'One two three' });
    expect(error?.attempts).toMatchObject([{ outcome: 'connection', usageEstimated: true, mayBeBilled: true }]);
    expect(error?.attempts[0]?.usage?.outputTokens).toBeGreaterThan(0);
    expect(primary.billed.outputTokens).toBeGreaterThan(0);
  });

  it('names the same transaction as the request and the events, and each attempt by its own name', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'http-503' });
    const backup = await bench.server();
    const llm = bench.over({ primary, backup });
    const ids = new Set<string>();
    llm.on('*', ({ transactionId }) => ids.add(transactionId));
    const completion = await llm.complete({ prompt: 'Hello' }, { transactionId: 'order-7' });
    expect(completion.transactionId).toBe('order-7');
    expect(ids).toEqual(new Set(['order-7']));
    const named = [...primary.requests, ...backup.requests].map(({ headers }) => headers['x-client-request-id']);
    expect(named).toEqual(['order-7', 'order-7/2']);
  });
});

describe('What a provider cannot do', () => {
  const rest: { readonly fault: FaultName; readonly requests: number[]; readonly last: Partial<RequestRecord> }[] = [
    { fault: 'streaming-refused', requests: [2, 1, 1], last: { stream: false } },
    { fault: 'stream-options-refused', requests: [2, 1, 1], last: { stream: true } },
    { fault: 'stream-ignored', requests: [1, 1, 1], last: { stream: false } },
  ];

  it.each(rest)(
    '$fault: is found out once and remembered, whatever the next call wants',
    async ({ fault, requests, last }) => {
      await using bench = new Bench();
      const primary = await bench.server({ fault });
      const llm = bench.over({ primary });
      const counts: number[] = [];
      for (const mode of ['unary', 'streaming', 'unary'] as const) {
        const before = primary.requests.length;
        const { text, attempts, chunks } = await see(llm, mode, { prompt: 'Hello' });
        expect(text).toBe(answerTo('Hello'));
        expect(sequence(attempts)).toEqual(['primary:ok']);
        if (mode === 'streaming') expect(chunks.at(-1)?.type).toBe('finish');
        counts.push(primary.requests.length - before);
      }
      expect(counts).toEqual(requests);
      expect(primary.requests.at(-1)).toMatchObject(last);
      // It is no failure of the provider's.
      expect(llm.health()).toMatchObject([{ circuit: 'closed', failureRatio: 0, lastError: undefined }]);
    },
  );

  it('goes without an estimate of usage where the stream cannot tell it', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'stream-options-refused' });
    const llm = bench.over({ primary });
    const { completion } = await see(llm, 'streaming', { prompt: 'Hello' });
    expect(completion?.usage).toBeUndefined();
    expect(completion?.attempts).toMatchObject([{ usageEstimated: true }]);
  });
});

describe('What a provider tells of its limits', () => {
  it.each(modes)(
    'a server that really keeps a limit gets no more 429s than it must, and every call is answered, %s',
    async (mode) => {
      await using bench = new Bench();
      const primary = await bench.server({ limits: { requestsPerMinute: 120, burstRatio: 0.05 } });
      const backup = await bench.server();
      const llm = bench.over({ primary, backup }, mode);
      const seen = await pool(
        10,
        Array.from({ length: 60 }, (_, index) => index),
        (index) => see(llm, mode, { prompt: `Hello ${index}` }),
      );
      for (const [index, { text }] of seen.entries()) expect(text).toBe(answerTo(`Hello ${index}`));
      const refused = primary.requests.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(0);
      // Ten were under way at once; afterwards nobody asks again before the time.
      expect(refused.length).toBeLessThan(30);
    },
  );
});
