import { AIMessage, type AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { tool } from '@langchain/core/tools';
import { concat } from '@langchain/core/utils/stream';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { OptionsError, TransportError } from '../../src/core/errors.ts';
import type { CompletionRequest, ResumeOptions, Transport } from '../../src/core/types.ts';
import { chatModel } from '../../src/integrations/langchain.ts';
import { callable } from '../../src/providers/callable.ts';
import { answerTo, simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { all, Doors, makes } from './support.ts';

const getWeather = tool(async ({ city }) => `rain in ${city}`, {
  name: 'get_weather',
  description: 'Tells the weather.',
  schema: z.object({ city: z.string() }),
});

/** A provider that writes down what it is asked. */
function listening(complete: (request: CompletionRequest) => object = () => ({ text: 'Hello' })) {
  const requests: CompletionRequest[] = [];
  const provider = callable({
    name: 'listening',
    complete: (request) => {
      requests.push(request);
      return complete(request);
    },
  });
  return { provider, requests };
}

describe.each(Object.entries(makes))('a chat model of LangChain over %s', (_, make) => {
  it('answers invoke, with what it took', async () => {
    await using doors = new Doors();
    const server = await doors.server();
    const model = chatModel(doors.over([make(server, 'only')]));
    const message = await model.invoke('Hello there');

    expect(message.text).toBe(answerTo('Hello there'));
    const [record] = server.requests;
    expect(message.usage_metadata).toMatchObject({
      input_tokens: record?.inputTokens,
      output_tokens: record?.outputTokens,
    });
    expect(message.response_metadata).toMatchObject({
      finish_reason: 'stop',
      llm_transport: { provider: 'only', attempts: 1 },
    });
  });

  it('streams in pieces that make the same message', async () => {
    await using doors = new Doors();
    const model = chatModel(doors.over([make(await doors.server(), 'only')]));
    const pieces: AIMessageChunk[] = [];
    for await (const piece of await model.stream('Hello there')) pieces.push(piece);

    expect(pieces.length).toBeGreaterThan(10);
    const whole = pieces.reduce((sum, piece) => concat(sum, piece));
    expect(whole.text).toBe(answerTo('Hello there'));
    const asked = await model.invoke('Hello there');
    expect(whole.usage_metadata).toMatchObject({ ...asked.usage_metadata });
    expect(whole.response_metadata.finish_reason).toBe('stop');
  });

  it('calls tools, and takes their results', async () => {
    await using doors = new Doors();
    const server = await doors.server();
    const model = chatModel(doors.over([make(server, 'only')])).bindTools([getWeather]);
    const question = new HumanMessage('Use get_weather please');
    const asked = await model.invoke([question]);
    const streamed = (await all(await model.stream([question]))).reduce((sum, one) => concat(sum, one));
    for (const message of [asked, streamed]) {
      expect(message.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: expect.any(String) } }]);
      expect(message.tool_calls?.[0]?.id).toBeTruthy();
    }
    const [call] = asked.tool_calls ?? [];
    const result = await getWeather.invoke({ ...call, type: 'tool_call' } as never);
    expect(result).toBeInstanceOf(ToolMessage);
    const answer = await model.invoke([question, asked, result as ToolMessage]);
    expect(answer.text).not.toBe('');
    expect(answer.tool_calls).toEqual([]);
    expect(server.requests).toHaveLength(3);
  });

  it.each([undefined, 'jsonSchema', 'functionCalling'] as const)('gives structured output by %s', async (method) => {
    await using doors = new Doors();
    const model = chatModel(doors.over([make(await doors.server(), 'only')]));
    const schema = z.object({ name: z.string(), age: z.number() });
    const chain = model.withStructuredOutput(schema, { name: 'person', method });
    const { name, age } = await chain.invoke('Who is it?');
    expect([typeof name, typeof age]).toEqual(['string', 'number']);
    const both = await model.withStructuredOutput(schema, { method, includeRaw: true }).invoke('Who is it?');
    expect(both.parsed).toEqual({ name, age });
    expect(AIMessage.isInstance(both.raw)).toBe(true);
  });
});

describe('a chat model of LangChain', () => {
  it('gets through two providers that fail, and retries nothing by itself', async () => {
    await using doors = new Doors();
    const dead = await doors.server('http-503');
    const cut = await doors.server('stream-error-before-content');
    const good = await doors.server();
    const make = makes['openai()'];
    const model = chatModel(doors.over([make(dead, 'dead'), make(cut, 'cut'), make(good, 'good')]));
    const chain = ChatPromptTemplate.fromTemplate('Tell me of {what}').pipe(model).pipe(new StringOutputParser());

    expect(await chain.invoke({ what: 'rain' })).toBe(answerTo('Tell me of rain'));
    expect((await all(await chain.stream({ what: 'snow' }))).join('')).toBe(answerTo('Tell me of snow'));
    for (const server of [dead, cut, good]) expect(server.requests.length).toBeLessThanOrEqual(2);
  });

  it("rejects with the transport's error after the transport's own attempts", async () => {
    await using doors = new Doors();
    const server = await doors.server('http-503');
    const llm = doors.over([makes['openai()'](server, 'only')], { retry: false });
    const model = chatModel(llm);
    for (const ask of [() => model.invoke('Hello'), async () => all(await model.stream('Hello'))]) {
      const before = server.requests.length;
      const error = await ask().catch((thrown: unknown) => thrown);
      expect(TransportError.is(error) && error.code).toBe('overloaded');
      expect(server.requests.length - before).toBe(1);
    }
  });

  it('throws what broke a stream, after what had come', async () => {
    await using doors = new Doors();
    const model = chatModel(doors.over([makes['openai()'](await doors.server('cut-end'), 'only')]));
    let text = '';
    const reading = (async () => {
      for await (const piece of await model.stream('Hello')) text += piece.text;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'stream_interrupted' });
    expect(text).not.toBe('');
    expect(answerTo('Hello').startsWith(text)).toBe(true);
  });

  it('closes the connection when its signal aborts, and throws the reason', async () => {
    await using doors = new Doors();
    const server = await doors.server('silence-after-headers');
    const model = chatModel(doors.over([makes['openai()'](server, 'only')]));
    for (const ask of [
      (signal: AbortSignal) => model.invoke('Hello', { signal }),
      async (signal: AbortSignal) => all(await model.stream('Hello', { signal })),
    ]) {
      const controller = new AbortController();
      const asked = ask(controller.signal).catch((thrown: unknown) => thrown);
      const record = await server.received(server.requests.length + 1);
      controller.abort();
      expect(await asked).toMatchObject({ name: 'AbortError' });
      expect(await record.closed).toMatchObject({ closedByClientAt: expect.any(Number) });
    }
  });

  it('closes the connection when the loop is left', async () => {
    await using doors = new Doors();
    const server = await doors.server(undefined, { tokenMs: 20 });
    const model = chatModel(doors.over([makes['openai()'](server, 'only')]));
    for await (const piece of await model.stream('Hello')) if (piece.text !== '') break;
    const record = await server.received(1);
    expect(await record.closed).toMatchObject({ closedByClientAt: expect.any(Number) });
  });

  it('says in messages of the transport what LangChain says in its own, pictures and failed tools included', async () => {
    const { provider, requests } = listening();
    await using doors = new Doors();
    const model = chatModel(doors.over([provider]), { request: { temperature: 0.5, metadata: { of: 'test' } } });
    await model.invoke([
      new SystemMessage('Be brief.'),
      new HumanMessage({
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          { type: 'image', source_type: 'base64', data: 'AAAA', mime_type: 'image/png' },
          { type: 'image', mimeType: 'image/jpeg', data: new Uint8Array([1, 2]) },
          { type: 'file', mimeType: 'application/pdf', data: 'JVBE', metadata: { filename: 'a.pdf' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: 'R0lG' } },
        ],
      }),
      new AIMessage({ content: 'Let me look.', tool_calls: [{ id: 'call_1', name: 'look', args: { at: 1 } }] }),
      new ToolMessage({
        tool_call_id: 'call_1',
        status: 'error',
        content: [
          { type: 'text', text: 'blurred' },
          { type: 'image', mimeType: 'image/png', data: 'AAAA' },
        ],
      }),
      new HumanMessage('And now?'),
    ]);
    expect(requests[0]).toMatchObject({ temperature: 0.5, metadata: { of: 'test' } });
    expect(requests[0]?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', image: 'https://example.com/a.png' },
          { type: 'image', image: 'data:image/png;base64,AAAA', mediaType: 'image/png' },
          { type: 'image', image: new Uint8Array([1, 2]), mediaType: 'image/jpeg' },
          { type: 'file', data: 'data:application/pdf;base64,JVBE', mediaType: 'application/pdf', filename: 'a.pdf' },
          { type: 'image', image: 'data:image/gif;base64,R0lG', mediaType: 'image/gif' },
        ],
      },
      {
        role: 'assistant',
        content: 'Let me look.',
        toolCalls: [{ id: 'call_1', name: 'look', input: { at: 1 } }],
      },
      { role: 'tool', toolCallId: 'call_1', content: 'blurred', isError: true },
      { role: 'user', content: [{ type: 'image', image: 'data:image/png;base64,AAAA', mediaType: 'image/png' }] },
      { role: 'user', content: 'And now?' },
    ]);
  });

  it('refuses what has no place in a request, before anything is sent', async () => {
    const { provider, requests } = listening();
    await using doors = new Doors();
    const model = chatModel(doors.over([provider]));
    const strange = new HumanMessage({ content: [{ type: 'hologram', of: 'x' }] });
    await expect(model.invoke([strange])).rejects.toMatchObject({ code: 'invalid_request' });
    const vendors = model.bindTools([{ type: 'web_search_20250305', name: 'web_search' }]);
    await expect(vendors.invoke('Hello')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(requests).toEqual([]);
  });

  it.each([
    ['any', 'required'],
    ['auto', 'auto'],
    ['none', 'none'],
    ['get_weather', { tool: 'get_weather' }],
    [{ type: 'function', function: { name: 'get_weather' } }, { tool: 'get_weather' }],
    [{ type: 'tool', name: 'get_weather' }, { tool: 'get_weather' }],
    [{ type: 'any' }, 'required'],
  ])('understands the tool choice %j', async (choice, toolChoice) => {
    const { provider, requests } = listening();
    await using doors = new Doors();
    const model = chatModel(doors.over([provider])).bindTools([getWeather], { tool_choice: choice });
    await model.invoke('Hello');
    expect(requests[0]?.toolChoice).toEqual(toolChoice);
    expect(requests[0]?.tools).toMatchObject([{ name: 'get_weather', description: 'Tells the weather.' }]);
  });

  it('hands out what the model thought, before what it says', async () => {
    await using doors = new Doors();
    const thinking = simulated({ answer: () => ({ reasoning: 'Hm, well.', text: 'Rain, later sun.' }) });
    const model = chatModel(doors.over([thinking]));
    const pieces = await all(await model.stream('Weather?'));
    const streamed = pieces.reduce((sum, piece) => concat(sum, piece));
    for (const message of [await model.invoke('Weather?'), streamed]) {
      expect(message.text).toBe('Rain, later sun.');
      expect(message.contentBlocks).toMatchObject([
        { type: 'reasoning', reasoning: 'Hm, well.' },
        { type: 'text', text: 'Rain, later sun.' },
      ]);
      expect(await model.pipe(new StringOutputParser()).invoke('Weather?')).toBe('Rain, later sun.');
    }
  });

  it('streams several calls of tools, each in one piece of its own', async () => {
    await using doors = new Doors();
    const toolCalls = [1, 2].map((at) => ({ name: 'look', input: { at }, id: `c${at}` }));
    const model = chatModel(doors.over([simulated({ answer: () => ({ toolCalls }) })]));
    const pieces = await all(await model.stream('Look twice'));
    const whole = pieces.reduce((sum, piece) => concat(sum, piece));
    expect(whole.tool_calls).toMatchObject(toolCalls.map(({ name, input, id }) => ({ name, args: input, id })));
    expect(pieces.filter((piece) => (piece.tool_call_chunks?.length ?? 0) > 0)).toHaveLength(2);
  });

  it('asks again for an answer that is not of its shape', async () => {
    const answers = ['{"name":1}', '{"name":"Ada"}', '{"name":2}'];
    const { provider, requests } = listening(() => ({ text: answers.shift() }));
    await using doors = new Doors();
    const shape = z.object({ name: z.string() });
    const chain = chatModel(doors.over([provider])).withStructuredOutput(shape);
    expect(await chain.invoke('Who?')).toEqual({ name: 'Ada' });
    expect(requests).toHaveLength(2);
    const once = chatModel(doors.over([provider], { validate: { maxReasks: 0 } })).withStructuredOutput(shape);
    await expect(once.invoke('Who?')).rejects.toMatchObject({ code: 'schema_mismatch' });
    expect(requests).toHaveLength(3);
  });

  it('lets a call say more than LangChain has words for', async () => {
    const { provider, requests } = listening();
    await using doors = new Doors();
    const llm = doors.over([provider]);
    const ids: unknown[] = [];
    llm.on('call:start', ({ transactionId }) => ids.push(transactionId));
    const model = chatModel(llm, { request: { seed: 1 } });
    await model.invoke('Hello', { stop: ['#'], request: { seed: 2 }, call: { transactionId: 'mine' } });
    expect(requests[0]).toMatchObject({ seed: 2, stopSequences: ['#'] });
    expect(ids).toEqual(['mine']);
  });

  it('says what is wrong when it is made', () => {
    expect(() => chatModel({} as never)).toThrow(OptionsError);
    const llm = { complete: async () => {} } as never;
    expect(() => chatModel(llm, { maxRetries: 3 } as never)).toThrow(/chatModel\.maxRetries/);
    expect(chatModel(llm).caller).toMatchObject({ maxRetries: 0 });
    for (const [name, place] of [
      ['temperature', 'request.temperature'],
      ['maxTokens', 'request.maxOutputTokens'],
      ['timeout', 'call.timeoutMs'],
    ])
      expect(() => chatModel(llm, { [name as string]: 1 } as never)).toThrow(
        `chatModel.${name}: belongs into ${place}`,
      );
  });
});

describe('a stream of LangChain that breaks after it was answered', () => {
  const scene = () => {
    const cut = { kind: 'cut', afterTokens: 30, by: 'reset' } as const;
    const [a, b] = [simulated({ name: 'a', fault: cut, tokenMs: 1 }), simulated({ name: 'b' })];
    return { b, llm: createTransport({ providers: [a, b], hedge: false }) };
  };
  const read = async (llm: Transport, resume: ResumeOptions) => {
    let text = '';
    try {
      for await (const piece of await chatModel(llm, { call: { resume } }).stream('Hello')) text += piece.text;
    } catch (error) {
      return { text, error };
    }
    return { text, error: undefined };
  };

  it('goes on where it stopped', async () => {
    const { llm } = scene();
    expect(await read(llm, { mode: 'continue' })).toEqual({ text: answerTo('Hello'), error: undefined });
    const pieces = [];
    for await (const piece of await chatModel(llm, { call: { resume: { mode: 'continue' } } }).stream('Hello'))
      pieces.push(piece.response_metadata);
    expect(pieces.at(-1)).toMatchObject({ llm_transport: { provider: 'b', resumed: true } });
    await llm.close();
  });

  it('does not begin again, which could not be told: it ends in the error, and nothing more is asked', async () => {
    const { llm, b } = scene();
    const { text, error } = await read(llm, { mode: 'restart' });
    expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text } });
    expect([answerTo('Hello').startsWith(text), b.requests.length]).toEqual([true, 0]);
    await llm.close();
  });
});
