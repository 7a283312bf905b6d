import type { RetryQuota } from '../../control/retry-quota.ts';
import { anchorOf, Seam } from '../../control/seam.ts';
import { isResumable, watched } from '../../core/context.ts';
import { failed, type PartialAnswer, type TransportError, withFields } from '../../core/errors.ts';
import type { Health } from '../../core/health.ts';
import { itinerary } from '../../core/itinerary.ts';
import type { Pump } from '../../core/pump.ts';
import { readable } from '../../core/reply.ts';
import { abandoned, type Fork, forkSignal, reasonOf } from '../../core/signals.ts';
import type { Chunk, CompletionRequest, Context, Handler, Outcome, Reply } from '../../core/types.ts';
import { continuationOf } from './continuation.ts';
import { interrupted } from './interrupted.ts';
import { OpenTools } from './open-tools.ts';
import { restBehind, Tail } from './rest-behind.ts';
import type { Unable } from './unable.ts';
import { wayOn } from './way-on.ts';

/** How an answer is resumed. */
export interface ResumePlan {
  readonly mode: 'restart' | 'continue';
  readonly otherwise: 'error' | 'restart';
  readonly maxResumes: number;
  readonly unable: Unable;
  readonly place: { readonly quota: RetryQuota; readonly health: Health; readonly retries: boolean };
  readonly next: Handler;
  readonly request: CompletionRequest;
  readonly context: Context;
}

type Stream = Reply & { readonly chunks: Pump };

/** How many models are asked for the rest of one answer before it is given up. */
const mostTries = 2;

/** How the next stream follows on the one that broke. */
type Step = { readonly mode: 'restart' } | { readonly mode: 'continue'; readonly anchor: string };

/** One answer, made of as many streams as it takes: when one breaks, the next is asked for. */
export class Rejoined implements Reply, AsyncIterator<Chunk> {
  readonly provider: string;
  readonly #plan: ResumePlan;
  readonly #pump: Pump;
  /** What the reader is given. */
  readonly reply: Reply;
  #stream: Stream;
  #tools: OpenTools;
  /** Whose streams broke, since the answer last went on. */
  #broke: Set<string>;
  /** Who went on, since then, from where nobody could tell. */
  #doubted = new Set<string>();
  /** Of the stream that is asked for. */
  #fork: Fork | undefined;
  #left = false;
  #resumes = 0;
  #resumed = false;
  #isContinuable = true;
  #ready: Chunk[] = [];
  /** Of a stream that goes on. */
  #tail: Tail | undefined;
  /** What was handed on since the answer last began. */
  #text = '';
  #reasoning = '';
  #toolCalls: PartialAnswer['toolCalls'][number][] = [];
  #raw = false;

  constructor(first: Reply, tools: OpenTools, plan: ResumePlan) {
    this.provider = first.provider;
    this.#broke = new Set([first.provider]);
    this.#tools = tools;
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
    return this.#stream.done.then((outcome) =>
      outcome.ok ? { ok: true, completion: { ...outcome.completion, resumed: this.#resumed } } : outcome,
    );
  }

  async next(): Promise<IteratorResult<Chunk>> {
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return { done: false, value: this.#noted(ready) };
      try {
        const { done, value } = await this.#stream.chunks.next();
        if (done === true) return { done, value: undefined };
        if (this.#tail === undefined) return { done: false, value: this.#noted(value) };
        this.#ready.push(...this.#tail.push(value));
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
    if (chunk.type === 'resume') {
      this.#resumed = true;
      // A provider that takes its own stream up again knows of no text before that.
      return { ...chunk, offset: this.#text.length };
    }
    if (chunk.type === 'text') this.#text += chunk.text;
    else if (chunk.type === 'reasoning') this.#reasoning += chunk.text;
    else if (chunk.type === 'toolCall') this.#toolCalls.push(chunk.toolCall);
    else if (chunk.type === 'raw') this.#raw = true;
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
    const { signal } = this.#plan.context;
    if (error.retry === 'never') throw this.#ended(error);
    const broken = interrupted(this.#ended(error));
    if (this.#resumes >= this.#plan.maxResumes) throw broken;
    this.#resumes += 1;
    for (let tries = 0; ; tries += 1) {
      const step = this.#step(tries);
      if (step === undefined || !this.#plan.place.quota.withdraw()) throw broken;
      try {
        const stream = await this.#open(step, error);
        if (step.mode === 'restart') return this.#restart(stream, error);
        if (await this.#joins(stream, step.anchor, error)) return;
      } catch {
        if (signal.aborted) throw this.#ended(reasonOf(signal));
        if (step.mode === 'restart') throw broken;
        // Nobody can be asked for the rest.
        this.#isContinuable = false;
      }
    }
  }

  /** @param tries how many streams were asked for since the last break */
  #step(tries: number): Step | undefined {
    const { mode, otherwise } = this.#plan;
    if (this.#left) return undefined;
    const anchor = mode === 'continue' && tries < mostTries ? this.#anchor() : undefined;
    if (anchor !== undefined) return { mode: 'continue', anchor };
    return (mode === 'restart' || otherwise === 'restart') && !this.#pump.isTextOnly ? { mode: 'restart' } : undefined;
  }

  /** What a model has to begin with that goes on; `undefined` where no model can. */
  #anchor(): string | undefined {
    // A tool call cannot be gone on with, what was thought is bound to what was said after it, and a shape is made from its beginning.
    if (!this.#isContinuable || this.#tools.begun || this.#toolCalls.length > 0) return undefined;
    if (this.#raw || this.#reasoning !== '' || this.#plan.request.schema !== undefined) return undefined;
    return anchorOf(this.#text);
  }

  #restart(stream: Stream, { code }: TransportError): void {
    const { provider } = stream;
    this.#plan.context.publish({ type: 'resume', mode: 'restart', provider, code });
    this.#text = '';
    this.#reasoning = '';
    this.#toolCalls = [];
    this.#raw = false;
    this.#resumed = false;
    this.#isContinuable = true;
    this.#ready = [{ type: 'restart', provider }];
    this.#tail = undefined;
    this.#goOn(stream);
  }

  /** Whether the stream goes on where the text stops. Then it is gone on with from there; else it is let go of. */
  async #joins(stream: Stream, anchor: string, { code }: TransportError): Promise<boolean> {
    const { context, unable } = this.#plan;
    const { provider } = stream;
    const rest = await restBehind(stream.chunks, new Seam(anchor, this.#text));
    if (rest === 'broken') this.#broke.add(provider);
    else if (rest === 'doubtful') this.#doubted.add(provider);
    else if (rest === 'elsewhere') unable.add(provider);
    if (typeof rest === 'string') {
      this.#fork?.abort(abandoned());
      return false;
    }
    context.publish({ type: 'resume', mode: 'continue', provider, code });
    this.#tail = new Tail();
    this.#ready = [{ type: 'resume', provider, offset: this.#text.length }, ...this.#tail.push(...rest)];
    this.#resumed = true;
    this.#goOn(stream);
    return true;
  }

  #goOn(stream: Stream): void {
    this.#stream = stream;
    this.#broke = new Set([stream.provider]);
    this.#doubted = new Set();
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
  async #open(step: Step, error: TransportError): Promise<Stream> {
    const { next, request, context, place, maxResumes, unable } = this.#plan;
    const { quota, health, retries } = place;
    const fork = forkSignal(context.signal);
    this.#fork = fork;
    // Who has nobody to ask elsewhere asks again. A retry layer waits a moment before it does.
    const asksElsewhere = retries || health.providers.length > 1;
    const isUnable = step.mode === 'continue' ? [...unable.names, ...this.#doubted] : [];
    const from = wayOn(error, { broke: this.#broke, isUnable, asksElsewhere });
    const sent = context.attempts.length;
    try {
      const resumable = isResumable.of(this.#resumes < maxResumes);
      this.#tools = new OpenTools();
      const reply = await next(
        step.mode === 'restart' ? request : continuationOf(request, this.#text, step.anchor),
        watched(context.fork({ signal: fork.signal }).with(itinerary.of(from), resumable), this.#tools),
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
