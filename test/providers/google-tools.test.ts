import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest, Message, ToolCall } from '../../src/core/types.ts';
import type { GoogleOptions } from '../../src/providers/google.ts';
import { chunk, good, providerOf, stop, stream, whole } from './google-support.ts';
import { answering, contextFor, errorOf, hello, json, read, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(stream(good));
});
afterEach(() => server.close());

const weather = (city: string, rest: object = {}) => ({ functionCall: { name: 'weather', args: { city }, ...rest } });
const ask: Message = { role: 'user', content: 'How is the weather?' };

/** The contents of a request that goes on after `toolCalls`, with their results in the order given. */
const echoed = async (toolCalls: readonly ToolCall[], results = toolCalls, options: Partial<GoogleOptions> = {}) => {
  server.answer(json(whole));
  const messages: CompletionRequest['messages'] = [
    ask,
    { role: 'assistant', content: '', toolCalls },
    ...results.map(({ id }) => ({ role: 'tool' as const, toolCallId: id, content: `result of ${id}` })),
  ];
  await providerOf(server, options).complete({ messages }, contextFor().context);
  const contents = server.requests.at(-1)?.body.contents as { role: string; parts: Record<string, unknown>[] }[];
  expect(contents.map(({ role }) => role)).toEqual(['user', 'model', 'user']);
  return { calls: contents[1]?.parts, results: contents[2]?.parts };
};

describe('tool calls of Gemini', () => {
  test('come whole, in their order, and the finish says so although Gemini says STOP', async () => {
    server.answer(
      stream([
        chunk([{ text: 'Let me look.' }]),
        chunk([weather('Oslo'), weather('Rome')]),
        chunk([{ text: '' }], stop),
      ]),
    );
    const { chunks, toolCalls, finish } = await read(providerOf(server));
    expect(chunks.map(({ type }) => type)).toEqual(['text', 'toolCall', 'toolCall', 'finish']);
    expect(toolCalls.map(({ name, input }) => [name, input])).toEqual([
      ['weather', { city: 'Oslo' }],
      ['weather', { city: 'Rome' }],
    ]);
    expect(finish[0]?.finishReason).toBe('tool_calls');
  });

  test('without arguments have none', async () => {
    server.answer(json(chunk([{ functionCall: { name: 'now' } }], stop)));
    const { toolCalls, finishReason } = await providerOf(server).complete(hello, contextFor().context);
    expect([toolCalls[0]?.input, finishReason]).toEqual([{}, 'tool_calls']);
  });

  test('keep the ids they were given', async () => {
    server.answer(stream([chunk([weather('Oslo', { id: 'fc-1' }), weather('Oslo', { id: 'fc-2' })], stop)]));
    expect((await read(providerOf(server))).toolCalls.map(({ id }) => id)).toEqual(['fc-1', 'fc-2']);
  });

  test('that were given no ids get ones that every vendor takes: the same for the same answer, and no two alike', async () => {
    const ids = async (responseId: string) => {
      server.answer(stream([chunk([weather('Oslo'), weather('Oslo')], stop, { responseId })]));
      return (await read(providerOf(server))).toolCalls.map(({ id }) => id);
    };
    const first = await ids('resp_1');
    expect(await ids('resp_1')).toEqual(first);
    const all = [...first, ...(await ids('resp_2'))];
    expect(new Set(all).size).toBe(4);
    for (const id of all) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
  });

  test('of an answer that reached its length are delivered, and the length is what is said', async () => {
    server.answer(stream([chunk([weather('Oslo')]), chunk([], { finishReason: 'MAX_TOKENS' })]));
    const { toolCalls, finish } = await read(providerOf(server));
    expect([toolCalls.length, finish[0]?.finishReason]).toEqual([1, 'length']);
  });

  test.each([
    ['without a name', { functionCall: { args: {} } }],
    ['in pieces', { functionCall: { name: 'weather', willContinue: true } }],
  ])('%s are a bad response', async (_, part) => {
    server.answer(stream([chunk([part], stop)]));
    expect((await read(providerOf(server))).error?.code).toBe('bad_response');
  });

  test('keep their signatures in raw', async () => {
    server.answer(stream([chunk([{ ...weather('Oslo'), thoughtSignature: 'c2ln' }], stop)]));
    expect((await read(providerOf(server))).raw).toMatchObject({
      candidates: [{ content: { parts: [{ thoughtSignature: 'c2ln' }] } }],
    });
  });
});

describe('the signature of a tool call', () => {
  const calls = async (parts: readonly object[], options: Partial<GoogleOptions> = {}) => {
    server.answer(stream([chunk(parts, stop)]));
    return (await read(providerOf(server, options))).toolCalls;
  };

  test('goes back with the call, also through another provider of the model and from a stored conversation', async () => {
    const stored = JSON.parse(JSON.stringify(await calls([{ ...weather('Oslo'), thoughtSignature: 'c2ln' }])));
    const sent = await echoed(stored, stored, { name: 'other' });
    expect(sent.calls).toEqual([{ ...weather('Oslo'), thoughtSignature: 'c2ln' }]);
  });

  test('goes back with that one of parallel calls which had it, beside the ids that Gemini gave', async () => {
    const made = [
      { ...weather('Oslo', { id: 'p-1' }), thoughtSignature: 'c2ln' },
      weather('Rome', { id: 'p-2' }),
      weather('Bern', { id: 'p-3' }),
    ];
    const sent = await echoed(await calls(made));
    expect(sent.calls).toEqual(made);
    expect(sent.results).toEqual(
      ['p-1', 'p-2', 'p-3'].map((id) => ({
        functionResponse: { id, name: 'weather', response: { output: `result of ${id}` } },
      })),
    );
  });

  test('of each step goes back with its own step', async () => {
    const [first] = await calls([{ ...weather('Oslo'), thoughtSignature: 'b25l' }]);
    const [second] = await calls([{ ...weather('Rome'), thoughtSignature: 'dHdv' }]);
    server.answer(json(whole));
    const messages = [first, second].flatMap((call): Message[] =>
      call === undefined
        ? []
        : [
            { role: 'assistant', content: '', toolCalls: [call] },
            { role: 'tool', toolCallId: call.id, content: 'sunny' },
          ],
    );
    await providerOf(server).complete({ messages: [ask, ...messages] }, contextFor().context);
    expect(server.requests.at(-1)?.body.contents).toMatchObject([
      {},
      { parts: [{ thoughtSignature: 'b25l' }] },
      { parts: [{ functionResponse: { response: { output: 'sunny' } } }] },
      { parts: [{ thoughtSignature: 'dHdv' }] },
      {},
    ]);
  });

  test('that is lost, or that another vendor never gave, is stood in for on the first call only', async () => {
    const foreign = ['Oslo', 'Rome'].map((city, index) => ({ id: `toolu_${index}`, name: 'weather', input: { city } }));
    const sent = await echoed(foreign);
    expect(sent.calls).toEqual([
      { ...weather('Oslo'), thoughtSignature: 'skip_thought_signature_validator' },
      weather('Rome'),
    ]);
  });

  test.each(['gemini-2.5-flash', 'gemma-3-27b-it', 'claude-sonnet-5'])('is not stood in for at %s', async (model) => {
    const sent = await echoed([{ id: 'x', name: 'weather', input: { city: 'Oslo' } }], undefined, { model });
    expect(sent.calls).toEqual([weather('Oslo')]);
  });

  test('of one model is not shown to another', async () => {
    const made = await calls([{ ...weather('Oslo'), thoughtSignature: 'c2ln' }], { model: 'gemini-2.5-pro' });
    const sent = await echoed(made, made, { model: 'gemini-2.5-flash' });
    expect(sent.calls).toEqual([weather('Oslo')]);
  });
});

describe('the results of tools', () => {
  test('are sent without ids that Gemini has not given, which Vertex AI refuses, in the order of the calls', async () => {
    const foreign = ['a', 'b', 'c'].map((id) => ({ id, name: `tool_${id}`, input: {} }));
    const sent = await echoed(foreign, foreign.toReversed());
    expect(sent.results).toEqual(
      ['a', 'b', 'c'].map((id) => ({
        functionResponse: { name: `tool_${id}`, response: { output: `result of ${id}` } },
      })),
    );
  });

  test('are matched with the latest call of that id', async () => {
    server.answer(json(whole));
    const turn = (name: string): Message[] => [
      { role: 'assistant', content: '', toolCalls: [{ id: 'call_0', name, input: [1] }] },
      { role: 'tool', toolCallId: 'call_0', content: 'ok' },
    ];
    await providerOf(server).complete({ messages: [ask, ...turn('one'), ...turn('two')] }, contextFor().context);
    expect(server.requests.at(-1)?.body.contents).toMatchObject([
      {},
      { parts: [{ functionCall: { name: 'one', args: { value: [1] } } }] },
      { parts: [{ functionResponse: { name: 'one' } }] },
      { parts: [{ functionCall: { name: 'two' } }] },
      { parts: [{ functionResponse: { name: 'two' } }] },
    ]);
  });

  test('of nobody are invalid', async () => {
    const messages: Message[] = [ask, { role: 'tool', toolCallId: 'x', content: '1' }];
    const error = await errorOf(providerOf(server).complete({ messages }, contextFor().context));
    expect([error.code, error.message]).toEqual(['invalid_request', expect.stringContaining('messages[1].toolCallId')]);
  });
});
