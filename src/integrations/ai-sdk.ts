import type { LanguageModel } from 'ai';
import { OptionsError } from '../core/errors.ts';
import { checkNames } from '../core/option-names.ts';
import type { Transport } from '../core/types.ts';
import { resultFrom } from './ai-sdk/answer.ts';
import { askedFor, transportName } from './ai-sdk/request.ts';
import { streamFrom } from './ai-sdk/stream.ts';
import { thrownTo } from './shared/abort.ts';

/**
 * A language model of the AI SDK's specification v4: what `generateText` and `streamText` take as `model`. Where the package `ai` is not
 * installed its types are `any`, which would let everything pass: there it is a text that says so.
 */
export type TransportLanguageModel = [unknown] extends [LanguageModel]
  ? 'The types of a language model are in the package ai: install it'
  : Extract<LanguageModel, { readonly specificationVersion: 'v4' }>;

/** What a transport is as a language model. */
export interface LanguageModelOptions {
  /** Only the transport's providers of this model are asked. @default all of them */
  readonly model?: string;
  /**
   * Addresses of files that all the transport's providers can fetch by themselves, by media type. The AI SDK downloads all others and
   * sends what they hold, which every provider understands.
   */
  readonly supportedUrls?: { readonly [mediaType: string]: readonly RegExp[] };
}

/** The model of which nothing is known but that the transport chooses it. */
const anyModel = 'auto';

/**
 * A transport as a language model of the AI SDK, for `generateText`, `streamText`, agents, and whatever else takes one.
 *
 * Pass `maxRetries: 0` with it: the transport has retried already. What it rejects with is its own `TransportError`, which the AI SDK does
 * not retry in any case. Cancel with `abortSignal`: the AI SDK does not tell a model that nobody reads any more.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function languageModel(transport: Transport, options: LanguageModelOptions = {}): TransportLanguageModel {
  checkTransport('languageModel', transport);
  checkNames('languageModel', options, ['model', 'supportedUrls']);
  const { model, supportedUrls = {} } = options;
  if (model !== undefined && (typeof model !== 'string' || model === ''))
    throw new OptionsError('languageModel.model', 'expected the name of a model');
  if (typeof supportedUrls !== 'object' || supportedUrls === null)
    throw new OptionsError('languageModel.supportedUrls', 'expected an object of lists of patterns');
  const urls = Object.entries(supportedUrls).map(([type, patterns]): [string, RegExp[]] => [type, [...patterns]]);
  return {
    specificationVersion: 'v4',
    provider: transportName,
    modelId: model ?? anyModel,
    supportedUrls: Object.fromEntries(urls),
    async doGenerate(asking) {
      try {
        const { request, options: call, warnings } = askedFor(asking, model);
        return resultFrom(await transport.complete({ ...request, stream: false }, call), warnings);
      } catch (error) {
        throw thrownTo(asking.abortSignal, error);
      }
    },
    doStream: (asking) => streamFrom(transport, asking, model),
  };
}

/** A transport as a provider of the AI SDK, for `createProviderRegistry` and `customProvider`. */
export interface TransportModelProvider {
  readonly specificationVersion: 'v4';
  /** The model `'auto'` is any that the transport chooses; every other name is a model of its providers. */
  languageModel(modelId: string): TransportLanguageModel;
  /** @throws Error `AI_NoSuchModelError`: a transport has language models only */
  embeddingModel(modelId: string): never;
  /** @throws Error `AI_NoSuchModelError`: a transport has language models only */
  imageModel(modelId: string): never;
}

/**
 * A transport as a provider of the AI SDK: `createProviderRegistry({ llm: languageModelProvider(transport) })` makes `'llm:auto'` and
 * `'llm:gpt-5.5'` models. `languageModel` throws the AI SDK's `AI_NoSuchModelError` for a model that none of the transport's providers has.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function languageModelProvider(
  transport: Transport,
  options: Pick<LanguageModelOptions, 'supportedUrls'> = {},
): TransportModelProvider {
  checkTransport('languageModelProvider', transport);
  checkNames('languageModelProvider', options, ['supportedUrls']);
  return {
    specificationVersion: 'v4',
    languageModel(modelId) {
      if (modelId === anyModel) return languageModel(transport, options);
      if (!transport.health().some(({ model }) => model === modelId)) throw noSuchModel(modelId, 'languageModel');
      return languageModel(transport, { ...options, model: modelId });
    },
    embeddingModel(modelId) {
      throw noSuchModel(modelId, 'embeddingModel');
    },
    imageModel(modelId) {
      throw noSuchModel(modelId, 'imageModel');
    },
  };
}

const errorMark = 'vercel.ai.error';

/** The AI SDK's own error. It is known by its marks, so that nothing of the AI SDK has to be loaded. */
function noSuchModel(modelId: string, modelType: string): Error {
  const name = 'AI_NoSuchModelError';
  const marks = { [Symbol.for(errorMark)]: true, [Symbol.for(`${errorMark}.${name}`)]: true };
  return Object.assign(new Error(`No such ${modelType}: ${modelId}`), { name, modelId, modelType, ...marks });
}

function checkTransport(factory: string, transport: unknown): void {
  if (typeof (transport as Partial<Transport> | null | undefined)?.complete !== 'function')
    throw new OptionsError(factory, 'expected a transport first: createTransport({ … })');
}
