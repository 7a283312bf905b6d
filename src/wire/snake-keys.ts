import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** Names of fields that are values of their own: what a tool is called with must stay as it is. */
const opaque = new Set(['arguments', 'content']);

/** `finishReason` as `finish_reason`, also further in: an object as it was on the wire, of an SDK with names of its own. */
export function snakeKeys(value: unknown): Fields {
  return renamed(value, (inner, key) => {
    if (opaque.has(key)) return inner;
    return Array.isArray(inner) ? inner.map((one) => (isObject(one) ? snakeKeys(one) : one)) : snakeKeys(inner);
  });
}

/** The same, and not further in. */
export function snakeNames(value: unknown): Fields {
  return renamed(value, (inner) => inner);
}

function renamed(value: unknown, within: (inner: object, key: string) => unknown): Fields {
  const fields: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(fieldsOf(value))) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    fields[name] = isObject(inner) ? within(inner, key) : inner;
  }
  return fields;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
