/** What a simulated service can take: places to work in, a line before them, and limits that turn requests away. */

import type { ErrorCode } from '../core/types.ts';
import { Allowance, type Cost, type EnforcedLimits, type LimitReading, type Refusal } from './allowance.ts';

/** How a virtual provider is. All of it can change while a simulation runs, unannounced: see `schedule`. */
export interface VirtualConditions {
  /** Milliseconds from the start of the work on a request to its first content; half of the requests take less. @default 600 */
  readonly firstContentMs?: number;
  /** How much first contents differ: the standard deviation of their logarithm. @default 0.35 */
  readonly sigma?: number;
  /** Tokens a second once an answer has begun; `Infinity`: all at once. @default 60 */
  readonly tokensPerSecond?: number;
  /** Multiplies all times. @default 1 */
  readonly slowness?: number;
  /** Share of requests whose first content takes `stragglerFactor` times as long. @default 0 */
  readonly stragglerRatio?: number;
  /** See `stragglerRatio`. @default 10 */
  readonly stragglerFactor?: number;
  /** Share of requests that are answered with `errorCode`. @default 0 */
  readonly errorRatio?: number;
  /** With what requests fail, by `errorRatio`. @default 'server_error' */
  readonly errorCode?: ErrorCode;
  /** Milliseconds until an error is told, of whatever kind. @default 100 */
  readonly errorMs?: number;
  /** What such errors say of when to come back, in milliseconds. */
  readonly errorRetryAfterMs?: number;
  /** Share of answers that break after their first content. @default 0 */
  readonly cutRatio?: number;
  /** Share of answers that fall silent after their first content, until they are given up. @default 0 */
  readonly stallRatio?: number;
  /** `silent`: takes requests and says nothing. `unreachable`: no connection. @default 'up' */
  readonly state?: 'up' | 'silent' | 'unreachable';
  /** What it enforces with 429s. @default no limits */
  readonly enforcedLimits?: EnforcedLimits;
  /** Whether a 429 says when to come back. @default true */
  readonly retryAfter?: boolean;
  /** Requests that are worked on at once; others wait for their turn. @default Infinity */
  readonly slots?: number;
  /** Requests that may wait for a slot; others are told `overloaded`. @default Infinity */
  readonly maxWaiting?: number;
  /** Requests at once from which on all of them are slower, in proportion. @default Infinity */
  readonly knee?: number;
  /** Goes on with requests that were given up: they keep their places. @default false */
  readonly keepsAbandoned?: boolean;
  /** Tokens for each four characters of a prompt: what the estimates of clients are off by. @default 1 */
  readonly tokenRatio?: number;
}

/** All of it, known. */
type Conditions = Required<Omit<VirtualConditions, 'errorRetryAfterMs'>> & Pick<VirtualConditions, 'errorRetryAfterMs'>;

/** How a virtual provider is when nothing else is said. */
export const usualConditions: Conditions = {
  firstContentMs: 600,
  sigma: 0.35,
  tokensPerSecond: 60,
  slowness: 1,
  stragglerRatio: 0,
  stragglerFactor: 10,
  errorRatio: 0,
  errorCode: 'server_error',
  errorMs: 100,
  cutRatio: 0,
  stallRatio: 0,
  state: 'up',
  enforcedLimits: {},
  retryAfter: true,
  slots: Number.POSITIVE_INFINITY,
  maxWaiting: Number.POSITIVE_INFINITY,
  knee: Number.POSITIVE_INFINITY,
  keepsAbandoned: false,
  tokenRatio: 1,
};

/** A part of a simulation in which a provider is different. Of two that overlap, the later one in the list counts. */
export interface VirtualIncident extends VirtualConditions {
  /** Milliseconds since the provider was made: when it begins. */
  readonly fromMs: number;
  /** When it is over. */
  readonly toMs: number;
}

/** The work on one request. */
export interface Work {
  /** Draws how long it takes, in milliseconds. Called for who has left before the work was begun. */
  plan(): number;
  /** Called when the turn of one comes that has waited in the line. */
  begin(): void;
}

/** A place at the service, released once. */
export interface Job {
  /** The work has begun: it did not have to wait in the line, or its turn has come. */
  readonly isWorking: boolean;
  /** The client has gone. `leftMs`: what the work would still have taken, once it is begun. */
  abandon(leftMs: number): void;
  /** The work is done. */
  release(): void;
}

/** What a virtual provider has of everything, as it is at the moment. */
export class VirtualService {
  readonly #usual: Conditions;
  readonly #schedule: readonly VirtualIncident[];
  readonly #madeAt = performance.now();
  #lookAt = Number.NEGATIVE_INFINITY;
  #current: Conditions;
  #allowance: Allowance;
  #enforced: EnforcedLimits;
  readonly #line: Place[] = [];
  /** Requests that are worked on. */
  busy = 0;
  /** Timers of its own: work that nobody waits for any more. */
  timers = 0;

  constructor(conditions: VirtualConditions, schedule: readonly VirtualIncident[]) {
    const usual = { ...usualConditions, ...conditions };
    this.#usual = usual;
    this.#schedule = schedule;
    this.#current = usual;
    this.#enforced = usual.enforcedLimits;
    this.#allowance = new Allowance(this.#enforced, this.#madeAt);
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** How it is now. */
  get conditions(): Conditions {
    const at = performance.now() - this.#madeAt;
    if (at === this.#lookAt) return this.#current;
    this.#lookAt = at;
    const incidents = this.#schedule.filter(({ fromMs, toMs }) => at >= fromMs && at < toMs);
    this.#current = incidents.length === 0 ? this.#usual : Object.assign({}, this.#usual, ...incidents);
    if (this.#current.enforcedLimits !== this.#enforced) {
      this.#enforced = this.#current.enforcedLimits;
      this.#allowance = new Allowance(this.#enforced, performance.now());
    }
    return this.#current;
  }

  /** Takes what a request costs from the limits, or says why not. */
  admit(cost: Cost): Refusal | undefined {
    void this.conditions;
    return this.#allowance.admit(cost, this.busy + this.#line.length, performance.now());
  }

  readings(): LimitReading[] {
    return this.#allowance.readings(performance.now());
  }

  /** A place to work in, or in the line. `undefined`: the line is full. */
  take(work: Work): Job | undefined {
    const { slots, maxWaiting } = this.conditions;
    if (this.busy >= slots && this.#line.length >= maxWaiting) return undefined;
    const job = new Place(this, work);
    if (this.busy < slots) job.enter();
    else this.#line.push(job);
    return job;
  }

  leaveLine(job: Place): void {
    const at = this.#line.indexOf(job);
    if (at !== -1) this.#line.splice(at, 1);
  }

  beginNext(): void {
    const { slots } = this.conditions;
    while (this.busy < slots && this.#line.length > 0) this.#line.shift()?.turn();
  }

  finishLater(ms: number, job: Place): void {
    this.timers += 1;
    setTimeout(() => {
      this.timers -= 1;
      job.release();
    }, ms);
  }
}

class Place implements Job {
  readonly #service: VirtualService;
  readonly #work: Work;
  #state: 'waiting' | 'working' | 'left' | 'over' = 'waiting';

  constructor(service: VirtualService, work: Work) {
    this.#service = service;
    this.#work = work;
  }

  get isWorking(): boolean {
    return this.#state === 'working';
  }

  enter(): void {
    this.#service.busy += 1;
    this.#state = 'working';
  }

  turn(): void {
    if (this.#state === 'left') {
      this.#service.busy += 1;
      this.#service.finishLater(this.#work.plan(), this);
    } else {
      this.enter();
      this.#work.begin();
    }
  }

  abandon(leftMs: number): void {
    const { keepsAbandoned } = this.#service.conditions;
    if (this.#state === 'working') {
      if (keepsAbandoned) this.#service.finishLater(leftMs, this);
      else this.release();
    } else if (this.#state === 'waiting') {
      this.#state = 'left';
      if (!keepsAbandoned) this.#service.leaveLine(this);
    }
  }

  release(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#service.busy -= 1;
    this.#service.beginNext();
  }
}
