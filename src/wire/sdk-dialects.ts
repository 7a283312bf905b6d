import type { ProviderAnswer } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { aiDialect } from './sdk-ai.ts';
import { type ItemFollower, type SdkDialect, SdkItems } from './sdk-items.ts';
import { langchainDialect } from './sdk-langchain.ts';
import { wireDialect } from './sdk-wires.ts';

/** No result is of two of them; the first are those that are asked most. */
const dialects: readonly SdkDialect[] = [wireDialect, aiDialect, langchainDialect];

/**
 * What a function's whole result says, whichever SDK it is of; `undefined` for what is none of them.
 * @throws TransportError why it is no answer
 */
export function answerIn(result: unknown, failures: Failures): Partial<ProviderAnswer> | undefined {
  // OpenAI's SDK makes this of an empty body.
  if (result === undefined || result === null || result === '') return { text: '' };
  if (typeof result !== 'object') return undefined;
  const fields = fieldsOf(result);
  if (isErrorBody(fields)) throw failures.inBand(fields);
  for (const dialect of dialects) {
    const answer = dialect.whole(fields, failures);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** What follows the stream that begins with an item; `undefined` when it is none of an SDK's. */
export function itemsAfter(item: unknown, failures: Failures): ItemFollower | undefined {
  if (typeof item !== 'object') return undefined;
  const fields = fieldsOf(item);
  for (const dialect of dialects) {
    const reader = dialect.reader(fields, failures);
    if (reader !== undefined) return typeof reader === 'function' ? new SdkItems(reader, failures) : reader;
  }
  return undefined;
}

const errorBodyKeys: ReadonlySet<string> = new Set(['error', 'type', 'user_id', 'request_id', '_request_id']);

/** An error that came with a 200, which SDKs return as if it were the answer; not an application's own result with an `error`. */
function isErrorBody(body: Fields): boolean {
  const says = typeof fieldsOf(body.error).message === 'string';
  return says && Object.keys(body).every((key) => errorBodyKeys.has(key));
}
