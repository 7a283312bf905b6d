import { OptionsError } from '../core/errors.ts';
import type { Limits, Provider, Traits } from '../core/types.ts';
import { completeGemini, type GeminiEndpoint } from '../wire/google-call.ts';
import { type GoogleClient, hostOfGoogle, isGoogleClient } from '../wire/google-client.ts';
import { streamGemini } from '../wire/google-streaming.ts';
import { checkOptions } from '../wire/provider-options.ts';

export type { GoogleClient } from '../wire/google-client.ts';

/** Which model is asked, through which client. */
export interface GoogleOptions {
  /** The official SDK's client: `new GoogleGenAI({ apiKey })`, or one for Vertex AI. Its own retries are not used. */
  readonly client: GoogleClient;
  /** The model: `gemini-3.5-flash`. */
  readonly model: string;
  /** Unique in a transport. @default 'google/<model>' */
  readonly name?: string;
  /** The failure domain: providers of one domain are taken to fail together. @default the host that the client asks */
  readonly domain?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /** Streams on the wire, also for calls that do not ask for it: a dead connection is then told from a long answer in seconds. @default true */
  readonly streaming?: boolean;
}

const known = ['client', 'model', 'name', 'domain', 'limits', 'traits', 'streaming'];

/**
 * A provider on Gemini's `generateContent`, through the official SDK's client `@google/genai`: the Gemini API and Vertex AI.
 *
 * The SDK builds and signs the request; the answer is read here, because the SDK drops what reliability needs: headers, the end of a
 * stream that was cut, and the socket of one that is left. `providerOptions.google` is merged into its `config` last.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function google(options: GoogleOptions): Provider {
  checkOptions('google', options, known);
  const { client, model, limits, traits, streaming = true } = options;
  if (!isGoogleClient(client))
    throw new OptionsError('google.client', 'expected a GoogleGenAI client (with models.generateContent)');
  if (typeof model !== 'string' || model === '') throw new OptionsError('google.model', 'expected the name of a model');
  if (typeof streaming !== 'boolean') throw new OptionsError('google.streaming', 'expected true or false');

  const name = options.name ?? `google/${model}`;
  const endpoint: GeminiEndpoint = { name, client, model, state: { streams: true } };
  return {
    name,
    domain: options.domain ?? hostOfGoogle(client),
    kind: 'google',
    model,
    ...(limits !== undefined && { limits }),
    ...(traits !== undefined && { traits }),
    complete: (request, context) => completeGemini(endpoint, request, context),
    ...(streaming && { stream: (request, context) => streamGemini(endpoint, request, context) }),
  } satisfies Provider;
}
