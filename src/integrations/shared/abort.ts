/** What a framework is thrown: the reason with which its own signal was aborted, which it looks for, else the error itself. */
export function thrownTo(signal: AbortSignal | undefined, error: unknown): unknown {
  return signal?.aborted ? (signal.reason ?? error) : error;
}
