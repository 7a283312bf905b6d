import { fieldsOf } from './openai-chat-parts.ts';

/**
 * What is used of a language model of the AI SDK: one of its specification v4, or an older one of v3 or v2. Any vendor's
 * (`openai('gpt-5.5')`), a wrapped one, or one of your own.
 */
export interface AiSdkModel {
  readonly specificationVersion: 'v4' | 'v3' | 'v2';
  /** The AI SDK's name of the vendor and its interface: `openai.chat`. */
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: never): PromiseLike<unknown>;
  doStream(options: never): PromiseLike<unknown>;
}

const versions: ReadonlySet<unknown> = new Set(['v4', 'v3', 'v2']);

/** True for a language model of one of the known specifications. */
export function isAiSdkModel(value: unknown): value is AiSdkModel {
  const model = fieldsOf(value);
  return (
    versions.has(model.specificationVersion) &&
    typeof model.provider === 'string' &&
    typeof model.modelId === 'string' &&
    typeof model.doGenerate === 'function' &&
    typeof model.doStream === 'function'
  );
}

/** The host that the model asks, where it tells; else its vendor's name. Models say nothing of it officially, so nothing is relied on. */
export function domainOf(model: AiSdkModel): string {
  const config = fieldsOf(fieldsOf(model).config);
  try {
    const { baseURL, url } = config as { baseURL?: unknown; url?: (of: object) => unknown };
    const address =
      typeof baseURL === 'string' || typeof url !== 'function' ? baseURL : url({ path: '/', modelId: model.modelId });
    if (typeof address === 'string' && URL.canParse(address)) return new URL(address).host;
  } catch {
    // It is made in another way.
  }
  return model.provider.split('.')[0] || model.provider;
}
