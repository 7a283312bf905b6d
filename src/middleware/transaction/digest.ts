import { createHash, randomUUID } from 'node:crypto';
import { jsonSchemaOf, messagesOf } from '../../core/request.ts';
import type { CompletionRequest, SchemaOption, Tool } from '../../core/types.ts';

/** What a request asks, so that two can be held against each other. */
export interface Digest {
  readonly text: string;
  /** It means the same in another process. */
  readonly lasts: boolean;
}

/** A short text for what was given, from which that cannot be had back. */
export function hashOf(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('base64url');
}

/**
 * A digest of all that the answer depends on. Not of `stream` and `metadata`, and a schema counts as its JSON Schema. `asked`: what is
 * asked beside the request.
 */
export function digestOf(request: CompletionRequest, asked?: { readonly what: unknown }): Digest {
  const { prompt: _, stream: _stream, metadata: _metadata, tools, schema, ...rest } = request;
  const writer = new Writer();
  const written = (): string =>
    writer.written({
      ...rest,
      messages: messagesOf(request),
      ...(tools !== undefined && { tools: tools.map(toolForm) }),
      ...(schema !== undefined && { schema: schemaForm(schema) }),
      ...(asked !== undefined && { asked: asked.what }),
    });
  let text: string;
  try {
    text = written();
  } catch {
    // Too deep, or with a getter that throws: it is the same when it is the same object.
    text = writer.mark(typeof asked?.what === 'object' && asked.what !== null ? asked.what : request);
  }
  return { text: hashOf(text), lasts: writer.lasts };
}

function toolForm({ name, description, inputSchema }: Tool): object {
  return { name, description, inputSchema: schemaForm(inputSchema) };
}

function schemaForm(schema: SchemaOption<unknown>): unknown {
  try {
    const name = 'name' in schema ? schema.name : undefined;
    return { name, jsonSchema: jsonSchemaOf(schema) };
  } catch {
    // Who sends it will say so.
    return schema;
  }
}

/** Of what has no form in words, such as a function: the same object is the same, in this process. */
const marks = new WeakMap<object, string>();

/** Writes a value down: the same text for the same value, whatever the order of its fields. */
class Writer {
  lasts = true;
  readonly #inside = new Set<object>();

  written(value: unknown): string {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
    if (typeof value === 'number' || typeof value === 'bigint' || value === undefined)
      return `${typeof value} ${value}`;
    if (typeof value === 'symbol') return this.#marked(value.toString());
    if (typeof value === 'function' || this.#inside.has(value)) return this.mark(value);
    this.#inside.add(value);
    const text = this.#object(value);
    this.#inside.delete(value);
    return text;
  }

  /** For what has no form in words. */
  mark(value: object): string {
    let mark = marks.get(value);
    if (mark === undefined) {
      mark = randomUUID();
      marks.set(value, mark);
    }
    return this.#marked(mark);
  }

  #object(value: object): string {
    if (Array.isArray(value)) return `[${value.map((item) => this.written(item)).join()}]`;
    if (ArrayBuffer.isView(value)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      return `${value.constructor.name} ${createHash('sha256').update(bytes).digest('base64url')}`;
    }
    if (value instanceof Date) return `Date ${value.getTime()}`;
    if (value instanceof URL) return `URL ${value.href}`;
    const kind: unknown = Object.getPrototypeOf(value);
    if (kind !== Object.prototype && kind !== null) return this.mark(value);
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${this.written(field)}`).join()}}`;
  }

  #marked(mark: string): string {
    this.lasts = false;
    return `mark ${mark}`;
  }
}
