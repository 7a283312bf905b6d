import { jsonSchemaOf } from '../core/request.ts';
import type { JsonSchema, SchemaOption } from '../core/types.ts';

const allowed = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'anyOf', '$ref', '$defs'],
  ...['definitions', 'title', 'description', 'pattern', 'format', 'minimum', 'maximum', 'exclusiveMinimum'],
  ...['exclusiveMaximum', 'multipleOf', 'minItems', 'maxItems'],
]);
const formats = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']);

/**
 * The schema as OpenAI's strict mode takes it (https://platform.openai.com/docs/guides/structured-outputs), every object closed;
 * `undefined` when it cannot be said that way: optional properties, open objects, unsupported keywords, or a root that is no object.
 */
export function strictSchema(schema: JsonSchema): JsonSchema | undefined {
  if (schema.type !== 'object') return undefined;
  return closed(schema) as JsonSchema | undefined;
}

/** An answer's schema as OpenAI's APIs want it: named, and strict where it can be said that way. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly strict: boolean;
}

/** @throws TransportError `invalid_request` for a schema that cannot be described as JSON Schema */
export function namedSchema(option: SchemaOption<unknown>): NamedSchema {
  const described = jsonSchemaOf(option);
  const strict = strictSchema(described);
  const wanted = ('name' in option ? option.name : undefined) ?? described.title;
  const name = typeof wanted === 'string' ? wanted.replace(/[^\w-]/g, '_').slice(0, 64) : '';
  return { name: name === '' ? 'answer' : name, schema: strict ?? described, strict: strict !== undefined };
}

function closed(node: unknown): unknown {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return undefined;
  const schema = node as Readonly<Record<string, unknown>>;
  if (Object.keys(schema).some((keyword) => !allowed.has(keyword))) return undefined;
  if (schema.format !== undefined && !formats.has(schema.format as string)) return undefined;
  const copy: Record<string, unknown> = { ...schema };
  if (schema.type === 'object' || schema.properties !== undefined) {
    const properties = (schema.properties ?? {}) as Readonly<Record<string, unknown>>;
    const required = new Set(Array.isArray(schema.required) ? (schema.required as unknown[]) : []);
    if (schema.additionalProperties !== undefined && schema.additionalProperties !== false) return undefined;
    if (Object.keys(properties).some((name) => !required.has(name))) return undefined;
    copy.additionalProperties = false;
    copy.required = Object.keys(properties);
  }
  for (const keyword of ['properties', '$defs', 'definitions']) {
    if (schema[keyword] === undefined && !(keyword === 'properties' && copy.additionalProperties === false)) continue;
    const inner: Record<string, unknown> = {};
    for (const [name, part] of Object.entries((schema[keyword] ?? {}) as object)) {
      inner[name] = closed(part);
      if (inner[name] === undefined) return undefined;
    }
    copy[keyword] = inner;
  }
  if (schema.items !== undefined) {
    copy.items = closed(schema.items);
    if (copy.items === undefined) return undefined;
  }
  if (schema.anyOf !== undefined) {
    const options = (Array.isArray(schema.anyOf) ? (schema.anyOf as unknown[]) : []).map(closed);
    if (options.length === 0 || options.includes(undefined)) return undefined;
    copy.anyOf = options;
  }
  return copy;
}
