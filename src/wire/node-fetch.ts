const globalDispatcher = Symbol.for('undici.globalDispatcher.1');

type Dispatch = (options: object, handler: object) => boolean;

/**
 * Options for Node's `fetch`, which gives up after 300 s without headers or without a byte: our own time-outs are there for that. By a
 * dispatcher that hands everything to the global one, a proxy's too, without those limits; where there is none, no options.
 */
export function withoutTimeouts(): { dispatcher?: never } {
  const isThere = (): { dispatch: Dispatch } | undefined =>
    (globalThis as { [globalDispatcher]?: { dispatch: Dispatch } })[globalDispatcher];
  // Node makes it when it is first needed.
  if (isThere() === undefined) new Headers();
  if (isThere() === undefined) return {};
  const dispatch: Dispatch = (options, handler) =>
    isThere()?.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler) ?? false;
  return { dispatcher: { dispatch } as never };
}
