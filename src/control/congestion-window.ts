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
/** Outcomes after a cut by which is judged whether it has helped; a greater share of losses than this calls for the next at once. */
const judged = 40;
const urgentRatio = 0.5;
/** More losses than a wall would leave by so much have another cause. */
const clearRatio = 0.05;
/** Milliseconds after which losses that had another cause are looked at anew. */
const forgetMs = 60_000;
/** How fast the most that was at once is forgotten, with each that is sent. */
const peakFade = 0.99;
/** Where slow start begins again after an outage. */
const restartAt = 8;
/** Silence after which the time of growth stands still, in milliseconds: an idle provider shows nothing. */
const idleMs = 2_000;

/** What a cut that was in vain is taken back to. */
interface Before {
  readonly window: number;
  readonly threshold: number;
  readonly plateau: number;
}

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
  /** The most at once, of late. */
  #peak = 0;
  #cutAt = Number.NEGATIVE_INFINITY;
  /** The latest outcomes; true is a success. */
  #outcomes: boolean[] = [];
  /** The last cut for a share of losses, as long as nobody knows whether it has helped, and what has ended since. */
  #trial: (Before & { readonly share: number; ended: number; lost: number }) | undefined;
  /** The share of losses that a smaller window did not lessen: they are not ours. */
  #usual = 0;
  #usualAt = 0;

  constructor({ start = 32, floor = 4, limit = Number.POSITIVE_INFINITY }: CongestionWindowOptions = {}) {
    this.#floor = Math.min(floor, limit);
    this.#limit = limit;
    this.#window = Math.min(start, limit);
  }

  /** Whole attempts; at least one. */
  get size(): number {
    return Math.max(1, Math.floor(this.#window));
  }

  /** What it will soon be, when all goes well: in slow start, the size at which that ends. */
  get soon(): number {
    return this.#threshold === Number.POSITIVE_INFINITY ? this.size : Math.max(this.size, Math.floor(this.#threshold));
  }

  /** An attempt is sent. `inFlight`: attempts under way, this one included. */
  sent(inFlight: number): void {
    this.#peak = Math.max(inFlight, this.#peak * peakFade);
  }

  /** An attempt was answered. `inFlight`: attempts under way, this one included. */
  succeeded(inFlight: number, atMs: number): void {
    this.#note(true);
    this.#judge(true, atMs);
    this.grow(inFlight, atMs);
  }

  /** Something of an attempt that was answered has come well: one more may be sent, when the window is full. */
  grow(inFlight: number, atMs: number): void {
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
    // What was sent before the cut says nothing of it.
    this.#note(false);
    if (sentAtMs > this.#cutAt) this.#judge(false, atMs);
    // Sent before the last cut: that was the same congestion. Far below what is usual: not ours. What was never used says nothing of a
    // wall.
    const usual = kind === 'hard' ? Math.min(this.size, this.#peak) : this.size;
    if (sentAtMs <= this.#cutAt || inFlight < usual / 2) return false;
    if (kind === 'soft') {
      const share = this.#lossShare();
      if (atMs - this.#usualAt > forgetMs) this.#usual = 0;
      if (share < this.#usual + lossRatio || (this.#trial !== undefined && share <= urgentRatio)) return false;
      const { window, threshold, plateau } = this.#trial ?? {
        ...{ window: this.#window, threshold: this.#threshold, plateau: this.#plateau },
      };
      this.#trial = { share, window, threshold, plateau, ended: 0, lost: 0 };
    } else {
      this.#trial = undefined;
    }
    const from = Math.min(this.#window, Math.max(inFlight, this.#floor));
    // Less room than last time: make way for others.
    this.#plateau =
      from < this.#plateau && this.#plateau !== Number.POSITIVE_INFINITY ? (from * (1 + keepRatio)) / 2 : from;
    this.#cutAt = atMs;
    this.#begin(from * keepRatio, 0, atMs);
    return true;
  }

  /** Whether it was cut since an attempt was sent. */
  wasCutSince(sentAtMs: number): boolean {
    return this.#cutAt >= sentAtMs;
  }

  /**
   * The provider is back after an outage: from a few attempts quickly up to the last size that was good.
   * @param inFlight attempts under way still.
   */
  restart(atMs: number, inFlight = 0): void {
    const good = this.#plateau === Number.POSITIVE_INFINITY ? this.#window : Math.max(this.#window, this.#plateau);
    this.#plateau = good;
    this.#cutAt = atMs;
    this.#trial = undefined;
    this.#begin(Math.min(inFlight + restartAt, this.#window), good * keepRatio, atMs);
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

  /** Losses among the latest outcomes; none when they are too few to say: failures are faster than answers, and come in first. */
  #lossShare(): number {
    const { length } = this.#outcomes;
    const losses = this.#outcomes.reduce((sum, ok) => (ok ? sum : sum + 1), 0);
    return losses < fewLosses || length < Math.min(remembered, this.size) ? 0 : losses / length;
  }

  /**
   * A wall gives way when one steps back from it. When fewer at once lose many all the same, they are lost for another reason, and the
   * window is as it was.
   */
  #judge(ok: boolean, atMs: number): void {
    const trial = this.#trial;
    if (trial === undefined) return;
    trial.ended += 1;
    if (!ok) trial.lost += 1;
    if (trial.ended < judged) return;
    this.#trial = undefined;
    const share = trial.lost / trial.ended;
    const behindWall = Math.max(0, 1 - (1 - trial.share) / keepRatio);
    if (share <= behindWall + clearRatio) return;
    this.#usual = share;
    this.#usualAt = atMs;
    this.#threshold = trial.threshold;
    this.#plateau = trial.plateau;
    this.#set(Math.max(this.#window, trial.window));
  }
}
