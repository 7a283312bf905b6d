import { reasonOf } from '../../core/signals.ts';
import type { Context } from '../../core/types.ts';
import { ByteReader } from '../../wire/bytes.ts';
import { isRedirect, repeatsRequest } from '../../wire/error-shape.ts';
import { type Failures, heard } from '../../wire/failures.ts';
import { withoutTimeouts } from '../../wire/node-fetch.ts';
import { type Outgoing, withoutSecrets } from './outgoing.ts';

type Fetch = typeof globalThis.fetch;

/** What an answer says before its body. */
export interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
}

/** An answer whose body has not been read. */
export interface Opened {
  readonly head: Head;
  readonly response: Response;
  readonly bytes: ByteReader;
}

/** What an attempt is sent with. */
export interface Sender {
  /** The one that was given, else the runtime's: looked up for each attempt, as tests replace it. */
  readonly fetch: Fetch | undefined;
  readonly init: RequestInit;
  readonly signal: AbortSignal;
  readonly failures: Failures;
  readonly context: Context;
}

/** Redirects that are followed, as `fetch` does. */
const mostRedirects = 20;

/** Sends an attempt, and tells the context what came with the answer's headers. @throws TransportError what `fetch` threw means */
export async function send(outgoing: Outgoing, sender: Sender): Promise<Opened> {
  const { signal, failures, context } = sender;
  const { redirect = 'follow' } = sender.init;
  let sent = outgoing;
  for (let redirects = 0; ; redirects += 1) {
    let response: Response;
    try {
      response = await perform(sent, sender);
    } catch (error) {
      throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
    }
    const next = redirect === 'follow' && redirects < mostRedirects ? elsewhere(response, sent) : undefined;
    if (next === undefined) {
      heard(context, failures, response.headers, response.ok);
      return opened(response);
    }
    // Whatever becomes of it there, it was sent.
    context.received({ accepted: false });
    new ByteReader(response.body).cancel();
    sent = next;
  }
}

function perform({ url, method, headers, body }: Outgoing, { fetch, init, signal }: Sender): Promise<Response> {
  const { redirect = 'follow' } = init;
  // Not followed by the runtime: it would take keys in headers of their own, and the prompt, to wherever it is sent.
  const options = {
    ...init,
    method,
    headers,
    body,
    signal,
    redirect: redirect === 'follow' ? 'manual' : redirect,
  } as const;
  if (fetch !== undefined) return fetch(url.href, options);
  return globalThis.fetch(url.href, 'dispatcher' in init ? options : { ...options, ...withoutTimeouts() });
}

/** Where an answer sends the request; `undefined` when it does not, or may not: what asks a model stays at its own origin. */
function elsewhere({ status, headers }: Response, sent: Outgoing): Outgoing | undefined {
  const location = headers.get('location');
  if (!isRedirect(status) || location === null || !URL.canParse(location, sent.url.href)) return undefined;
  const url = new URL(location, sent.url.href);
  if (!/^https?:$/.test(url.protocol)) return undefined;
  const isSafe = sent.method === 'GET' || sent.method === 'HEAD';
  const isOwn = url.origin === sent.url.origin;
  if (!isOwn && (!isSafe || sent.stays === true)) return undefined;
  const next: Outgoing =
    isSafe || repeatsRequest(status) ? { ...sent, url } : { ...sent, url, method: 'GET', body: undefined };
  return isOwn ? next : withoutSecrets(next);
}

function opened(response: Response): Opened {
  const { status, statusText, headers, url } = response;
  return { head: { status, statusText, headers, url }, response, bytes: new ByteReader(response.body) };
}

/** The bytes of a body, in one piece, and no more than `most` of them. */
export async function readWhole(
  bytes: ByteReader,
  most = Number.POSITIVE_INFINITY,
  came: (piece: Uint8Array) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let piece = await bytes.read(); piece !== undefined; piece = await bytes.read()) {
    came(piece);
    pieces.push(piece);
    size += piece.byteLength;
    if (size <= most) continue;
    bytes.cancel();
    break;
  }
  const only = pieces.length === 1 ? pieces[0] : undefined;
  return (only ?? joined(pieces, size)) as Uint8Array<ArrayBuffer>;
}

/** Pieces in one. */
export function joined(pieces: readonly Uint8Array[], size = pieces.reduce((sum, one) => sum + one.byteLength, 0)) {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
