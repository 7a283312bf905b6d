import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { isCutOff } from '../../../src/wire/answer-text.ts';
import { ByteReader } from '../../../src/wire/bytes.ts';
import { attemptId, headerMap, requestIdOf } from '../../../src/wire/headers.ts';
import { maxTokensFieldOf, secretsOfClient } from '../../../src/wire/openai-client.ts';
import { strictSchema } from '../../../src/wire/strict-schema.ts';

describe('the id of an attempt', () => {
  const id = (transactionId: string, attempt = 1) => attemptId({ transactionId, attempt });

  test("is the call's, with its number from the second on", () => {
    expect([id('order-7'), id('order-7', 2), id('order-7', 0)]).toEqual(['order-7', 'order-7/2', 'order-7']);
  });

  test.each(['', 'näme', 'a b', 'a\n', 'x'.repeat(513)])('is none where it cannot be a header: %j', (transactionId) => {
    expect(id(transactionId)).toBeUndefined();
  });

  test('is none where its number makes it too long', () => {
    expect([id('x'.repeat(512))?.length, id('x'.repeat(511), 2)]).toEqual([512, undefined]);
  });
});

describe('headers', () => {
  test('are read from every form', () => {
    const expected = new Map([['x-a', '1']]);
    for (const headers of [
      new Headers({ 'X-A': '1' }),
      { 'X-A': '1' },
      { 'x-a': ['1'] },
      [['X-A', '1']],
      new Map([['X-A', '1']]),
    ])
      expect(headerMap(headers)).toEqual(expected);
    expect(headerMap(undefined).size + headerMap('x').size).toBe(0);
  });

  test.each([
    [{ 'x-request-id': 'a', 'cf-ray': 'z' }, 'a'],
    [{ 'x-request-id': 'a', 'apim-request-id': 'b' }, 'b'],
    [{ 'request-id': 'c' }, 'c'],
    [{ 'x-generation-id': 'gen-1' }, 'gen-1'],
    [{ date: 'now' }, undefined],
  ])('%j have the request id %j', (headers, id) => expect(requestIdOf(headers)).toBe(id));
});

describe('JSON is cut off', () => {
  test.each([
    ['{"a":', true],
    ['{"a":"b', true],
    ['{"a":"b\\"}', true],
    ['{"a":[{"b":1}', true],
    ['{"a":1}', false],
    ['{"a":[}', false],
    ['{"a":1}}', false],
    ['nothing', false],
  ])('%j: %j', (text, cut) => expect(isCutOff(text)).toBe(cut));
});

describe('a strict schema', () => {
  const object = (properties: object, required = Object.keys(properties)) => ({ type: 'object', properties, required });

  test('closes every object', () => {
    const inner = object({ b: { type: ['string', 'null'] } });
    expect(
      strictSchema(object({ a: { type: 'array', items: inner }, c: { anyOf: [inner, { type: 'null' }] } })),
    ).toEqual({
      ...object({
        a: { type: 'array', items: { ...inner, additionalProperties: false } },
        c: { anyOf: [{ ...inner, additionalProperties: false }, { type: 'null' }] },
      }),
      additionalProperties: false,
    });
  });

  test.each([
    ['a property may be missing', object({ a: { type: 'string' } }, [])],
    ['an object is open', { ...object({}), additionalProperties: { type: 'string' } }],
    ['the root is no object', { type: 'array', items: { type: 'string' } }],
    ['a keyword is unknown', object({ a: { type: 'string', minLength: 3 } })],
    ['a format is unknown', object({ a: { type: 'string', format: 'uri' } })],
    ['something deep inside is so', object({ a: { anyOf: [{ type: 'object', properties: { b: {} } }] } })],
  ])('is impossible when %s', (_, schema) => expect(strictSchema(schema)).toBeUndefined());
});

describe('the secrets of a client', () => {
  test('are its keys, what its headers and query say, and what its address carries', () => {
    const client = new OpenAI({
      apiKey: 'sk-one',
      adminAPIKey: 'sk-admin',
      baseURL: 'https://user:p%40ssword@example.com/v1?sig=signature-1',
      defaultHeaders: { Authorization: 'Bearer two-token', 'X-Env': 'prod', 'X-Long': 'a-long-opaque-value' },
      defaultQuery: { 'api-version': '2024-10-21-preview', code: 'function-key-123' },
    });
    const secrets = secretsOfClient(client);
    const expected = [
      'sk-one',
      'sk-admin',
      'p%40ssword',
      'p@ssword',
      'signature-1',
      'Bearer two-token',
      'two-token',
      'a-long-opaque-value',
      'function-key-123',
    ];
    expect([...secrets].sort()).toEqual([...expected].sort());
  });
});

test.each([
  ['https://my.openai.azure.com/openai', '2024-10-21', 'max_completion_tokens'],
  ['https://my.openai.azure.com/openai', '2024-02-01', 'max_tokens'],
  ['https://my.services.ai.azure.com/openai/v1', undefined, 'max_completion_tokens'],
  ['https://my.services.ai.azure.com/models', undefined, 'max_tokens'],
  ['http://localhost:11434/v1', undefined, 'max_tokens'],
])('%s with version %s is told the most output tokens as %s', (baseURL, apiVersion, field) => {
  expect(maxTokensFieldOf({ baseURL, apiVersion, chat: { completions: { create: () => {} } } } as never)).toBe(field);
});

describe('a reader of bytes', () => {
  test('gives a piece again that it was only asked to show', async () => {
    const reader = new ByteReader(new Response('hello').body);
    await reader.peek();
    expect(await reader.text()).toBe('hello');
  });

  test('reads out a body that is over, and cancels one that is not, so that neither is left', async () => {
    const good = new ByteReader(new Response('rest').body);
    good.drain(1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(good.ended).toBe(true);

    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      cancel: () => {
        cancelled = true;
      },
    });
    new ByteReader(body).drain(10);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(cancelled).toBe(true);
  });
});
