import type { Context } from '../core/types.ts';
import { attemptId, headerMap } from './headers.ts';
import { fieldsOf } from './openai-chat-parts.ts';

/** What is used of the official SDK's client: an `OpenAI`, an `AzureOpenAI`, or one that is made the same way. */
export interface OpenAIClient {
  readonly baseURL: string;
  readonly chat: {
    readonly completions: {
      create(body: never, options?: never): { asResponse(): Promise<Response> };
    };
  };
}

/** True for what has `chat.completions.create` and a `baseURL`. */
export function isOpenAIClient(value: unknown): value is OpenAIClient {
  const client = fieldsOf(value);
  const completions = fieldsOf(fieldsOf(client.chat).completions);
  return typeof client.baseURL === 'string' && typeof completions.create === 'function';
}

/** What is used of the official SDK's client for Responses: of an `OpenAI`, an `AzureOpenAI`, or one that is made the same way. */
export interface OpenAIResponsesClient {
  readonly baseURL: string;
  readonly responses: {
    create(body: never, options?: never): { asResponse(): Promise<Response> };
    retrieve(id: string, query: never, options?: never): { asResponse(): Promise<Response> };
    cancel(id: string, options?: never): { asResponse(): Promise<Response> };
  };
}

/** True for what has `responses` with `create`, `retrieve` and `cancel`, and a `baseURL`. */
export function isOpenAIResponsesClient(value: unknown): value is OpenAIResponsesClient {
  const client = fieldsOf(value);
  const responses = fieldsOf(client.responses);
  const has = (name: string): boolean => typeof responses[name] === 'function';
  return typeof client.baseURL === 'string' && has('create') && has('retrieve') && has('cancel');
}

/** The attempt's id as a header; none for an id that cannot be one. */
export function idHeader(context: Pick<Context, 'transactionId' | 'attempt'>): Record<string, string> {
  const id = attemptId(context);
  return id === undefined ? {} : { 'X-Client-Request-Id': id };
}

/** The host of an address, with its port; the address itself when it is none. */
export function hostOf(baseURL: string): string {
  return URL.canParse(baseURL) ? new URL(baseURL).host : baseURL;
}

/** True for OpenAI's own service, in whichever region. */
export function isOpenAIHost(host: string): boolean {
  return host === 'api.openai.com' || host.endsWith('.api.openai.com');
}

/** True for Mistral's own service. */
export function isMistralHost(host: string): boolean {
  return host === 'mistral.ai' || host.endsWith('.mistral.ai');
}

/**
 * How the server is told the most output tokens: `max_completion_tokens` at OpenAI and Azure (which refuse `max_tokens` for
 * reasoning models), `max_tokens` everywhere else and at Azure's API versions that are older than the new field.
 */
export function maxTokensFieldOf(client: OpenAIClient): 'max_completion_tokens' | 'max_tokens' {
  const host = hostOf(client.baseURL);
  if (isOpenAIHost(host)) return 'max_completion_tokens';
  const version = fieldsOf(client).apiVersion;
  const azure =
    /\.(?:openai|cognitiveservices)\.azure\.(?:com|us|cn)(?::\d+)?$/.test(host) ||
    (/\.services\.ai\.azure\.com(?::\d+)?$/.test(host) && /\/openai(?:\/|$)/.test(client.baseURL)) ||
    typeof version === 'string';
  // Versions are dates, so they compare as text.
  return azure && !(typeof version === 'string' && version !== '' && version < '2024-09')
    ? 'max_completion_tokens'
    : 'max_tokens';
}

const credentialName = /auth|key|token|secret|cookie|password|signature|credential|^sig$/i;
const harmless = new Set(['api-version', 'apiversion', 'user-agent', 'content-type', 'accept']);

/**
 * The credentials that a client is using now, for taking them out of messages: its keys, the values of its default headers and
 * query, and what its address carries.
 */
export function secretsOfClient(client: { readonly baseURL: string }): string[] {
  const fields = fieldsOf(client);
  const options = fieldsOf(fields._options);
  const secrets = new Set<string>();
  const add = (value: unknown): void => {
    if (typeof value !== 'string' || value.length < 4) return;
    secrets.add(value);
    const bare = /^(?:bearer|basic|token|api-?key)\s+(.{4,})$/i.exec(value)?.[1];
    if (bare !== undefined) secrets.add(bare);
  };
  for (const name of ['apiKey', 'adminAPIKey', 'webhookSecret']) {
    add(fields[name]);
    add(options[name]);
  }
  const addNamed = (name: string, value: string): void => {
    // A short plain value ("prod") is no credential, and would take words out of sentences.
    if (credentialName.test(name) || (value.length >= 12 && !harmless.has(name.toLowerCase()))) add(value);
  };
  const headers = fieldsOf(options.defaultHeaders);
  for (const [name, value] of headerMap('values' in headers && 'nulls' in headers ? headers.values : headers))
    addNamed(name, value);
  for (const [name, value] of Object.entries(fieldsOf(options.defaultQuery)))
    if (typeof value === 'string') addNamed(name, value);
  if (URL.canParse(client.baseURL)) {
    const url = new URL(client.baseURL);
    // A name is no secret beside a password; alone it is a key.
    for (const part of [url.password === '' ? url.username : '', url.password]) {
      add(part);
      add(safeDecoded(part));
    }
    for (const [name, value] of url.searchParams) addNamed(name, value);
  }
  return [...secrets];
}

function safeDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
