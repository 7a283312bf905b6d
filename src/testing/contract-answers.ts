/** What the provider contract promises of answers. */

import assert from 'node:assert/strict';
import type { CompletionRequest, JsonSchema } from '../core/types.ts';
import { answered, type Bench, type Rule, type Seen } from './contract-bench.ts';

const hello: CompletionRequest = { prompt: 'Hello, how is the weather today?' };

/** Long enough that the way there is more than one piece. */
const pieces = 2;

function object(properties: JsonSchema): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const tools = [
  {
    name: 'get_weather',
    description: 'Tells the weather of a city.',
    inputSchema: { jsonSchema: object({ city: { type: 'string' }, days: { type: 'integer' } }) },
  },
  { name: 'get_time', inputSchema: { jsonSchema: object({ zone: { type: 'string' } }) } },
];

/** A picture of one pixel. */
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Of every provider. */
const always: readonly Rule[] = [
  {
    name: 'has a name, a failure domain, a kind and a model',
    async run({ provider, ways }) {
      for (const field of ['name', 'domain', 'kind', 'model'] as const)
        assert.ok(typeof provider[field] === 'string' && provider[field] !== '', `${field} is not a name`);
      assert.equal(typeof provider.complete, 'function');
      if (!ways.includes('streamed')) assert.equal(provider.stream, undefined, 'there is a stream() after all');
    },
  },
  {
    name: 'answers in text, the same both ways',
    async run(bench) {
      const expected = bench.textOf?.(hello.prompt ?? '');
      for (const seen of await bothWays(bench, hello)) {
        assert.notEqual(seen.text, '');
        if (expected !== undefined) assert.equal(seen.text, expected);
        assert.equal(seen.finishReason, 'stop');
        assert.deepEqual(seen.toolCalls, []);
      }
    },
  },
  {
    name: 'says which model answered',
    async run(bench) {
      for (const { model } of await bothWays(bench, hello))
        assert.ok(typeof model === 'string' && model !== '', 'no model is named');
    },
  },
  {
    name: 'leaves the request as it was',
    async run(bench) {
      const request = frozen({ ...hello, temperature: 0.5, stopSequences: ['#'], ...toolsUnless(bench) });
      for (const way of bench.ways) await answered(bench, way, request);
    },
  },
  {
    name: 'does not mix the answers of calls under way at once',
    async run(bench) {
      const prompts = Array.from({ length: 12 }, (_, index) => `Tell me about the number ${index}, please`);
      const wayOf = (index: number) => bench.ways[index % bench.ways.length] ?? 'whole';
      const together = await Promise.all(prompts.map((prompt, index) => answered(bench, wayOf(index), { prompt })));
      for (const [index, prompt] of prompts.entries()) {
        const expected = bench.textOf?.(prompt) ?? (await answered(bench, wayOf(index), { prompt })).text;
        assert.equal(together[index]?.text, expected);
      }
    },
  },
  {
    name: 'says when the answer was cut at maxOutputTokens',
    async run(bench) {
      for (const seen of await bothWays(bench, { ...hello, maxOutputTokens: 4 })) {
        assert.equal(seen.finishReason, 'length');
        assert.notEqual(seen.text, '');
      }
    },
  },
];

const streaming: readonly Rule[] = [
  {
    name: 'streams in pieces, and finishes once and last',
    async run(bench) {
      const { chunks } = await answered(bench, 'streamed', hello);
      const types = chunks.map(({ type }) => type);
      assert.ok(types.filter((type) => type === 'text').length >= pieces, 'the text came in one piece');
      assert.equal(types.filter((type) => type === 'finish').length, 1, 'there is more than one finish chunk');
      assert.equal(types.indexOf('finish'), types.length - 1, 'something came after the finish chunk');
    },
  },
  {
    name: 'yields content only: no preamble, and no chunk with nothing in it',
    async run(bench) {
      const requests = [hello, ...(bench.without.includes('tools') ? [] : [useTools])];
      for (const request of requests)
        for (const chunk of (await answered(bench, 'streamed', request)).chunks) {
          assert.ok(['text', 'reasoning', 'toolCall', 'finish'].includes(chunk.type), `a chunk ${chunk.type}`);
          if (chunk.type === 'text' || chunk.type === 'reasoning') assert.notEqual(chunk.text, '', 'an empty chunk');
        }
    },
  },
];

const usage: Rule = {
  name: 'says how many tokens were used, the same both ways',
  async run(bench) {
    const all = await bothWays(bench, hello);
    for (const seen of all) {
      assert.ok(seen.usage, 'no usage');
      for (const count of [seen.usage.inputTokens, seen.usage.outputTokens])
        assert.ok(Number.isInteger(count) && count > 0, `a usage of ${count} tokens`);
      const record = bench.server.requests?.at(-1) as { inputTokens?: unknown; outputTokens?: unknown } | undefined;
      if (typeof record?.inputTokens !== 'number') continue;
      assert.equal(seen.usage.inputTokens, record.inputTokens, 'not the input tokens of the server');
      assert.equal(seen.usage.outputTokens, record.outputTokens, 'not the output tokens of the server');
    }
    if (bench.textOf !== undefined) for (const seen of all) assert.deepEqual(seen.usage, all[0]?.usage);
  },
};

const useTools: CompletionRequest = { prompt: 'Use get_weather and get_time, please', tools };

const toolRules: readonly Rule[] = [
  {
    name: 'hands over tool calls whole, parsed and in order, the same both ways',
    async run(bench) {
      const all = await bothWays(bench, useTools);
      for (const { toolCalls, finishReason } of all) {
        assert.deepEqual(
          toolCalls.map(({ name }) => name),
          ['get_weather', 'get_time'],
        );
        assert.equal(finishReason, 'tool_calls');
        assert.equal(new Set(toolCalls.map(({ id }) => id)).size, 2, 'two calls have one id');
        for (const { id, input } of toolCalls) {
          assert.ok(typeof id === 'string' && id !== '', 'a call without an id');
          assert.ok(typeof input === 'object' && input !== null, `the input is not parsed: ${typeof input}`);
        }
        assert.deepEqual(
          toolCalls.map(({ input }) => input),
          all[0]?.toolCalls.map(({ input }) => input),
        );
      }
    },
  },
  {
    name: 'takes a system message and the results of tools',
    async run(bench) {
      const request: CompletionRequest = {
        tools,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Use get_weather, please' },
          {
            role: 'assistant',
            content: '',
            toolCalls: [{ id: 'call_1', name: 'get_weather', input: { city: 'Oslo', days: 1 } }],
          },
          { role: 'tool', toolCallId: 'call_1', content: 'rain' },
        ],
      };
      for (const seen of await bothWays(bench, request)) {
        assert.notEqual(seen.text, '');
        assert.deepEqual(seen.toolCalls, []);
      }
    },
  },
];

const schema: Rule = {
  name: 'answers in the shape of a schema',
  async run(bench) {
    const jsonSchema = object({ name: { type: 'string' }, age: { type: 'integer' } });
    for (const { text } of await bothWays(bench, { ...hello, schema: { jsonSchema } })) {
      const value = parsed(text) as { name?: unknown; age?: unknown };
      assert.equal(typeof value.name, 'string');
      assert.ok(Number.isInteger(value.age));
    }
  },
};

const images: Rule = {
  name: 'takes a picture',
  async run(bench) {
    const content = [
      { type: 'text' as const, text: 'What is this?' },
      { type: 'image' as const, image: pixel },
    ];
    for (const seen of await bothWays(bench, { messages: [{ role: 'user', content }] })) assert.notEqual(seen.text, '');
  },
};

/** The rules of answers, for a provider that can all but `without`. */
export function answerRules(without: Bench['without']): Rule[] {
  const has = (capability: Bench['without'][number]) => !without.includes(capability);
  return [
    ...always,
    ...(has('streaming') ? streaming : []),
    ...(has('usage') ? [usage] : []),
    ...(has('tools') ? toolRules : []),
    ...(has('schema') ? [schema] : []),
    ...(has('images') ? [images] : []),
  ];
}

async function bothWays(bench: Bench, request: CompletionRequest): Promise<Seen[]> {
  const all: Seen[] = [];
  for (const way of bench.ways) all.push(await answered(bench, way, request));
  const known = bench.textOf !== undefined;
  if (known) for (const { text } of all) assert.equal(text, all[0]?.text, 'the text is not the same both ways');
  return all;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    assert.fail('the answer is not JSON');
  }
}

function toolsUnless({ without }: Bench): Partial<CompletionRequest> {
  return without.includes('tools') ? {} : { tools };
}

function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) frozen(inner);
  return Object.freeze(value);
}
