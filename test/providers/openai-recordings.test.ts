import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/core/types.ts';
import { classify } from '../../src/wire/classify.ts';
import { rateLimitsOf } from '../../src/wire/rate-limit-headers.ts';
import { answering, contextFor, errorOf, hello, providerOf, read, type Server } from './support.ts';

interface Recording {
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string[]>;
    readonly body?: string;
    readonly sse?: string;
  };
}

const folder = new URL('../../../shared/recordings/', import.meta.url);
const recording = (name: string) =>
  (JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Recording).response;
/** Headers that belong to the recorded connection, not to this one. */
const ofConnection =
  /^(?:content-length|content-encoding|transfer-encoding|connection|alt-svc|set-cookie|keep-alive)$/i;

/** Real answers of real providers; they lie beside the repository, where there is one. */
describe.runIf(existsSync(folder))('a recorded', () => {
  let server: Server;
  beforeAll(async () => {
    server = await answering((response) => response.end());
  });
  afterAll(() => server.close());

  const replay = (name: string, pieces = 1) => {
    const { status, headers, body, sse } = recording(name);
    server.answer((response) => {
      for (const [header, values] of Object.entries(headers))
        if (!ofConnection.test(header)) response.setHeader(header, values);
      response.statusCode = status;
      const bytes = Buffer.from(body ?? sse ?? '');
      const size = Math.ceil(bytes.length / pieces);
      for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
      response.end();
    });
    return providerOf(server);
  };

  test.each([
    ['openai/chat-stream-usage-done', '"This is a test."', { inputTokens: 12, outputTokens: 5 }],
    ['mistral/chat-stream', '1, 2, 3', { inputTokens: 22, outputTokens: 8 }],
    ['openrouter/stream', '1\n2\n3', { inputTokens: 15, outputTokens: 9 }],
  ])('stream of %s is read whole, in one piece and in many', async (name, text, usage) => {
    for (const pieces of [1, 97]) {
      const { chunks, finish, error, ...answer } = await read(replay(name, pieces));
      expect([answer.text, error, finish.length]).toEqual([text, undefined, 1]);
      expect(finish[0]).toMatchObject({ finishReason: 'stop', usage });
      expect(chunks[0]?.type).toBe('text');
    }
  });

  test('stream with a tool call gives it whole, and not a word before', async () => {
    const { chunks, toolCalls } = await read(replay('openai/chat-stream-tool-calls'));
    expect(chunks.map(({ type }) => type)).toEqual(['toolCall', 'finish']);
    expect(toolCalls[0]).toMatchObject({ name: 'get_current_weather', input: { location: expect.any(String) } });
  });

  test('stream with an error in it is an error', async () => {
    const { error, finish, reasoning } = await read(replay('openrouter/stream-mid-stream-error'));
    expect([error?.code, error?.status, finish.length]).toEqual(['invalid_request', 400, 0]);
    expect(reasoning).toContain('We need to respond');
  });

  test('stream in another format is not taken for an answer', async () => {
    const { error, chunks } = await read(replay('ollama/chat-stream-ndjson'));
    expect([error?.code, chunks]).toEqual(['bad_response', []]);
  });

  test('answer is read', async () => {
    const context = contextFor();
    const answer = await replay('openai/chat-success').complete(hello, context.context);
    expect(answer).toMatchObject({
      text: 'This is a test.',
      finishReason: 'stop',
      usage: { inputTokens: 12, outputTokens: 5 },
    });
    expect(context.requestId).toBe('req_58cff97afd0e7c0bba910ccf0b044a6f');
    expect(rateLimitsOf(context.facts[0]?.headers).requests).toEqual({
      limit: 10_000,
      remaining: 9_999,
      resetMs: 8_640,
      per: 'day',
    });
  });

  test('refusal of Azure without a message is content_filtered', async () => {
    const error = await errorOf(replay('azure/chat-content-filter-finish').complete(hello, contextFor().context));
    expect([error.code, error.providerRequestId]).toEqual(['content_filtered', '6624fbc0-526e-4c5f-b98c-fb96daf3c582']);
  });

  test.each<[string, ErrorCode, number | undefined]>([
    ['openai/error-400-context-length-exceeded', 'context_length_exceeded', undefined],
    ['openai/error-401-invalid-api-key', 'authentication', undefined],
    ['openai/error-404-model-not-found', 'unsupported', undefined],
    ['azure/error-429-rate-limit-reached', 'rate_limited', 1_000],
    ['gemini/error-400-api-key-invalid', 'authentication', undefined],
    ['gemini/error-429-resource-exhausted-retryinfo', 'rate_limited', 48_940],
    ['anthropic/error-400-prompt-too-long', 'context_length_exceeded', undefined],
    ['anthropic/error-401-authentication', 'authentication', undefined],
    ['anthropic/quoted-429-rate-limit-input-tokens-2025', 'rate_limited', 16_000],
    ['anthropic/quoted-529-overloaded', 'overloaded', undefined],
  ])('error %s is %s, also through the SDK', async (name, code, retryAfterMs) => {
    const { status, headers, body } = recording(name);
    const error = classify({ status, headers, body });
    expect([error.code, error.retryAfterMs]).toEqual([code, retryAfterMs]);
    const provider = replay(name);
    for (const failure of [await errorOf(provider.complete(hello, contextFor().context)), (await read(provider)).error])
      expect([failure?.code, failure?.status, failure?.retryAfterMs]).toEqual([code, status, retryAfterMs]);
  });
});
