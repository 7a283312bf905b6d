import OpenAI from 'openai';
import { describe, expect, expectTypeOf, it } from 'vitest';
import * as z from 'zod';
import type { Completion, CompletionRequest, Message, Provider, ToolCall } from '../../src/core/types.ts';
import { openai } from '../../src/providers/openai.ts';
import {
  answerTo,
  type FaultName,
  type RequestRecord,
  randomFrom,
  type SimulatedServer,
  type WireName,
} from '../../src/testing/index.ts';
import { Bench, modes, pool, see, sequence, textOf, type Wire, wires } from './support.ts';

/** Whatever can be sent to one provider can be sent to all, and what comes back looks alike: only then is fail-over worth anything. */

const png = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10, 251, 255, 190]);
const words = (prompt: string) => answerTo(prompt, { words: 3 });
const question = 'Ask get_weather and get_time about the place in this picture';
const tools = [
  {
    name: 'get_weather',
    description: 'The weather in a city',
    inputSchema: z.object({
      city: z.string(),
      days: z.number().int().min(1).max(60),
      units: z.enum(['metric', 'imperial']),
    }),
  },
  { name: 'get_time', inputSchema: { jsonSchema: { type: 'object', properties: { zone: { type: 'string' } } } } },
];

/** One object for all of them: nobody may change it. */
const request: CompletionRequest = deepFreeze({
  messages: [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: question },
        { type: 'image', image: `data:image/png;base64,${Buffer.from(png).toString('base64')}` },
      ],
    },
  ],
  tools,
  toolChoice: 'auto',
  maxOutputTokens: 500,
  temperature: 0.5,
  stopSequences: ['THE END'],
  metadata: { user: 'canary-in-metadata' },
});

describe.each(modes)('the same request, %s', (mode) => {
  it('with tools and a picture comes back in the same shape from every wire', async () => {
    const shapes: unknown[] = [];
    for (const wire of wires) {
      await using bench = new Bench();
      const server = await bench.server();
      const llm = bench.over({ primary: server }, mode, {}, wire);
      const { completion, error, chunks } = await see(llm, mode, request);
      expect([wire.name, error]).toEqual([wire.name, undefined]);
      const [record] = server.requests as [RequestRecord];

      const said = words(`Be brief.\n${question}`);
      expect(completion).toMatchObject({
        text: '',
        reasoning: undefined,
        object: undefined,
        finishReason: 'tool_calls',
        provider: 'primary',
        toolCalls: [
          { id: expect.any(String), name: 'get_weather', input: { city: said, days: 42, units: 'metric' } },
          { id: expect.any(String), name: 'get_time', input: { zone: said } },
        ],
        resumed: false,
        cost: undefined,
        raw: expect.any(Object),
      });
      expect(new Set(completion?.toolCalls.map(({ id }) => id)).size).toBe(2);
      // However a wire counts: all that came in and all that went out.
      expect(completion?.usage).toMatchObject(record.billed);
      expect(completion?.attempts).toMatchObject([{ outcome: 'ok', usage: completion?.usage, usageEstimated: false }]);
      if (mode === 'streaming') expect(chunks.map((chunk) => chunk.type)).toEqual(['toolCall', 'toolCall', 'finish']);

      const sent = JSON.stringify(record.body);
      expect(sent).toContain(Buffer.from(png).toString('base64'));
      // Responses has no field for it: the adapter ends the text itself.
      expect(sent.includes('THE END')).toBe(wire.name !== 'openai-responses');
      expect(sent).not.toContain('canary-in-metadata');
      shapes.push(shapeOf(completion as Completion));
    }
    expect(shapes[0]).toEqual({
      text: 'string',
      toolCalls: [{ id: 'string', name: 'string', input: 'object' }],
      reasoning: 'undefined',
      object: 'undefined',
      finishReason: 'string',
      usage: ['inputTokens', 'outputTokens'],
      provider: 'string',
      model: 'string',
      transactionId: 'string',
      attempts: [expect.objectContaining({ outcome: 'string', providerRequestId: 'string', durationMs: 'number' })],
      cost: 'undefined',
      resumed: 'boolean',
      raw: 'object',
    });
    for (const shape of shapes) expect(shape).toEqual(shapes[0]);
  });

  it('with a picture in bytes is the same on the wire as with one in a data URL', async () => {
    for (const wire of wires) {
      await using bench = new Bench();
      const server = await bench.server();
      const llm = bench.over({ primary: server }, mode, {}, wire);
      for (const image of [png, `data:image/png;base64,${Buffer.from(png).toString('base64')}`])
        await see(llm, mode, {
          messages: [{ role: 'user', content: [{ type: 'image', image, mediaType: 'image/png' }] }],
        });
      const [first, second] = server.requests.map(({ body }) => body);
      expect(first).toEqual(second);
    }
  });
});

const schema = z.object({
  city: z.string(),
  days: z.number().int().min(1).max(60),
  sky: z.enum(['clear', 'grey']),
  places: z.array(z.object({ name: z.string(), open: z.boolean() })).min(1),
});

it('one request with tools, a picture and a schema comes back in the same shape from every wire, typed without casts', async () => {
  const all = {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Where shall we go?' },
          { type: 'image', image: png, mediaType: 'image/png' },
        ],
      },
    ],
    tools,
    schema,
  } as const;
  const shapes: unknown[] = [];
  for (const wire of wires) {
    await using bench = new Bench();
    const llm = bench.over({ primary: await bench.server() }, 'unary', {}, wire);
    const completion = await llm.complete<z.infer<typeof schema>>(all);
    expectTypeOf(completion.object.places).toEqualTypeOf<{ name: string; open: boolean }[]>();
    expect(completion.object).toEqual(JSON.parse(completion.text));
    expect(completion).toMatchObject({ toolCalls: [], finishReason: 'stop', object: { days: 42, sky: 'clear' } });
    shapes.push(shapeOf(completion));
  }
  expect(shapes).toHaveLength(4);
  for (const shape of shapes) expect(shape).toEqual(shapes[0]);
});

describe.each(wires)('a schema, on the wire of $name,', (wire) => {
  it('types the answer of a call, a stream, and an answer in one piece, without casts', async () => {
    await using bench = new Bench();
    const server = await bench.server();
    const prompt = 'Where shall we go?';
    const expected = {
      city: words(prompt),
      days: 42,
      sky: 'clear',
      places: [{ name: words(prompt), open: true }],
    };
    for (const mode of modes) {
      const llm = bench.over({ primary: server }, mode, {}, wire);
      const completion =
        mode === 'streaming'
          ? await (await llm.complete({ prompt, schema, stream: true })).completion
          : await llm.complete({ prompt, schema });
      expectTypeOf(completion.object).toEqualTypeOf<z.infer<typeof schema>>();
      const { days, places }: { days: number; places: { name: string; open: boolean }[] } = completion.object;
      expect([mode, completion.object]).toEqual([mode, expected]);
      expect([days, places[0]?.open, JSON.parse(completion.text)]).toEqual([42, true, expected]);
      expect(completion.usage).toMatchObject(server.requests.at(-1)?.billed ?? {});
    }
  });

  it.each([
    ['has another shape', '{"city": 3}'],
    ['is no JSON', 'Somewhere nice.'],
  ])('an answer that %s is schema_mismatch, and no more is made of it', async (_, answer) => {
    await using bench = new Bench();
    const server = await bench.server({ answer: () => answer });
    for (const mode of modes) {
      const llm = bench.over({ primary: server }, mode, { retry: { retries: 0 } }, wire);
      const { error, how } = await see(llm, mode, { prompt: 'Where?', schema });
      expect([mode, how, error?.code, error?.provider]).toEqual([mode, 'failed', 'schema_mismatch', 'primary']);
    }
  });
});

// Streams of one adapter cut anywhere, a thousand times: test/providers/*-cuts.test.ts.
describe('a thousand good streams', () => {
  it.each(wires)(
    'on the wire of $name raise no alarm',
    async (wire) => {
      await using bench = new Bench();
      const words = 20;
      const server = await bench.server({ words, keepRequests: 10 });
      const llm = bench.over({ primary: server }, 'streaming', { timeout: {} }, wire);
      const events: string[] = [];
      for (const type of ['retry', 'circuit:change', 'provider:quarantine'] as const)
        llm.on(type, () => events.push(type));
      const wrong = await pool(
        8,
        Array.from({ length: 1_000 }, (_, turn) => `Prompt ${turn}`),
        async (prompt) => {
          const { text, completion, attempts } = await see(llm, 'streaming', { prompt });
          const good = text === answerTo(prompt, { words }) && completion?.finishReason === 'stop';
          return good && sequence(attempts).join() === 'primary:ok' ? [] : [{ prompt, text, attempts }];
        },
      );
      expect(wrong.flat()).toEqual([]);
      expect(events).toEqual([]);
    },
    60_000,
  );

  it('on the wire of openai are the same answer wherever they are cut', async () => {
    const answers = new Set<string>();
    for (let seed = 1; seed <= 1_000; seed += 1) answers.add(JSON.stringify(await cutBy(randomFrom(seed))));
    expect([...answers].map((answer) => JSON.parse(answer) as unknown)).toEqual([
      {
        text: 'Zürich, 東京 👩‍👩‍👧 und\r\n"quoted"',
        reasoning: 'Hm … 😀',
        toolCalls: [
          { id: 'call_a', name: 'weather', input: { city: 'Zürich 😀' } },
          { id: 'call_b', name: 'now', input: {} },
        ],
        finish: [
          {
            type: 'finish',
            finishReason: 'tool_calls',
            usage: { inputTokens: 12, outputTokens: 5 },
            model: 'gpt-test-2026',
          },
        ],
      },
    ]);
  });
});

/** A stream of Chat Completions with padding, comments and any ends of lines, in pieces of any size, read by the adapter. */
async function cutBy(random: () => number) {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: 'chatcmpl-1',
    model: 'gpt-test-2026',
    choices: [{ index: 0, delta, finish_reason }],
    ...pick([{}, { obfuscation: 'xYz'.repeat(Math.floor(random() * 9)) }, { p: 'abcdef' }]),
  });
  const call = (index: number, fields: object) => chunk({ tool_calls: [{ index, ...fields }] });
  const chunks = [
    chunk({ role: 'assistant', content: '' }),
    chunk({ reasoning_content: 'Hm … 😀' }),
    ...['Zürich, 東京 ', '👩‍👩‍👧 und\r\n', '"quoted"'].map((content) => chunk({ content })),
    call(0, { id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } }),
    ...['{"city":"Zür', 'ich 😀"}'].map((piece) => call(0, { function: { arguments: piece } })),
    call(1, { id: 'call_b', type: 'function', function: { name: 'now', arguments: '{}' } }),
    chunk({}, 'tool_calls'),
    { model: 'gpt-test-2026', choices: [], usage: { prompt_tokens: 12, completion_tokens: 5 } },
  ];
  const end = pick(['\n', '\r\n', '\r']);
  const noise = () => pick(['', '', `: OPENROUTER PROCESSING${end}${end}`, `event: ping${end}data: {}${end}${end}`]);
  const text = [
    ...chunks.map((event) => `${noise()}data: ${JSON.stringify(event)}${end}${end}`),
    `data: [DONE]${end}${end}`,
  ];
  const bytes = new TextEncoder().encode(text.join(''));
  const pieces: Uint8Array[] = [new Uint8Array()];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.floor(random() ** 3 * 60);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  pieces.push(new Uint8Array());
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  await using bench = new Bench();
  const client = new OpenAI({ apiKey: 'sk-test', fetch, logLevel: 'off' });
  const llm = bench.transport({ providers: [openai({ client, model: 'm' })], retry: false });
  const seen = await see(llm, 'streaming', { prompt: 'Hello' });
  const toolCalls = seen.chunks.flatMap((one) => (one.type === 'toolCall' ? [one.toolCall] : []));
  const finish = seen.chunks.filter(({ type }) => type === 'finish');
  const { completion, error } = seen;
  return { text: textOf(seen.chunks), reasoning: completion?.reasoning, toolCalls, finish, error };
}

// ── Fail-over from one wire to another ──────────────────────────────────────────────────────────────────────────────

const pairs = wires.flatMap((from) =>
  wires.filter((to) => to !== from).map((to) => ({ from, to, name: `${from.name} to ${to.name}` })),
);

describe.each(pairs)('from $name', ({ from, to }) => {
  const downs: readonly FaultName[] = [
    'http-503',
    'connection-refused',
    'unauthorized',
    'insufficient-quota',
    'stream-error-before-content',
    'reset-after-headers',
    'empty-answer',
    'context-length',
  ];

  it.each(modes)('a call fails over whatever is wrong, and is answered in full, %s', async (mode) => {
    await pool(4, downs, async (fault) => {
      await using bench = new Bench();
      const first = await bench.server({ fault });
      const second = await bench.server();
      const llm = bench.transport({
        providers: [providerOn(from, first, mode), providerOn(to, second, mode)],
      });
      const { text, attempts, completion } = await see(llm, mode, { prompt: 'Hello' });
      expect([fault, text, completion?.provider, completion?.finishReason]).toEqual([
        fault,
        answerTo('Hello'),
        to.name,
        'stop',
      ]);
      expect(attempts.map(({ provider, reason }) => `${provider}, ${reason}`)).toEqual([
        `${from.name}, first`,
        `${to.name}, failover`,
      ]);
    });
  });
});

const orders = wires.flatMap((first) =>
  pairs.filter(({ from, to }) => from !== first && to !== first).map(({ from, to }) => [first, from, to] as const),
);

describe('a conversation that each turn another vendor answers', () => {
  it.each(
    orders.flatMap((order) => modes.map((mode) => ({ order, mode, route: order.map(({ name }) => name).join(' → ') }))),
  )('goes on with the tool calls of the others: $route, $mode', async ({ order, mode }) => {
    await using bench = new Bench();
    let turn = 0;
    const servers = new Map<WireName, SimulatedServer>();
    for (const { name } of wires) {
      servers.set(
        name,
        await bench.server({
          answer: () =>
            turn === order.length ? 'That is all.' : { text: `Turn ${turn}.`, toolCalls: callsOf(name, turn) },
        }),
      );
    }
    const serverOf = ({ name }: Wire) => servers.get(name) as SimulatedServer;
    const llm = bench.transport({
      providers: wires.map((wire) => providerOn(wire, serverOf(wire), mode)),
      circuitBreaker: false,
    });

    // What a gateway of yet another vendor may have made.
    const foreign = [{ id: 'functions.get_time:0', name: 'get_time', input: { zone: 'UTC' } }];
    const messages: Message[] = [{ role: 'user', content: 'Hello' }, ...answered('', foreign)];
    for (const up of [...order, order[0] as Wire]) {
      for (const wire of wires) await serverOf(wire).setFault(wire === up ? undefined : 'http-503');
      const { completion, error, attempts } = await see(llm, mode, { messages, tools });
      expect([turn, error, completion?.provider]).toEqual([turn, undefined, up.name]);
      expect(attempts.filter(({ outcome }) => outcome !== 'ok').map(({ outcome }) => outcome)).toEqual(
        attempts.slice(1).map(() => 'overloaded'),
      );
      const toolCalls = completion?.toolCalls ?? [];
      const { body } = serverOf(up).requests.at(-1) as RequestRecord;
      expect(historyIn(up.name, body as Fields)).toEqual(
        messages.flatMap((message) =>
          message.role === 'assistant' && message.toolCalls !== undefined
            ? [message.toolCalls.map(({ name, input }) => ({ name, input, output: outputOf(name, message.content) }))]
            : [],
        ),
      );
      if (turn === order.length) expect([completion?.text, toolCalls]).toEqual(['That is all.', []]);
      else {
        expect(toolCalls.map(({ name, input }) => ({ name, input }))).toEqual(
          callsOf(up.name, turn).map(({ name, input }) => ({ name, input })),
        );
        messages.push(...answered(completion?.text ?? '', toolCalls));
      }
      turn += 1;
    }
  });
});

/** Two calls of the same tool and one of another, with ids as the vendor makes them. Gemini makes none. */
function callsOf(wire: WireName, turn: number) {
  const idOf = (index: number) =>
    wire === 'anthropic' ? `toolu_01T7DxqZ8eLmNcPvRs${turn}${index}` : `call_62136355Xq9kLmNcPvRsTuVw${turn}${index}`;
  return [
    { id: idOf(0), name: 'get_weather', input: { city: 'Oslo', days: turn, units: 'metric' } },
    { id: idOf(1), name: 'get_time', input: { zone: `Zone ${turn}` } },
    { id: idOf(2), name: 'get_weather', input: { city: 'Rome', days: turn, units: 'metric' } },
  ];
}

function outputOf(tool: string, said: string): string {
  return `${tool} after "${said}"`;
}

/** What an application adds to its conversation. */
function answered(content: string, toolCalls: readonly ToolCall[]): Message[] {
  return [
    { role: 'assistant', content, toolCalls },
    ...toolCalls.map(({ id, name }) => ({ role: 'tool' as const, toolCallId: id, content: outputOf(name, content) })),
  ];
}

type Fields = Readonly<Record<string, unknown>>;
interface Done {
  readonly name: string;
  readonly input: unknown;
  readonly output: unknown;
}

/** The steps of a conversation as a vendor reads them: calls, each with its result, by that vendor's rules on ids and places. */
function historyIn(wire: WireName, body: Fields): Done[][] {
  if (wire === 'openai') return stepsOfOpenAI(body.messages as readonly OpenAI.ChatCompletionMessageParam[]);
  if (wire === 'openai-responses') return stepsOfResponses(body.input as readonly Fields[]);
  return wire === 'anthropic'
    ? stepsOfAnthropic(body.messages as readonly Turn[])
    : stepsOfGoogle(body.contents as never);
}

function stepsOfOpenAI(messages: readonly OpenAI.ChatCompletionMessageParam[]): Done[][] {
  const ids = new Set<string>();
  return messages.flatMap((message, at) => {
    if (message.role !== 'assistant' || message.tool_calls === undefined) return [];
    // The results follow their calls, one message each.
    const results = new Map(
      messages
        .slice(at + 1, at + 1 + message.tool_calls.length)
        .map((result) => (result.role === 'tool' ? [result.tool_call_id, result.content] : ['', ''])),
    );
    return [
      message.tool_calls.map((call) => {
        if (call.type !== 'function') throw new Error(call.type);
        expect(call.id.length).toBeLessThanOrEqual(40);
        expect(ids.has(call.id)).toBe(false);
        ids.add(call.id);
        const { name, arguments: json } = call.function;
        return { name, input: JSON.parse(json) as unknown, output: results.get(call.id) };
      }),
    ];
  });
}

interface Turn {
  readonly role: string;
  readonly content: string | readonly Fields[];
}

function stepsOfAnthropic(messages: readonly Turn[]): Done[][] {
  const ids = new Set<unknown>();
  const blocksOf = (turn: Turn | undefined, type: string) =>
    typeof turn?.content === 'object' ? turn.content.filter((block) => block.type === type) : [];
  return messages.flatMap((turn, at) => {
    const uses = blocksOf(turn, 'tool_use');
    if (uses.length === 0) return [];
    // All results are in the very next turn.
    const results = new Map(
      blocksOf(messages[at + 1], 'tool_result').map(({ tool_use_id, content }) => [tool_use_id, content]),
    );
    expect([turn.role, messages[at + 1]?.role, results.size]).toEqual(['assistant', 'user', uses.length]);
    return [
      uses.map(({ id, name, input }) => {
        expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
        expect(ids.has(id)).toBe(false);
        ids.add(id);
        return { name: String(name), input, output: results.get(id) };
      }),
    ];
  });
}

function stepsOfResponses(items: readonly Fields[]): Done[][] {
  const steps: Done[][] = [];
  const calls = items.filter(({ type }) => type === 'function_call');
  const outputs = new Map(
    items.filter(({ type }) => type === 'function_call_output').map(({ call_id, output }) => [call_id, output]),
  );
  expect([outputs.size, new Set(calls.map(({ call_id }) => call_id)).size]).toEqual([calls.length, calls.length]);
  for (const [at, { type, call_id, name, arguments: json }] of items.entries()) {
    if (type !== 'function_call') continue;
    expect(String(call_id).length).toBeLessThanOrEqual(64);
    if (items[at - 1]?.type !== 'function_call') steps.push([]);
    steps.at(-1)?.push({ name: String(name), input: JSON.parse(String(json)), output: outputs.get(call_id) });
  }
  return steps;
}

interface Content {
  readonly role: string;
  readonly parts: readonly {
    readonly functionCall?: { readonly id?: string; readonly name: string; readonly args: unknown };
    readonly functionResponse?: { readonly id?: string; readonly name: string; readonly response: Fields };
  }[];
}

function stepsOfGoogle(contents: readonly Content[]): Done[][] {
  return contents.flatMap(({ role, parts }, at) => {
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
    if (calls.length === 0) return [];
    // All results are in the very next turn, in the order of their calls; ids only as Gemini gave them, which it has not here.
    const next = contents[at + 1];
    const results = (next?.parts ?? []).flatMap(({ functionResponse }) => functionResponse ?? []);
    expect([role, next?.role]).toEqual(['model', 'user']);
    expect([...calls, ...results].map(({ id }) => id)).toEqual([...calls, ...results].map(() => undefined));
    expect(results.map(({ name }) => name)).toEqual(calls.map(({ name }) => name));
    return [calls.map(({ name, args }, index) => ({ name, input: args, output: results[index]?.response.output }))];
  });
}

// ── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function providerOn(wire: Wire, server: SimulatedServer, mode: (typeof modes)[number]): Provider {
  return wire.providerAt(server, wire.name, { streaming: mode !== 'unary unstreamed' });
}

/** The names of a completion's fields with their types. What vendors may tell or not is left out of its usage. */
function shapeOf(completion: Completion): unknown {
  const typesOf = (value: object) => Object.fromEntries(Object.entries(value).map(([key, of]) => [key, typeof of]));
  const { toolCalls, usage, attempts } = completion;
  return {
    ...typesOf(completion),
    toolCalls: toolCalls.slice(0, 1).map(typesOf),
    usage: Object.keys(usage ?? {})
      .filter((key) => !/cache|reasoning/i.test(key))
      .sort(),
    attempts: attempts.map(typesOf),
  };
}

function deepFreeze<T>(value: T): T {
  // A schema keeps notes in itself.
  if (typeof value !== 'object' || value === null || '~standard' in value) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
