/** Responses that are made in the background: kept, handed out again from any event on, and cancelled. */

import type { FinishReason } from '../core/types.ts';
import type { Fault } from './faults.ts';
import { type Exchange, sendBody, sendProblem, streamAnswer, wholeAnswer } from './http-answer.ts';
import type { Answer } from './model.ts';
import { ResponsesAnswer } from './responses-answer.ts';
import type { Turn } from './service.ts';
import { type Pace, piecesOf, type Step, stepsOf } from './steps.ts';
import { type AnswerFacts, type Fields, numberOf } from './wire.ts';

/** One answer in the making. What is there of it depends on the time alone: nobody has to read it. */
interface Stored {
  readonly facts: AnswerFacts;
  readonly answer: Answer;
  /** What the model itself does wrong, whoever asks. */
  readonly flaw: Fault | undefined;
  readonly pace: () => Pace;
  /** What has been made of it, and billed to the one who saw it first. */
  readonly making: { pieces: number };
  cancelled: boolean;
}

/** What is asked of an answer that is kept. */
export interface Revisit {
  readonly id: string;
  readonly cancel: boolean;
  /** `starting_after` and `stream`, as they came. */
  readonly query: Fields;
}

/** What a path and its query ask of an answer that is kept; `undefined` for any other path. */
export function revisitOf(method: string | undefined, url: string): Revisit | undefined {
  const [path = '', query] = url.split('?');
  const [, id, cancel] = /\/responses\/([^/]+)(\/cancel)?$/.exec(path) ?? [];
  if (id === undefined || method !== (cancel === undefined ? 'GET' : 'POST')) return undefined;
  const given = new URLSearchParams(query);
  const after = given.get('starting_after');
  return {
    id,
    cancel: cancel !== undefined,
    query: { stream: given.get('stream') === 'true', ...(after !== null && { starting_after: Number(after) }) },
  };
}

/** All the answers of one server that are made in the background. */
export class BackgroundResponses {
  readonly #stored = new Map<string, Stored>();

  /** Begins an answer, and hands out its first part to the one who asked for it. */
  begin(exchange: Exchange, facts: AnswerFacts, { answer, fault, pace }: Turn, stream: boolean): Promise<void> | void {
    const flaw = isFlaw(fault) ? fault : undefined;
    const stored: Stored = { facts, answer, flaw, pace, making: { pieces: 0 }, cancelled: false };
    this.#stored.set(new ResponsesAnswer(facts).id, stored);
    return this.#hand(exchange, stored, fault, { stream }, 'queued');
  }

  /** Answers a request about an answer that was begun before. */
  revisit(exchange: Exchange, { id, cancel, query }: Revisit, fault: Fault | undefined): Promise<void> | void {
    const stored = this.#stored.get(id);
    if (stored === undefined) {
      const message = `Response with id '${id}' not found.`;
      return sendProblem(exchange, { status: 404, error: { type: 'invalid_request_error', message } });
    }
    if (!cancel) return this.#hand(exchange, stored, fault, query);
    stored.cancelled ||= !this.#now(stored).settled;
    return sendBody(exchange, 200, this.#now(stored).body);
  }

  #hand(
    exchange: Exchange,
    stored: Stored,
    fault: Fault | undefined,
    { stream, starting_after }: Fields,
    unread?: 'queued',
  ): Promise<void> | void {
    const { facts, answer, flaw, making } = stored;
    if (stream !== true) {
      if (fault !== undefined && !isFlaw(fault)) return wholeAnswer(exchange, stepsOf(answer, fault, atOnce));
      exchange.recording.accept();
      return sendBody(
        exchange,
        200,
        unread === undefined ? this.#now(stored).body : new ResponsesAnswer(facts).queued(),
      );
    }
    const after = numberOf(starting_after) ?? -1;
    const writer = new ResponsesAnswer(facts, after, making);
    const behind = ResponsesAnswer.tokensBefore(facts, piecesOf(answer), after);
    const steps = untilCancelled(stored, stepsOf(answer, flaw ?? shifted(fault, behind), paceOf(stored)));
    return streamAnswer({ ...exchange, answer: writer }, steps);
  }

  /** What there is of an answer at this moment. */
  #now(stored: Stored): { readonly body: string; readonly settled: boolean } {
    const writer = new ResponsesAnswer(stored.facts);
    let finishReason: FinishReason | null = null;
    for (const step of stepsOf(stored.answer, stored.flaw, paceOf(stored))) {
      if (step.type === 'pause' && step.ms > 0) break;
      if (step.type === 'piece') writer.piece(step.piece);
      if (step.type === 'finish') finishReason = step.finishReason;
    }
    if (stored.cancelled) return { body: JSON.stringify(writer.response('cancelled')), settled: true };
    return { body: writer.body(finishReason), settled: finishReason !== null };
  }
}

function* untilCancelled(stored: Stored, steps: Iterable<Step>): Generator<Step> {
  for (const step of steps) {
    if (stored.cancelled) return yield { type: 'end' };
    yield step;
  }
}

const atOnce: Pace = { firstTokenMs: 0, tokenMs: () => 0 };

/** Pauses until a token is made: none for those that were made while nobody read. */
function paceOf({ facts, pace }: Stored): Pace {
  const { firstTokenMs, tokenMs } = pace();
  let due = facts.at + firstTokenMs;
  return {
    firstTokenMs: Math.max(0, due - Date.now()),
    tokenMs() {
      due += tokenMs();
      return Math.max(0, due - Date.now());
    },
  };
}

/** True for what is the model's own doing, and not the connection's. */
function isFlaw(fault: Fault | undefined): boolean {
  return ['emptyAnswer', 'reasoningOnly', 'refusal', 'length', 'slow'].includes(fault?.kind ?? '');
}

/** The fault as it strikes a connection that begins `tokens` further on. */
function shifted(fault: Fault | undefined, tokens: number): Fault | undefined {
  if (fault === undefined || !('afterTokens' in fault)) return fault;
  return { ...fault, afterTokens: (fault.afterTokens ?? 0) + tokens } as Fault;
}
