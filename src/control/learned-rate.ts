/** The window that providers count over, in milliseconds. */
const minuteMs = 60_000;
/** Refusals that come together are one: their provider's bucket is still empty. Milliseconds. */
const togetherMs = 5_000;
/** What is left of the rate after a refusal. */
const keepRatio = 0.9;
/** The unit of growth is a minute, or as long as it takes to send so many requests: one refusal in so many is the price of knowing. */
const tellingRequests = 62;
const fewestTelling = 20;
const longestUnitMs = 180_000;
/** Units until the rate is what it was, and until it is so much more than that that a limit which has not changed would have shown. */
const backAfter = 0.75;
const clearAfter = 1.1;
const clearGrowth = 0.3;
/** Units in which it doubles from then on: the limit has changed. */
const doublingUnits = 0.25;
const mostDoublings = 20;
/** So far may what was let in be from what was expected, in requests and as a share, while the rate counts as the same. */
const likeness = 2;
const likeRatio = 0.1;
/** Requests that an estimate is made of. */
const mostKnown = 60;
/** What was known counts for so many requests when the rate is another. */
const priorRequests = 1;
/** Refusals that are remembered to tell a rate from a limit of concurrency. */
const remembered = 6;
const enough = 3;
/** One varies clearly less than the other. */
const clearRatio = 0.7;
/** A limit of concurrency refuses when about as many are under way as ever were. */
const mostRatio = 0.75;

interface Known {
  readonly requests: number;
  readonly ms: number;
}

const none: Known = { requests: 0, ms: 0 };

interface Refusal {
  readonly inFlight: number;
  /** Hardly more were under way since the refusal before. */
  readonly isMost: boolean;
  readonly perMinute: number;
}

/**
 * How many requests a minute a provider takes that refuses without saying so. Between two refusals its bucket went from empty to empty,
 * so what it let in meanwhile is what flowed in: that is the rate. It is held a little below, then tried upwards along a curve that is
 * flat where the last refusal was, and steep where nothing has been refused that would have been before. A limit on attempts at once
 * refuses as well: that one refuses at always the same number under way, a rate at always the same rate.
 * Source: the shape is CUBIC's (RFC 9438), in minutes, as in the AWS SDKs' adaptive retry mode (botocore `retries/throttling.py`).
 * No published source is known for telling the two kinds of limit apart.
 */
export class LearnedRate {
  #plateau: number | undefined;
  #usedMs = 0;
  #lastAt: number | undefined;
  #startedAt: number | undefined;
  /** Requests let in since the last refusal. */
  #admitted = 0;
  /** What the estimate was made of: requests that were let in between refusals, and how long that took. */
  #known: Known = none;
  /** Most that were under way since the last refusal. */
  #mostInFlight = 0;
  #refusedAt: number | undefined;
  #refusals: Refusal[] = [];
  #isRate: boolean | undefined;

  /**
   * A request was sent; it counts as let in until it is refused.
   * @param atMs the time now, in milliseconds.
   * @param inFlight requests under way, this one included.
   */
  sent(atMs: number, inFlight = 1): void {
    this.#startedAt ??= atMs;
    this.#mostInFlight = Math.max(this.#mostInFlight, inFlight);
    this.#admitted += 1;
    // Silence shows nothing; but who may send twice a minute is not silent in between.
    const longestMs = Math.max(togetherMs, (2 * minuteMs) / (this.#plateau ?? minuteMs));
    if (this.#lastAt !== undefined) this.#usedMs += Math.min(longestMs, Math.max(0, atMs - this.#lastAt));
    this.#lastAt = atMs;
  }

  /** A request was refused. Returns true when that was news. @param inFlight requests under way, this one included. */
  refused(inFlight: number, atMs: number): boolean {
    this.#startedAt ??= atMs;
    this.#admitted = Math.max(0, this.#admitted - 1);
    if (this.#refusedAt !== undefined && atMs - this.#refusedAt < togetherMs) return false;
    // The first bucket was full: a minute's worth was saved up.
    const passedMs = this.#refusedAt === undefined ? minuteMs + atMs - this.#startedAt : atMs - this.#refusedAt;
    // Both times the bucket was empty but for a part of one: more than that is another rate.
    const expected = ((this.#plateau ?? 0) * passedMs) / minuteMs;
    const isOld = Math.abs(this.#admitted - expected) <= Math.max(likeness, likeRatio * expected);
    // What was known of another rate says little of this one, and never more than what is seen now.
    const most = isOld ? mostKnown : Math.min(priorRequests, expected);
    if (most < this.#known.requests) this.#known = shrunk(this.#known, most);
    else if (!isOld) this.#known = none;
    this.#known = { requests: this.#known.requests + this.#admitted, ms: this.#known.ms + passedMs };
    const perMinute = (this.#known.requests / this.#known.ms) * minuteMs;
    this.#refusedAt = atMs;
    this.#admitted = 0;
    this.#usedMs = 0;
    // Something has changed, whatever it is: what was seen before says nothing of it.
    if (!isAlike(perMinute, this.#plateau ?? perMinute)) this.#refusals = [];
    this.#plateau = Math.max(1, perMinute);
    const isMost = inFlight >= mostRatio * this.#mostInFlight;
    this.#mostInFlight = 0;
    this.#refusals.push({ inFlight, perMinute, isMost });
    if (this.#refusals.length > remembered) this.#refusals.shift();
    this.#judge();
    return true;
  }

  /** Whether the refusals look like a rate's; `undefined` while nobody can tell. */
  get isRate(): boolean | undefined {
    return this.#isRate;
  }

  #judge(): void {
    if (this.#refusals.length < enough) return;
    const ofRate = variation(this.#refusals, ({ perMinute }) => perMinute);
    const ofFlight = variation(this.#refusals, ({ inFlight }) => inFlight);
    if (ofRate < clearRatio * ofFlight) this.#isRate = true;
    // Nobody is refused for being the third who may be the sixth.
    else if (ofFlight < clearRatio * ofRate && this.#refusals.every(({ isMost }) => isMost)) this.#isRate = false;
  }

  /** How far it is on the way back and beyond. */
  get #units(): number {
    if (this.#plateau === undefined) return 0;
    // An estimate of a few requests is rough, and tried sooner.
    const telling = Math.min(tellingRequests, Math.max(fewestTelling, 3 * this.#known.requests));
    const unitMs = minuteMs * Math.max(telling / tellingRequests, telling / this.#plateau);
    return this.#usedMs / Math.min(longestUnitMs, unitMs);
  }

  /** Requests a minute to be sent now; `undefined` when none is known to be too many. */
  get perMinute(): number | undefined {
    if (this.#plateau === undefined) return undefined;
    const units = this.#units;
    if (units < backAfter) return this.#plateau * (1 - (1 - keepRatio) * (1 - units / backAfter) ** 3);
    const beyond = Math.min(1, (units - backAfter) / (clearAfter - backAfter));
    const doublings = Math.min(mostDoublings, Math.max(0, units - clearAfter) / doublingUnits);
    return this.#plateau * (1 + clearGrowth * beyond ** 2) * 2 ** doublings;
  }
}

/** The same rate, but of fewer requests. */
function shrunk({ requests, ms }: Known, most: number): Known {
  return { requests: most, ms: (ms / requests) * most };
}

function isAlike(one: number, other: number): boolean {
  return one < 1.5 * other && other < 1.5 * one;
}

/** Standard deviation in proportion to the mean. */
function variation<T>(items: readonly T[], value: (item: T) => number): number {
  const values = items.map(value);
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  if (mean === 0) return 0;
  const square = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length;
  return Math.sqrt(square) / mean;
}
