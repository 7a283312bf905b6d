/** Gemini's generateContent on the wire: requests read, headers written. */

import type { JsonSchema } from '../core/types.ts';
import { GoogleAnswer, googleEvent } from './google-answer.ts';
import { googleError } from './google-errors.ts';
import { type Fields, fieldsOf, type HttpCall, listOf, numberOf, stringOf, type Wire } from './wire.ts';

export const googleWire: Wire = {
  name: 'google',
  contentTypes: { json: 'application/json; charset=UTF-8', stream: 'text/event-stream' },
  heartbeat: ': keep-alive\r\n\r\n',
  read: readGenerateRequest,
  complaint: ({ contents }) =>
    Array.isArray(contents) && contents.length > 0
      ? undefined
      : '* GenerateContentRequest.contents: contents is not specified\n',
  // Gemini tells no id of the request, and no limits.
  headers: () => ({ 'server-timing': 'gfet4t7; dur=1', 'x-gemini-service-tier': 'standard' }),
  limitHeaders: () => ({}),
  answer: (facts) => new GoogleAnswer(facts),
  error: googleError,
  errorEvent: googleEvent,
};

/** A generateContent body as the simulated model sees it. */
function readGenerateRequest({ path, body, headers }: HttpCall): ReturnType<Wire['read']> {
  const [, model = '', method] = /\/models\/([^/:]+):(\w+)$/.exec(path) ?? [];
  const contents = listOf(body.contents);
  const system = body.systemInstruction ?? body.system_instruction;
  const config = fieldsOf(body.generationConfig ?? body.generation_config);
  const declared = listOf(body.tools).flatMap((tool) => listOf(tool.functionDeclarations));
  const schema = config.responseJsonSchema ?? config.responseSchema;
  return {
    wire: 'google',
    stream: method === 'streamGenerateContent',
    model: decodeURIComponent(model),
    prompt: [...(system === undefined ? [] : [fieldsOf(system)]), ...contents].flatMap(linesOf).join('\n'),
    turns: contents.map((content) => ({
      role: content.role === 'model' ? 'assistant' : stringOf(content.role),
      text: linesOf(content).join('\n'),
    })),
    headers,
    body,
    tools: declared.map(({ name, parameters, parametersJsonSchema }) => ({
      name: stringOf(name),
      schema: plain(parametersJsonSchema ?? parameters ?? {}) as JsonSchema,
    })),
    toolChoice: readToolChoice(fieldsOf(fieldsOf(body.toolConfig).functionCallingConfig)),
    afterToolResult: listOf(contents.at(-1)?.parts).some(isToolResult),
    schema: schema === undefined ? undefined : (plain(schema) as JsonSchema),
    maxOutputTokens: numberOf(config.maxOutputTokens),
  };
}

/** The text of a content: one line for each result of a tool, as if each were a message, and one for all the rest. */
function linesOf({ parts }: Fields): string[] {
  const all = listOf(parts);
  const results = all.filter(isToolResult).map((part) => textOf(fieldsOf(part.functionResponse).response));
  const others = all.filter((part) => !isToolResult(part));
  if (others.length === 0 && results.length > 0) return results;
  return [...results, others.map(({ text }) => stringOf(text)).join('')];
}

function isToolResult({ functionResponse }: Fields): boolean {
  return functionResponse !== undefined;
}

/** A tool's result is an object here: of one with a single text in it, that text. */
function textOf(response: unknown): string {
  const values = Object.values(fieldsOf(response));
  return values.length === 1 && typeof values[0] === 'string' ? values[0] : JSON.stringify(response ?? {});
}

function readToolChoice({ mode, allowedFunctionNames }: Fields): string {
  if (mode === 'NONE') return 'none';
  if (mode !== 'ANY') return 'auto';
  const allowed = Array.isArray(allowedFunctionNames) ? allowedFunctionNames : [];
  return allowed.length === 1 ? stringOf(allowed[0]) : 'required';
}

/** A schema with its types in small letters: Google's own dialect writes `OBJECT`. */
function plain(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'type' && typeof value === 'string' ? value.toLowerCase() : plain(value),
    ]),
  );
}
