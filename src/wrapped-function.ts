import type { RawChunk } from './core/chunk-source.ts';
import { callInfo, contextKey, receiver } from './core/context.ts';
import { failed, isStreamingRefused, TransportError, withFields } from './core/errors.ts';
import { reachOf, withReach } from './core/reach.ts';
import { textsOf } from './core/redact.ts';
import { reasonOf } from './core/signals.ts';
import type { CallInfo, Chunk, Context, Limits, Provider, ProviderAnswer, Traits } from './core/types.ts';
import { classifyThrown } from './wire/classify-thrown.ts';
import { type Failures, failuresOf } from './wire/failures.ts';
import type { StreamEnd } from './wire/followers/follower.ts';
import { isStreamedText, partsOfStreamed } from './wire/sdk-ai.ts';
import { answerIn, itemsAfter } from './wire/sdk-dialects.ts';
import type { ItemFollower } from './wire/sdk-items.ts';

/** A function of yours that calls a model. Hand its `signal` on, so that what is given up is really stopped. */
export type WrappedCall<I, T> = (input: I, info: CallInfo) => Promise<T>;

/** One of several functions that can stand in for each other. */
export interface NamedCall<I, T> {
  /** Unique among them; in errors, events and the ledger. */
  readonly name: string;
  /** Failure domain: the vendor, or the host. @default the name */
  readonly domain?: string;
  /** What the provider behind it allows. */
  readonly limits?: Limits;
  /** What is known of its model. */
  readonly traits?: Traits;
  /** The function. */
  readonly call: WrappedCall<I, T>;
}

/** How the call in hand travels to its function, and what kind of result came of it back. */
export interface Errand {
  readonly input: unknown;
  /** The functions whose last result was a stream: two of them may have the call in hand at once. */
  streams: Set<string>;
  /** Those whose last result was an object around a stream: it is handed out while that goes on. */
  around: Set<string>;
}

/** Where the errand travels. */
export const errand = contextKey<Errand | undefined>('errand', undefined);

/** A function of the application's, seen as a provider. */
export class WrappedFunction implements Provider {
  readonly name: string;
  readonly domain: string;
  readonly kind = 'function';
  readonly model = '';
  readonly limits?: Limits;
  readonly traits?: Traits;
  /** It has returned a stream: it is taken to do so again. */
  streams = false;
  readonly #call: WrappedCall<unknown, unknown>;
  readonly #describe: ((result: unknown) => Partial<ProviderAnswer>) | undefined;
  readonly #classify: ((error: unknown) => TransportError | undefined) | undefined;

  constructor(
    { name, domain = name, limits, traits, call }: NamedCall<unknown, unknown>,
    describe: ((result: unknown) => Partial<ProviderAnswer>) | undefined,
    classify: ((error: unknown) => TransportError | undefined) | undefined,
  ) {
    this.name = name;
    this.domain = domain;
    this.limits = limits;
    this.traits = traits;
    this.#call = call;
    this.#describe = describe;
    this.#classify = classify;
  }

  complete(): Promise<ProviderAnswer> {
    return Promise.reject(new TransportError('internal', 'A wrapped function is always opened as a stream'));
  }

  async *stream(_request: unknown, context: Context): AsyncGenerator<Chunk, void, undefined> {
    const job = context.get(errand);
    if (job === undefined) {
      throw new TransportError('invalid_request', 'This transport belongs to a wrapped function: call that function');
    }
    const failures = failuresOf({
      ...{ provider: this.name, secrets: () => [], texts: () => textsOf(job.input) },
      received: (facts) => context.received(facts),
    });
    const result = await this.#guarded(() => this.#call(job.input, callInfo(context)), job, context);
    if (context.signal.aborted) {
      // It came too late: nobody will read it.
      if (isAsyncIterable(result))
        void result[Symbol.asyncIterator]()
          .return?.()
          ?.then(undefined, () => {});
      throw reasonOf(context.signal);
    }
    job.streams.delete(this.name);
    job.around.delete(this.name);
    if (isStreamedText(result)) {
      job.around.add(this.name);
      this.#streams(context);
      yield* this.#watch(result, failures, job, context);
      return;
    }
    if (!isAsyncIterable(result)) {
      context.received({ accepted: true });
      const end = this.#judge(result, failures);
      context.received({ raw: result });
      yield { type: 'raw', value: result };
      yield { type: 'finish', ...end };
      return;
    }
    job.streams.add(this.name);
    this.#streams(context);
    yield* this.#follow(result, failures, job, context);
  }

  /** It is a stream: what comes of this one, and of the next, is not waited for like a whole answer. */
  #streams(context: Context): void {
    this.streams = true;
    context.get(receiver)?.({ isStream: true });
  }

  /**
   * Passes a stream's items on, those without content together with the next that has some: an error after a preamble can still
   * be made good, and heartbeats are no progress.
   */
  async *#follow(
    items: AsyncIterable<unknown>,
    failures: Failures,
    job: Errand,
    context: Context,
  ): AsyncGenerator<Chunk, void, undefined> {
    const iterator = items[Symbol.asyncIterator]();
    let sdk: ItemFollower | undefined;
    let empty = true;
    let held: unknown[] = [];
    let over = false;
    try {
      for (;;) {
        const next = await this.#guarded(() => iterator.next(), job, context);
        // An SDK whose signal is aborted often just ends.
        if (context.signal.aborted) throw reasonOf(context.signal);
        if (next.done === true) break;
        const item = next.value;
        if (sdk === undefined && empty) sdk = itemsAfter(item, failures);
        held.push(item);
        if (!(sdk?.take(item) ?? true)) continue;
        empty = false;
        for (const value of held) yield value === item ? raw(value, sdk?.itemText, sdk?.itemReasoning) : raw(value);
        held = [];
      }
      over = true;
      const end: StreamEnd = sdk?.end() ?? { finishReason: 'unknown', usage: undefined, model: '' };
      for (const value of held) yield raw(value);
      if (sdk === undefined && empty) throw failures.of('empty_response', 'ended its stream with nothing in it');
      yield { type: 'finish', ...end };
    } finally {
      if (!over) leave(iterator);
    }
  }

  /**
   * Hands out an object around a stream once that has content, and follows it to its end: a reader of its own beside those of the
   * application, which may read all of it, or nothing. The items behind the first are for the transport's clocks and books.
   */
  async *#watch(
    result: object,
    failures: Failures,
    job: Errand,
    context: Context,
  ): AsyncGenerator<Chunk, void, undefined> {
    let handed = false;
    for await (const chunk of this.#follow(partsOfStreamed(result), failures, job, context)) {
      if (handed || chunk.type !== 'raw') yield chunk;
      else yield raw(result, (chunk as RawChunk).text, (chunk as RawChunk).reasoning);
      handed = true;
    }
  }

  async #guarded<R>(run: () => Promise<R>, job: Errand, context: Context): Promise<R> {
    try {
      return await run();
    } catch (error) {
      if (context.signal.aborted) throw reasonOf(context.signal);
      throw this.#classified(error, textsOf(job.input));
    }
  }

  #classified(error: unknown, texts: readonly string[]): TransportError {
    const own = this.#classify?.(error);
    const known = classifyThrown(error, { provider: this.name, texts });
    // A copy: the application may give the same object for every error.
    if (own !== undefined) return withReach(withFields(failed(own), {}), known && reachOf(known));
    // Whether to stream is for the function to say: there is no asking it again without.
    if (known !== undefined && isStreamingRefused(known))
      return new TransportError(known.code, known.message, { ...known, cause: known.cause });
    if (known !== undefined) return known;
    // A bug in the function will not go away by running it again.
    const bug = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
    const name = error instanceof Error ? error.constructor.name : typeof error;
    return new TransportError(bug ? 'internal' : 'server_error', `${this.name} threw ${name}`, {
      provider: this.name,
      cause: error,
    });
  }

  /** What a whole result says of itself. */
  #judge(result: unknown, failures: Failures): StreamEnd {
    const unknown: StreamEnd = { finishReason: 'unknown', usage: undefined, model: '' };
    const answer = this.#describe?.(result) ?? answerIn(result, failures);
    if (answer === undefined) return unknown;
    const { text, toolCalls, finishReason = 'unknown', usage, model = '' } = answer;
    if (usage !== undefined) failures.tell({ usage, usageIsWhole: true });
    if (finishReason === 'content_filter') throw failures.of('content_filtered', 'refused to answer by policy');
    if (text === '' && (toolCalls?.length ?? 0) === 0 && finishReason !== 'length') {
      throw failures.of('empty_response', 'ended its answer with nothing in it');
    }
    return { finishReason, usage, model };
  }
}

/** Not awaited, and whatever it does while it is left: why it is left is what counts. */
function leave(iterator: AsyncIterator<unknown>): void {
  try {
    Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {
    // Of no interest any more.
  }
}

function raw(value: unknown, text?: string, reasoning?: string): RawChunk {
  return { type: 'raw', value, text, reasoning };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
