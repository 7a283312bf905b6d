import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { isStreamingRefused } from '../../src/core/errors.ts';
import type { CompletionRequest, ErrorCode } from '../../src/core/types.ts';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import {
  begun,
  callDone,
  completed,
  counted,
  created,
  ended,
  eventText,
  functionCall,
  good,
  message,
  numbered,
  responsesOf,
  textOf,
  thoughtOf,
} from './openai-responses-support.ts';
import { type Answer, answering, apiKey, contextFor, errorOf, hello, json, read, type Server, sse } from './support.ts';

let server: Server;
beforeAll(async () => {
  server = await answering((response) => response.end());
});
afterEach(() => {
  server.requests.length = 0;
});
afterAll(() => server.close());

/** One stream of the events, read to its end. */
function streamed(events: readonly object[], request: CompletionRequest = hello) {
  server.answer(sse(numbered(events)));
  return read(responsesOf(server), request);
}

/** One answer in one piece. */
function whole(body: unknown, request: CompletionRequest = hello) {
  server.answer(json(body));
  const given = contextFor();
  return responsesOf(server).complete(request, given.context);
}

async function bodyOf(request: CompletionRequest, options: Parameters<typeof responsesOf>[1] = {}) {
  server.answer(json(completed([message('Hello')])));
  await responsesOf(server, options).complete(request, contextFor().context);
  return server.requests.at(-1)?.body as Record<string, unknown>;
}

describe('what is asked', () => {
  test('is a list of items, and nothing is stored', async () => {
    expect(await bodyOf(hello)).toEqual({
      model: 'gpt-test',
      input: [{ role: 'user', content: hello.prompt }],
      store: false,
      stream: false,
    });
    expect(server.requests[0]?.url).toBe('/v1/responses');
    expect(server.requests[0]?.headers).toMatchObject({
      'x-client-request-id': 'transaction-1',
      'x-stainless-retry-count': '0',
    });
  });

  test('has pictures, files by address and as data, and recordings', async () => {
    const data = Uint8Array.from([1, 2, 3]);
    const { input } = await bodyOf({
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image', image: 'https://example.com/a.png' },
            { type: 'image', image: data, mediaType: 'image/webp' },
            { type: 'file', data: 'https://example.com/a.pdf', mediaType: 'application/pdf' },
            { type: 'file', data, mediaType: 'application/pdf' },
            { type: 'file', data, mediaType: 'text/plain', filename: 'a.txt' },
            { type: 'file', data, mediaType: 'audio/wav' },
          ],
        },
      ],
    });
    expect(input).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look' },
          { type: 'input_image', detail: 'auto', image_url: 'https://example.com/a.png' },
          { type: 'input_image', detail: 'auto', image_url: 'data:image/webp;base64,AQID' },
          { type: 'input_file', file_url: 'https://example.com/a.pdf' },
          { type: 'input_file', filename: 'file.pdf', file_data: 'data:application/pdf;base64,AQID' },
          { type: 'input_file', filename: 'a.txt', file_data: 'data:text/plain;base64,AQID' },
          { type: 'input_audio', input_audio: { data: 'AQID', format: 'wav' } },
        ],
      },
    ]);
    const address = { type: 'file', data: 'https://example.com/a.wav', mediaType: 'audio/wav' } as const;
    const asked = responsesOf(server).complete(
      { messages: [{ role: 'user', content: [address] }] },
      contextFor().context,
    );
    expect((await errorOf(asked)).code).toBe('unsupported');
  });

  test('has calls of tools and what came of them, each with an id of its own', async () => {
    const { input } = await bodyOf({
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Let me see.', toolCalls: [{ id: 'call_0', name: 'now', input: undefined }] },
        { role: 'tool', toolCallId: 'call_0', content: 'noon' },
        { role: 'assistant', content: '', toolCalls: [{ id: 'call_0', name: 'now', input: { zone: 'UTC' } }] },
        { role: 'tool', toolCallId: 'call_0', content: 'no clock', isError: true },
      ],
    });
    expect(input).toEqual([
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Let me see.' },
      { type: 'function_call', call_id: 'call_0', name: 'now', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_0', output: 'noon' },
      { type: 'function_call', call_id: 'call_0_2', name: 'now', arguments: '{"zone":"UTC"}' },
      { type: 'function_call_output', call_id: 'call_0_2', output: 'Error: no clock' },
    ]);
  });

  test('has tools, strict where that can be, a choice of them, a schema, and all numbers', async () => {
    const open = { type: 'object', properties: { zone: { type: 'string' } } };
    const body = await bodyOf({
      ...hello,
      tools: [
        { name: 'weather', description: 'Of a city', inputSchema: z.object({ city: z.string() }) },
        { name: 'now', inputSchema: { jsonSchema: open } },
      ],
      toolChoice: { tool: 'now' },
      schema: { jsonSchema: { type: 'object', properties: {}, title: 'An answer!' } },
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      reasoning: 'low',
      seed: 7,
      metadata: { user: 'canary' },
    });
    expect(body).toMatchObject({
      tools: [
        {
          ...{ type: 'function', name: 'weather', description: 'Of a city', strict: true },
          parameters: { properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
        },
        { type: 'function', name: 'now', strict: false, parameters: open },
      ],
      tool_choice: { type: 'function', name: 'now' },
      text: {
        format: { type: 'json_schema', name: 'An_answer_', strict: true, schema: { additionalProperties: false } },
      },
      max_output_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      reasoning: { effort: 'low' },
      include: ['reasoning.encrypted_content'],
    });
    expect(JSON.stringify(body)).not.toMatch(/canary|seed/);
    expect((await bodyOf({ ...hello, tools: [], toolChoice: 'required' })).tool_choice).toBeUndefined();
  });

  test('has what is passed through: last, but beside what the request says of text, reasoning and tools', async () => {
    const request: CompletionRequest = {
      ...hello,
      reasoning: 'low',
      schema: { jsonSchema: { type: 'object', properties: {} } },
      tools: [{ name: 'now', inputSchema: { jsonSchema: { type: 'object', properties: {} } } }],
      providerOptions: {
        openai: { service_tier: 'flex' },
        'openai-responses': {
          model: 'another',
          store: true,
          stream: true,
          text: { verbosity: 'low' },
          reasoning: { summary: 'auto' },
          tools: [{ type: 'web_search' }],
          previous_response_id: 'resp_0',
        },
      },
    };
    const body = await bodyOf(request);
    expect(body).toMatchObject({
      model: 'another',
      store: true,
      // Whether an answer is streamed is the transport's to say.
      stream: false,
      text: { verbosity: 'low', format: { type: 'json_schema' } },
      reasoning: { effort: 'low', summary: 'auto' },
      previous_response_id: 'resp_0',
    });
    expect((body.tools as { type: string }[]).map(({ type }) => type)).toEqual(['function', 'web_search']);
    expect(body.service_tier).toBeUndefined();
  });
});

describe('what is answered', () => {
  test('in a stream comes out as text, reasoning, calls and a finish, with the Response itself for raw', async () => {
    const weather = functionCall('call_a', 'weather', '{"city":"Oslo"}');
    const response = completed([message('Hello'), weather]);
    const seen = await streamed([
      created,
      thoughtOf('First'),
      thoughtOf(' this.'),
      thoughtOf('Then that.', 1),
      textOf('Hel'),
      textOf('lo'),
      callDone(weather),
      ended(response),
    ]);
    expect(seen.chunks).toEqual([
      { type: 'reasoning', text: 'First' },
      { type: 'reasoning', text: ' this.' },
      { type: 'reasoning', text: '\n\nThen that.' },
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      { type: 'toolCall', toolCall: { id: 'call_a', name: 'weather', input: { city: 'Oslo' } } },
      { type: 'finish', finishReason: 'tool_calls', usage: counted, model: 'gpt-test-2026' },
    ]);
    expect(seen.raw).toEqual(response);
    expect(seen.error).toBeUndefined();
  });

  test('in one piece is the same', async () => {
    const summary = [
      { type: 'summary_text', text: 'First this.' },
      { type: 'summary_text', text: 'Then that.' },
    ];
    const output = [
      { type: 'reasoning', id: 'rs_1', summary },
      message('Hello'),
      { type: 'web_search_call', id: 'ws_1', status: 'completed' },
      functionCall('call_a', 'weather', '{"city":"Oslo"}'),
    ];
    expect(await whole(completed(output))).toEqual({
      text: 'Hello',
      reasoning: 'First this.\n\nThen that.',
      toolCalls: [{ id: 'call_a', name: 'weather', input: { city: 'Oslo' } }],
      finishReason: 'tool_calls',
      usage: counted,
      model: 'gpt-test-2026',
      raw: completed(output),
    });
  });

  test('by servers that tell all of it in the end, once, is made good', async () => {
    const output = [message('Hello'), functionCall('call_a', 'now', '{}')];
    const seen = await streamed([
      created,
      { type: 'response.output_text.done', text: 'Hello' },
      ended(completed(output)),
    ]);
    expect([seen.text, seen.toolCalls, seen.finish.length]).toEqual([
      'Hello',
      [{ id: 'call_a', name: 'now', input: {} }],
      1,
    ]);
    // Whoever has heard it does not hear it again.
    const twice = await streamed([created, textOf('Hello'), callDone(output[1] as object), ended(completed(output))]);
    expect([twice.text, twice.toolCalls.length]).toEqual(['Hello', 1]);
  });

  test('by servers that number all events alike is not lost', async () => {
    server.answer(sse(good.map((event) => eventText({ ...event, sequence_number: 0 }))));
    expect((await read(responsesOf(server))).text).toBe('Hello');
  });

  test('while a tool is used at the provider, or a call is written, is told to go on', async () => {
    const working = [
      { type: 'response.web_search_call.searching' },
      { type: 'response.function_call_arguments.delta', delta: '' },
      { type: 'keepalive' },
    ];
    for (const [event, goesOn] of working.map((one, index) => [one, index === 0] as const)) {
      const seen = await streamed([created, event]);
      expect([event, seen.facts.some(({ progress }) => progress)]).toEqual([event, goesOn]);
    }
  });
});

describe('how an answer ends', () => {
  const incomplete = (reason: string, output: object[] = [message('Hel', 'incomplete')]) =>
    completed(output, { status: 'incomplete', incomplete_details: { reason } });

  test('at the limit of tokens is length, and a call that was cut off is left out', async () => {
    const cut = functionCall('call_a', 'weather', '{"city":"Os', 'incomplete');
    const body = incomplete('max_output_tokens', [message('Hel'), cut]);
    const seen = await streamed([created, textOf('Hel'), callDone(cut), ended(body)]);
    expect([seen.error, seen.toolCalls, seen.finish[0]?.finishReason]).toEqual([undefined, [], 'length']);
    expect(await whole(body)).toMatchObject({ text: 'Hel', toolCalls: [], finishReason: 'length' });
  });

  test.each([
    ['by a filter', incomplete('content_filter'), []],
    [
      'by a refusal',
      completed([{ ...message(''), content: [{ type: 'refusal', refusal: 'No.' }] }]),
      [{ type: 'response.refusal.delta', delta: 'No.' }],
    ],
  ])('%s is content_filtered, with what had come', async (_, body, events) => {
    const seen = await streamed([created, textOf('Hel'), ...events, ended(body)]);
    expect(seen.error).toMatchObject({ code: 'content_filtered', partial: { text: 'Hel' } });
    expect(seen.finish).toEqual([]);
    expect((await errorOf(whole(body))).code).toBe('content_filtered');
  });

  const failures: readonly [string, object, ErrorCode][] = [
    ['server_error', { code: 'server_error', message: 'Sorry.' }, 'server_error'],
    ['a rate', { code: 'rate_limit_exceeded', message: 'Rate limit reached. Try again in 2s.' }, 'rate_limited'],
    ['money', { code: 'insufficient_quota', message: 'You exceeded your current quota.' }, 'quota_exhausted'],
    ['policy', { code: 'bio_policy', message: 'No.' }, 'content_filtered'],
    [
      'a flagged prompt',
      { code: 'invalid_prompt', message: 'Your prompt was flagged as violating our usage policy.' },
      'content_filtered',
    ],
    ['a bad picture', { code: 'invalid_image', message: 'Not an image.' }, 'invalid_request'],
    ['a picture that is too large', { code: 'image_too_large', message: 'Too large.' }, 'unsupported'],
    ['a length', { code: 'context_length_exceeded', message: 'Too long.' }, 'context_length_exceeded'],
  ];

  test.each(failures)('as failed, for %s, is that error', async (_, error, code) => {
    const body = completed([], { status: 'failed', error });
    const seen = await streamed([created, textOf('Hel'), ended(body)]);
    expect(seen.error).toMatchObject({ code, provider: 'primary', partial: { text: 'Hel' } });
    expect((await errorOf(whole(body))).code).toBe(code);
  });

  test.each(failures)('by an event of error, flat or nested, for %s, is that error', async (_, error, code) => {
    for (const event of [
      { type: 'error', ...error },
      { type: 'error', error },
    ]) {
      const seen = await streamed([created, textOf('Hel'), event]);
      expect(seen.error).toMatchObject({ code, partial: { text: 'Hel' } });
    }
    expect((await errorOf(whole({ error }))).code).toBe(code);
  });

  test('while it is in progress is truncated, never an answer', async () => {
    for (const events of [
      [created],
      [created, textOf('Hel')],
      [created, { type: 'response.in_progress', response: begun }],
    ]) {
      const seen = await streamed(events);
      expect([seen.finish, seen.error?.code]).toEqual([[], 'truncated']);
    }
    for (const status of ['in_progress', 'queued'])
      expect((await errorOf(whole({ ...begun, status, output: [message('Hel')] }))).code).toBe('truncated');
  });

  test('as cancelled, by somebody else, is not asked again', async () => {
    const seen = await streamed([created, ended({ ...begun, status: 'cancelled' })]);
    expect(seen.error).toMatchObject({ code: 'cancelled', retry: 'never' });
  });

  test('at a sequence at which to stop is there, though the API has no field for it', async () => {
    const request = { ...hello, stopSequences: ['THE END', '##'] };
    const pieces = ['One', ' TH', 'E ', 'E', 'ND and more', ' text'];
    const seen = await streamed(
      [created, ...pieces.map(textOf), ended(completed([message(pieces.join(''))]))],
      request,
    );
    expect([seen.text, seen.finish[0]?.finishReason, seen.error]).toEqual(['One ', 'stop', undefined]);
    expect(await whole(completed([message('One ## two')]), request)).toMatchObject({
      text: 'One ',
      finishReason: 'stop',
    });
    // What only looked like its beginning comes all the same.
    const near = await streamed(
      [created, textOf('One TH'), textOf('E EN'), ended(completed([message('One THE EN')]))],
      request,
    );
    expect(near.text).toBe('One THE EN');
    expect(JSON.stringify(server.requests.map(({ body }) => body))).not.toContain('THE END');
  });

  test('is bad_response for a call whose arguments are no JSON, and for what is no Response', async () => {
    const broken = functionCall('call_a', 'now', '{"zone":');
    expect((await streamed([created, callDone(broken)])).error?.code).toBe('bad_response');
    expect((await errorOf(whole(completed([broken])))).code).toBe('bad_response');
    expect((await errorOf(whole({ object: 'list', data: [] }))).code).toBe('bad_response');
  });
});

describe('what a model has thought', () => {
  const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA', status: null };
  const call = functionCall('call_t', 'now', '{}');
  const tools = [{ name: 'now', inputSchema: { jsonSchema: { type: 'object', properties: {} } } }];
  const next: CompletionRequest = {
    messages: [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Wait.', toolCalls: [{ id: 'call_t', name: 'now', input: {} }] },
      { role: 'tool', toolCallId: 'call_t', content: 'noon' },
    ],
    tools,
  };
  const given = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' };
  const inputs = () => server.requests.map(({ body }) => body.input as { readonly type?: string }[]);

  test.each(['streamed', 'whole'])('before a call is given back to it, sealed, before that call: %s', async (way) => {
    const model = `m-${way}`;
    const provider = responsesOf(server, { model });
    server.answer(
      way === 'whole'
        ? json(completed([sealed, message('Wait.'), call]))
        : sse(numbered([created, callDone(call), ended(completed([sealed, call]))])),
    );
    if (way === 'whole') await provider.complete({ ...hello, tools }, contextFor().context);
    else await read(provider, { ...hello, tools });
    server.answer(json(completed([message('Noon.')])));
    // Another transport of the same model goes on with it; another model cannot.
    await responsesOf(server, { model }).complete(next, contextFor().context);
    await responsesOf(server, { model: 'another' }).complete(next, contextFor().context);
    expect(inputs().at(-2)?.slice(1, 4)).toEqual([
      given,
      { role: 'assistant', content: 'Wait.' },
      expect.objectContaining({ call_id: 'call_t' }),
    ]);
    expect(JSON.stringify(inputs().at(-1))).not.toContain('gAAA');
  });

  test('is given back once, before the first of several calls', async () => {
    const provider = responsesOf(server, { model: 'm-several' });
    server.answer(json(completed([sealed, call, functionCall('call_u', 'now', '{}')])));
    const { toolCalls } = await provider.complete({ ...hello, tools }, contextFor().context);
    const results = toolCalls.map(({ id }) => ({ role: 'tool' as const, toolCallId: id, content: 'noon' }));
    await provider.complete(
      { tools, messages: [{ role: 'assistant', content: '', toolCalls }, ...results] },
      contextFor().context,
    );
    const types = inputs()
      .at(-1)
      ?.map(({ type }) => type);
    expect(types?.slice(0, 3)).toEqual(['reasoning', 'function_call', 'function_call']);
  });

  test('and cannot be opened any more is left out, in the same attempt', async () => {
    const provider = responsesOf(server, { model: 'm-sealed' });
    server.answer(json(completed([sealed, call])));
    await provider.complete({ ...hello, tools }, contextFor().context);
    const error = {
      code: 'invalid_encrypted_content',
      message: 'The encrypted content gAAA could not be verified.',
      param: null,
    };
    server.answer((response, got) =>
      JSON.stringify(got.body).includes('gAAA')
        ? json({ error }, 400)(response, got)
        : json(completed([message('Noon.')]))(response, got),
    );
    expect((await provider.complete(next, contextFor().context)).text).toBe('Noon.');
    expect(server.requests).toHaveLength(3);
  });

  test('is not asked of a model that seals nothing, from the second call on', async () => {
    const error = { message: 'Encrypted content is not supported with this model.', param: 'include', code: null };
    server.answer((response, got) =>
      got.body.include === undefined
        ? json(completed([message('Hello')]))(response, got)
        : json({ error }, 400)(response, got),
    );
    const provider = responsesOf(server);
    for (let time = 0; time < 2; time += 1) await provider.complete({ ...hello, tools }, contextFor().context);
    expect(server.requests.map(({ body }) => body.include !== undefined)).toEqual([true, false, false]);
    // What the caller asks for is the caller's.
    const own = {
      ...hello,
      tools,
      providerOptions: { 'openai-responses': { include: ['reasoning.encrypted_content'] } },
    };
    expect((await errorOf(provider.complete(own, contextFor().context))).code).toBe('unsupported');
    expect(server.requests).toHaveLength(4);
  });
});

describe('a server', () => {
  const refuses = (error: object, status = 400): Answer => json({ error }, status);

  test('that will not stream is remembered; one that streams nothing is read as it answers', async () => {
    const provider = responsesOf(server);
    server.answer(refuses({ message: 'Your organization must be verified to stream this model.', param: 'stream' }));
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(isStreamingRefused((await read(provider)).error)).toBe(true);
    expect(server.requests).toHaveLength(1);
    server.answer(json(completed([message('Hello')])));
    expect((await read(responsesOf(server))).text).toBe('Hello');
  });

  test('that repeats the key and the prompt is not quoted', async () => {
    server.answer(refuses({ message: `Bad key ${apiKey} for ${hello.prompt}`, code: 'invalid_value' }));
    const error = await errorOf(responsesOf(server).complete(hello, contextFor().context));
    expect(JSON.stringify([error, error.message, error.cause])).not.toMatch(/canary|weather like/);
  });
});

test('wrong options are told by name, before anything is sent', () => {
  const client = new OpenAI({ apiKey });
  const wrong = (options: object) => () => openaiResponses({ client, model: 'm', ...options } as never);
  expect(wrong({ nmae: 'x' })).toThrow('openaiResponses.nmae');
  expect(wrong({ client: {} })).toThrow('openaiResponses.client');
  expect(wrong({ model: '' })).toThrow('openaiResponses.model');
  expect(wrong({ background: 'yes' })).toThrow('openaiResponses.background');
  expect(openaiResponses({ client, model: 'm' })).toMatchObject({
    ...{ name: 'openai-responses/m', domain: 'api.openai.com', kind: 'openai-responses' },
  });
  expect(responsesOf(server, { name: undefined }).name).toBe(`${server.host}/responses/gpt-test`);
});
