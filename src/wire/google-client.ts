import { headerMap } from './headers.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { hostOf, secretsOfClient } from './openai-client.ts';

/** What is used of the official SDK's client: a `GoogleGenAI`, for the Gemini API or for Vertex AI. */
export interface GoogleClient {
  readonly models: {
    generateContent(parameters: never): Promise<unknown>;
    generateContentStream(parameters: never): Promise<unknown>;
  };
}

/** True for what has `models.generateContent` and `models.generateContentStream`. */
export function isGoogleClient(value: unknown): value is GoogleClient {
  const models = fieldsOf(fieldsOf(value).models);
  return typeof models.generateContent === 'function' && typeof models.generateContentStream === 'function';
}

/** The host that the client asks, with its port. */
export function hostOfGoogle(client: GoogleClient): string {
  const { baseUrl } = httpOptionsOf(client);
  if (typeof baseUrl === 'string' && baseUrl !== '') return hostOf(baseUrl);
  return fieldsOf(client).vertexai === true ? 'aiplatform.googleapis.com' : 'generativelanguage.googleapis.com';
}

type Fetch = typeof globalThis.fetch;

/** The `fetch` that the client was made with, when it was made with one. */
export function fetchOfGoogle(client: GoogleClient): Fetch | undefined {
  const { fetch } = httpOptionsOf(client);
  return typeof fetch === 'function' ? (fetch as Fetch) : undefined;
}

/** Headers of every request that name the SDK and no secret. */
const harmless = new Set(['user-agent', 'x-goog-api-client', 'x-server-timeout']);

/**
 * The credentials in use, for taking them out of messages: the client's key, what its headers and its address carry, and the headers
 * that were `sent`, among them the access tokens of Vertex AI.
 */
export function secretsOfGoogle(client: GoogleClient, sent: unknown): string[] {
  const { headers, baseUrl } = httpOptionsOf(client);
  const defaultHeaders = [...headerMap(headers), ...headerMap(sent)].filter(([name]) => !harmless.has(name));
  return secretsOfClient({
    baseURL: typeof baseUrl === 'string' ? baseUrl : '',
    apiKey: fieldsOf(client).apiKey,
    _options: { defaultHeaders },
  } as { readonly baseURL: string });
}

/** What the SDK has made of the client's `httpOptions`; of a client that is made otherwise, what it was given. */
function httpOptionsOf(client: GoogleClient): Fields {
  const fields = fieldsOf(client);
  const inner = fieldsOf(fieldsOf(fieldsOf(fields.apiClient).clientOptions).httpOptions);
  return { ...fieldsOf(fields.httpOptions), ...inner };
}
