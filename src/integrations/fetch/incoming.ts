import { type Route, routeOf } from '../../wire/dialect.ts';
import { type Fields, fieldsOf } from '../../wire/openai-chat-parts.ts';

/** A request of a client's, read so that it can be sent more than once. */
export interface Incoming {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** As it will be sent. */
  readonly body: string | Uint8Array<ArrayBuffer> | undefined;
  /** The body, parsed, where it is a JSON object. */
  readonly json: Fields | undefined;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** Held as long as the call lasts: its signal aborts no more once it is collected as garbage. */
  readonly request: Request | undefined;
  /** What else the client has said: `dispatcher`, `redirect` and the like. */
  readonly init: RequestInit;
  /** What is asked of a model; `undefined` for anything else. */
  readonly route: Route | undefined;
}

type Input = string | URL | Request;

/** Reads a request. `undefined` when it can be sent only once: what it uploads is read as it is sent, or nobody knows what it is. */
export async function readIncoming(input: Input, init: RequestInit = {}): Promise<Incoming | undefined> {
  const request = input instanceof Request ? input : undefined;
  const { signal, headers: given, body: givenBody, method: givenMethod, ...rest } = init;
  const address = request?.url ?? String(input);
  // What is wrong with it is for `fetch` itself to say.
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined;
  const method = (givenMethod ?? request?.method ?? 'GET').toUpperCase();
  if (/^(?:GET|HEAD)$/.test(method) && givenBody !== undefined && givenBody !== null) return undefined;
  const headers = new Headers(given ?? request?.headers);
  const body = givenBody === undefined || givenBody === null ? await bodyOf(request, headers) : replayable(givenBody);
  if (body === onlyOnce) return undefined;
  // As `fetch` would, were it given the text itself.
  if (typeof givenBody === 'string' && !headers.has('content-type'))
    headers.set('content-type', 'text/plain;charset=UTF-8');
  const json = parsed(body, headers);
  return {
    url,
    method,
    headers,
    body,
    json,
    signal: signal ?? request?.signal,
    request,
    init: { ...(request !== undefined && { redirect: request.redirect }), ...rest },
    route: method === 'POST' && json !== undefined ? routeOf(url.pathname, json) : undefined,
  };
}

const onlyOnce = Symbol('can be sent only once');

/** The body of a `Request`: read, when it is what models are asked with. */
async function bodyOf(request: Request | undefined, headers: Headers): Promise<Incoming['body'] | typeof onlyOnce> {
  if (request === undefined || request.body === null) return undefined;
  if (request.bodyUsed || !isJson(headers)) return onlyOnce;
  return new Uint8Array(await request.arrayBuffer());
}

function replayable(body: NonNullable<RequestInit['body']>): Incoming['body'] | typeof onlyOnce {
  if (typeof body === 'string') return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : onlyOnce;
}

function isJson(headers: Headers): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(headers.get('content-type') ?? '');
}

/** Not every client says that it sends JSON: what parses as an object is one. */
function parsed(body: Incoming['body'], headers: Headers): Fields | undefined {
  if (body === undefined) return undefined;
  const text = typeof body === 'string' ? body : isJson(headers) ? decoder.decode(body) : '';
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder();

/** True for an SDK that Stainless has generated: it obeys `x-should-retry`, and retries what is thrown. */
export function isStainless(headers: Headers): boolean {
  return headers.has('x-stainless-lang') || headers.has('x-stainless-retry-count');
}

/** How often the client has asked again by itself: its own retries are on. */
export function clientRetriesOf(headers: Headers): number {
  const count = Number(headers.get('x-stainless-retry-count'));
  return Number.isInteger(count) && count > 0 ? count : 0;
}
