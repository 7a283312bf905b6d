import { OptionsError } from '../../core/errors.ts';
import type { Limits, Traits } from '../../core/types.ts';
import { checkOptions } from '../../wire/provider-options.ts';
import { FetchProvider, type Place } from './fetch-provider.ts';

/** One of several places that can stand in for each other: the same wire format, its own address, key and model. */
export interface FetchTarget {
  /** As the vendor's SDK takes it: `https://api.openai.com/v1`, `https://api.anthropic.com`, `https://NAME.openai.azure.com`. */
  readonly baseURL: string;
  /** Its key; a function is asked for each attempt. @default that of the client, where the target has its origin; else none */
  readonly apiKey?: string | (() => string | Promise<string>);
  /** The model, or Azure's deployment, that is asked here. @default the one that the client asks for */
  readonly model?: string;
  /** More headers, for this target only. */
  readonly headers?: { readonly [name: string]: string };
  /** Unique among the targets. @default '<host>', '<host>/<model>' with a model of its own */
  readonly name?: string;
  /** The failure domain: targets of one domain are taken to fail together. @default the host */
  readonly domain?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
}

const known = ['baseURL', 'apiKey', 'model', 'headers', 'name', 'domain', 'limits', 'traits'];

/** The targets as providers. @throws OptionsError naming what is wrong */
export function providersOf(
  targets: readonly FetchTarget[],
  sending: Pick<Place, 'fetch' | 'idleMs'>,
): readonly FetchProvider[] {
  const names = new Map<string, number>();
  return targets.map((target, index) => {
    const provider = providerOf(target, `targets[${index}]`, sending, (name) => {
      const count = (names.get(name) ?? 0) + 1;
      names.set(name, count);
      return count === 1 ? name : `${name}#${count}`;
    });
    return provider;
  });
}

function providerOf(
  target: FetchTarget,
  path: string,
  sending: Pick<Place, 'fetch' | 'idleMs'>,
  ownName: (name: string) => string,
): FetchProvider {
  checkOptions(path, target, known);
  const { apiKey, model, headers = {}, limits, traits } = target;
  if (typeof target.baseURL !== 'string' || !/^https?:/i.test(target.baseURL) || !URL.canParse(target.baseURL))
    throw new OptionsError(`${path}.baseURL`, 'expected an http(s) URL');
  if (apiKey !== undefined && typeof apiKey !== 'function' && (typeof apiKey !== 'string' || apiKey === ''))
    throw new OptionsError(`${path}.apiKey`, 'expected a key, or a function that gives one');
  if (model !== undefined && (typeof model !== 'string' || model === ''))
    throw new OptionsError(`${path}.model`, 'expected the name of a model');
  const baseURL = new URL(target.baseURL);
  const { host } = baseURL;
  return new FetchProvider({
    name: target.name ?? ownName(model === undefined ? host : `${host}/${model}`),
    domain: target.domain ?? host,
    kind: 'fetch',
    model: model ?? '',
    limits,
    traits,
    to: {
      baseURL,
      apiKey: typeof apiKey === 'string' ? () => apiKey : apiKey,
      model,
      headers: headersOf(headers, path),
    },
    ...sending,
  });
}

function headersOf(headers: unknown, path: string): Headers {
  try {
    return new Headers(headers as Record<string, string>);
  } catch {
    throw new OptionsError(`${path}.headers`, 'expected an object of headers');
  }
}
