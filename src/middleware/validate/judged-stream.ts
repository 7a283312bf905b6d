import type { TextSource } from '../../core/chunk-source.ts';
import { failed, type TransportError } from '../../core/errors.ts';
import { Pump } from '../../core/pump.ts';
import { readable } from '../../core/reply.ts';
import { abandoned, type Fork, forkSignal } from '../../core/signals.ts';
import type { Chunk, Context, Outcome, Reply } from '../../core/types.ts';
import type { Asking } from './asking.ts';
import { judge, type Misfit, type Verdict, type Wanted } from './judge.ts';

/** How a stream is judged. */
export interface JudgedPlan {
  readonly wanted: Wanted;
  readonly context: Context;
  /** Asks again; `undefined` where the reader cannot be told that the answer begins again. */
  readonly asking: Asking | undefined;
}

/**
 * A stream whose end is held back until its answer has been judged. One that does not fit ends in an error; or, where its reader can be
 * told, in a chunk `restart`, and the answer that was asked for again comes from its beginning.
 */
export class JudgedStream implements Reply, AsyncIterator<Chunk>, TextSource {
  readonly provider: string;
  /** What the reader is given. */
  readonly reply: Reply;
  readonly #plan: JudgedPlan;
  readonly #pump: Pump;
  #chunks: AsyncIterator<Chunk>;
  #verdict: Promise<Verdict>;
  /** Of the answer that was asked for again. */
  #fork: Fork | undefined;
  #left = false;

  constructor(first: Reply, plan: JudgedPlan) {
    this.provider = first.provider;
    this.#plan = plan;
    this.#chunks = first.chunks[Symbol.asyncIterator]();
    this.#verdict = this.#judge(first);
    const reply = readable(this);
    this.#pump = reply.chunks;
    this.reply = reply;
    this.#follow(first);
  }

  get chunks(): AsyncIterable<Chunk> {
    return { [Symbol.asyncIterator]: () => this };
  }

  /** How the answer that was handed out last was judged. */
  get done(): Promise<Outcome> {
    return this.#verdict.then((verdict) => (verdict.ok ? verdict : { ok: false, error: verdict.error }));
  }

  /** For whoever would begin again below. */
  readAsText(isTextOnly: () => boolean): void {
    if (this.#chunks instanceof Pump) this.#chunks.readAsText(isTextOnly);
  }

  async next(): Promise<IteratorResult<Chunk>> {
    const result = await this.#chunks.next();
    if (result.done === true || result.value.type !== 'finish') return result;
    const verdict = await this.#verdict;
    if (!verdict.ok) return { done: false, value: await this.#again(verdict) };
    this.#plan.asking?.fits();
    return result;
  }

  // Not a generator's: that could be left only between two chunks, and a stream that is stalled would keep its socket.
  async return(): Promise<IteratorResult<Chunk>> {
    this.#left = true;
    this.#fork?.abort(abandoned());
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }

  #judge({ done }: Reply): Promise<Verdict> {
    return done.then((outcome) => judge(outcome, this.#plan.wanted, this.#plan.context.signal));
  }

  /** What is at hand of an answer that is over is read at once, however slow the reader is: it has to be judged. */
  #follow({ done }: Reply): void {
    const chunks = this.#chunks;
    void done.then(() => {
      if (chunks === this.#chunks) this.#pump.hurry(true);
    });
  }

  /** Begins again, with an answer that was told what was wrong. @throws the error to end with, when it cannot */
  async #again(misfit: Misfit): Promise<Chunk> {
    const { asking, context } = this.#plan;
    if (asking === undefined || this.#left || this.#pump.isTextOnly) throw misfit.error;
    const fork = forkSignal(context.signal);
    this.#fork = fork;
    const reply = await asking.again(misfit, fork.signal).catch((thrown: unknown) => {
      fork.release();
      throw this.#unanswered(failed(thrown), misfit);
    });
    if (reply === undefined) {
      fork.release();
      throw misfit.error;
    }
    void reply.done.then(({ ok }) => {
      if (!ok) fork.abort(abandoned());
      fork.release();
    });
    const { provider } = reply;
    this.#chunks = reply.chunks[Symbol.asyncIterator]();
    if (this.#left || this.#pump.isTextOnly) {
      fork.abort(abandoned());
      await this.#chunks.return?.();
      throw misfit.error;
    }
    this.readAsText(() => this.#pump.isTextOnly);
    this.#verdict = this.#judge(reply);
    context.publish({ type: 'resume', mode: 'restart', provider, code: misfit.error.code });
    this.#pump.hurry(false);
    this.#follow(reply);
    return { type: 'restart', provider };
  }

  /** Nobody has answered again: what the reader has is still the answer that does not fit, unless the call itself is over. */
  #unanswered(thrown: TransportError, { error }: Misfit): TransportError {
    return this.#plan.context.signal.aborted ? thrown : error;
  }
}
