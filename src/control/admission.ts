import { CongestionWindow } from './congestion-window.ts';
import { MovingAverage } from './moving-average.ts';
import { type LimitReadings, type Mark, RateBuckets, type RateLimits, type TokenCost } from './rate-buckets.ts';
import { TokenForecast } from './token-forecast.ts';

/** What is known in advance of what a provider takes. */
export interface AdmissionLimits extends RateLimits {
  /** Attempts at once. */
  readonly concurrency?: number;
}

/** What an attempt was sent with. */
export interface Ticket {
  readonly cost: TokenCost;
  readonly sentAt: number;
  /** Attempts that were under way, its own included. */
  readonly inFlight: number;
  /** What had been taken from the buckets. */
  readonly mark: Mark;
}

/** Those who wait in front of an attempt. */
export interface Ahead {
  readonly attempts: number;
  /** Tokens that they are expected to take. */
  readonly tokens: number;
  /** Attempts under way. */
  readonly pending: number;
  /** How long a slot is taken, in milliseconds, as long as no answer has been whole. @default 1,000 */
  readonly turnMs?: number;
}

/** Attempts at once at a provider that has not shown yet that it answers: to begin with, and when those do not answer. */
const coldSize = 2;
const mostColdSize = 4;
/** Milliseconds for which the first answer is not taken to be late. */
const coldPatienceMs = 1_000;
/** Milliseconds after which the estimate of how long a slot is taken has forgotten most of what it knew. */
const turnDecayMs = 30_000;
/** What is taken for that while nothing is known, in milliseconds. */
const unknownTurnMs = 1_000;
/** How long a provider is left alone that refuses without saying for how long, in milliseconds: the first time, and at most. */
const firstParkMs = 1_000;
const longestParkMs = 60_000;

/**
 * What a provider takes: how many at once, how many requests and tokens a minute, and so how long the next has to wait. It is told what
 * was sent and what became of it. Three that do the arithmetic stand behind it: the congestion window, the buckets, the forecast of tokens.
 * Source: those three name their own. Two to four attempts at a provider that is not known yet are RFC 5681's initial window; how long
 * the next has to wait is Little's law ("A Proof for the Queuing Formula: L = λW", 1961); who refuses without saying for how long is
 * left alone twice as long each time, with jitter (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015).
 */
export class Admission {
  readonly #window: CongestionWindow;
  readonly #buckets: RateBuckets;
  readonly #forecast = new TokenForecast();
  /** How long an answered attempt keeps its slot, and when one was last taken or given back. */
  readonly #turn = new MovingAverage(turnDecayMs);
  #turnedAt = 0;
  #isCold = true;
  #coldSize = coldSize;
  #firstSentAt: number | undefined;
  #refusals = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(limits: AdmissionLimits, atMs: number) {
    const { concurrency: limit } = limits;
    // A limit that was declared is trusted at once.
    this.#window = new CongestionWindow({ limit, start: limit === Number.POSITIVE_INFINITY ? undefined : limit });
    this.#buckets = new RateBuckets(limits, atMs);
  }

  /** It has not shown yet that it answers: it is sent two attempts, and what it can take is anybody's guess. */
  get isCold(): boolean {
    return this.#isCold;
  }

  /** It is on its way back to what was good before an outage. */
  get isRamping(): boolean {
    return this.#window.size < this.#window.soon;
  }

  /** Attempts at once. */
  get size(): number {
    return this.#isCold ? Math.min(this.#coldSize, this.#window.size) : this.#window.size;
  }

  /** What an attempt is expected to take. @param input the prompt's tokens, roughly. */
  expect(input: number, maxOutput?: number): TokenCost {
    return this.#forecast.of(input, maxOutput);
  }

  /** Milliseconds until an attempt can be sent, as far as rates go; 0: now. */
  waitMs(cost: TokenCost, atMs: number): number {
    return this.#buckets.waitMs(cost, atMs);
  }

  /** Milliseconds until an attempt would be sent that has others before it. */
  waitBehindMs(
    { attempts, tokens, pending, turnMs: unknownMs = unknownTurnMs }: Ahead,
    cost: TokenCost,
    atMs: number,
  ): number {
    const all = { input: tokens + cost.input, output: cost.output };
    const rateMs = attempts === 0 ? this.waitMs(cost, atMs) : this.#buckets.drainMs(attempts + 1, all, atMs);
    if (attempts === 0 && pending < this.size) return rateMs;
    if (this.#isCold) return Math.max(rateMs, this.#coldWaitMs(atMs));
    const turnMs = this.#turn.value ?? unknownMs;
    const quietMs = atMs - this.#turnedAt;
    // When no slot has come free for much longer than it should have, nobody knows how long it will be.
    const stuckMs = pending >= this.size && quietMs > (2 * turnMs) / this.size ? quietMs : 0;
    // Slow start doubles it with each turn: what it is now says little.
    return Math.max(rateMs, stuckMs, ((attempts + 1) / this.#window.soon) * turnMs);
  }

  /** An attempt is sent. @param inFlight attempts under way, this one included. */
  sent(cost: TokenCost, inFlight: number, atMs: number): Ticket {
    this.#firstSentAt ??= atMs;
    this.#turnedAt = atMs;
    this.#window.sent(inFlight);
    return { cost, inFlight, sentAt: atMs, mark: this.#buckets.debit(cost, atMs, inFlight) };
  }

  /** A slot is free again. */
  freed(atMs: number): void {
    this.#turnedAt = atMs;
  }

  /** First content has come. */
  answered(inFlight: number, atMs: number): void {
    this.#isCold = false;
    this.#window.succeeded(inFlight, atMs);
  }

  /** Its first attempts are late: they may have been lost, and another one finds out. */
  insist(): void {
    this.#coldSize = Math.min(mostColdSize, this.#coldSize + 1);
  }

  /** It has read a request well enough to refuse it: it is there. */
  understood(): void {
    this.#isCold = false;
  }

  /** What it says of its limits, with an answer of any kind. */
  told(readings: LimitReadings, ticket: Ticket, atMs: number): void {
    this.#buckets.told(readings, ticket.mark, atMs);
  }

  /** Milliseconds for which it has nothing left at all, by what it says; 0: it has. */
  goneMs(atMs: number): number {
    return this.#buckets.goneMs(atMs);
  }

  /** An attempt has ended well. @param input what its prompt was estimated at. */
  succeeded(
    ticket: Ticket,
    input: number,
    usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined,
    inFlight: number,
    atMs: number,
  ): void {
    this.#refusals = 0;
    this.#turn.add(atMs - ticket.sentAt, atMs);
    this.#window.grow(inFlight, atMs);
    if (usage === undefined) return;
    this.#buckets.trueUp(ticket.cost, usage, atMs);
    this.#forecast.learn(input, usage);
  }

  /** Nothing was sent after all. */
  returned({ cost }: Ticket, atMs: number): void {
    this.#buckets.refund(cost, atMs);
  }

  /** It was overloaded, or fell silent. */
  congested({ sentAt, inFlight }: Ticket, atMs: number): void {
    this.#window.lost('soft', sentAt, inFlight, atMs);
  }

  /**
   * It has refused an attempt as one too many, and did not say until when. Returns how long to leave it alone, in milliseconds;
   * `undefined` when that is known already, or when fewer at once will do.
   */
  refused(ticket: Ticket, atMs: number, random: number): number | undefined {
    // What its headers have emptied is waited for as it is.
    if (this.#buckets.toldWaitMs(ticket.cost, atMs) > 0) return undefined;
    const isRate = this.#buckets.refused(ticket.inFlight, atMs);
    const isCut = isRate !== true && this.#window.lost('hard', ticket.sentAt, ticket.inFlight, atMs);
    if (isRate === false && (isCut || this.#window.wasCutSince(ticket.sentAt))) return undefined;
    // Attempts that were under way together guess only once.
    if (ticket.sentAt <= this.#refusedAt) return undefined;
    this.#refusals += 1;
    this.#refusedAt = atMs;
    return Math.min(longestParkMs, firstParkMs * 2 ** (this.#refusals - 1)) * (0.75 + random / 2);
  }

  /** It is back after an outage. @param inFlight attempts under way still. */
  restart(atMs: number, inFlight = 0): void {
    this.#window.restart(atMs, inFlight);
  }

  /** Nobody knows how long the first answer takes; the longer it has taken, the longer it may. */
  #coldWaitMs(atMs: number): number {
    const soFarMs = atMs - (this.#firstSentAt ?? atMs);
    return soFarMs > coldPatienceMs ? soFarMs : 0;
  }
}
