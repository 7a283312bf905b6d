import { attemptReason } from './context.ts';
import { estimateTokens } from './estimate.ts';
import { now } from './time.ts';
import type { CompletionRequest, Context } from './types.ts';

/** A moving estimate; the arithmetic is in `control/`. */
export interface Estimate {
  readonly value: number | undefined;
  add(sample: number, atMs: number): void;
  forget(): void;
}

/** What to expect of the time to first content, by the length of the prompt; the arithmetic is in `control/`. */
export interface RttEstimate {
  readonly samples: number;
  add(ms: number, inputTokens: number): void;
  timedOut(sentAtMs: number, atMs: number): void;
  p95Ms(inputTokens: number): number | undefined;
  timeoutMs(inputTokens: number, isAlone: boolean): number | undefined;
}

/** How long a provider that is at work may be silent; the arithmetic is in `control/`. */
export interface SilenceEstimate {
  readonly timeoutMs: number | undefined;
  gap(ms: number): void;
  ended(): void;
  forget(): void;
}

/** What the times of a provider are estimated by. Without the last two its time-outs are not adapted to it. */
export interface Estimates {
  readonly firstContent: Estimate;
  readonly chunkGap: Estimate;
  /** Makes one: how long a model thinks before it answers depends on what it is told of that. */
  readonly rtt?: () => RttEstimate;
  readonly silence?: SilenceEstimate;
}

/** Samples after which something is expected. */
const enoughSamples = 10;

/** How fast a provider is: what its answers have taken, and what is to be expected of the next one. */
export class Pace {
  readonly #estimates: Estimates;
  readonly #rtt = new Map<CompletionRequest['reasoning'], RttEstimate>();

  constructor(estimates: Estimates) {
    this.#estimates = estimates;
  }

  /** Milliseconds to the first content, a moving average. */
  get firstContentMs(): number | undefined {
    return this.#estimates.firstContent.value;
  }

  /** Milliseconds from chunk to chunk, a moving average. */
  get chunkGapMs(): number | undefined {
    return this.#estimates.chunkGap.value;
  }

  answeredAfter(ms: number, at: number): void {
    this.#estimates.firstContent.add(ms, at);
  }

  chunkGap(ms: number, at: number): void {
    this.#estimates.chunkGap.add(ms, at);
    this.#estimates.silence?.gap(ms);
  }

  /** It has shown nothing for so long: then something came that is no chunk yet, or it was given up. */
  silent(ms: number): void {
    this.#estimates.silence?.gap(ms);
  }

  /** A stream has come to its end. */
  ended(): void {
    this.#estimates.silence?.ended();
  }

  /** After how many milliseconds of silence it is taken to be gone; `undefined` while too little is known. */
  get silenceMs(): number | undefined {
    return this.#estimates.silence?.timeoutMs;
  }

  /** It has begun to stream an answer, so long after it was asked. */
  begun(ms: number, request: CompletionRequest): void {
    const { rtt } = this.#estimates;
    if (rtt === undefined) return;
    let estimate = this.#rtt.get(request.reasoning);
    if (estimate === undefined) {
      estimate = rtt();
      this.#rtt.set(request.reasoning, estimate);
    }
    estimate.add(ms, promptOf(request));
  }

  /** It was given up, before it had begun, after all the time that it should have needed. */
  timedOut(request: CompletionRequest, sentAt: number, at: number): void {
    this.#rtt.get(request.reasoning)?.timedOut(sentAt, at);
  }

  /** Milliseconds within which nineteen of twenty requests like this one begin to be answered; `undefined` while too little is known. */
  p95Ms(request: CompletionRequest): number | undefined {
    return this.#known(request)?.p95Ms(promptOf(request));
  }

  /** Milliseconds after which no answer is to be expected any more; `undefined` while too little is known. `isAlone`: nobody else could be asked. */
  timeoutMs(request: CompletionRequest, isAlone: boolean): number | undefined {
    return this.#known(request)?.timeoutMs(promptOf(request), isAlone);
  }

  forget(): void {
    this.#rtt.clear();
    const { firstContent, chunkGap, silence } = this.#estimates;
    firstContent.forget();
    chunkGap.forget();
    silence?.forget();
  }

  #known(request: CompletionRequest): RttEstimate | undefined {
    const estimate = this.#rtt.get(request.reasoning);
    return estimate !== undefined && estimate.samples >= enoughSamples ? estimate : undefined;
  }
}

function promptOf(request: CompletionRequest): number {
  return estimateTokens(request).input;
}

/** What one attempt shows of its provider's pace. */
export class AttemptPace {
  readonly #pace: Pace;
  readonly #provider: string;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  /** What it was last waited for as. */
  wire: 'stream' | 'unary' = 'stream';
  /** When the provider was sent the request, has last shown that it is at work, or was asked on after a rest. */
  #lastAt = now();
  #begun = false;
  #resting = false;

  constructor(pace: Pace, provider: string, request: CompletionRequest, context: Context) {
    this.#pace = pace;
    this.#provider = provider;
    this.#request = request;
    this.#context = context;
  }

  waiting(wire: 'stream' | 'unary'): void {
    this.wire = wire;
    // How long the reader took is no silence of the provider's.
    if (this.#resting) this.#lastAt = now();
    this.#resting = false;
  }

  /** The reader is the slow one. */
  rests(): void {
    this.#resting = true;
  }

  /** Content has come. */
  chunk(at: number): void {
    if (this.#begun) this.#pace.chunkGap(at - this.#lastAt, at);
    else this.#begins(at);
    this.#lastAt = at;
  }

  /** Something has come that cannot be handed out yet. */
  progress(at: number): void {
    if (this.#begun) this.#pace.silent(at - this.#lastAt);
    else this.#begins(at);
    this.#lastAt = at;
  }

  /** The answer is whole. */
  ended(): void {
    if (!this.#begun || this.wire === 'unary') return;
    this.#pace.silent(now() - this.#lastAt);
    this.#pace.ended();
  }

  #begins(at: number): void {
    this.#begun = true;
    // A whole answer takes longer than the beginning of one.
    if (this.wire === 'stream' && this.#isSample()) this.#pace.begun(at - this.#lastAt, this.#request);
  }

  /**
   * Karn's rule: who is asked again for the same call has its prompt in the cache, and may well be quicker. And of hedges only those
   * are seen that were quick.
   */
  #isSample(): boolean {
    const { attempt, attempts } = this.#context;
    if (this.#context.get(attemptReason) === 'hedge') return false;
    return attempts.every(({ number, provider }) => number === attempt || provider !== this.#provider);
  }
}
