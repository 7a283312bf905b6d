import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest } from '../../src/core/types.ts';
import { chunk, counted, failure, providerOf, stop, usage, whole } from './google-support.ts';
import { answering, contextFor, errorOf, hello, json, type Server, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(whole));
});
afterEach(() => server.close());

const complete = (request: CompletionRequest = hello, given = contextFor()) =>
  providerOf(server).complete(request, given.context);

describe('a whole answer', () => {
  test('has text, finish reason, usage, model and the raw object, and its id from the body', async () => {
    const context = contextFor();
    expect(await complete(hello, context)).toEqual({
      text: 'Hello',
      toolCalls: [],
      reasoning: undefined,
      finishReason: 'stop',
      usage: counted,
      model: 'gemini-test-2026',
      raw: whole,
    });
    expect([context.requestId, context.raw]).toEqual(['resp_1', whole]);
  });

  test('keeps thoughts apart from the text', async () => {
    server.answer(json(chunk([{ text: 'Hmm. ', thought: true }, { text: 'Yes' }, { text: '.' }], stop)));
    expect(await complete()).toMatchObject({ text: 'Yes.', reasoning: 'Hmm. ' });
  });

  test('counts the thoughts with the output and the results of its own tools with the input', async () => {
    const { usage: told } = await complete();
    expect((told?.inputTokens ?? 0) + (told?.outputTokens ?? 0)).toBe(usage.totalTokenCount);
  });

  test('may be a list of chunks, as the API sends them without alt=sse', async () => {
    server.answer(json([chunk([{ text: 'Hel' }]), chunk([{ text: 'lo' }], stop, { usageMetadata: usage })]));
    expect(await complete()).toMatchObject({ text: 'Hello', usage: counted, raw: { candidates: [stop] } });
  });

  test('without anything in it is returned: the transport judges it', async () => {
    server.answer(json({ candidates: [{ content: {}, finishReason: 'STOP' }] }));
    expect(await complete()).toMatchObject({ text: '', finishReason: 'stop', usage: undefined });
  });

  test('that does not say why it ended is an answer, for it is whole', async () => {
    server.answer(json(chunk([{ text: 'Hello' }])));
    expect(await complete()).toMatchObject({ text: 'Hello', finishReason: 'unknown' });
  });

  test('with several candidates is the first of them', async () => {
    const other = { content: { parts: [{ text: 'Goodbye' }] }, index: 1, finishReason: 'STOP' };
    server.answer(json({ candidates: [other, ...whole.candidates.map((first) => ({ ...first, ...stop }))] }));
    expect((await complete()).text).toBe('Hello');
  });

  test.each([
    ['nothing', '', 'empty_response'],
    ['a web page', '<!doctype html><title>502</title>', 'bad_response'],
    ['JSON that stops inside a string', '{"candidates":[{"content":{"parts":[{"text":"Hel', 'truncated'],
    ['a list of chunks that stops', '[{"candidates":[]},{"candi', 'truncated'],
    ['a list of chunks without a last one', '[{"candidates":[]},{"candidates":[]}]', 'truncated'],
    ['JSON that is broken', '{"candidates":[}', 'bad_response'],
    ['a JSON text', '"hello"', 'bad_response'],
    ['no candidates', '{"candidates":[]}', 'empty_response'],
    ['only the usage', '{"usageMetadata":{"promptTokenCount":8},"modelVersion":"m"}', 'empty_response'],
    ['something else', '{"hello":"there"}', 'bad_response'],
    ['an error that says nothing', '{"error":{"message":"boom"}}', 'bad_response'],
    ['an error that is overload', JSON.stringify(failure(503, 'UNAVAILABLE', 'busy')), 'overloaded'],
    ['an error in a list', JSON.stringify([failure(429, 'RESOURCE_EXHAUSTED', 'slow down')]), 'rate_limited'],
    ['an error without its frame', '{"code":500,"message":"Internal error","status":"INTERNAL"}', 'server_error'],
  ])('that is %s is an error', async (_, body, code) => {
    server.answer(json(body));
    expect((await errorOf(complete())).code).toBe(code);
  });

  test('whose connection breaks half-way is a lost connection', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"candidates":');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    });
    expect((await errorOf(complete())).code).toBe('connection');
  });

  test('from nobody is a lost connection', async () => {
    await server.close();
    const error = await errorOf(complete());
    expect([error.code, error.provider, error.status]).toEqual(['connection', 'primary', undefined]);
    server = await answering(json(whole));
  });

  test('can be aborted while its body comes, which closes the socket', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"candidates":');
    });
    const controller = new AbortController();
    const asking = errorOf(complete(hello, contextFor(controller.signal)));
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    expect((await asking).code).toBe('cancelled');
    await until(() => server.openSockets === 0);
  });
});
