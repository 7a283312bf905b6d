/** Which request meets which fault. */

import { OptionsError } from '../core/errors.ts';
import { hashOf, randomFrom } from './answer.ts';
import { type FaultChoice, faultOf } from './fault-cases.ts';
import type { Fault } from './faults.ts';
import type { IncomingRequest } from './incoming.ts';

/** A fault for a span of time: milliseconds since the provider was started; `toMs` is not in it. */
export interface ScheduledFault {
  /** When it begins. */
  readonly fromMs: number;
  /** When it is over. @default Infinity */
  readonly toMs?: number;
  /** What goes wrong. */
  readonly fault: FaultChoice;
}

/** Faults for a share of the requests. */
export interface RandomFaults {
  /** Share of requests, 0 to 1. */
  readonly ratio: number;
  /** One of these, each as likely; at least one. */
  readonly faults: readonly FaultChoice[];
}

/**
 * Which request meets which fault. Looked at in this order: `fault`, `script`, `schedule`, `random`; the first that has something to
 * say decides, and `'ok'` says that the request is served.
 */
export interface FaultPlanOptions {
  /** For every request, until `setFault` says otherwise. */
  readonly fault?: FaultChoice;
  /**
   * One step for each request, in the order in which they come; after the last step requests are served. Or a function, which may
   * leave a request to `schedule` and `random` by returning `undefined`.
   */
  readonly script?: readonly FaultChoice[] | ((request: IncomingRequest) => FaultChoice | undefined);
  /** Faults by time; of spans that overlap the first in the list counts. */
  readonly schedule?: readonly ScheduledFault[];
  /** Faults for a share of the requests, the same share of the same requests in every run. */
  readonly random?: RandomFaults;
  /** Of everything random here. @default 1 */
  readonly seed?: number;
}

/** Decides for each request; `startedAt` (epoch milliseconds) is where the schedule begins. */
export class FaultPlan {
  readonly #options: FaultPlanOptions;
  readonly #startedAt: number;
  #fault: FaultChoice | undefined;

  constructor(options: FaultPlanOptions, startedAt: number) {
    this.#options = options;
    this.#startedAt = startedAt;
    this.#fault = options.fault;
    const { script, schedule = [], random } = options;
    if (script !== undefined && typeof script !== 'function' && !Array.isArray(script))
      throw new OptionsError('script', 'expected an array of faults, or a function');
    const steps = typeof script === 'function' ? [] : (script ?? []);
    // Now, and not when its turn comes: that may be in another test.
    for (const choice of [options.fault, ...steps, ...schedule.map(({ fault }) => fault), ...(random?.faults ?? [])])
      faultOf(choice);
  }

  /** The fault for every request from now on; `undefined` goes back to script, schedule and random. */
  set(fault: FaultChoice | undefined): void {
    faultOf(fault);
    this.#fault = fault;
  }

  decide(request: IncomingRequest): Fault | undefined {
    return faultOf(this.#fault ?? this.#scripted(request) ?? this.scheduled(request.at) ?? this.#chance(request.index));
  }

  /** What the schedule says for a moment (epoch milliseconds). */
  scheduled(at: number): FaultChoice | undefined {
    const elapsed = at - this.#startedAt;
    const span = this.#options.schedule?.find(
      ({ fromMs, toMs = Number.POSITIVE_INFINITY }) => elapsed >= fromMs && elapsed < toMs,
    );
    return span?.fault;
  }

  /** True when nobody should be listening at this moment. */
  refuses(at: number): boolean {
    return faultOf(this.#fault ?? this.scheduled(at))?.kind === 'refused';
  }

  #scripted(request: IncomingRequest): FaultChoice | undefined {
    const script = this.#options.script;
    return typeof script === 'function' ? script(request) : script?.[request.index];
  }

  #chance(index: number): FaultChoice | undefined {
    const random = this.#options.random;
    if (random === undefined) return undefined;
    // From the request's own number: so nothing that happens to others shifts its luck.
    const draw = randomFrom(hashOf(`${this.#options.seed ?? 1}/fault/${index}`));
    return draw() < random.ratio ? random.faults[Math.floor(draw() * random.faults.length)] : undefined;
  }
}
