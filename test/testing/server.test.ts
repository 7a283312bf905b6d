import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answerTo,
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
  tokensOf,
} from '../../src/testing/index.ts';
import { asking, readStream, sdkOf } from './support.ts';

const servers: SimulatedServer[] = [];
async function start(options?: SimulatedServerOptions): Promise<SimulatedServer> {
  const server = await simulatedServer(options);
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
  },
};
const time = { type: 'function' as const, function: { name: 'get_time', parameters: { type: 'object' } } };

describe('the official SDK', () => {
  it('reads a whole answer with its usage and its ids', async () => {
    const server = await start();
    const { data, request_id, response } = await sdkOf(server).chat.completions.create(asking('Hello')).withResponse();
    expect(data.choices[0]?.message.content).toBe(answerTo('Hello'));
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.id).toMatch(/^chatcmpl-/);
    expect(request_id).toMatch(/^req_/);
    expect(request_id).toBe(server.requests[0]?.requestId);
    expect(response.headers.get('openai-processing-ms')).not.toBeNull();
    expect(data.usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 60, total_tokens: 61 });
  });

  it('reads a stream: role, content, finish, usage', async () => {
    const server = await start({ tokenMs: 1 });
    const { chunks, text, finishReason, error } = await readStream(sdkOf(server));
    expect(error).toBeUndefined();
    expect(text).toBe(answerTo('Hello'));
    expect(finishReason).toBe('stop');
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 60 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(server.requests[0]).toMatchObject({ stream: true, model: 'gpt-test', prompt: 'Hello', whole: true });
  });

  it('gets no usage chunk unless it asks for one', async () => {
    const server = await start();
    const stream = await sdkOf(server).chat.completions.create({ ...asking('Hello'), stream: true });
    for await (const chunk of stream) expect(chunk.choices).toHaveLength(1);
  });

  it('passes its own checks of a stream', async () => {
    const server = await start();
    const completion = await sdkOf(server).chat.completions.stream(asking('Hello')).finalChatCompletion();
    expect(completion.choices[0]?.message.content).toBe(answerTo('Hello'));
  });

  it.each(['whole', 'streamed'])('reads parallel tool calls, %s', async (how) => {
    const server = await start();
    const client = sdkOf(server);
    const body = { ...asking('Use get_weather and get_time, please'), tools: [time, weather] };
    const completion =
      how === 'whole'
        ? await client.chat.completions.create(body)
        : await client.chat.completions.stream(body).finalChatCompletion();
    const choice = completion.choices[0];
    expect(choice?.finish_reason).toBe('tool_calls');
    const calls = choice?.message.tool_calls?.map((call) => (call.type === 'function' ? call.function : undefined));
    expect(calls?.map((call) => call?.name)).toEqual(['get_weather', 'get_time']);
    expect(JSON.parse(calls?.[0]?.arguments ?? '')).toEqual({ city: expect.any(String), days: 42 });
    expect(calls?.[1]?.arguments).toBe('{}');
  });

  it('streams the arguments of a tool in fragments, and answers its result with text', async () => {
    const server = await start();
    const client = sdkOf(server);
    const stream = await client.chat.completions.create({
      ...asking('Hello'),
      tools: [weather],
      tool_choice: 'required',
      stream: true,
    });
    let fragments = 0;
    for await (const chunk of stream) if (chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments) fragments += 1;
    expect(fragments).toBeGreaterThan(2);

    const answer = await client.chat.completions.create({
      model: 'gpt-test',
      messages: [
        { role: 'user', content: 'get_weather' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      ],
      tools: [weather],
    });
    expect(answer.choices[0]?.message.content).toBe(answerTo('get_weather\n\nrain'));
  });

  it('gets JSON of the shape it asks for, and no more tokens than it allows', async () => {
    const server = await start();
    const client = sdkOf(server);
    const schema = { type: 'object', properties: { name: { type: 'string' } } };
    const shaped = await client.chat.completions.create({
      ...asking('Hello'),
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema } },
    });
    expect(JSON.parse(shaped.choices[0]?.message.content ?? '')).toEqual({ name: expect.any(String) });
    const short = await client.chat.completions.create({ ...asking('Hello'), max_completion_tokens: 4 });
    expect(short.choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { content: answerTo('Hello', { words: 4 }) },
    });
  });

  it('can be told what to hear', async () => {
    const server = await start({ answer: ({ prompt }) => ({ reasoning: 'let me think', text: `you said ${prompt}` }) });
    const completion = await sdkOf(server).chat.completions.create(asking('Hello'));
    expect(completion.choices[0]?.message.content).toBe('you said Hello');
    expect(completion.usage?.completion_tokens_details?.reasoning_tokens).toBe(3);
  });
});

describe('the ledger', () => {
  it('keeps no credential, but the other headers', async () => {
    const server = await start();
    await sdkOf(server, 'sk-canary').chat.completions.create(asking('Hello'), {
      headers: { 'x-transaction-id': 't-1' },
    });
    const record = server.requests[0];
    expect(JSON.stringify(record)).not.toContain('sk-canary');
    expect(record?.headers).toMatchObject({ 'x-transaction-id': 't-1', 'x-stainless-retry-count': '0' });
    expect(record).toMatchObject({
      index: 0,
      status: 200,
      stream: false,
      inputTokens: 1,
      outputTokens: 60,
      tokensSent: 60,
    });
    expect(record?.billed).toEqual({ inputTokens: 1, outputTokens: 60 });
    expect(await record?.closed).toBe(record);
  });

  it('says when the client left, and stops making tokens then', async () => {
    const server = await start({ tokenMs: 2, words: 500 });
    const stream = await sdkOf(server).chat.completions.create({ ...asking('Hello'), stream: true });
    let read = 0;
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content && ++read === 5) break;
    const record = await (await server.received(1)).closed;
    expect(record.closedByClientAt).toBeGreaterThanOrEqual(record.receivedAt);
    expect(record.whole).toBe(false);
    expect(record.tokensSent).toBeGreaterThanOrEqual(5);
    expect(record.tokensSent).toBeLessThan(500);
    expect(record.billed.outputTokens).toBe(record.outputTokens);
    const made = record.outputTokens;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(record.outputTokens).toBe(made);
    expect(server.inFlight).toBe(0);
  });

  it('says when the client left before the headers of an unstreamed answer, and bills what was made by then', async () => {
    const server = await start({ tokenMs: 5, words: 500 });
    const controller = new AbortController();
    const call = sdkOf(server).chat.completions.create(asking('Hello'), { signal: controller.signal });
    const record = await server.received(1);
    setTimeout(() => controller.abort(), 30);
    await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
    await record.closed;
    expect(record.closedByClientAt).toBeDefined();
    expect(record.tokensSent).toBe(0);
    expect(record.billed.outputTokens).toBeGreaterThan(0);
    expect(record.billed.outputTokens).toBeLessThan(500);
  });

  it('counts what is in flight, and waits for the n-th request', async () => {
    const server = await start({ firstTokenMs: 30 });
    const client = sdkOf(server);
    const calls = [1, 2, 3].map((number) => client.chat.completions.create(asking(`Hello ${number}`)));
    const third = await server.received(3);
    expect(third.index).toBe(2);
    expect(server.inFlight).toBe(3);
    await Promise.all(calls);
    await Promise.all(server.requests.map(({ closed }) => closed));
    expect(server.inFlight).toBe(0);
    expect(server.maxInFlight).toBe(3);
    expect(server.billed).toEqual({ inputTokens: 6, outputTokens: 180 });
  });
});

describe('limits', () => {
  it('turns away the request that is one too many, and says when to come back', async () => {
    const server = await start({ limits: { requestsPerMinute: 60, burstRatio: 2 / 60 } });
    const client = sdkOf(server);
    const { response } = await client.chat.completions.create(asking('Hello')).withResponse();
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect(response.headers.get('x-ratelimit-reset-requests')).toMatch(/^[\d.]+m?s$/);
    await client.chat.completions.create(asking('Hello'));
    const error = await client.chat.completions.create(asking('Hello')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    const headers = (error as InstanceType<typeof OpenAI.RateLimitError>).headers;
    expect(Number(headers?.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(headers?.get('retry-after-ms'))).toBeGreaterThan(0);
    expect(server.requests[2]).toMatchObject({
      status: 429,
      fault: undefined,
      billed: { inputTokens: 0, outputTokens: 0 },
    });
  });

  it('counts tokens of prompt and answer', async () => {
    const server = await start({ limits: { tokensPerMinute: 100 } });
    const client = sdkOf(server);
    await client.chat.completions.create(asking('Hello'));
    await expect(client.chat.completions.create(asking('Hello'))).rejects.toThrow('Rate limit reached for tokens');
    await expect(client.chat.completions.create({ ...asking('Hello'), max_tokens: 10 })).resolves.toBeDefined();
  });

  it('counts requests in flight, without a hint of when to come back, and can be changed', async () => {
    const server = await start({ limits: { concurrency: 1 }, firstTokenMs: 30 });
    const client = sdkOf(server);
    const first = client.chat.completions.create(asking('Hello'));
    await server.received(1);
    const error = await client.chat.completions.create(asking('Hello')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect((error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBeNull();
    server.setLimits(undefined);
    await client.chat.completions.create(asking('Hello'));
    await first;
  });

  it('tells nothing when it should not', async () => {
    const server = await start({ limits: { requestsPerMinute: 1, headers: false } });
    const client = sdkOf(server);
    const { response } = await client.chat.completions.create(asking('Hello')).withResponse();
    expect(response.headers.get('x-ratelimit-limit-requests')).toBeNull();
    const error = await client.chat.completions.create(asking('Hello')).catch((thrown: unknown) => thrown);
    expect((error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBeNull();
  });
});

describe('the server itself', () => {
  it('accepts one key only, when told to', async () => {
    const server = await start({ requireKey: 'sk-right' });
    await expect(sdkOf(server, 'sk-wrong').chat.completions.create(asking('Hello'))).rejects.toThrow(
      OpenAI.AuthenticationError,
    );
    await expect(sdkOf(server, 'sk-right').chat.completions.create(asking('Hello'))).resolves.toBeDefined();
  });

  it('says 404 to other paths and 400 to what is not JSON', async () => {
    const server = await start();
    expect((await fetch(`${server.baseURL}/models`)).status).toBe(400);
    expect((await fetch(`${server.baseURL}/embeddings`, { method: 'POST', body: '{}' })).status).toBe(404);
    expect((await fetch(`${server.baseURL}/chat/completions`, { method: 'POST', body: 'hello' })).status).toBe(400);
  });

  it('closes with requests under way, and takes their connections along', async () => {
    const server = await simulatedServer({ fault: 'silence-after-headers' });
    const reading = readStream(sdkOf(server));
    const record = await server.received(1);
    await server.close();
    await record.closed;
    expect(record.closedByClientAt).toBeUndefined();
    expect((await reading).error).toBeInstanceOf(Error);
    expect(server.openSockets).toBe(0);
    await server.close();
  });

  it('lets the process end by itself once it is closed', async () => {
    const program = `
      const { simulatedServer } = await import(${JSON.stringify(new URL('../../src/testing/index.ts', import.meta.url))});
      const server = await simulatedServer({
        firstTokenMs: 60_000,
        schedule: [{ fromMs: 60_000, fault: 'connection-refused' }],
      });
      const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], stream: true });
      const answer = fetch(server.baseURL + '/chat/completions', { method: 'POST', body });
      const reading = answer.then((response) => response.text()).catch(() => 'broken');
      await answer;
      await server.close();
      console.log(await reading, server.openSockets);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      timeout: 15_000,
    });
    expect(stdout.trim()).toBe('broken 0');
  });

  it('answers in the same way for the same seed', async () => {
    const outcomes = async () => {
      const server = await start({ random: { ratio: 0.5, faults: ['http-503', 'http-500'] }, seed: 7 });
      const statuses: number[] = [];
      for (let count = 0; count < 20; count++) {
        const response = await fetch(`${server.baseURL}/chat/completions`, {
          method: 'POST',
          body: JSON.stringify(asking('Hello')),
        });
        await response.text();
        statuses.push(response.status);
      }
      return statuses;
    };
    const statuses = await outcomes();
    expect(statuses).toEqual(await outcomes());
    expect(new Set(statuses)).toEqual(new Set([200, 500, 503]));
  });

  it('sends every piece of a long answer to a slow reader', async () => {
    const server = await start({ words: 20_000 });
    const stream = await sdkOf(server).chat.completions.create({ ...asking('Hello'), stream: true });
    await new Promise((resolve) => setTimeout(resolve, 20));
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(tokensOf(text)).toHaveLength(20_000);
  });
});
