/**
 * Failures in a row: how many, since when, and of which kind.
 * Source: the accrual of consecutive failures, as in Finagle's `FailureAccrualFactory` and in Envoy's outlier detection
 * (`consecutive_5xx`). That only a success that was sent since ends the row is Karn's thought (RFC 6298): what is ambiguous is no sample.
 */
export class FailureRow {
  #length = 0;
  #since = 0;
  #areUnreached = true;

  /** Failures since the last success. */
  get length(): number {
    return this.#length;
  }

  /** When the first of them was noted, in milliseconds; says nothing while there are none. */
  get since(): number {
    return this.#since;
  }

  /** True when all of them were connections that failed; says nothing while there are none. */
  get areUnreached(): boolean {
    return this.#areUnreached;
  }

  /** An attempt that was sent then has succeeded: what was sent before the failures began says nothing of now. */
  succeeded(sentAtMs: number): void {
    if (sentAtMs >= this.#since) this.#length = 0;
  }

  /** An attempt has failed. @param isUnreached no connection came about. @param atMs the time now, in milliseconds. */
  failed(isUnreached: boolean, atMs: number): void {
    if (this.#length === 0) {
      this.#since = atMs;
      this.#areUnreached = true;
    }
    this.#length += 1;
    this.#areUnreached &&= isUnreached;
  }

  /** Nothing has failed yet. */
  forget(): void {
    this.#length = 0;
  }
}
