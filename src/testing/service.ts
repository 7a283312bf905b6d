/** What the simulated server and the simulated provider have in common: everything but the wire. */

import type { Limits } from '../core/types.ts';
import { Allowance, type EnforcedLimits, type LimitReading, type Refusal } from './allowance.ts';
import { hashOf, randomFrom, tokensOf } from './answer.ts';
import { type Continuation, type Continues, continuationIn, continued } from './continued.ts';
import { FaultPlan, type FaultPlanOptions } from './fault-plan.ts';
import type { Fault } from './faults.ts';
import type { IncomingRequest } from './incoming.ts';
import { Ledger, Recording } from './ledger.ts';
import { type Answer, defaultAnswer } from './model.ts';
import { checkEnforcedLimits } from './option-names.ts';
import { countTokens, type Pace, piecesOf, type Step, stepsOf } from './steps.ts';

/** Milliseconds, or a draw of them from a seeded source of numbers in [0, 1). */
export type Duration = number | ((random: () => number) => number);

/** How a simulated provider answers, and what goes wrong with it. */
export interface ServiceOptions extends FaultPlanOptions {
  /** What the model says; text alone is short for `{ text }`. @default the deterministic answer to the prompt */
  readonly answer?: (request: IncomingRequest) => string | Answer;
  /** Words, each one token, of a default answer. @default 60 */
  readonly words?: number;
  /**
   * What the model does when it is asked for the rest of an answer that was cut off. `exactly`: it repeats the anchor, and goes on.
   * `ignores`: it answers anew. `paraphrases`: it repeats the anchor in other words. `repeats`: it repeats it twice. @default 'exactly'
   */
  readonly continues?: Continues | ((asked: Continuation) => string);
  /** Milliseconds to the first token. @default 0 */
  readonly firstTokenMs?: Duration;
  /** Milliseconds between tokens; 0 sends them all at once. @default 0 */
  readonly tokenMs?: Duration;
  /** Records that are kept, the latest, for runs of very many requests. @default Infinity */
  readonly keepRequests?: number;
}

/** One request, decided: what will be answered, what will go wrong, and the record to write. */
export interface Turn {
  readonly recording: Recording;
  readonly fault: Fault | undefined;
  /** Set when a limit turns the request away. */
  readonly refusal: Refusal | undefined;
  /** How the limits stand after it. */
  readonly limits: readonly LimitReading[];
  /** What the model says, and how fast. */
  readonly answer: Answer;
  pace(): Pace;
  steps(): Generator<Step>;
}

/** Serves requests by plan; keeps the books. */
export class Service {
  readonly ledger: Ledger;
  readonly plan: FaultPlan;
  readonly #options: ServiceOptions;
  #allowance: Allowance;

  constructor(options: ServiceOptions, limits: EnforcedLimits | Limits | undefined) {
    this.#options = options;
    this.ledger = new Ledger(options.keepRequests);
    this.plan = new FaultPlan(options, Date.now());
    this.#allowance = new Allowance(limits ?? {}, Date.now());
  }

  /** New limits from now on, their buckets full. */
  setLimits(limits: EnforcedLimits | undefined): void {
    if (limits !== undefined) checkEnforcedLimits(limits);
    this.#allowance = new Allowance(limits ?? {}, Date.now());
  }

  /** Opens the record of a request. Whoever calls this ends it in the ledger. */
  open(request: Omit<IncomingRequest, 'index' | 'at'>): { request: IncomingRequest; recording: Recording } {
    const index = this.ledger.count;
    const numbered: IncomingRequest = { ...request, index, at: Date.now() };
    const requestId = `req_${hashOf(`${this.#options.seed ?? 1}/${index}`)
      .toString(16)
      .padStart(8, '0')}${index}`;
    const recording = new Recording(numbered, tokensOf(request.prompt).length, requestId);
    this.ledger.open(recording);
    return { request: numbered, recording };
  }

  /** Decides what becomes of an opened request. */
  decide(request: IncomingRequest, recording: Recording): Turn {
    const planned = this.plan.decide(request);
    const fault = planned !== undefined && concerns(planned, request) ? planned : undefined;
    const answer = this.#answer(request);
    let refusal: Refusal | undefined;
    if (isServed(fault)) {
      const cost = { inputTokens: recording.inputTokens, outputTokens: countTokens(piecesOf(answer)) };
      refusal = this.#allowance.admit(cost, this.ledger.inFlight - 1, Date.now());
    }
    if (refusal === undefined) recording.fault = fault;
    const limits = this.#allowance.readings(Date.now());
    const pace = () => this.#pace(request.index);
    return { recording, fault, refusal, limits, answer, pace, steps: () => stepsOf(answer, fault, pace()) };
  }

  #answer(request: IncomingRequest): Answer {
    const asked = continuationIn(request);
    const answer =
      asked === undefined ? this.#said(request) : continued(this.#said(asked.request), asked, this.#options.continues);
    const most = request.maxOutputTokens ?? Number.POSITIVE_INFINITY;
    if (answer.text === undefined || answer.reasoning !== undefined || answer.toolCalls !== undefined) return answer;
    const tokens = tokensOf(answer.text);
    return tokens.length <= most ? answer : { text: tokens.slice(0, most).join(''), finishReason: 'length' };
  }

  #said(request: IncomingRequest): Answer {
    const given = this.#options.answer?.(request) ?? defaultAnswer(request, this.#options.words);
    return typeof given === 'string' ? { text: given } : given;
  }

  #pace(index: number): Pace {
    // From the request's own number, so that the order in which concurrent requests draw does not matter.
    const random = randomFrom((this.#options.seed ?? 1) + Math.imul(index + 1, 0x9e3779b1));
    const draw = (duration: Duration | undefined) =>
      typeof duration === 'function' ? duration(random) : (duration ?? 0);
    return { firstTokenMs: draw(this.#options.firstTokenMs), tokenMs: () => draw(this.#options.tokenMs) };
  }
}

/** Some faults are only of streams: others never meet them. */
function concerns(fault: Fault, request: IncomingRequest): boolean {
  if (fault.kind === 'streamIgnored') return request.stream;
  if (fault.kind !== 'status' || fault.only === undefined) return true;
  if (fault.only === 'stream') return request.stream;
  return (request.body as { stream_options?: unknown }).stream_options !== undefined;
}

/** Requests that never reach the model use up no limit. */
function isServed(fault: Fault | undefined): boolean {
  if (fault === undefined) return true;
  return fault.kind !== 'status' && fault.kind !== 'refused' && !('at' in fault && fault.at === 'beforeHeaders');
}
