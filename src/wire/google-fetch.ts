import { TransportError } from '../core/errors.ts';
import { withReach } from '../core/reach.ts';
import { type Fork, onAbort, raceAbort } from '../core/signals.ts';
import { fetchOfGoogle, type GoogleClient } from './google-client.ts';
import { withoutTimeouts } from './node-fetch.ts';

/** The SDK's options of one request that must be ours. */
export interface GoogleHttpOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly retryOptions: { readonly attempts: 1 };
}

/** The server's answer, untouched, and the headers of the request. */
export interface Exchange {
  readonly response: Promise<Response>;
  readonly sentHeaders: unknown;
}

/**
 * Has the SDK build and sign a request, and keeps the answer from it: it is given an empty one at once.
 *
 * The SDK reports an error as status and text only, without headers; takes a stream that was cut for one that has ended; does not
 * cancel a stream that is left; and lets go of no listener on a signal. What it does not see it cannot do. All it is needed for is
 * the address, the body and the credentials.
 *
 * @param ask calls the SDK with the options
 * @returns `undefined` when the SDK answered without using the `fetch` it was given
 */
export async function exchange(
  client: GoogleClient,
  fork: Fork,
  name: string,
  ask: (options: GoogleHttpOptions) => Promise<unknown>,
): Promise<Exchange | undefined> {
  let seen: Exchange | undefined;
  const fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    if (seen === undefined) {
      followTimeout(init.signal, fork, name);
      const response = perform(client, input, { ...init, signal: fork.signal });
      // Whoever asked may have left by now.
      response.catch(() => {});
      seen = { response, sentHeaders: init.headers };
    }
    return new Response('{}', { headers: { 'content-type': 'application/json' } });
  };
  try {
    await raceAbort(ask({ fetch, retryOptions: { attempts: 1 } }), fork.signal);
  } catch (error) {
    // The reason of an abort is that of other attempts too.
    const isUnsent = seen === undefined && !fork.signal.aborted && typeof error === 'object' && error !== null;
    throw isUnsent ? withReach(error, 'unsent') : error;
  }
  return seen;
}

/** The SDK's own signal aborts when the client's `timeout` is over, which covers the body too. */
function followTimeout(signal: AbortSignal | null | undefined, fork: Fork, name: string): void {
  if (signal === null || signal === undefined) return;
  onAbort(signal, () =>
    fork.abort(new TransportError('timeout', `${name} did not answer within the time-out of its client`)),
  );
}

async function perform(
  client: GoogleClient,
  input: string | URL | Request,
  init: RequestInit & { signal: AbortSignal },
): Promise<Response> {
  const own = fetchOfGoogle(client);
  return own === undefined ? fetch(input, { ...init, ...withoutTimeouts() }) : own(input, init);
}
