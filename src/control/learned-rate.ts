/** The window that providers count over, in milliseconds. */
const minuteMs = 60_000;
/** Refusals that come together are one: their provider's bucket is still empty. Milliseconds. */
const togetherMs = 5_000;
/** What is left of the rate after a refusal, and how steeply it grows again: one tenth above the plateau a minute after reaching it. */
const keepRatio = 0.95;
const growth = 0.1;
const tellingRequests = 60;
/** Refusals that are remembered to tell a rate from a limit of concurrency. */
const remembered = 6;
const enough = 3;
/** One varies clearly less than the other. */
const clearRatio = 0.7;

interface Refusal {
  readonly inFlight: number;
  readonly perMinute: number;
}

/**
 * How many requests a minute a provider takes that refuses without saying so. Between two refusals its bucket went from empty to empty,
 * so what it let in meanwhile is what flowed in: that is the rate. It is held a little below, then tried upwards along a cubic curve,
 * flat where the last refusal was. A limit on attempts at once refuses as well: that one refuses at always the same number under way,
 * a rate at always the same rate.
 * Source: the curve is CUBIC's (RFC 9438), in minutes, as in the AWS SDKs' adaptive retry mode (botocore `retries/throttling.py`).
 */
export class LearnedRate {
  #plateau: number | undefined;
  #usedMs = 0;
  #lastAt: number | undefined;
  #startedAt: number | undefined;
  /** Requests let in since the last refusal. */
  #admitted = 0;
  #refusedAt: number | undefined;
  #refusals: Refusal[] = [];
  #isRate: boolean | undefined;

  /** A request was sent; it counts as let in until it is refused. */
  sent(atMs: number): void {
    this.#startedAt ??= atMs;
    this.#admitted += 1;
    if (this.#lastAt !== undefined) this.#usedMs += Math.min(togetherMs, Math.max(0, atMs - this.#lastAt));
    this.#lastAt = atMs;
  }

  /** A request was refused, with so many under way. Returns true when that was news. */
  refused(inFlight: number, atMs: number): boolean {
    this.#startedAt ??= atMs;
    this.#admitted = Math.max(0, this.#admitted - 1);
    if (this.#refusedAt !== undefined && atMs - this.#refusedAt < togetherMs) return false;
    // The first bucket was full: a minute's worth was saved up.
    const passedMs = this.#refusedAt === undefined ? minuteMs + atMs - this.#startedAt : atMs - this.#refusedAt;
    const perMinute = (this.#admitted / passedMs) * minuteMs;
    this.#refusedAt = atMs;
    this.#admitted = 0;
    this.#usedMs = 0;
    // Something has changed, whatever it is: what was seen before says nothing of it.
    if (!isAlike(perMinute, this.#plateau ?? perMinute)) this.#refusals = [];
    this.#plateau = Math.max(1, perMinute);
    this.#refusals.push({ inFlight, perMinute });
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
    else if (ofFlight < clearRatio * ofRate) this.#isRate = false;
  }

  /** Requests a minute to be sent now; `undefined` when none is known to be too many. */
  get perMinute(): number | undefined {
    if (this.#plateau === undefined) return undefined;
    const flatAt = Math.cbrt((1 - keepRatio) / growth);
    // A minute, or as long as it takes to send as many requests as tell something.
    const unitMs = minuteMs * Math.max(1, tellingRequests / this.#plateau);
    return this.#plateau * (1 + growth * (this.#usedMs / unitMs - flatAt) ** 3);
  }
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
