import type { RetryQuota } from '../../control/retry-quota.ts';
import { isResumable } from '../../core/context.ts';
import { failed, type PartialAnswer, type TransportError, withFields } from '../../core/errors.ts';
import type { Health } from '../../core/health.ts';
import { itinerary } from '../../core/itinerary.ts';
import type { Pump } from '../../core/pump.ts';
import { readable } from '../../core/reply.ts';
import { abandoned, type Fork, forkSignal, reasonOf } from '../../core/signals.ts';
import type { Chunk, CompletionRequest, Context, Handler, Outcome, Reply } from '../../core/types.ts';
import { interrupted } from './interrupted.ts';

/** How an answer is resumed. */
export interface ResumePlan {
  readonly mode: 'restart';
  readonly maxResumes: number;
  readonly place: { readonly quota: RetryQuota; readonly health: Health; readonly retries: boolean };
  readonly next: Handler;
  readonly request: CompletionRequest;
  readonly context: Context;
}

type Stream = Reply & { readonly chunks: Pump };

/** One answer, made of as many streams as it takes: when one breaks, the next is asked for. */
export class Rejoined implements Reply, AsyncIterator<Chunk> {
  readonly provider: string;
  readonly #plan: ResumePlan;
  readonly #pump: Pump;
  /** What the reader is given. */
  readonly reply: Reply;
  #stream: Stream;
  /** Of the stream that is asked for. */
  #fork: Fork | undefined;
  #left = false;
  #resumes = 0;
  #ready: Chunk[] = [];
  /** What was handed on since the answer last began. */
  #text = '';
  #reasoning = '';
  #toolCalls: PartialAnswer['toolCalls'][number][] = [];

  constructor(first: Reply, plan: ResumePlan) {
    this.provider = first.provider;
    this.#plan = plan;
    this.#stream = readable(first);
    const reply = readable(this);
    this.#pump = reply.chunks;
    this.reply = reply;
    this.#follow(this.#stream);
  }

  get chunks(): AsyncIterable<Chunk> {
    return { [Symbol.asyncIterator]: () => this };
  }

  /** How the stream ended that the answer ended with. */
  get done(): Promise<Outcome> {
    return this.#stream.done;
  }

  async next(): Promise<IteratorResult<Chunk>> {
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return { done: false, value: this.#noted(ready) };
      try {
        const { done, value } = await this.#stream.chunks.next();
        return done === true ? { done, value: undefined } : { done: false, value: this.#noted(value) };
      } catch (error) {
        await this.#resume(failed(error));
      }
    }
  }

  /** The reader leaves, or it is over. */
  async return(): Promise<IteratorResult<Chunk>> {
    this.#left = true;
    this.#fork?.abort(abandoned());
    await this.#stream.chunks.return();
    return { done: true, value: undefined };
  }

  #noted(chunk: Chunk): Chunk {
    if (chunk.type === 'text') this.#text += chunk.text;
    else if (chunk.type === 'reasoning') this.#reasoning += chunk.text;
    else if (chunk.type === 'toolCall') this.#toolCalls.push(chunk.toolCall);
    return chunk;
  }

  /** What is at hand of a stream that is over is read at once, however slow the reader is: its end has to be known. */
  #follow(stream: Stream): void {
    void stream.done.then(() => {
      if (stream === this.#stream) this.#pump.hurry(true);
    });
  }

  /** Makes a break good. @throws the error to end with, when it cannot be */
  async #resume(error: TransportError): Promise<void> {
    const { context } = this.#plan;
    if (error.retry === 'never') throw this.#ended(error);
    const broken = interrupted(this.#ended(error));
    if (!this.#canRestart() || !this.#pays()) throw broken;
    let stream: Stream;
    try {
      stream = await this.#open(error);
    } catch {
      throw context.signal.aborted ? this.#ended(reasonOf(context.signal)) : broken;
    }
    const { provider } = stream;
    context.publish({ type: 'resume', mode: 'restart', provider, code: error.code });
    this.#text = '';
    this.#reasoning = '';
    this.#toolCalls = [];
    this.#ready = [{ type: 'restart', provider }];
    this.#goOn(stream);
  }

  #canRestart(): boolean {
    return !this.#left && !this.#pump.isTextOnly;
  }

  #pays(): boolean {
    if (this.#resumes >= this.#plan.maxResumes || !this.#plan.place.quota.withdraw()) return false;
    this.#resumes += 1;
    return true;
  }

  #goOn(stream: Stream): void {
    this.#stream = stream;
    this.#pump.hurry(false);
    this.#follow(stream);
  }

  /** With all that had come: also what of it came by an earlier stream. */
  #ended(error: TransportError): TransportError {
    const { partial } = error;
    if (this.#resumes === 0 && partial !== undefined) return error;
    const text = this.#text;
    const reasoning = this.#reasoning || undefined;
    const toolCalls = partial?.toolCalls ?? this.#toolCalls;
    if (text === '' && reasoning === undefined && toolCalls.length === 0) return error;
    return withFields(error, { partial: { text, reasoning, toolCalls } });
  }

  /** Asks for a stream, elsewhere if that is possible. */
  async #open(error: TransportError): Promise<Stream> {
    const { next, request, context, place, maxResumes } = this.#plan;
    const { provider } = this.#stream;
    const { quota, health, retries } = place;
    const fork = forkSignal(context.signal);
    this.#fork = fork;
    const isFinal = error.retry === 'elsewhere' && error.blame !== 'transport';
    // Who has nobody to ask elsewhere asks again. A retry layer waits a moment before it does.
    const isTried = !isFinal && (retries || health.providers.length > 1);
    const from = {
      tried: new Set(isTried ? [provider] : []),
      givenUp: new Set(isFinal ? [provider] : []),
      asked: new Set([provider]),
      last: provider,
      patienceMs: 0,
      paid: true,
      hop: undefined,
      resumes: error,
    };
    const sent = context.attempts.length;
    try {
      const reply = await next(
        request,
        context.fork({ signal: fork.signal }).with(itinerary.of(from), isResumable.of(this.#resumes < maxResumes)),
      );
      void reply.done.then(({ ok }) => {
        if (!ok) fork.abort(abandoned());
        else if (!retries) quota.refund();
        fork.release();
      });
      return readable(reply);
    } catch (thrown) {
      // A layer of the user's may have left something under way.
      fork.abort(abandoned());
      fork.release();
      if (!retries && context.attempts.length === sent) quota.refund();
      throw thrown;
    }
  }
}
