import { Admission, type Ahead, type Ticket } from '../../control/admission.ts';
import type { LimitReadings, TokenCost } from '../../control/rate-buckets.ts';
import type { TransportError } from '../../core/errors.ts';
import type { ProviderHealth } from '../../core/health.ts';
import { now } from '../../core/time.ts';
import type { Context, ErrorCode, Outcome, ReceivedFacts } from '../../core/types.ts';

/** Who has nothing left for so many milliseconds is left alone until then, as if it had refused; for less, the line waits. */
const longMs = 1_000;

/** Errors of a provider that has read the request well enough to refuse it. */
const understood: ReadonlySet<ErrorCode> = new Set([
  'invalid_request',
  'content_filtered',
  'unsupported',
  'context_length_exceeded',
]);

/** Errors that too many attempts at once may be the reason for. */
const congested: ReadonlySet<ErrorCode> = new Set(['overloaded', 'timeout']);

/** Reads what the headers of an answer say of limits. */
export type ReadLimits = (headers: NonNullable<ReceivedFacts['headers']>) => LimitReadings;

/** What a provider takes, as the line before it sees that: told what becomes of attempts, it says how many, and when. */
export class ProviderFlow {
  readonly #health: ProviderHealth;
  readonly #readLimits: ReadLimits | undefined;
  readonly #sized: (size: number) => void;
  #admission: Admission;
  /** The window that listeners know of. */
  #toldSize: number;

  /** @param sized is called with the number of slots whenever that has changed. */
  constructor(health: ProviderHealth, readLimits: ReadLimits | undefined, sized: (size: number) => void) {
    this.#health = health;
    this.#readLimits = readLimits;
    this.#sized = sized;
    this.#admission = new Admission(health.limits, now());
    this.#toldSize = this.size;
    health.window = this.size;
  }

  get size(): number {
    return this.#admission.size;
  }

  /** It has not shown yet that it answers. */
  get isCold(): boolean {
    return this.#admission.isCold;
  }

  /** It is on its way back to what was good before it was gone. */
  get isRamping(): boolean {
    return this.#admission.isRamping;
  }

  expect(input: number, maxOutput?: number): TokenCost {
    return this.#admission.expect(input, maxOutput);
  }

  waitMs(cost: TokenCost): number {
    return this.#admission.waitMs(cost, now());
  }

  waitBehindMs(ahead: Ahead, cost: TokenCost): number {
    return this.#admission.waitBehindMs(ahead, cost, now());
  }

  sent(cost: TokenCost, pending: number): Ticket {
    return this.#admission.sent(cost, pending, now());
  }

  /** A slot is free again. */
  freed(): void {
    this.#admission.freed(now());
  }

  answered(pending: number, context: Context): void {
    this.#admission.answered(pending, now());
    this.#resized(context);
  }

  /** Its headers have come. */
  received({ headers }: ReceivedFacts, ticket: Ticket | undefined, context: Context): void {
    if (headers === undefined || this.#readLimits === undefined || ticket === undefined) return;
    this.#admission.told(this.#readLimits(headers), ticket, now());
    const goneMs = this.#admission.goneMs(now());
    if (goneMs > longMs) this.#park(goneMs, context);
  }

  /** @param input what its prompt was estimated at. */
  settled(ticket: Ticket, input: number, outcome: Outcome, pending: number, context: Context): void {
    if (outcome.ok) this.#admission.succeeded(ticket, input, outcome.completion.usage, pending, now());
    else this.#judge(outcome.error, ticket, context);
    this.#resized(context);
  }

  /** Its first attempts are late: another one finds out. */
  insist(): void {
    this.#admission.insist();
    this.#resize();
  }

  /** It is back: what it takes opens anew. */
  restart(pending: number): void {
    this.#admission.restart(now(), pending);
    this.#resize();
  }

  /** Forgets what was learned. */
  forget(): void {
    this.#admission = new Admission(this.#health.limits, now());
    this.#resize();
  }

  #judge(error: TransportError, ticket: Ticket, context: Context): void {
    const at = now();
    if (error.blame === 'transport') this.#admission.returned(ticket, at);
    if (error.provider !== this.#health.name) return;
    // While our own network is down nobody can be reached: that is no congestion.
    if (congested.has(error.code) && this.#health.network?.isDown !== true) this.#admission.congested(ticket, at);
    else if (error.status !== undefined && understood.has(error.code)) this.#admission.understood();
    if (error.code !== 'rate_limited') return;
    const parkMs = this.#admission.refused(ticket, at, Math.random());
    // A time that was told is known already; what it was one too many of is not.
    if (parkMs !== undefined && error.retryAfterMs === undefined) this.#park(parkMs, context);
  }

  #park(ms: number, context: Context): void {
    const until = Math.ceil(Date.now() + ms);
    if (!this.#health.park(until)) return;
    context.publish({ type: 'provider:park', provider: this.#health.name, code: 'rate_limited', until });
  }

  #resize(): void {
    this.#health.window = this.size;
    this.#sized(this.size);
  }

  #resized(context: Context): void {
    if (this.#health.window === this.size) return;
    this.#resize();
    // Growth comes with every answer: it is told in steps of a quarter.
    const [from, to] = [this.#toldSize, this.size];
    if (to === from || (to > from && to < from * 1.25)) return;
    this.#toldSize = to;
    context.publish({ type: 'window:change', provider: this.#health.name, from, to });
  }
}
