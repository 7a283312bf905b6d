import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** Names of fields that are values of their own: what a tool is called with must stay as it is. */
const opaque = new Set(['arguments', 'content']);

/** `finishReason` as `finish_reason`, also further in: an object as it was on the wire, of an SDK with names of its own. */
export function snakeKeys(value: unknown): Fields {
  const entries = Object.entries(fieldsOf(value)).map(([key, inner]): [string, unknown] => {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (opaque.has(key) || typeof inner !== 'object' || inner === null) return [name, inner];
    return [
      name,
      Array.isArray(inner) ? inner.map((one) => (typeof one === 'object' ? snakeKeys(one) : one)) : snakeKeys(inner),
    ];
  });
  return Object.fromEntries(entries);
}
