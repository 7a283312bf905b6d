import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { TransportError } from '../../../src/core/errors.ts';
import { jsonSchemaOf, messagesOf, wordsOf } from '../../../src/core/request.ts';
import type { CompletionRequest } from '../../../src/core/types.ts';

describe('the messages of a request', () => {
  it('are one user message for a prompt', () => {
    expect(messagesOf({ prompt: 'Hi' })).toEqual([{ role: 'user', content: 'Hi' }]);
  });

  it('are as they were given', () => {
    const messages = [{ role: 'user', content: 'Hi' }] as const;
    expect(messagesOf({ messages })).toBe(messages);
  });
});

describe('the words of a request', () => {
  it('are all texts of all messages, and the input of tool calls', () => {
    const request: CompletionRequest = {
      messages: [
        { role: 'system', content: 'one' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'two' },
            { type: 'image', image: 'https://x/y.png' },
          ],
        },
        { role: 'assistant', content: 'three', toolCalls: [{ id: '1', name: 'n', input: { city: 'four' } }] },
        { role: 'tool', toolCallId: '1', content: 'five' },
      ],
    };
    expect(wordsOf(request)).toEqual(['one', 'two', 'three', '{"city":"four"}', 'five']);
    expect(wordsOf({ prompt: 'Hi' })).toEqual(['Hi']);
    expect(wordsOf({ messages: [{ role: 'assistant', content: 'no tools' }] })).toEqual(['no tools']);
  });

  it('do without the input of a tool call that has none', () => {
    const messages = [
      { role: 'assistant', content: 'x', toolCalls: [{ id: '1', name: 'n', input: undefined }] },
    ] as const;
    expect(wordsOf({ messages })).toEqual(['x', '']);
  });
});

describe('the words of a tool call that has no JSON form', () => {
  it('are none, and the others stay', () => {
    const input: Record<string, unknown> = {};
    input.self = input;
    const messages = [{ role: 'assistant', content: 'x', toolCalls: [{ id: '1', name: 'n', input }] }] as const;
    expect(wordsOf({ messages })).toEqual(['x', '']);
  });
});

describe('the JSON Schema of a schema', () => {
  const person = z.object({ name: z.string(), age: z.number().optional() });

  it('is what zod says of itself, without the dialect', () => {
    expect(jsonSchemaOf(person)).toEqual({
      type: 'object',
      properties: { name: { type: 'string' }, age: { type: 'number' } },
      required: ['name'],
    });
  });

  it('is the one beside it, whether or not there is a schema', () => {
    const jsonSchema = { type: 'object' };
    expect(jsonSchemaOf({ jsonSchema })).toBe(jsonSchema);
    expect(jsonSchemaOf({ schema: person, jsonSchema })).toBe(jsonSchema);
  });

  it('is asked for in the dialect that providers take', () => {
    const asked: unknown[] = [];
    const input = (options: object) => {
      asked.push(options);
      return { type: 'string' };
    };
    expect(jsonSchemaOf({ '~standard': { jsonSchema: { input } } } as never)).toEqual({ type: 'string' });
    expect(asked).toEqual([{ target: 'draft-2020-12' }]);
  });

  it.each([
    ['that does not describe itself', { '~standard': { version: 1, vendor: 'x', validate: () => ({}) } }, undefined],
    ['that describes no input', { '~standard': { jsonSchema: {} } }, undefined],
    ['that describes itself as nothing', { '~standard': { jsonSchema: { input: () => undefined } } }, undefined],
    ['that describes itself as null', { '~standard': { jsonSchema: { input: () => null } } }, undefined],
    ['that describes itself as a text', { '~standard': { jsonSchema: { input: () => 'text' } } }, undefined],
    ['that is wrapped without a description', { schema: person, jsonSchema: undefined }, undefined],
    ['that throws when it tries', z.object({ at: z.date() }), { name: 'Error' }],
  ])('is refused, naming the path, for one %s', (_, schema, cause) => {
    let error: unknown;
    try {
      jsonSchemaOf(schema as never, 'tools[0].inputSchema');
    } catch (thrown) {
      error = thrown;
    }
    expect(TransportError.is(error)).toBe(true);
    expect(error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('tools[0].inputSchema: expected a schema that can describe itself'),
    });
    expect((error as TransportError).cause).toEqual(cause && expect.objectContaining(cause));
  });

  it('is that of `schema`, unless told otherwise', () => {
    expect(() => jsonSchemaOf({ schema: person } as never)).toThrow(/^schema: expected/);
  });
});
