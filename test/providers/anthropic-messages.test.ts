import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest, Message } from '../../src/core/types.ts';
import type { AnthropicOptions } from '../../src/providers/anthropic.ts';
import { message, providerOf } from './anthropic-support.ts';
import { answering, contextFor, errorOf, json, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(message));
});
afterEach(() => server.close());

const sent = async (request: CompletionRequest, options: Partial<AnthropicOptions> = {}) => {
  await providerOf(server, options).complete(request, contextFor().context);
  return server.requests.at(-1)?.body ?? {};
};
const turns = async (messages: readonly Message[], model?: string) => {
  const { system, messages: written } = await sent({ messages }, model === undefined ? {} : { model });
  return { system, messages: written };
};

describe('messages', () => {
  const pdf = new Uint8Array([4, 5]);

  test('of every kind are put into turns', async () => {
    const { system, messages } = await turns([
      { role: 'system', content: 'Be brief' },
      { role: 'system', content: 'Be kind' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'text', text: '' },
          { type: 'image', image: 'https://example.com/a.png' },
          { type: 'image', image: new Uint8Array([1, 2, 3]), mediaType: 'image/jpg' },
          { type: 'image', image: 'data:image/webp;base64,AQID' },
          { type: 'file', data: pdf, mediaType: 'application/pdf', filename: 'a.pdf' },
          { type: 'file', data: 'https://example.com/b.pdf', mediaType: 'application/pdf' },
          { type: 'file', data: new TextEncoder().encode('é,1'), mediaType: 'text/csv', filename: 'c.csv' },
          { type: 'file', data: 'data:text/plain,caf%C3%A9', mediaType: 'text/plain' },
        ],
      },
      {
        role: 'assistant',
        content: '',
        toolCalls: [
          { id: 'a', name: 'weather', input: { city: 'Oslo' } },
          { id: 'call|b.1', name: 'now', input: undefined },
        ],
      },
      { role: 'tool', toolCallId: 'a', content: 'no such city', isError: true },
      { role: 'tool', toolCallId: 'call|b.1', content: '' },
      { role: 'user', content: 'Well?' },
      { role: 'assistant', content: ' ' },
      { role: 'user', content: 'Hello?' },
    ]);
    expect(system).toEqual([
      { type: 'text', text: 'Be brief' },
      { type: 'text', text: 'Be kind' },
    ]);
    expect(messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AQID' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'AQID' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'BAU=' }, title: 'a.pdf' },
          { type: 'document', source: { type: 'url', url: 'https://example.com/b.pdf' } },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'é,1' }, title: 'c.csv' },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'café' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Oslo' } },
          { type: 'tool_use', id: 'call_b_1', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: 'no such city', is_error: true },
          { type: 'tool_result', tool_use_id: 'call_b_1' },
          { type: 'text', text: 'Well?' },
          { type: 'text', text: 'Hello?' },
        ],
      },
    ]);
  });

  test.each([
    ['audio', { type: 'file', data: pdf, mediaType: 'audio/wav' }],
    ['a drawing', { type: 'image', image: pdf, mediaType: 'image/svg+xml' }],
    ['a text by its address', { type: 'file', data: 'https://example.com/a.txt', mediaType: 'text/plain' }],
  ] as const)('with %s are unsupported, and not sent', async (_, part) => {
    const request: CompletionRequest = { messages: [{ role: 'user', content: [part] }] };
    const error = await errorOf(providerOf(server).complete(request, contextFor().context));
    expect([error.code, error.retry, server.requests.length]).toEqual(['unsupported', 'elsewhere', 0]);
  });

  test('of the system alone are asked as the user', async () => {
    expect(await turns([{ role: 'system', content: 'Say hi' }])).toEqual({
      system: undefined,
      messages: [{ role: 'user', content: 'Say hi' }],
    });
  });

  const middle: Message[] = [
    { role: 'user', content: 'One' },
    { role: 'assistant', content: 'Two' },
    { role: 'system', content: 'In French now' },
    { role: 'user', content: 'Three' },
  ];
  const before = [
    { role: 'user', content: 'One' },
    { role: 'assistant', content: 'Two' },
  ];
  const apart = [...before, { role: 'user', content: 'Three' }, { role: 'system', content: 'In French now' }];
  const marked = [
    ...before,
    {
      role: 'user',
      content: [
        { type: 'text', text: '<system>\nIn French now\n</system>' },
        { type: 'text', text: 'Three' },
      ],
    },
  ];

  test.each([
    ['claude-opus-4-8', apart],
    ['claude-sonnet-5-5', apart],
    ['claude-opus-4-7', marked],
    ['claude-haiku-4-5-20251001', marked],
    ['some-other-model', marked],
  ])('of the system in the middle stay there, as %s takes them', async (model, expected) => {
    expect(await turns(middle, model)).toEqual({ system: undefined, messages: expected });
  });

  test('of the system in the middle, where there is no user turn to follow, are marked', async () => {
    const given: Message[] = [...middle.slice(0, 3), { role: 'assistant', content: 'Trois' }];
    const { messages } = await turns(given, 'claude-opus-5');
    expect(messages).toEqual([
      ...before,
      { role: 'user', content: '<system>\nIn French now\n</system>' },
      { role: 'assistant', content: 'Trois' },
    ]);
  });

  test('of the system never come between a tool call and its result', async () => {
    const { messages } = await turns(
      [
        { role: 'user', content: 'One' },
        { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'now', input: {} }] },
        { role: 'system', content: 'Careful' },
        { role: 'tool', toolCallId: 'a', content: '12:00' },
      ],
      'claude-opus-4-7',
    );
    expect((messages as { content: unknown }[])[2]?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'a', content: '12:00' },
      { type: 'text', text: '<system>\nCareful\n</system>' },
    ]);
  });

  test('of the system in the middle that a server refuses are marked from then on', async () => {
    server.answer((response, got) => {
      const refused = JSON.stringify(got.body.messages).includes('"role":"system"');
      const error = { type: 'invalid_request_error', message: "role 'system' is not supported on this model" };
      json(refused ? { type: 'error', error } : message, refused ? 400 : 200)(response, got);
    });
    const provider = providerOf(server, { model: 'claude-opus-5' });
    for (let time = 0; time < 2; time += 1) await provider.complete({ messages: middle }, contextFor().context);
    expect(server.requests.map(({ body }) => body.messages)).toEqual([apart, marked, marked]);
  });
});
