/**
 * How far the request of an attempt that failed is known to have come. `unsent`: nothing of it has left, so nobody can bill it.
 * `accepted`: its answer had begun. Anything else is not known.
 */
export type Reach = 'unsent' | 'accepted';

/** Beside the errors and not in them: it is for the ledger, and no field of theirs. */
const reaches = new WeakMap<object, Reach>();

/** The same error, with it noted how far its request had come. */
export function withReach<E extends object>(error: E, reach: Reach | undefined): E {
  if (reach !== undefined) reaches.set(error, reach);
  return error;
}

/** How far the request had come that an error is of; `undefined` when that is not known. */
export function reachOf(error: object): Reach | undefined {
  return reaches.get(error);
}

/** What `prepare` returns, of a request that is not sent yet. What it throws is noted as that. */
export function unsent<T>(prepare: () => T): T {
  try {
    return prepare();
  } catch (error) {
    throw typeof error === 'object' && error !== null ? withReach(error, 'unsent') : error;
  }
}
