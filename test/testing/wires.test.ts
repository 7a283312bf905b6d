import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  answerTo,
  faultCases,
  faults,
  type SimulatedServer,
  simulatedServer,
  type WireName,
} from '../../src/testing/index.ts';
import { raw, read, withinAMoment } from './sdks.ts';

const five = answerTo('Hello', { words: 5 });
const sixty = answerTo('Hello');
const wires: readonly WireName[] = ['openai', 'openai-responses', 'anthropic', 'google'];
const others = ['openai-responses', 'anthropic', 'google'] as const;

let server: SimulatedServer;
beforeEach(async () => {
  server = await simulatedServer();
});
afterEach(() => server.close());

describe('one server', () => {
  it('says the same on all wires, and keeps the same books', async () => {
    for (const wire of wires)
      for (const stream of [false, true])
        expect(await read(wire, server, { stream })).toMatchObject({ text: sixty, error: undefined });
    const books = server.requests.map(({ prompt, inputTokens, outputTokens, tokensSent, billed, whole, status }) => ({
      ...{ prompt, inputTokens, outputTokens, tokensSent, billed, whole, status },
    }));
    expect(books).toHaveLength(8);
    for (const book of books) expect(book).toEqual(books[0]);
    expect(server.requests.map(({ stream }) => stream)).toEqual([false, true, false, true, false, true, false, true]);
    expect(JSON.stringify(server.requests)).not.toContain('sk-canary');
  });

  it('tells a script which wire a request came by', async () => {
    const seen: unknown[] = [];
    const scripted = await simulatedServer({
      script: ({ wire }) => {
        seen.push(wire);
        return wire === 'anthropic' ? 'http-529' : 'ok';
      },
    });
    const errors: unknown[] = [];
    for (const wire of wires) errors.push((await read(wire, scripted)).error);
    expect(seen).toEqual(wires);
    expect(errors).toMatchObject([undefined, undefined, { status: 529 }, undefined]);
    await scripted.close();
  });

  it.each(wires)('notices on %s that the client has left', async (wire) => {
    await server.setFault({ kind: 'stall', afterTokens: 5 });
    const controller = new AbortController();
    let come = '';
    const onText = (text: string): void => {
      come = text;
    };
    const reading = read(wire, server, { stream: true, signal: controller.signal, onText });
    const record = await server.received(1);
    await expect.poll(() => come).toBe(five);
    controller.abort();
    expect((await reading).text).toBe(five);
    expect((await record.closed).closedByClientAt).toBeDefined();
  });
});

const onOthers = others.flatMap((wire) =>
  faultCases.filter((fault) => fault.wires.includes(wire)).map((fault) => ({ wire, ...fault })),
);

describe('faults on the other wires', () => {
  it.each(onOthers.filter(({ strikes }) => strikes !== 'harmless'))(
    '$wire, $name: the SDK never gets a whole answer out of it, streamed or not',
    async ({ wire, name, strikes, code }) => {
      await server.setFault(name);
      for (const stream of [true, false]) {
        const controller = new AbortController();
        let come = '';
        const onText = (text: string): void => {
          come = text;
        };
        const reading = read(wire, server, { stream, signal: controller.signal, onText });
        if (code === 'timeout') {
          if (stream && strikes !== 'beforeContent') await expect.poll(() => come).toBe(five);
          expect(await withinAMoment(reading)).toBe('nothing');
          controller.abort();
        }
        const { text, finish } = await reading;
        if (strikes === 'beforeContent') expect(text).toBe('');
        else if (stream && name !== 'malformed-json')
          expect(text).toBe(name === 'missing-terminal-event' ? sixty : five);
        if (name !== 'missing-terminal-event') expect(text).not.toBe(sixty);
        else expect(finish).toBeUndefined();
      }
      for (const { whole, status, billed } of server.requests)
        if (status !== undefined && status >= 400) expect([whole, billed.inputTokens]).toEqual([false, 0]);
    },
  );

  it.each(onOthers.filter(({ strikes }) => strikes === 'harmless'))(
    '$wire, $name: an answer can be had',
    async ({ wire, name }) => {
      await server.setFault(name);
      const streamed = await read(wire, server, { stream: true });
      if (name === 'streaming-refused') expect(streamed.error).toMatchObject({ status: 400 });
      const { text, error } = await read(wire, server);
      expect([text, error]).toEqual([name === 'length' ? five : sixty, undefined]);
    },
  );

  it.each([
    ['openai-responses', 'refusal', 'content_filter'],
    ['openai-responses', 'length', 'max_output_tokens'],
    ['openai-responses', 'empty-answer', 'completed'],
    ['anthropic', 'refusal', 'refusal'],
    ['anthropic', 'length', 'max_tokens'],
    ['anthropic', 'reasoning-only', 'end_turn'],
    ['google', 'refusal', 'SAFETY'],
    ['google', 'refusal-after-content', 'SAFETY'],
    ['google', 'content-policy', 'PROHIBITED_CONTENT'],
    ['google', 'length', 'MAX_TOKENS'],
    ['google', 'empty-answer', 'STOP'],
  ] as const)('%s, %s: ends with %s', async (wire, name, finish) => {
    await server.setFault(name);
    for (const stream of [false, true])
      expect(await read(wire, server, { stream })).toMatchObject({ finish, error: undefined });
  });

  it.each(others)('%s: an error inside a stream is one of that wire', async (wire) => {
    await server.setFault('stream-overload-before-content');
    const before = await read(wire, server, { stream: true });
    await server.setFault('stream-error-after-content');
    const after = await read(wire, server, { stream: true });
    expect([before.text, after.text]).toEqual(['', five]);
    if (wire === 'anthropic') {
      expect(before.error).toMatchObject({ status: undefined, type: 'overloaded_error' });
      expect(after.error).toMatchObject({ status: undefined, type: 'api_error' });
    } else if (wire === 'openai-responses') {
      expect(before.error).toMatchObject({ status: undefined, code: 'server_overloaded' });
      expect(after.error).toMatchObject({ status: undefined, code: 'server_error' });
    } else {
      expect(before.error).toMatchObject({ status: 503, message: expect.stringContaining('UNAVAILABLE') });
      expect(after.error).toMatchObject({ status: 500, message: expect.stringContaining('INTERNAL') });
    }
    // Asked for one body, it is said by status.
    expect((await read(wire, server)).error).toMatchObject({ status: 500 });
  });

  it.each([
    ['openai-responses', 'stall-comments', ': keep-alive\n\n'],
    ['openai-responses', 'stall-empty-deltas', '"delta":""'],
    ['anthropic', 'stall-comments', 'event: ping'],
    ['anthropic', 'stall-empty-deltas', '"text":""'],
    ['google', 'stall-comments', ': keep-alive\r\n\r\n'],
    ['google', 'stall-empty-deltas', '"text":""'],
  ] as const)('%s, %s keeps the connection busy with %j', async (wire, name, heartbeat) => {
    await server.setFault({ ...faults[name], heartbeatMs: 5 });
    const controller = new AbortController();
    const { response } = await raw(wire, server, { stream: true, signal: controller.signal });
    let text = '';
    const decoder = new TextDecoder();
    const reading = (async () => {
      for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true });
    })().catch(() => {});
    await expect.poll(() => text.split(heartbeat).length).toBeGreaterThan(4);
    controller.abort();
    await reading;
    expect((await server.requests[0]?.closed)?.tokensSent).toBe(5);
  });

  it.each(others)('%s: a page of HTML, an empty 200, an error in a 200, one body for a stream', async (wire) => {
    const seen = async (name: 'http-502-html' | 'empty-200' | 'error-in-200' | 'stream-ignored') => {
      await server.setFault(name);
      const { status, headers, response } = await raw(wire, server, { stream: true });
      return { status, type: headers.get('content-type'), text: await response.text() };
    };
    expect(await seen('http-502-html')).toMatchObject({ status: 502, type: 'text/html' });
    expect(await seen('empty-200')).toMatchObject({ status: 200, text: '' });
    const error = await seen('error-in-200');
    expect([error.status, error.type?.split(';')[0]]).toEqual([200, 'application/json']);
    expect(JSON.parse(error.text)).toHaveProperty('error.message');
    const ignored = await seen('stream-ignored');
    expect(ignored.type).toMatch(/^application\/json/);
    expect(JSON.parse(ignored.text)).toHaveProperty(
      { 'openai-responses': 'output', anthropic: 'content', google: 'candidates' }[wire],
    );
  });

  it('ends a half answer of a tool call without breaking itself', async () => {
    const cut = await simulatedServer({
      answer: () => ({ toolCalls: [{ name: 'get_weather', input: { city: 'a long name of a city' } }] }),
      fault: { kind: 'cut', afterTokens: 2, by: 'close' },
    });
    for (const wire of wires)
      for (const stream of [true, false]) expect((await read(wire, cut, { stream })).error).toBeDefined();
    await cut.close();
  });
});
