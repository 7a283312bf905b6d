import type { JSONSchema7, LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { jsonSchemaOf, messagesOf } from '../core/request.ts';
import type { CompletionRequest, Context, SchemaOption } from '../core/types.ts';
import { originalFormats } from './ai-sdk-carried.ts';
import { promptOf, toolFor } from './ai-sdk-prompt.ts';
import { attemptId } from './headers.ts';
import { strictSchema } from './strict-schema.ts';

/** The key of what is passed through untouched: `request.providerOptions`. */
export const aiSdkKind = 'ai-sdk';

/**
 * The request as the AI SDK's call options. `providerOptions['ai-sdk']` is merged over them, last; its `tools` are added to the
 * request's, because those that a vendor runs by itself have no place there.
 *
 * @throws TransportError `invalid_request` for a schema that cannot be described as JSON Schema, or an address that is none
 */
export function callOptions(
  request: CompletionRequest,
  context: Pick<Context, 'transactionId' | 'attempt'>,
  signal: AbortSignal,
): LanguageModelV4CallOptions {
  const passed = (request.providerOptions?.[aiSdkKind] ?? {}) as Partial<LanguageModelV4CallOptions>;
  const tools = [...(request.tools ?? []).map(toolFor), ...(passed.tools ?? [])];
  const { maxOutputTokens, temperature, topP, seed, stopSequences, reasoning } = request;
  const id = attemptId(context);
  return {
    prompt: promptOf(messagesOf(request)),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stopSequences: [...stopSequences] }),
    ...(reasoning !== undefined && { reasoning }),
    ...(request.schema !== undefined && { responseFormat: formatFor(request.schema) }),
    ...(tools.length > 0 && request.toolChoice !== undefined && { toolChoice: choiceFor(request.toolChoice) }),
    ...passed,
    ...(tools.length > 0 && { tools }),
    headers: { ...(id !== undefined && { 'x-client-request-id': id }), ...passed.headers },
    abortSignal: signal,
  };
}

function choiceFor(choice: NonNullable<CompletionRequest['toolChoice']>): LanguageModelV4CallOptions['toolChoice'] {
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.tool };
}

function formatFor(option: SchemaOption<unknown>): LanguageModelV4CallOptions['responseFormat'] {
  const original = originalFormats.get(option);
  if (original !== undefined) return original;
  const described = jsonSchemaOf(option);
  const name = 'name' in option ? option.name : undefined;
  // Vendors that have a strict mode use it, and refuse an object there that is not closed.
  const schema = (strictSchema(described) ?? described) as JSONSchema7;
  return { type: 'json', schema, ...(name !== undefined && { name }) };
}
