import { expect, test } from 'vitest';
import * as z from 'zod';
import { jsonSchemaOf } from '../../../src/core/request.ts';
import { formatSchema } from '../../../src/wire/anthropic-schema.ts';

const of = (schema: z.ZodType) => formatSchema(jsonSchemaOf(schema));

test('every object of a schema is closed, and optional properties stay optional', () => {
  expect(of(z.object({ a: z.string(), b: z.looseObject({ c: z.boolean() }).optional() }))).toEqual({
    type: 'object',
    properties: {
      a: { type: 'string' },
      b: { type: 'object', properties: { c: { type: 'boolean' } }, required: ['c'], additionalProperties: false },
    },
    required: ['a'],
    additionalProperties: false,
  });
});

test('what the grammar cannot hold is said in the description', () => {
  const schema = z.object({
    age: z.number().min(0).max(150).describe('In years'),
    code: z.string().regex(/^x/),
    names: z.array(z.string()).min(2),
    some: z.array(z.string()).min(1),
    mail: z.email(),
  });
  expect(of(schema)?.properties).toMatchObject({
    age: { type: 'number', description: 'In years (minimum: 0, maximum: 150)' },
    code: { type: 'string', description: '(pattern: "^x")' },
    names: { type: 'array', items: { type: 'string' }, description: '(minItems: 2)' },
    some: { type: 'array', items: { type: 'string' }, minItems: 1 },
    mail: { type: 'string', format: 'email' },
  });
});

test('alternatives are anyOf, and definitions have one name', () => {
  const jsonSchema = {
    type: 'object',
    properties: { a: { oneOf: [{ type: 'null' }, { const: 1 }] }, b: { $ref: '#/definitions/word' } },
    definitions: { word: { enum: ['x', 'y'] } },
  };
  expect(formatSchema(jsonSchema)).toEqual({
    type: 'object',
    properties: { a: { anyOf: [{ type: 'null' }, { const: 1 }] }, b: { $ref: '#/$defs/word' } },
    $defs: { word: { enum: ['x', 'y'] } },
    additionalProperties: false,
  });
});

const node: z.ZodType = z.lazy(() => z.object({ next: node.optional() }));
test.each([
  ['a list at the root', z.array(z.string())],
  ['an open map', z.object({ counts: z.record(z.string(), z.number()) })],
  ['a tuple', z.object({ pair: z.tuple([z.string(), z.number()]) })],
  ['anything at all', z.object({ any: z.any() })],
  ['recursion', z.object({ list: node })],
])('%s cannot be said', (_, schema) => {
  expect(of(schema)).toBeUndefined();
});

test('the schema of the caller is left as it was', () => {
  const jsonSchema = Object.freeze({
    type: 'object',
    properties: Object.freeze({ a: Object.freeze({ type: 'string', minLength: 2 }) }),
  });
  const before = JSON.stringify(jsonSchema);
  formatSchema(jsonSchema);
  expect(JSON.stringify(jsonSchema)).toBe(before);
});
