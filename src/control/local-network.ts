/** Connections to independent domains that fail within so many milliseconds of each other fail for one reason. */
const togetherMs = 3_000;
/** Milliseconds from one look at whether the network is back to the next. */
const probeMs = 500;
/** One connection that is reset says nothing of a domain that can be asked: so many must have failed in a row. */
const telling = 2;

interface Failures {
  readonly at: number;
  readonly count: number;
}

/**
 * Tells the failure of our own network from that of a provider: when connections to two and more independent failure domains fail
 * within seconds of each other, twice to each that can be asked, and nobody has answered in between, it is ours. From then on one attempt at
 * a time finds out whether it is back.
 * Source: none published is known. It reasons from independent witnesses: that those fail together by chance is much less likely than
 * that they have one cause, and what they share is our side.
 */
export class LocalNetwork {
  /** The failed connections to each domain, of those after which nothing was sent that anybody has answered. */
  readonly #failed = new Map<string, Failures>();
  #answeredAt = Number.NEGATIVE_INFINITY;
  #isDown = false;
  #downAt = 0;
  #probedAt = Number.NEGATIVE_INFINITY;

  get isDown(): boolean {
    return this.#isDown;
  }

  /** When the last of those attempts was sent that anybody has answered, in whatever way, in milliseconds. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** The domains that could not be reached. */
  get domains(): readonly string[] {
    return [...this.#failed.keys()];
  }

  /**
   * A connection to a domain failed. Returns true when this shows that the network is gone, and that is news.
   * @param askable the domains that can be asked now: as long as one of them has not failed, the others may.
   * @param atMs the time now, in milliseconds.
   */
  failed(domain: string, askable: Iterable<string>, atMs: number): boolean {
    for (const [other, { at }] of this.#failed) {
      if (!this.#isDown && atMs - at > togetherMs) this.#failed.delete(other);
    }
    this.#failed.set(domain, { at: atMs, count: (this.#failed.get(domain)?.count ?? 0) + 1 });
    if (this.#isDown || this.#failed.size < 2) return false;
    for (const other of askable) if ((this.#failed.get(other)?.count ?? 0) < telling) return false;
    this.#isDown = true;
    this.#downAt = atMs;
    this.#probedAt = atMs;
    return true;
  }

  /**
   * Somebody has answered an attempt that was sent then: connections that stand already go on when no new one can be made. Returns
   * true when this shows that the network is back, and that is news.
   */
  answered(sentAtMs: number): boolean {
    this.#answeredAt = Math.max(this.#answeredAt, sentAtMs);
    if (this.#failed.size === 0) return false;
    if (this.#isDown && sentAtMs < this.#downAt) return false;
    for (const [domain, { at }] of this.#failed) if (this.#isDown || at < sentAtMs) this.#failed.delete(domain);
    const wasDown = this.#isDown;
    this.#isDown = false;
    return wasDown;
  }

  /** An attempt is sent. While the network is down it is the one that finds out. @param atMs the time now, in milliseconds. */
  probed(atMs: number): void {
    this.#probedAt = atMs;
  }

  /** Milliseconds until an attempt may be sent; 0: now. */
  backMs(atMs: number): number {
    return this.#isDown ? Math.max(0, this.#probedAt + probeMs - atMs) : 0;
  }
}
