import { asked, type Call, contextIn } from '../../core/context.ts';
import { failed, TransportError } from '../../core/errors.ts';
import { readable, replyFrom } from '../../core/reply.ts';
import { abandoned, onAbort, reasonOf } from '../../core/signals.ts';
import type { Chunk, Completion, CompletionRequest, Context, Handler, Outcome, Reply } from '../../core/types.ts';
import type { Digest } from './digest.ts';
import { otherRequest, type Replays } from './replays.ts';
import { SharedAnswer } from './shared-answer.ts';

/** A call that shares the answer. */
export interface Member {
  readonly call: Call;
  /** Epoch milliseconds. */
  readonly deadline: number;
}

/** What is sent for calls with one id: a call of its own, which lasts as long as one of them wants its answer. */
export class SharedCall {
  readonly #id: string;
  readonly #digest: Digest;
  readonly #first: Context;
  readonly #replays: Replays | undefined;
  /** Called when nobody can join any more. */
  readonly #closed: () => void;
  readonly #call: Call;
  readonly #controller = new AbortController();
  /** Those whose call is not over. */
  readonly #open = new Set<Member>();
  /** Those who want the answer. The first has its ledger. */
  readonly #wanting = new Set<Member>();
  #answer: Promise<SharedAnswer> | undefined;
  #there: SharedAnswer | undefined;
  #isOver = false;
  /** More than one call has shared it. */
  isShared = false;

  constructor(
    first: Context,
    call: Call,
    id: string,
    digest: Digest,
    replays: Replays | undefined,
    closed: () => void,
  ) {
    const { transactionId, priority, startedAt, events, accounts } = call;
    this.#call = { transactionId, priority, startedAt, events, accounts, attempts: [], lastAttempt: 0 };
    this.#first = first;
    this.#id = id;
    this.#digest = digest;
    this.#replays = replays;
    this.#closed = closed;
  }

  /** The ledger of what was sent. */
  get attempts(): Call['attempts'] {
    return this.#call.attempts;
  }

  get startedAt(): number {
    return this.#call.startedAt;
  }

  /** A call takes part. @throws TransportError `invalid_request` when it asks something else */
  enter(context: Context, call: Call, digest: Digest): Member {
    if (digest.text !== this.#digest.text) throw otherRequest();
    const member = { call, deadline: context.deadline };
    call.source = this.#call;
    this.#open.add(member);
    this.#wanting.add(member);
    this.#changed();
    if (this.#open.size > 1) {
      this.isShared = true;
      context.get(asked)?.joined?.(this.#first);
    }
    return member;
  }

  /** A call is over. Returns whether it was the last of them. */
  exit(member: Member): boolean {
    this.leave(member);
    this.#open.delete(member);
    if (this.#open.size > 0) return false;
    this.#closed();
    this.#call.over = true;
    return true;
  }

  /** A call does not want the answer any more. The last one that does not ends what was sent. Returns whether it was. */
  leave(member: Member, reason?: TransportError): boolean {
    if (this.#isOver || !this.#wanting.has(member)) return false;
    this.#wanting.delete(member);
    if (this.#wanting.size > 0) {
      this.#changed();
      return false;
    }
    this.#isOver = true;
    this.#closed();
    if (reason !== undefined || this.#there === undefined) this.#controller.abort(reason ?? abandoned());
    this.#there?.leave();
    return true;
  }

  /** The answer, for one of them. */
  async read(member: Member, request: CompletionRequest, context: Context, next: Handler): Promise<Reply> {
    this.#answer ??= this.#ask(request, context, next);
    const answer = await this.#inTime(this.#answer, member, context);
    if (request.stream === true && answer.isWhole) return this.#streamed(answer, member, context);
    if (request.stream === true && answer.hasItems)
      throw new TransportError(
        'invalid_request',
        'The beginning of the answer with this transactionId is not kept any more',
      );
    const { completion, left } = answer.whole();
    try {
      return replyFrom(this.#own(await this.#inTime(completion, member, context), member));
    } finally {
      left();
    }
  }

  async #ask(request: CompletionRequest, from: Context, next: Handler): Promise<SharedAnswer> {
    const { signal } = this.#controller;
    const context = contextIn(this.#call, from, signal);
    try {
      // Never: the layer is given contexts that are ours.
      if (context === undefined) throw new TypeError('The context is not one of a call');
      const replays = from.get(asked) === undefined && this.#digest.lasts ? this.#replays : undefined;
      const kept = await replays?.find(this.#id, this.#digest, context);
      const reply = kept === undefined ? await next(request, context) : replyFrom(kept);
      const answer = new SharedAnswer(reply, () => {
        this.#isOver = true;
      });
      if (signal.aborted) {
        answer.leave();
        throw reasonOf(signal);
      }
      this.#there = answer;
      void answer.done.then((outcome) => {
        this.#ended(outcome.ok);
        if (outcome.ok && kept === undefined && !answer.hasItems)
          replays?.keep(this.#id, this.#digest, outcome.completion, context);
      });
      return answer;
    } catch (thrown) {
      this.#ended(false);
      throw failed(thrown);
    }
  }

  /** What is still under way when it is over is stopped. */
  #ended(ok: boolean): void {
    this.#isOver = true;
    if (!ok) this.#controller.abort(abandoned());
  }

  /** What is promised, or the reason why the call has left; the last one that leaves waits for what was sent to end. */
  #inTime<T>(promise: Promise<T>, member: Member, { signal }: Context): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = onAbort(signal, () => {
        const reason = reasonOf(signal);
        if (!this.leave(member, reason)) reject(reason);
      });
      promise.then(resolve, reject).finally(stop);
    });
  }

  #streamed(answer: SharedAnswer, member: Member, { signal }: Context): Reply {
    let isLast = false;
    const leave = (reason?: TransportError): void => {
      if (this.leave(member, reason)) isLast = true;
    };
    const chunks: AsyncIterable<Chunk> = { [Symbol.asyncIterator]: () => answer.read(leave) };
    const own = answer.done.then(
      (outcome): Outcome => (outcome.ok ? { ok: true, completion: this.#own(outcome.completion, member) } : outcome),
    );
    const { chunks: pump, done } = readable({ provider: answer.provider, chunks, done: own });
    const unread = answer.isReadBy(pump);
    // Before the error is told: with the ledger goes who goes on.
    pump.mapError((error) => {
      leave();
      return error;
    });
    const stop = onAbort(signal, () => {
      leave(reasonOf(signal));
      pump.stop(reasonOf(signal));
    });
    // What is at hand of an answer that is over is read at once, however slow the reader is: its end has to be known.
    void answer.done.then(() => pump.hurry(true));
    const ended = done.then(async (outcome) => {
      stop();
      unread();
      if (isLast) await answer.done;
      return outcome;
    });
    return { provider: answer.provider, chunks: pump, done: ended };
  }

  /** The ledger is in one of the answers: then they add up. */
  #own(completion: Completion, { call }: Member): Completion {
    return call.attempts === this.#call.attempts ? completion : { ...completion, attempts: [], cost: 0 };
  }

  #changed(): void {
    const [keeper] = this.#wanting;
    for (const member of this.#open) {
      if (member === keeper) member.call.attempts = this.#call.attempts;
      else if (member.call.attempts === this.#call.attempts) member.call.attempts = [];
    }
    this.#call.deadline = Math.max(...[...this.#wanting].map(({ deadline }) => deadline));
  }
}
