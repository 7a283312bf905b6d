import { ApiError, FunctionCallingConfigMode, type GenerateContentResponse, Type } from '@google/genai';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answerTo,
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
} from '../../src/testing/index.ts';
import { apiKey, generating, googleOf, raw } from './sdks.ts';

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
  name: 'get_weather',
  parameters: {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING }, days: { type: Type.INTEGER } },
  },
};
const time = { name: 'get_time', parametersJsonSchema: { type: 'object' } };

async function chunksOf(server: SimulatedServer, request: ReturnType<typeof generating> = generating('Hello')) {
  const chunks: GenerateContentResponse[] = [];
  for await (const chunk of await googleOf(server).models.generateContentStream(request)) chunks.push(chunk);
  return chunks;
}

/** The error of a request, and its body. */
async function refusedBy(server: SimulatedServer) {
  const error = await googleOf(server)
    .models.generateContent(generating('Hello'))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  const { status, message } = error as ApiError;
  const body = JSON.parse(message) as {
    error: { code: number; status: string; message: string; details?: { [key: string]: unknown }[] };
  };
  expect(body.error.code).toBe(status);
  const detail = (name: string) => body.error.details?.find((found) => String(found['@type']).endsWith(`.${name}`));
  return { ...body.error, httpStatus: status, detail };
}

describe("Google's SDK", () => {
  it('reads a whole answer with its usage and its id', async () => {
    const server = await start();
    const response = await googleOf(server).models.generateContent(generating('Hello'));
    expect(response.text).toBe(answerTo('Hello'));
    expect(response.candidates?.[0]).toMatchObject({ finishReason: 'STOP', index: 0, content: { role: 'model' } });
    expect(response.usageMetadata).toMatchObject({
      promptTokenCount: 1,
      candidatesTokenCount: 60,
      totalTokenCount: 61,
    });
    expect(response).toMatchObject({ modelVersion: 'gemini-test', responseId: expect.stringMatching(/./) });
    expect(Object.keys(response.sdkHttpResponse?.headers ?? {}).filter((name) => /request-id/.test(name))).toEqual([]);
    expect(server.requests[0]).toMatchObject({ stream: false, model: 'gemini-test', prompt: 'Hello', whole: true });
  });

  it('reads a stream, whose last chunk has the finish reason', async () => {
    const server = await start({ tokenMs: 1 });
    const chunks = await chunksOf(server);
    expect(chunks.map(({ text }) => text ?? '').join('')).toBe(answerTo('Hello'));
    expect(chunks.map((chunk) => chunk.candidates?.[0]?.finishReason).filter(Boolean)).toEqual(['STOP']);
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe('STOP');
    expect(chunks.at(-1)?.usageMetadata).toMatchObject({ promptTokenCount: 1, candidatesTokenCount: 60 });
    expect(chunks[9]?.usageMetadata?.candidatesTokenCount).toBe(10);
    expect(new Set(chunks.map(({ responseId }) => responseId)).size).toBe(1);
    expect(server.requests[0]).toMatchObject({ stream: true, whole: true });
  });

  it('is sent events with CRLF, and nothing that ends them', async () => {
    const { response } = await raw('google', await start(), { stream: true });
    const text = await response.text();
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const events = text.split('\r\n\r\n');
    expect(events.pop()).toBe('');
    for (const event of events) expect(event).toMatch(/^data: \{"candidates"/);
  });

  it.each(['whole', 'streamed'])('reads parallel tool calls, each in one part, %s', async (how) => {
    const server = await start();
    const request = generating('Use get_weather and get_time, please');
    const config = { tools: [{ functionDeclarations: [time, weather] }] };
    const chunks =
      how === 'whole'
        ? [await googleOf(server).models.generateContent({ ...request, config })]
        : await chunksOf(server, { ...request, config } as never);
    const calls = chunks.flatMap((chunk) => chunk.functionCalls ?? []);
    expect(calls).toEqual([
      { name: 'get_weather', args: { city: expect.any(String), days: 42 } },
      { name: 'get_time', args: {} },
    ]);
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    expect(parts.filter((part) => part.functionCall).map((part) => part.thoughtSignature !== undefined)).toEqual([
      true,
      false,
    ]);
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe('STOP');
  });

  it('calls what it must, and answers a result with text', async () => {
    const { models } = googleOf(await start());
    const tools = [{ functionDeclarations: [time, weather] }];
    const forced = await models.generateContent({
      ...generating('Hello'),
      config: {
        tools,
        toolConfig: {
          functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['get_time'] },
        },
      },
    });
    expect(forced.functionCalls).toMatchObject([{ name: 'get_time' }]);
    const answer = await models.generateContent({
      model: 'gemini-test',
      config: { tools, systemInstruction: 'Be brief' },
      contents: [
        { role: 'user', parts: [{ text: 'get_weather' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
        { role: 'model', parts: [{ functionCall: { name: 'get_weather', args: {} } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'get_weather', response: { output: 'rain' } } }] },
      ],
    });
    expect(answer.text).toBe(answerTo('Be brief\nget_weather\n\nrain'));
  });

  it.each(['responseJsonSchema', 'responseSchema'])('gets JSON of the shape it asks for by %s', async (how) => {
    const { models } = googleOf(await start());
    const schema = { type: Type.OBJECT, properties: { name: { type: Type.STRING } } };
    const json = { type: 'object', properties: { name: { type: 'string' } } };
    const shaped = await models.generateContent({
      ...generating('Hello'),
      config: {
        responseMimeType: 'application/json',
        ...(how === 'responseSchema' ? { responseSchema: schema } : { responseJsonSchema: json }),
      },
    });
    expect(JSON.parse(shaped.text ?? '')).toEqual({ name: expect.any(String) });
    const short = await models.generateContent({ ...generating('Hello'), config: { maxOutputTokens: 4 } });
    expect(short.text).toBe(answerTo('Hello', { words: 4 }));
    expect(short.candidates?.[0]?.finishReason).toBe('MAX_TOKENS');
  });

  it('reads thoughts, which are counted beside the answer', async () => {
    const server = await start({ answer: () => ({ reasoning: 'let me think', text: 'done' }) });
    const response = await googleOf(server).models.generateContent(generating('Hello'));
    expect(response.candidates?.[0]?.content?.parts).toEqual([
      { text: 'let me think', thought: true },
      { text: 'done' },
    ]);
    expect(response.usageMetadata).toMatchObject({
      candidatesTokenCount: 1,
      thoughtsTokenCount: 3,
      totalTokenCount: 5,
    });
    expect((await chunksOf(server)).map(({ text }) => text ?? '').join('')).toBe('done');
  });
});

describe("Gemini's errors", () => {
  it.each([
    ['http-500', 500, 'INTERNAL', 'internal error'],
    ['http-503', 503, 'UNAVAILABLE', 'overloaded'],
    ['context-length', 400, 'INVALID_ARGUMENT', /input token count \(\d+\) exceeds the maximum/],
    ['invalid-request', 400, 'INVALID_ARGUMENT', 'temperature'],
    ['unauthorized', 400, 'INVALID_ARGUMENT', 'API key not valid'],
    ['payment-required', 403, 'PERMISSION_DENIED', 'billing to be enabled'],
    ['forbidden', 403, 'PERMISSION_DENIED', 'permission'],
    ['model-not-found', 404, 'NOT_FOUND', 'models/gemini-test is not found'],
    ['too-large', 400, 'INVALID_ARGUMENT', 'payload size exceeds'],
    ['unprocessable', 400, 'INVALID_ARGUMENT', 'Unprocessable'],
    ['rate-limited', 429, 'RESOURCE_EXHAUSTED', 'Please retry in 1s.'],
    ['insufficient-quota', 429, 'RESOURCE_EXHAUSTED', 'exceeded your current quota'],
  ] as const)('%s is a %i %s', async (fault, status, word, message) => {
    const server = await start({ fault });
    const error = await refusedBy(server);
    expect(error).toMatchObject({ httpStatus: status, status: word });
    expect(error.message).toMatch(message);
    expect(server.requests[0]?.status).toBe(status);
    expect(server.billed).toEqual({ inputTokens: 0, outputTokens: 0 });
  });

  it('says why in the details', async () => {
    const invalid = await refusedBy(await start({ fault: 'unauthorized' }));
    expect(invalid.detail('ErrorInfo')).toMatchObject({ reason: 'API_KEY_INVALID', domain: 'googleapis.com' });
    const poor = await refusedBy(await start({ fault: 'payment-required' }));
    expect(poor.detail('ErrorInfo')).toMatchObject({ reason: 'BILLING_DISABLED' });
    const daily = await refusedBy(await start({ fault: 'insufficient-quota' }));
    expect(daily.detail('QuotaFailure')).toMatchObject({
      violations: [{ quotaId: expect.stringMatching(/PerDay$/) }],
    });
  });

  it('says when to come back in the body only: whole seconds in a detail, exactly in the sentence', async () => {
    const server = await start({ limits: { requestsPerMinute: 60, burstRatio: 1 / 60 } });
    await googleOf(server).models.generateContent(generating('Hello'));
    const error = await refusedBy(server);
    expect(error.detail('RetryInfo')).toEqual({
      '@type': expect.any(String),
      retryDelay: expect.stringMatching(/^[01]s$/),
    });
    expect(error.message).toMatch(/Please retry in \d+ms\.|Please retry in 1s\./);
    expect(error.detail('QuotaFailure')).toMatchObject({
      violations: [{ quotaId: expect.stringMatching(/PerMinute$/) }],
    });
    const { status, headers } = await raw('google', server);
    expect(status).toBe(429);
    expect([...headers.keys()].filter((name) => /retry|limit/.test(name))).toEqual([]);
    const silent = await refusedBy(await start({ fault: 'rate-limited-no-hint' }));
    expect(silent.detail('RetryInfo')).toBeUndefined();
    expect(silent.message).not.toContain('retry in');
  });

  it('accepts one key only, in a header or in the address', async () => {
    const server = await start({ requireKey: 'sk-right' });
    expect(await refusedBy(server)).toMatchObject({ httpStatus: 400 });
    await googleOf(server, 'sk-right').models.generateContent(generating('Hello'));
    const body = JSON.stringify({ contents: [{ parts: [{ text: 'Hello' }] }] });
    const url = `${server.url}/v1beta/models/gemini-test:generateContent?key=sk-right`;
    expect((await fetch(url, { method: 'POST', body })).status).toBe(200);
    expect(JSON.stringify(server.requests)).not.toContain('sk-right');
    const careless = await refusedBy(await start({ fault: 'unauthorized-repeats-key' }));
    expect(careless.message).toContain(apiKey);
  });

  it('says 404 and 400 in its own form', async () => {
    const server = await start();
    const address = `${server.url}/v1/models/gemini-test`;
    const missing = await fetch(`${address}:countTokens`, { method: 'POST', body: '{}' });
    expect(await missing.json()).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
    const empty = await fetch(`${address}:generateContent`, { method: 'POST', body: '{}' });
    expect(await empty.json()).toMatchObject({ error: { code: 400, status: 'INVALID_ARGUMENT' } });
  });
});
