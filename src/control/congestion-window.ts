/** How a window behaves; every number has a default that was found in simulation. */
export interface CongestionWindowOptions {
  /** Attempts at once to begin with. @default 32 */
  readonly start?: number;
  /** Never fewer. @default 4 */
  readonly floor?: number;
  /** Never more: a limit that is known. @default Infinity */
  readonly limit?: number;
}

/** What is left of the window after a loss. RFC 9438 has 0.7; a provider's limit is a wall, not a queue that must drain. */
const keepRatio = 0.8;
/** RFC 9438's constant C, in attempts per cubed time unit, and the unit: seconds are a packet's time, not an answer's. */
const growth = 0.4;
const unitMs = 8_000;
/** A window counts as used when so much of it is. */
const usedRatio = 0.8;
/** Outcomes that are remembered, and how many of them, and which share, must be losses before a soft one counts. */
const remembered = 20;
const fewLosses = 3;
const lossRatio = 0.15;
/** Where slow start begins again after an outage. */
const restartAt = 8;
/** Silence after which the time of growth stands still, in milliseconds: an idle provider shows nothing. */
const idleMs = 2_000;

/**
 * Attempts that a provider is trusted with at once. Grows while it is full: by one for each success up to the last size that was
 * known to be good (slow start), then along a cubic curve that is flat where the last loss was. A loss cuts it, once per round trip.
 * Losses are of two kinds: `hard`, the provider has said that these were too many at once, which cuts at once; `soft`, an overload
 * or a silence that may have other causes, which cuts only when there is a real share of them.
 * Source: CUBIC (RFC 9438), with fast convergence; slow start and one cut per round trip as in RFC 5681 and RFC 6582.
 */
export class CongestionWindow {
  readonly #floor: number;
  readonly #limit: number;
  #window: number;
  /** The size at the last loss, where the curve is flat. */
  #plateau = Number.POSITIVE_INFINITY;
  /** Slow start ends here. */
  #threshold = Number.POSITIVE_INFINITY;
  /** Milliseconds since the last cut in which the window was used. */
  #usedMs = 0;
  #lastAt: number | undefined;
  #cutAt = Number.NEGATIVE_INFINITY;
  /** The latest outcomes; true is a success. */
  #outcomes: boolean[] = [];

  constructor({ start = 32, floor = 4, limit = Number.POSITIVE_INFINITY }: CongestionWindowOptions = {}) {
    this.#floor = Math.min(floor, limit);
    this.#limit = limit;
    this.#window = Math.min(start, limit);
  }

  /** Whole attempts; at least one. */
  get size(): number {
    return Math.max(1, Math.floor(this.#window));
  }

  /** An attempt succeeded. `inFlight`: attempts under way, this one included, when it was answered. */
  succeeded(inFlight: number, atMs: number): void {
    this.#note(true);
    const passedMs = this.#lastAt === undefined ? 0 : Math.max(0, atMs - this.#lastAt);
    this.#lastAt = atMs;
    if (inFlight < usedRatio * this.size) return;
    if (this.#window < this.#threshold)
      return this.#set(Math.min(this.#window + 1, Math.max(this.#threshold, this.#window)));
    this.#usedMs += Math.min(passedMs, idleMs);
    const flatAt = Math.cbrt((this.#plateau * (1 - keepRatio)) / growth);
    const curve = growth * (this.#usedMs / unitMs - flatAt) ** 3 + this.#plateau;
    if (curve > this.#window) this.#set(Math.min(curve, this.#window + 1));
  }

  /**
   * An attempt was lost. `inFlight`: attempts under way, this one included, when it was sent. Returns true when the window was cut.
   */
  lost(kind: 'hard' | 'soft', sentAtMs: number, inFlight: number, atMs: number): boolean {
    this.#note(false);
    // Sent before the last cut: that was the same congestion. Far below the window: not ours.
    if (sentAtMs <= this.#cutAt || inFlight < this.size / 2) return false;
    if (kind === 'soft' && !this.#manyLost()) return false;
    const from = Math.min(this.#window, Math.max(inFlight, this.#floor));
    // Less room than last time: make way for others.
    this.#plateau =
      from < this.#plateau && this.#plateau !== Number.POSITIVE_INFINITY ? (from * (1 + keepRatio)) / 2 : from;
    this.#cutAt = atMs;
    this.#begin(from * keepRatio, 0, atMs);
    return true;
  }

  /** The provider is back after an outage: from a few attempts quickly up to the last size that was good. */
  restart(atMs: number): void {
    const good = this.#plateau === Number.POSITIVE_INFINITY ? this.#window : Math.max(this.#window, this.#plateau);
    this.#plateau = good;
    this.#cutAt = atMs;
    this.#begin(Math.min(restartAt, this.#window), good * keepRatio, atMs);
  }

  #begin(window: number, threshold: number, atMs: number): void {
    this.#threshold = threshold;
    this.#usedMs = 0;
    this.#lastAt = atMs;
    this.#outcomes = [];
    this.#set(window);
  }

  #set(window: number): void {
    this.#window = Math.min(this.#limit, Math.max(this.#floor, window));
  }

  #note(ok: boolean): void {
    this.#outcomes.push(ok);
    if (this.#outcomes.length > remembered) this.#outcomes.shift();
  }

  #manyLost(): boolean {
    const losses = this.#outcomes.reduce((sum, ok) => (ok ? sum : sum + 1), 0);
    return losses >= fewLosses && losses >= lossRatio * this.#outcomes.length;
  }
}
