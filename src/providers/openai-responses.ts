import { OptionsError } from '../core/errors.ts';
import type { Limits, Provider, Traits } from '../core/types.ts';
import { hostOf, isOpenAIHost, isOpenAIResponsesClient, type OpenAIResponsesClient } from '../wire/openai-client.ts';
import type { ResponsesEndpoint } from '../wire/openai-responses-call.ts';
import { streamResponse } from '../wire/openai-responses-streaming.ts';
import { thoughtsOf } from '../wire/openai-responses-thoughts.ts';
import { completeResponse } from '../wire/openai-responses-whole.ts';
import { checkOptions } from '../wire/provider-options.ts';

export type { OpenAIResponsesClient } from '../wire/openai-client.ts';

/** Which model is asked, through which client. */
export interface OpenAIResponsesOptions {
  /** The official SDK's client: `new OpenAI()`, `new AzureOpenAI()`, or one with another `baseURL`. Its own retries are not used. */
  readonly client: OpenAIResponsesClient;
  /** The model, or Azure's deployment. */
  readonly model: string;
  /** Unique in a transport. @default 'openai-responses/<model>' at OpenAI, else '<host>/responses/<model>' */
  readonly name?: string;
  /** The failure domain: providers of one domain are taken to fail together. @default the host of the client's `baseURL` */
  readonly domain?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /**
   * Streams on the wire, also for calls that do not ask for it: a dead connection is then told from a long answer in seconds.
   * @default true
   */
  readonly streaming?: boolean;
  /**
   * Has answers made in the background: a stream that is cut, or falls silent, is taken up again where it was, without a word being
   * made twice. The server stores such answers, and cancels them when the caller leaves. `background` in `providerOptions` goes before it.
   * @default false
   */
  readonly background?: boolean;
}

const known = ['client', 'model', 'name', 'domain', 'limits', 'traits', 'streaming', 'background'];

/**
 * A provider on OpenAI's Responses, through the official SDK's client: OpenAI, Azure, and every server that speaks the same.
 *
 * Nothing is stored at the server, unless it is made in the background. What a model has thought before it called a tool is given back
 * to it, sealed, with the tool's output. `providerOptions['openai-responses']` is merged into the body last. The transaction id goes
 * along as `X-Client-Request-Id`.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function openaiResponses(options: OpenAIResponsesOptions): Provider {
  checkOptions('openaiResponses', options, known);
  const { client, model, limits, traits, streaming = true, background = false } = options;
  if (!isOpenAIResponsesClient(client))
    throw new OptionsError(
      'openaiResponses.client',
      'expected an OpenAI SDK client (with baseURL and responses.create)',
    );
  if (typeof model !== 'string' || model === '')
    throw new OptionsError('openaiResponses.model', 'expected the name of a model');
  for (const [name, value] of Object.entries({ streaming, background }))
    if (typeof value !== 'boolean') throw new OptionsError(`openaiResponses.${name}`, 'expected true or false');

  const host = hostOf(client.baseURL);
  const name = options.name ?? (isOpenAIHost(host) ? `openai-responses/${model}` : `${host}/responses/${model}`);
  const endpoint: ResponsesEndpoint = {
    ...{ name, client, model, background },
    thoughts: thoughtsOf(host, model),
    state: { streams: true, sealed: true },
  };
  return {
    name,
    domain: options.domain ?? host,
    kind: 'openai-responses',
    model,
    ...(limits !== undefined && { limits }),
    ...(traits !== undefined && { traits }),
    complete: (request, context) => completeResponse(endpoint, request, context),
    ...(streaming && { stream: (request, context) => streamResponse(endpoint, request, context) }),
  } satisfies Provider;
}
