import type { Context } from '../core/types.ts';

/** Headers in any of the forms in which SDKs and runtimes hand them out. */
export type HeadersLike =
  | Iterable<readonly [string, string]>
  | { readonly [name: string]: string | number | readonly string[] | null | undefined };

/** The headers by lower-case name, from a `Headers`, a map, pairs or a plain object; of anything else, none. */
export function headerMap(headers: unknown): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  if (typeof headers !== 'object' || headers === null) return map;
  const entries = Symbol.iterator in headers ? [...(headers as Iterable<unknown>)] : Object.entries(headers);
  for (const entry of entries) {
    if (!Array.isArray(entry)) continue;
    const [name, value] = entry as [unknown, unknown];
    if (typeof name !== 'string') continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    if (typeof text === 'string' || typeof text === 'number') map.set(name.toLowerCase(), String(text));
  }
  return map;
}

/** The headers, read only if somebody reads them: an answer has dozens, and mostly nobody does. */
export function headersOf(headers: unknown): Iterable<readonly [string, string]> {
  return { [Symbol.iterator]: () => headerMap(headers)[Symbol.iterator]() };
}

/** From the one a provider's support asks for to the one that at least its proxy knows. */
const idHeaders = [
  'apim-request-id',
  'x-request-id',
  'request-id',
  'x-generation-id',
  'x-amzn-requestid',
  'x-kong-request-id',
  'mistral-correlation-id',
  'x-ms-request-id',
  'cf-ray',
];

/** The provider's id of a request, from the headers of its answer: for its support, and for the ledger. */
export function requestIdOf(headers: unknown): string | undefined {
  const map = headers instanceof Headers ? headers : headerMap(headers);
  for (const name of idHeaders) {
    const id = map.get(name);
    if (typeof id === 'string' && id !== '') return id;
  }
  return undefined;
}

/**
 * The id of an attempt, as the header `X-Client-Request-Id`, for providers that log it: the transaction id, from the second attempt on with
 * its number behind it (`order-7/2`), because it has to be another for each request. Visible ASCII, at most 512 characters: `undefined`
 * for an id that cannot be a header.
 */
export function attemptId({ transactionId, attempt }: Pick<Context, 'transactionId' | 'attempt'>): string | undefined {
  const id = attempt > 1 ? `${transactionId}/${attempt}` : transactionId;
  return /^[\x21-\x7e]{1,512}$/.test(id) ? id : undefined;
}

/** The moment (epoch ms) at which the provider says it answered, else `now`: distances to its own moments are free of clock skew. */
export function serverNow(headers: ReadonlyMap<string, string>, now: number): number {
  const date = headers.get('date');
  const parsed = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(parsed) ? now : parsed;
}
