import { OptionsError } from '../core/errors.ts';
import type { Limits, Provider, Traits } from '../core/types.ts';
import { type AiSdkEndpoint, completeAiSdk, streamAiSdk } from '../wire/ai-sdk-call.ts';
import { type AiSdkModel, domainOf, isAiSdkModel } from '../wire/ai-sdk-model.ts';
import { aiSdkKind } from '../wire/ai-sdk-request.ts';
import { callsOf } from '../wire/ai-sdk-versions.ts';
import { checkOptions } from '../wire/provider-options.ts';

export type { AiSdkModel } from '../wire/ai-sdk-model.ts';

/** Which model of the AI SDK is asked. */
export interface AiSdkOptions {
  /** A language model of any vendor's package: `openai('gpt-5.5')`, `mistral('mistral-large-latest')`. Of specification v4, v3 or v2. */
  readonly model: AiSdkModel;
  /** Unique in a transport. @default what the model calls its vendor, and itself: `openai.chat/gpt-5.5` */
  readonly name?: string;
  /** The failure domain: providers of one domain are taken to fail together. @default the host, where the model tells it, else the vendor */
  readonly domain?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /** Streams on the wire, also for calls that do not ask for it: a dead connection is then told from a long answer in seconds. @default true */
  readonly streaming?: boolean;
}

const known = ['model', 'name', 'domain', 'limits', 'traits', 'streaming'];

/**
 * A provider on any language model of the AI SDK, which brings every vendor that has a package for it.
 *
 * The model sends one request an attempt: the AI SDK's own retries are in `generateText` and `streamText`, not in it.
 * `providerOptions['ai-sdk']` is merged into the model's call options last.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function aiSdk(options: AiSdkOptions): Provider {
  checkOptions('aiSdk', options, known);
  const { model, limits, traits, streaming = true } = options;
  if (!isAiSdkModel(model))
    throw new OptionsError('aiSdk.model', "expected a language model of the AI SDK: openai('gpt-5.5')");
  if (typeof streaming !== 'boolean') throw new OptionsError('aiSdk.streaming', 'expected true or false');

  const name = options.name ?? `${model.provider}/${model.modelId}`;
  const endpoint: AiSdkEndpoint = { name, calls: callsOf(model), model: model.modelId, state: { streams: true } };
  return {
    name,
    domain: options.domain ?? domainOf(model),
    kind: aiSdkKind,
    model: model.modelId,
    ...(limits !== undefined && { limits }),
    ...(traits !== undefined && { traits }),
    complete: (request, context) => completeAiSdk(endpoint, request, context),
    ...(streaming && { stream: (request, context) => streamAiSdk(endpoint, request, context) }),
  } satisfies Provider;
}
