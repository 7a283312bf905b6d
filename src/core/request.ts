import { failed, TransportError } from './errors.ts';
import type { CompletionRequest, JsonSchema, Message, SchemaOption } from './types.ts';

/** The request's messages, whichever way it was written. */
export function messagesOf(request: CompletionRequest): readonly Message[] {
  return request.messages ?? [{ role: 'user', content: request.prompt ?? '' }];
}

/** The caller's words: what must never appear in an error. */
export function wordsOf(request: CompletionRequest): string[] {
  const words: string[] = [];
  for (const message of messagesOf(request)) {
    if (typeof message.content === 'string') words.push(message.content);
    else for (const part of message.content) if (part.type === 'text') words.push(part.text);
    if (message.role === 'assistant') for (const call of message.toolCalls ?? []) words.push(jsonOf(call.input));
  }
  return words;
}

/** A value as JSON; nothing when it has no such form, which whoever sends it will say. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

/**
 * The JSON Schema of a schema option: the one beside it, else what the schema says of itself (Standard JSON Schema, as zod does).
 * @throws TransportError `invalid_request` when it cannot describe itself.
 */
export function jsonSchemaOf(option: SchemaOption<unknown>, path = 'schema'): JsonSchema {
  if ('jsonSchema' in option && option.jsonSchema !== undefined) return option.jsonSchema as JsonSchema;
  const standard = (option as { '~standard'?: { jsonSchema?: { input?: (options: object) => unknown } } })['~standard'];
  let described: unknown;
  let cause: unknown;
  try {
    described = standard?.jsonSchema?.input?.({ target: 'draft-2020-12' });
  } catch (error) {
    // zod throws for what JSON Schema has no words for, such as a date.
    cause = error;
  }
  if (typeof described === 'object' && described !== null) {
    const { $schema: _, ...schema } = described as Record<string, unknown>;
    return schema;
  }
  throw new TransportError(
    'invalid_request',
    `${path}: expected a schema that can describe itself as JSON Schema, or { schema, jsonSchema } with the description beside it`,
    { cause },
  );
}

/** As it is now: who asks the next question with the same object changes nothing of what is asked again, or summed up, for this one. */
export function asItIs(request: CompletionRequest): CompletionRequest {
  try {
    const { metadata } = request;
    return metadata === undefined ? { ...request } : { ...request, metadata: { ...metadata } };
  } catch (thrown) {
    throw failed(thrown);
  }
}
