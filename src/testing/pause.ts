/** Waiting that ends early, and leaves no timer and no listener, when somebody stops listening. */

/** Resolves after `ms` milliseconds or when `signal` aborts, whichever is first. It never rejects: look at the signal afterwards. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = Number.isFinite(ms) ? setTimeout(finish, ms) : undefined;
    signal.addEventListener('abort', finish);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    }
  });
}

/** Resolves when `signal` aborts: the sound of a provider that has fallen silent. */
export function aborted(signal: AbortSignal): Promise<void> {
  return pause(Number.POSITIVE_INFINITY, signal);
}
