import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunk, counted, event, good, providerOf, stop, stream, usage, whole } from './google-support.ts';
import { answering, contextFor, hello, read, type Server, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(stream(good));
});
afterEach(() => server.close());

describe('a stream of Gemini that is whole', () => {
  test('gives its text piece by piece and finishes once, with the usage', async () => {
    const { chunks } = await read(providerOf(server));
    expect(server.requests[0]?.url).toBe('/v1/models/gemini-test:streamGenerateContent?alt=sse');
    expect(chunks).toEqual([
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      { type: 'finish', finishReason: 'stop', model: 'gemini-test-2026', usage: counted },
    ]);
  });

  test('keeps preambles, pings, comments and empty chunks to itself', async () => {
    const preambles = [
      ': hello\r\n\r\n',
      'event: ping\r\ndata: {}\r\n\r\n',
      { usageMetadata: { promptTokenCount: 12 } },
      { candidates: [] },
      { candidates: [{ index: 0 }] },
      { candidates: [{ content: {} }] },
      chunk([]),
      chunk([{ text: '' }]),
      chunk([{ text: '', thoughtSignature: 'c2ln' }]),
    ];
    server.answer(stream([...preambles, ...good]));
    const { chunks } = await read(providerOf(server));
    expect(chunks.map(({ type }) => type)).toEqual(['text', 'text', 'finish']);
  });

  test('streams thoughts as reasoning, apart from the text', async () => {
    server.answer(
      stream([chunk([{ text: 'Let me ', thought: true }]), chunk([{ text: 'think', thought: true }]), ...good]),
    );
    const { reasoning, text, raw } = await read(providerOf(server));
    expect([reasoning, text]).toEqual(['Let me think', 'Hello']);
    expect(raw).toMatchObject({
      candidates: [{ content: { parts: [{ text: 'Let me think', thought: true }, { text: 'Hello' }] } }],
    });
  });

  test('tells the headers before content, its id with the first chunk, and the assembled answer at the end', async () => {
    const search = chunk([{ text: '' }], { groundingMetadata: { webSearchQueries: ['q'] } });
    server.answer(
      stream([...good.slice(0, 2), search, ...good.slice(2)], { headers: { 'x-gemini-service-tier': 'standard' } }),
    );
    const { requestId, header, raw } = await read(providerOf(server));
    expect([requestId, header('x-gemini-service-tier')]).toEqual(['resp_1', 'standard']);
    expect(raw).toMatchObject({
      responseId: 'resp_1',
      modelVersion: 'gemini-test-2026',
      usageMetadata: usage,
      candidates: [
        {
          content: { role: 'model', parts: [{ text: 'Hello' }] },
          finishReason: 'STOP',
          groundingMetadata: { webSearchQueries: ['q'] },
        },
      ],
    });
  });

  test('counts what the last chunks say, which is the sum and not a difference', async () => {
    const counting = good.map((value, index) => ({
      ...value,
      usageMetadata: { ...usage, candidatesTokenCount: 3 + index },
    }));
    server.answer(stream(counting));
    expect((await read(providerOf(server))).finish[0]?.usage).toEqual(counted);
  });

  test('goes on after a chunk that says STOP too early, as older models do in every chunk', async () => {
    server.answer(stream([chunk([{ text: 'Hel' }], stop), chunk([{ text: 'lo' }], stop)]));
    const { text, finish } = await read(providerOf(server));
    expect([text, finish.length]).toEqual(['Hello', 1]);
  });

  test.each([
    ['whose last line end is missing its LF', [event(whole).slice(0, -1)]],
    ['with LF only', [event(whole).replaceAll('\r\n', '\n')]],
    ['that a gateway ends with [DONE]', [...good, 'data: [DONE]\n\n']],
    ['that begins with a byte order mark', ['\ufeff', ...good]],
    ['whose event is a list', [`data: ${JSON.stringify(good)}\r\n\r\n`]],
  ])('may be one %s', async (_, events) => {
    server.answer(stream(events));
    const { text, finish, error } = await read(providerOf(server));
    expect([text, finish.length, error]).toEqual(['Hello', 1, undefined]);
  });

  test('is whole when the connection breaks after it said why it ended', async () => {
    server.answer(stream(good, { end: (response) => setTimeout(() => response.socket?.resetAndDestroy(), 20) }));
    const { text, finish, error } = await read(providerOf(server));
    expect([text, finish.length, error]).toEqual(['Hello', 1, undefined]);
  });

  test('does not wait for a server that keeps the connection open after its last chunk', async () => {
    server.answer(stream(good, { end: () => {} }));
    const { text, finish } = await read(providerOf(server));
    expect([text, finish.length]).toEqual(['Hello', 1]);
    await until(() => server.closedEarly === 1);
  });

  test.each([
    ['ended', false],
    ['was left after its last chunk', true],
  ])('that %s leaves its connection usable for the next call', async (_, leaves) => {
    const provider = providerOf(server);
    for (let turn = 0; turn < 3; turn += 1) {
      for await (const { type } of provider.stream?.(hello, contextFor().context) ?? [])
        if (leaves && type === 'finish') break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(server.connections).toBe(1);
  });

  test.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['CONTINUATION', 'length'],
    ['SOMETHING_NEW', 'unknown'],
  ])('says of %s that it is %s', async (finishReason, expected) => {
    server.answer(stream([chunk([{ text: 'Hello' }]), chunk([], { finishReason, continuationToken: 'abc' })]));
    const { finish, raw } = await read(providerOf(server));
    expect(finish[0]?.finishReason).toBe(expected);
    expect(raw).toMatchObject({ candidates: [{ continuationToken: 'abc' }] });
  });
});

test('a provider with streaming: false has no stream', async () => {
  expect(providerOf(server, { streaming: false }).stream).toBeUndefined();
});
