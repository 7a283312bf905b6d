import { OptionsError } from '../core/errors.ts';
import type { Limits, Provider, Traits } from '../core/types.ts';
import { completeMessage, type MessagesEndpoint } from '../wire/anthropic-call.ts';
import { type AnthropicClient, isAnthropicClient } from '../wire/anthropic-client.ts';
import { takesSystemTurns } from '../wire/anthropic-model.ts';
import { streamMessage } from '../wire/anthropic-streaming.ts';
import { hostOf } from '../wire/openai-client.ts';
import { checkOptions } from '../wire/provider-options.ts';

export type { AnthropicClient } from '../wire/anthropic-client.ts';

/** Which model is asked, through which client. */
export interface AnthropicOptions {
  /** The official SDK's client: `new Anthropic()`, also with another `baseURL`. Its own retries are not used. */
  readonly client: AnthropicClient;
  /** The model: `claude-sonnet-5`. */
  readonly model: string;
  /** Unique in a transport. @default 'anthropic/<model>' */
  readonly name?: string;
  /** The failure domain: providers of one domain are taken to fail together. @default the host of the client's `baseURL` */
  readonly domain?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. `maxOutputTokens` is what is asked for when a request does not say, else 8,192. */
  readonly traits?: Traits;
  /**
   * Streams on the wire, also for calls that do not ask for it: a dead connection is then told from a long answer in seconds, and
   * long answers are possible at all. @default true
   */
  readonly streaming?: boolean;
}

const known = ['client', 'model', 'name', 'domain', 'limits', 'traits', 'streaming'];

/**
 * A provider on Anthropic's Messages API, through the official SDK's client.
 *
 * System messages go into `system`, a `schema` into `output_config.format`, `reasoning` into `thinking` and `output_config.effort` in the
 * way that the model wants. `temperature` and `topP` are left out where the API refuses them, `seed` always.
 * `providerOptions.anthropic` is merged into the body last. The transaction id goes along as `X-Client-Request-Id`.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function anthropic(options: AnthropicOptions): Provider {
  checkOptions('anthropic', options, known);
  const { client, model, limits, traits, streaming = true } = options;
  if (!isAnthropicClient(client))
    throw new OptionsError('anthropic.client', 'expected an Anthropic SDK client (with baseURL and messages.create)');
  if (typeof model !== 'string' || model === '')
    throw new OptionsError('anthropic.model', 'expected the name of a model');
  if (typeof streaming !== 'boolean') throw new OptionsError('anthropic.streaming', 'expected true or false');

  const name = options.name ?? `anthropic/${model}`;
  const endpoint: MessagesEndpoint = {
    name,
    client,
    model,
    maxOutputTokens: traits?.maxOutputTokens,
    state: { streams: true, sampling: true, systemTurns: takesSystemTurns(model) },
  };
  return {
    name,
    domain: options.domain ?? hostOf(client.baseURL),
    kind: 'anthropic',
    model,
    ...(limits !== undefined && { limits }),
    ...(traits !== undefined && { traits }),
    complete: (request, context) => completeMessage(endpoint, request, context),
    ...(streaming && { stream: (request, context) => streamMessage(endpoint, request, context) }),
  } satisfies Provider;
}
