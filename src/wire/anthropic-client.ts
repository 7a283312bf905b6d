import { fieldsOf } from './openai-chat-parts.ts';
import { secretsOfClient } from './openai-client.ts';

/** What is used of the official SDK's client: an `Anthropic`, or one that is made the same way. */
export interface AnthropicClient {
  readonly baseURL: string;
  readonly messages: {
    create(body: never, options?: never): { asResponse(): Promise<Response> };
  };
}

/** True for what has `messages.create` and a `baseURL`. */
export function isAnthropicClient(value: unknown): value is AnthropicClient {
  const client = fieldsOf(value);
  return typeof client.baseURL === 'string' && typeof fieldsOf(client.messages).create === 'function';
}

/** Milliseconds: the longest that the API works on an answer that is not streamed. */
const longestMs = 3_600_000;

/**
 * The time-out to pass with an unstreamed call. Without one the SDK refuses, before sending, what might take more than ten minutes
 * (`max_tokens` above 21,333); a time-out that the client was made with stands.
 */
export function unstreamedTimeout(client: AnthropicClient): number | undefined {
  const own = fieldsOf(fieldsOf(client)._options).timeout;
  return own === undefined || own === null ? longestMs : undefined;
}

/** The credentials that a client is using now: its key and tokens, those it was lent, and what its headers, query and address carry. */
export function secretsOfAnthropic(client: AnthropicClient): string[] {
  const secrets = new Set(secretsOfClient(client));
  const fields = fieldsOf(client);
  const cached = fieldsOf(fieldsOf(fieldsOf(fields._authState).tokenCache).cached);
  for (const value of [fields.authToken, fieldsOf(fields._options).authToken, fields.webhookKey, cached.token])
    if (typeof value === 'string' && value.length >= 4) secrets.add(value);
  return [...secrets];
}
