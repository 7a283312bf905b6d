import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4ProviderTool,
  SharedV4Warning,
} from '@ai-sdk/provider';
import { asked } from '../../core/context.ts';
import { TransportError } from '../../core/errors.ts';
import { unknownOption } from '../../core/option-mistakes.ts';
import type { CallOptions, CompletionRequest, JsonSchema, Tool } from '../../core/types.ts';
import { originalFormats, originalTools } from '../../wire/ai-sdk-carried.ts';
import { aiSdkKind } from '../../wire/ai-sdk-request.ts';
import { messagesFrom } from './prompt.ts';

/** The name under which the AI SDK knows the transport, in `providerOptions` and in the metadata of answers. */
export const transportName = 'llm-transport';

/** A call of the AI SDK, as the transport is asked. */
export interface Asked {
  readonly request: CompletionRequest;
  readonly options: CallOptions & { readonly values: NonNullable<CallOptions['values']> };
  /** What providers that are no models of the AI SDK do not hear of. */
  readonly warnings: readonly SharedV4Warning[];
}

type ProviderOptions = NonNullable<CompletionRequest['providerOptions']>;

/**
 * The AI SDK's call options as a request. What has no place in a request goes into `providerOptions`, for the models of the AI SDK as
 * it is, and for the other adapters in the words of their wire, where these have any.
 *
 * @throws TransportError `invalid_request` for something unknown in `providerOptions['llm-transport']`
 */
export function askedFor(options: LanguageModelV4CallOptions, model: string | undefined, streams = false): Asked {
  const warnings: SharedV4Warning[] = [];
  const { [transportName]: given, ...vendors } = options.providerOptions ?? {};
  const own = ownOptions(given);
  const tools = options.tools ?? [];
  const functions = tools.filter((tool) => tool.type === 'function');
  const vendorTools = tools.filter((tool) => tool.type === 'provider');
  for (const { id } of vendorTools) warnings.push(unsupported(`the tool ${id}`));
  const request: CompletionRequest = {
    messages: messagesFrom(options.prompt, (warning) => warnings.push(warning)),
    ...(model !== undefined && { model }),
    ...own.request,
    ...(functions.length > 0 && { tools: functions.map(toolFrom), toolChoice: choiceFrom(options, vendorTools) }),
    ...schemaFrom(options.responseFormat),
    maxOutputTokens: options.maxOutputTokens,
    temperature: options.temperature,
    topP: options.topP,
    seed: options.seed,
    stopSequences: options.stopSequences,
    reasoning: reasoningFrom(options.reasoning),
    providerOptions: merged(
      { [aiSdkKind]: passedOn(options, vendorTools, vendors), ...inWordsOfWires(options) },
      own.request.providerOptions,
    ),
  };
  if (options.responseFormat?.type === 'json' && options.responseFormat.schema === undefined)
    warnings.push(unsupported('JSON without a schema', 'OpenAI, Gemini and models of the AI SDK are told.'));
  // Its parts have more to them than a request has words for, and come whole only in the form that was asked for.
  const { prompt, responseFormat, toolChoice } = options;
  const what = { prompt, tools, toolChoice, responseFormat, vendors, streams };
  return { request, options: { ...own.options, values: [asked.of({ what })], signal: options.abortSignal }, warnings };
}

function unsupported(feature: string, details = 'It reaches models of the AI SDK only.'): SharedV4Warning {
  return { type: 'unsupported', feature, details };
}

const forTheCall = ['priority', 'timeoutMs', 'transactionId', 'resume'] as const;
const forTheRequest = ['model', 'require', 'metadata', 'providerOptions'] as const;

function ownOptions(given: Readonly<Record<string, unknown>> | undefined): {
  readonly options: CallOptions;
  readonly request: Pick<CompletionRequest, (typeof forTheRequest)[number]>;
} {
  const fields = given ?? {};
  const known: readonly string[] = [...forTheCall, ...forTheRequest];
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new TransportError(
      'invalid_request',
      `providerOptions['${transportName}'].${unknown}: ${unknownOption(known)}`,
    );
  const pick = (names: readonly string[]): object =>
    Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
  // Looked at by the transport, as any request and its options are.
  return { options: pick(forTheCall), request: pick(forTheRequest) };
}

function toolFrom(original: LanguageModelV4FunctionTool): Tool {
  const { name, description, inputSchema } = original;
  const tool: Tool = {
    name,
    ...(description !== undefined && { description }),
    inputSchema: { jsonSchema: inputSchema as JsonSchema },
  };
  originalTools.set(tool, original);
  return tool;
}

function choiceFrom(
  { toolChoice }: LanguageModelV4CallOptions,
  vendorTools: readonly LanguageModelV4ProviderTool[],
): CompletionRequest['toolChoice'] {
  if (toolChoice === undefined || toolChoice.type !== 'tool') return toolChoice?.type;
  return vendorTools.some(({ name }) => name === toolChoice.toolName) ? undefined : { tool: toolChoice.toolName };
}

function schemaFrom(format: LanguageModelV4CallOptions['responseFormat']): Pick<CompletionRequest, 'schema'> {
  if (format?.type !== 'json' || format.schema === undefined) return {};
  const { schema: jsonSchema, name } = format;
  const schema = { jsonSchema: jsonSchema as JsonSchema, ...(name !== undefined && { name }) };
  originalFormats.set(schema, format);
  return { schema };
}

const levels: Readonly<Record<string, CompletionRequest['reasoning']>> = {
  none: 'none',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

function reasoningFrom(level: LanguageModelV4CallOptions['reasoning']): CompletionRequest['reasoning'] {
  return level === undefined ? undefined : levels[level];
}

/** What models of the AI SDK are told beside the request. */
function passedOn(
  options: LanguageModelV4CallOptions,
  tools: readonly LanguageModelV4ProviderTool[],
  providerOptions: NonNullable<LanguageModelV4CallOptions['providerOptions']>,
): ProviderOptions[string] {
  const { topK, presencePenalty, frequencyPenalty, includeRawChunks, headers, reasoning } = options;
  const { responseFormat, toolChoice } = options;
  return without({
    ...{ topK, presencePenalty, frequencyPenalty, headers },
    includeRawChunks: includeRawChunks === true ? true : undefined,
    reasoning: reasoning === reasoningFrom(reasoning) ? undefined : reasoning,
    responseFormat: responseFormat?.type === 'json' && responseFormat.schema === undefined ? responseFormat : undefined,
    tools: tools.length > 0 ? [...tools] : undefined,
    toolChoice: tools.length > 0 ? toolChoice : undefined,
    providerOptions: Object.keys(providerOptions).length > 0 ? providerOptions : undefined,
  });
}

/** The same for the adapters that are no models of the AI SDK, as their wires have it. */
function inWordsOfWires(options: LanguageModelV4CallOptions): ProviderOptions {
  const { topK, presencePenalty, frequencyPenalty, responseFormat } = options;
  const json = responseFormat?.type === 'json' && responseFormat.schema === undefined;
  const kinds = {
    openai: without({
      presence_penalty: presencePenalty,
      frequency_penalty: frequencyPenalty,
      response_format: json ? { type: 'json_object' } : undefined,
    }),
    anthropic: without({ top_k: topK }),
    google: without({
      ...{ topK, presencePenalty, frequencyPenalty },
      responseMimeType: json ? 'application/json' : undefined,
    }),
  };
  return Object.fromEntries(Object.entries(kinds).filter(([, fields]) => Object.keys(fields).length > 0));
}

function without(fields: Readonly<Record<string, unknown>>): ProviderOptions[string] {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function merged(options: ProviderOptions, more: ProviderOptions = {}): ProviderOptions {
  const kinds = new Set([...Object.keys(options), ...Object.keys(more)]);
  return Object.fromEntries([...kinds].map((kind) => [kind, { ...options[kind], ...more[kind] }]));
}
