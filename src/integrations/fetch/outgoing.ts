import { createHash } from 'node:crypto';
import type { Route } from '../../wire/dialect.ts';
import { secretsOfClient } from '../../wire/openai-client.ts';
import type { Incoming } from './incoming.ts';

/** Where a target is, and how it is asked. */
export interface Destination {
  /** As that vendor's SDK takes it. */
  readonly baseURL: URL;
  /** Asked for each attempt. */
  readonly apiKey: (() => string | Promise<string>) | undefined;
  readonly model: string | undefined;
  readonly headers: Headers;
}

/** One attempt, as it is sent. */
export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Incoming['body'];
  /** It never goes to another origin, though it says nothing that others must not read: what came of it would not be believed. */
  readonly stays?: boolean;
}

/** The headers that carry a key, and the parameter of the address that does. */
const keyHeaders = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;
const keyParameter = 'key';

/** Headers that say nothing of who asks: these alone go to another origin than the client's own. */
const plain =
  /^(?:accept(?:-.+)?|content-(?:type|encoding|language)|user-agent|x-stainless-.+|anthropic-(?:version|beta|dangerous-.+)|openai-beta|x-goog-api-client|x-client-(?:request-id|name|version)|x-fern-.+|traceparent|tracestate|http-referer|x-title|idempotency-key)$/;
/** Parameters of an address that say how the answer is to be written. */
const plainParameters: ReadonlySet<string> = new Set(['alt', '$alt', 'api-version', 'beta', 'prettyPrint']);

/** The function that gives a target's key has given none. */
export class MissingKey extends Error {}

/** The request as the client made it. */
export function unchanged({ url, method, headers, body }: Incoming): Outgoing {
  return { url, method, headers: new Headers(headers), body };
}

/**
 * The request as a target wants it: its address, its key, its model. What the client sends to identify itself goes only to the
 * client's own origin.
 */
export async function redirected(incoming: Incoming, route: Route, to: Destination): Promise<Outgoing> {
  const url = addressAt(incoming.url, route, to);
  const isOwn = url.origin === incoming.url.origin;
  const way = wayOf(incoming, route, url);
  const headers = new Headers();
  for (const [name, value] of incoming.headers) if (isOwn || plain.test(name)) headers.set(name, value);
  for (const [name, value] of incoming.url.searchParams)
    if ((isOwn || plainParameters.has(name)) && !url.searchParams.has(name)) url.searchParams.append(name, value);
  if (to.apiKey !== undefined) {
    for (const name of keyHeaders) headers.delete(name);
    // They name an account that another key does not belong to.
    for (const name of ['openai-organization', 'openai-project']) headers.delete(name);
    url.searchParams.delete(keyParameter);
    const key: unknown = await to.apiKey();
    if (typeof key !== 'string' || key === '') throw new MissingKey();
    if (way === keyParameter) url.searchParams.set(keyParameter, key);
    else headers.set(way, way === 'authorization' ? `Bearer ${key}` : key);
  }
  for (const [name, value] of to.headers) headers.set(name, value);
  const renamed = to.model !== undefined && route.modelIn === 'body' && to.model !== route.model;
  if (renamed) headers.delete('content-length');
  return {
    url,
    method: incoming.method,
    headers,
    body: renamed ? JSON.stringify({ ...incoming.json, model: to.model }) : incoming.body,
  };
}

/** Asks for the events of a Response behind the one numbered `after`, where and as whom its making was asked for. */
export function revisited({ url, headers }: Outgoing, id: string, after: number): Outgoing {
  const own = new URL(url);
  own.pathname = `${url.pathname.replace(/\/+$/, '')}/${encodeURIComponent(id)}`;
  own.searchParams.set('stream', 'true');
  own.searchParams.set('starting_after', String(after));
  const kept = new Headers(headers);
  // They are about a body, or have its answer given once more.
  for (const name of headers.keys()) if (/^(?:content-|transfer-|expect$|idempotency-)/.test(name)) kept.delete(name);
  return { url: own, method: 'GET', headers: kept, body: undefined, stays: true };
}

/** How the target takes its key: at Azure in a header of its own; elsewhere as the client sends one, else in its vendor's way. */
function wayOf(
  { url, headers }: Incoming,
  { dialect }: Route,
  to: URL,
): (typeof keyHeaders)[number] | typeof keyParameter {
  if (/\.azure\.(?:com|us|cn)$/.test(to.hostname)) return 'api-key';
  if (url.searchParams.has(keyParameter)) return keyParameter;
  return keyHeaders.find((name) => name !== 'api-key' && headers.has(name)) ?? dialect.keyHeader;
}

/** The address of a model call below a base URL, whichever way that ends. */
function addressAt(from: URL, { dialect, version, tail, modelIn }: Route, { baseURL, model: own }: Destination): URL {
  const url = new URL(baseURL);
  const base = url.pathname.replace(/\/+$/, '');
  let end = own === undefined ? tail : tail.replace(modelInPath, () => encodeURIComponent(own).replaceAll('%40', '@'));
  // Azure's older addresses name the deployment: a base URL with a version, or with a deployment, does not take another.
  if (modelIn === 'deployments') {
    if (/\/(?:v\d\w*|deployments\/[^/]+)$/.test(base)) end = tail.replace(/^\/deployments\/[^/]+/, '');
    else if (!base.endsWith('/openai') && from.pathname.includes('/openai/')) end = `/openai${end}`;
  }
  const isVersioned = dialect.versioned || /\/(?:v\d+\w*|api)(?:\/|$)/.test(base);
  url.pathname = `${base}${isVersioned ? '' : version}${end}`;
  return url;
}

/** Vertex AI has an `@` in the names of models, and wants it as it is. */
const modelInPath = /(?<=\/(?:deployments|models|tunedModels)\/)[^/:]+/;

/** The credentials that a request carries: never in a message. */
export function secretsIn({ url, headers }: Outgoing): readonly string[] {
  return secretsOfClient({ baseURL: url.href, _options: { defaultHeaders: headers } } as { readonly baseURL: string });
}

/** Without its credentials. */
export function withoutSecrets({ url, method, headers, body }: Outgoing): Outgoing {
  const clean = new Headers();
  for (const [name, value] of headers) if (plain.test(name)) clean.set(name, value);
  return { url, method, headers: clean, body };
}

/** Tells requests with one key from those with another, without knowing the key. */
export function identityOf({ url, headers }: Incoming): string {
  const hash = createHash('sha256');
  for (const name of [...keyHeaders, 'openai-organization', 'openai-project', 'cookie'])
    hash.update(`${headers.get(name)}\n`);
  return hash
    .update(`${url.searchParams.get(keyParameter)}`)
    .digest('base64url')
    .slice(0, 16);
}
