import { jsonSchemaOf, messagesOf } from '../core/request.ts';
import type { CompletionRequest, Tool } from '../core/types.ts';
import { fieldsOf } from './openai-chat-parts.ts';
import { inputOf } from './openai-responses-input.ts';
import type { Thoughts } from './openai-responses-thoughts.ts';
import { namedSchema, strictSchema } from './strict-schema.ts';

export type ResponsesBody = Readonly<Record<string, unknown>>;

/** How a request is to be told. */
export interface ResponsesDialect {
  readonly model: string;
  /** The answer is made in the background. */
  readonly background: boolean;
  /** What the model had thought; `undefined` when it is not to be told again. */
  readonly thoughts: Pick<Thoughts, 'before'> | undefined;
  /** The model is asked for its sealed thoughts. */
  readonly sealed: boolean;
}

/** What of `providerOptions` is put together with what the request says, and does not take its place. */
const joined = ['text', 'reasoning', 'tools'];

/**
 * The body of a request for a Response (https://platform.openai.com/docs/api-reference/responses/create), without `stream`.
 * `providerOptions['openai-responses']` is merged over it, last: `text` and `reasoning` field by field, `tools` at the end of the
 * request's; `metadata`, `seed` and `stopSequences` are not sent, as there are no fields for them.
 *
 * Nothing is stored but what is made in the background, which must be.
 *
 * @throws TransportError `invalid_request` for a schema that cannot be described as JSON Schema, `unsupported` for a recording that is
 *   an address
 */
export function responsesBody(request: CompletionRequest, dialect: ResponsesDialect): ResponsesBody {
  const given = request.providerOptions?.['openai-responses'] ?? {};
  const background = given.background ?? dialect.background;
  const body: Record<string, unknown> = {
    model: dialect.model,
    input: inputOf(messagesOf(request), dialect.thoughts),
    store: background === true,
    ...(background === true && { background }),
  };
  const tools = [...(request.tools ?? []).map(functionTool), ...(Array.isArray(given.tools) ? given.tools : [])];
  if (tools.length > 0) {
    body.tools = tools;
    if (request.toolChoice !== undefined)
      body.tool_choice =
        typeof request.toolChoice === 'string'
          ? request.toolChoice
          : { type: 'function', name: request.toolChoice.tool };
    // Only between a call and its output the model goes on thinking where it was.
    if (dialect.sealed) body.include = ['reasoning.encrypted_content'];
  }
  if (request.schema !== undefined) body.text = { format: { type: 'json_schema', ...namedSchema(request.schema) } };
  if (given.text !== undefined) body.text = { ...fieldsOf(body.text), ...fieldsOf(given.text) };
  if (request.maxOutputTokens !== undefined) body.max_output_tokens = request.maxOutputTokens;
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.reasoning !== undefined || given.reasoning !== undefined)
    body.reasoning = {
      ...(request.reasoning !== undefined && { effort: request.reasoning }),
      ...fieldsOf(given.reasoning),
    };
  for (const [name, value] of Object.entries(given)) if (!joined.includes(name)) body[name] = value;
  return body;
}

/** Strict where the schema can be said that way: the API makes it so by itself otherwise, and then refuses what it cannot. */
function functionTool(tool: Tool, index: number): object {
  const described = jsonSchemaOf(tool.inputSchema, `tools[${index}].inputSchema`);
  const strict = strictSchema(described);
  return {
    type: 'function',
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    parameters: strict ?? described,
    strict: strict !== undefined,
  };
}
