import { OptionsError } from '../core/errors.ts';
import type { Limits, Provider, Traits } from '../core/types.ts';
import { type ChatEndpoint, completeChat } from '../wire/openai-chat-call.ts';
import { streamChat } from '../wire/openai-chat-streaming.ts';
import {
  hostOf,
  isMistralHost,
  isOpenAIClient,
  isOpenAIHost,
  maxTokensFieldOf,
  type OpenAIClient,
} from '../wire/openai-client.ts';
import { checkOptions } from '../wire/provider-options.ts';

export type { OpenAIClient } from '../wire/openai-client.ts';

/** Which model is asked, through which client. */
export interface OpenAIOptions {
  /** The official SDK's client: `new OpenAI()`, `new AzureOpenAI()`, or one with another `baseURL`. Its own retries are not used. */
  readonly client: OpenAIClient;
  /** The model, or Azure's deployment. */
  readonly model: string;
  /** Unique in a transport. @default 'openai/<model>' at OpenAI, else '<host>/<model>' */
  readonly name?: string;
  /** The failure domain: providers of one domain are taken to fail together. @default the host of the client's `baseURL` */
  readonly domain?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /**
   * Streams on the wire, also for calls that do not ask for it: a dead connection is then told from a long answer in seconds. Costs
   * two to three times the CPU of an answer in one piece, which is still microseconds a chunk. @default true
   */
  readonly streaming?: boolean;
}

const known = ['client', 'model', 'name', 'domain', 'limits', 'traits', 'streaming'];

/**
 * A provider on OpenAI's Chat Completions, through the official SDK's client: OpenAI, Azure, and every server that speaks the same
 * (OpenRouter, Groq, Together, Mistral, DeepSeek, xAI, vLLM, Ollama …).
 *
 * `maxOutputTokens` is sent as `max_completion_tokens` to OpenAI and Azure, as `max_tokens` to all others.
 * `providerOptions.openai` is merged into the body last. The transaction id goes along as `X-Client-Request-Id`.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function openai(options: OpenAIOptions): Provider {
  checkOptions('openai', options, known);
  const { client, model, limits, traits, streaming = true } = options;
  if (!isOpenAIClient(client))
    throw new OptionsError('openai.client', 'expected an OpenAI SDK client (with baseURL and chat.completions.create)');
  if (typeof model !== 'string' || model === '') throw new OptionsError('openai.model', 'expected the name of a model');
  if (typeof streaming !== 'boolean') throw new OptionsError('openai.streaming', 'expected true or false');

  const host = hostOf(client.baseURL);
  const name = options.name ?? `${isOpenAIHost(host) ? 'openai' : host}/${model}`;
  const endpoint: ChatEndpoint = {
    name,
    client,
    model,
    maxTokensField: maxTokensFieldOf(client),
    shortToolCallIds: isMistralHost(host),
    state: { streams: true, usageInStream: true },
  };
  return {
    name,
    domain: options.domain ?? host,
    kind: 'openai',
    model,
    ...(limits !== undefined && { limits }),
    ...(traits !== undefined && { traits }),
    complete: (request, context) => completeChat(endpoint, request, context),
    ...(streaming && { stream: (request, context) => streamChat(endpoint, request, context) }),
  } satisfies Provider;
}
