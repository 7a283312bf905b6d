import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { CompletionRequest } from '../../src/core/types.ts';
import type { GoogleOptions } from '../../src/providers/google.ts';
import { apiKey, providerOf, whole } from './google-support.ts';
import { answering, contextFor, errorOf, json, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(whole));
});
afterEach(() => server.close());

const complete = (request: CompletionRequest, options: Partial<GoogleOptions> = {}) =>
  providerOf(server, options).complete(request, contextFor().context);
const sent = async (request: CompletionRequest, options: Partial<GoogleOptions> = {}) => {
  await complete(request, options);
  return server.requests[0]?.body ?? {};
};

describe('the request to Gemini', () => {
  test('carries the key, and no metadata', async () => {
    const body = await sent({ prompt: 'Hi', metadata: { user: 'ada' } });
    expect(body).toEqual({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }], generationConfig: {} });
    const [got] = server.requests;
    expect(got?.headers['x-goog-api-key']).toBe(apiKey);
    expect(got?.url).toBe('/v1/models/gemini-test:generateContent');
  });

  test('has every kind of message', async () => {
    const body = await sent({
      messages: [
        { role: 'system', content: 'Be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image', image: new Uint8Array([1, 2, 3]), mediaType: 'image/jpeg' },
            { type: 'file', data: new Uint8Array([4, 5]), mediaType: 'application/pdf', filename: 'a.pdf' },
          ],
        },
        { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'weather', input: { city: 'Oslo' } }] },
        { role: 'system', content: 'And kind' },
        { role: 'tool', toolCallId: 'a', content: 'no such city', isError: true },
        { role: 'assistant', content: 'Sorry' },
        { role: 'assistant', content: '' },
        { role: 'user', content: 'Why?' },
      ],
    });
    expect(body.systemInstruction).toEqual({ parts: [{ text: 'Be brief' }, { text: 'And kind' }] });
    expect(body.contents).toEqual([
      {
        role: 'user',
        parts: [
          { text: 'Look' },
          { inlineData: { mimeType: 'image/jpeg', data: 'AQID' } },
          { inlineData: { mimeType: 'application/pdf', data: 'BAU=' } },
        ],
      },
      {
        role: 'model',
        parts: [
          {
            functionCall: { name: 'weather', args: { city: 'Oslo' } },
            thoughtSignature: 'skip_thought_signature_validator',
          },
        ],
      },
      { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { error: 'no such city' } } }] },
      { role: 'model', parts: [{ text: 'Sorry' }] },
      { role: 'user', parts: [{ text: 'Why?' }] },
    ]);
  });

  test('has the parameters under their names', async () => {
    const body = await sent({
      prompt: 'Hi',
      tools: [{ name: 'weather', description: 'Tells it', inputSchema: z.object({ city: z.string() }) }],
      toolChoice: { tool: 'weather' },
      schema: z.object({ name: z.string() }),
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      stopSequences: ['END'],
      reasoning: 'low',
    });
    expect(body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
      tools: [
        {
          functionDeclarations: [
            {
              name: 'weather',
              description: 'Tells it',
              parametersJsonSchema: expect.objectContaining({
                type: 'object',
                properties: { city: { type: 'string' } },
              }),
            },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] } },
      generationConfig: {
        responseMimeType: 'application/json',
        responseJsonSchema: expect.objectContaining({ type: 'object', required: ['name'] }),
        maxOutputTokens: 100,
        temperature: 0.5,
        topP: 0.9,
        seed: 7,
        stopSequences: ['END'],
        thinkingConfig: { includeThoughts: true, thinkingLevel: 'LOW' },
      },
    });
  });

  test.each([
    ['auto', 'AUTO'],
    ['none', 'NONE'],
    ['required', 'ANY'],
  ] as const)('says the tool choice %s as %s', async (toolChoice, mode) => {
    const body = await sent({ prompt: 'Hi', tools: [{ name: 't', inputSchema: { jsonSchema: {} } }], toolChoice });
    expect(body.toolConfig).toEqual({ functionCallingConfig: { mode } });
  });

  test('has what providerOptions say, last, and tool calls in one piece all the same', async () => {
    const functionCallingConfig = { mode: 'VALIDATED', streamFunctionCallArguments: true };
    const google = { temperature: 0.1, topK: 3, toolConfig: { functionCallingConfig } };
    const body = await sent({ prompt: 'Hi', temperature: 0.5, providerOptions: { google, other: { ignored: true } } });
    expect(body).toMatchObject({
      generationConfig: { temperature: 0.1, topK: 3 },
      toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } },
    });
    expect(JSON.stringify(body)).not.toContain('streamFunctionCallArguments');
  });

  test('cannot be sent elsewhere, retried or aborted through providerOptions', async () => {
    const httpOptions = {
      baseUrl: 'http://127.0.0.1:1',
      fetch: () => Promise.reject(new Error('no')),
      retryOptions: {},
    };
    const google = { httpOptions, abortSignal: AbortSignal.abort(), automaticContinuation: true };
    expect((await complete({ prompt: 'Hi', providerOptions: { google } })).text).toBe('Hello');
    expect(server.requests.length).toBe(1);
  });

  test('is one request also where the SDK would go on by itself', async () => {
    const callTool = async () => [];
    const tool = { tool: async () => ({ functionDeclarations: [{ name: 't' }] }), callTool };
    const call = {
      candidates: [{ content: { parts: [{ functionCall: { name: 't', args: {} } }] }, finishReason: 'STOP' }],
    };
    server.answer(json(call));
    const { toolCalls } = await complete({ prompt: 'Hi', providerOptions: { google: { tools: [tool] } } });
    server.answer(
      json({ candidates: [{ ...whole.candidates[0], finishReason: 'CONTINUATION', continuationToken: 'x' }] }),
    );
    const { finishReason } = await complete({ prompt: 'Hi' });
    expect([toolCalls.length, finishReason, server.requests.length]).toEqual([1, 'length', 2]);
  });

  test('with an option that this API does not have is for another provider, and is not sent', async () => {
    const google = { routingConfig: { autoMode: {} } };
    const error = await errorOf(complete({ prompt: 'Hi', providerOptions: { google } }));
    expect([error.code, error.retry, server.requests.length]).toEqual(['unsupported', 'elsewhere', 0]);
    expect(JSON.stringify(error)).toContain('routingConfig');
  });

  test('of a model whose name is none is invalid, and is not sent', async () => {
    const error = await errorOf(complete({ prompt: 'Hi' }, { model: '../secrets' }));
    expect([error.code, server.requests.length]).toEqual(['invalid_request', 0]);
  });

  test('leaves the request as it was', async () => {
    const request: CompletionRequest = {
      prompt: 'Hi',
      tools: [{ name: 't', inputSchema: { jsonSchema: { type: 'object' } } }],
      providerOptions: { google: { topK: 3 } },
    };
    const before = structuredClone(request);
    await complete(request);
    expect(request).toEqual(before);
  });
});
