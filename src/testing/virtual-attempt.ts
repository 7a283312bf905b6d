/** A request at a virtual provider, the work on it, and its answer. */

import { TransportError } from '../core/errors.ts';
import { withReach } from '../core/reach.ts';
import type { Chunk, CompletionRequest, Context, ErrorCode } from '../core/types.ts';
import { logNormal, type Random } from './distributions.ts';
import { reasonOfAbort, refusedBy } from './in-process.ts';
import { limitHeaders } from './openai-wire.ts';
import type { Job, VirtualService, Work } from './virtual-service.ts';

/** A request as it came to a virtual provider. */
export interface VirtualRequest {
  readonly transactionId: string;
  readonly attempt: number;
  /** Milliseconds since the provider was made. */
  readonly at: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** When it had its first content. */
  firstContentAt: number | undefined;
  endedAt: number | undefined;
  /** `ok`, the code of the error it ended in, or `abandoned`: the client did not wait for the end. `undefined` while it runs. */
  outcome: 'ok' | 'abandoned' | ErrorCode | undefined;
}

/** What an attempt needs of the provider that it came to. */
export interface VirtualPlace {
  readonly name: string;
  readonly model: string;
  /** Chunks of an answer, the last one aside. */
  readonly chunks: number;
  readonly service: VirtualService;
  readonly random: Random;
  /** Milliseconds since the provider was made. */
  elapsed(): number;
  /** Writes a request into the books. */
  came(request: CompletionRequest, context: Context): VirtualRequest;
  /** Its client waits no longer. */
  went(): void;
}

/** What an error of a code is told with over HTTP. */
const statuses: Partial<Record<ErrorCode, number>> = {
  overloaded: 503,
  server_error: 500,
  rate_limited: 429,
  authentication: 401,
};

const over: IteratorResult<Chunk> = { done: true, value: undefined };
const nothing = (): void => {};

/**
 * The answer to one request, chunk by chunk, as it is asked for. Not a generator: with one inside the other, most of what a simulation
 * did would be to go in and out of them.
 */
export class VirtualAttempt implements AsyncIterableIterator<Chunk>, Work {
  readonly #place: VirtualPlace;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  #record: VirtualRequest | undefined;
  #job: Job | undefined;
  #begunAt = 0;
  #firstContentMs = 0;
  #decodeMs = 0;
  #fate: 'whole' | 'cut' | 'stalled' = 'whole';
  #said = 0;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #resolve: (result: IteratorResult<Chunk>) => void = nothing;
  #reject: (error: unknown) => void = nothing;

  constructor(place: VirtualPlace, request: CompletionRequest, context: Context) {
    this.#place = place;
    this.#request = request;
    this.#context = context;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next chunk. To be asked for one at a time. */
  next(): Promise<IteratorResult<Chunk>> {
    if (this.#isOver) return Promise.resolve(over);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (this.#said === 0) this.#come();
      else this.#goOn();
    });
  }

  /** The client leaves. */
  return(): Promise<IteratorResult<Chunk>> {
    this.#end();
    this.#resolve(over);
    return Promise.resolve(over);
  }

  /** Told by the signal: its client has gone. */
  handleEvent(): void {
    this.#fail(reasonOfAbort(this.#context.signal));
  }

  /** Draws how long the work takes, at its beginning. */
  plan(): number {
    const { service, random } = this.#place;
    const { firstContentMs, sigma, stragglerRatio, stragglerFactor, slowness, tokensPerSecond, knee } =
      service.conditions;
    const factor = slowness * Math.max(1, service.busy / knee);
    const straggles = stragglerRatio > 0 && random() < stragglerRatio;
    this.#begunAt = performance.now();
    this.#firstContentMs = logNormal(random, firstContentMs, sigma) * factor * (straggles ? stragglerFactor : 1);
    this.#decodeMs = ((this.#record?.outputTokens ?? 0) / tokensPerSecond) * 1_000 * factor;
    return this.#firstContentMs + this.#decodeMs;
  }

  /** Its turn has come. */
  begin(): void {
    this.plan();
    this.#after(this.#firstContentMs, () => this.#show());
  }

  #come(): void {
    const { service, name } = this.#place;
    const { signal } = this.#context;
    if (signal.aborted) return this.#fail(reasonOfAbort(signal));
    signal.addEventListener('abort', this);
    const { state, errorMs } = service.conditions;
    if (state === 'unreachable') {
      const error = withReach(
        new TransportError('connection', `${name} was not reached`, { provider: name }),
        'unsent',
      );
      return this.#after(errorMs, () => this.#fail(error));
    }
    const record = this.#place.came(this.#request, this.#context);
    this.#record = record;
    // Who is silent waits to be given up.
    if (state === 'silent') return;
    const error = this.#refusal(record);
    if (error !== undefined) return this.#after(errorMs, () => this.#fail(error));
    // Else it waits for its turn.
    if (this.#job?.isWorking === true) this.begin();
  }

  /** Why it is turned away; `undefined`: it has a place. */
  #refusal(record: VirtualRequest): TransportError | undefined {
    const { service, random, name } = this.#place;
    const { errorRatio, errorCode, errorRetryAfterMs, retryAfter } = service.conditions;
    if (errorRatio > 0 && random() < errorRatio) return this.#error(errorCode, 'an error', errorRetryAfterMs);
    const refusal = service.admit(record);
    const readings = service.readings();
    if (readings.length > 0) this.#context.received({ headers: Object.entries(limitHeaders(readings)) });
    if (refusal !== undefined)
      return refusedBy(retryAfter ? refusal : { ...refusal, retryAfterMs: undefined }, { provider: name });
    this.#job = service.take(this);
    return this.#job === undefined ? this.#error('overloaded', 'no more can wait') : undefined;
  }

  #show(): void {
    const { service, random } = this.#place;
    if (this.#record !== undefined) this.#record.firstContentAt = this.#place.elapsed();
    const { cutRatio, stallRatio } = service.conditions;
    const fate = cutRatio + stallRatio > 0 ? random() : 1;
    if (fate < cutRatio) this.#fate = 'cut';
    else if (fate < cutRatio + stallRatio) this.#fate = 'stalled';
    this.#say({ type: 'text', text: `${this.#context.transactionId} ` });
  }

  #goOn(): void {
    const { chunks, name } = this.#place;
    const { signal } = this.#context;
    if (signal.aborted) return this.#fail(reasonOfAbort(signal));
    if (this.#fate === 'cut')
      return this.#fail(new TransportError('connection', `${name} closed the connection`, { provider: name }));
    if (this.#fate === 'stalled') return;
    if (this.#said > chunks) {
      this.#end();
      return this.#resolve(over);
    }
    const gapMs = this.#decodeMs / chunks;
    if (gapMs >= 1) this.#after(gapMs, () => this.#sayMore());
    else this.#sayMore();
  }

  #sayMore(): void {
    const { chunks, model } = this.#place;
    const record = this.#record;
    if (this.#said < chunks || record === undefined) return this.#say({ type: 'text', text: '… ' });
    // Whoever has the last chunk may leave without asking for another.
    record.outcome = 'ok';
    const { inputTokens, outputTokens } = record;
    this.#say({ type: 'finish', finishReason: 'stop', usage: { inputTokens, outputTokens }, model });
  }

  #say(chunk: Chunk): void {
    this.#said += 1;
    this.#resolve({ done: false, value: chunk });
  }

  #after(ms: number, then: () => void): void {
    if (ms <= 0) then();
    else this.#timer = setTimeout(then, ms);
  }

  #fail(error: unknown): void {
    if (this.#record !== undefined && !this.#context.signal.aborted && TransportError.is(error))
      this.#record.outcome = error.code;
    this.#end();
    this.#reject(error);
  }

  /** Once, whoever is first: an error, the client, or the end. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#context.signal.removeEventListener('abort', this);
    const record = this.#record;
    if (record === undefined) return;
    record.outcome ??= 'abandoned';
    record.endedAt = this.#place.elapsed();
    this.#place.went();
    if (record.outcome !== 'abandoned') this.#job?.release();
    else this.#job?.abandon(Math.max(0, this.#begunAt + this.#firstContentMs + this.#decodeMs - performance.now()));
  }

  #error(code: ErrorCode, why: string, retryAfterMs?: number): TransportError {
    const { name } = this.#place;
    const fields = { provider: name, status: statuses[code], ...(retryAfterMs !== undefined && { retryAfterMs }) };
    return new TransportError(code, `${name}: ${why}`, fields);
  }
}
