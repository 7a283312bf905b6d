/** Callers for a simulation: when they call, with what, and what became of it. */

import { TransportError } from '../core/errors.ts';
import type {
  Attempt,
  CallOptions,
  Completion,
  CompletionRequest,
  CompletionStream,
  ErrorCode,
  Priority,
} from '../core/types.ts';
import { randomFrom } from './answer.ts';
import { interarrival, logNormal, type Random } from './distributions.ts';

/** Who calls. Either `perSecond`, and they come whether or not others are served, or `callers`, who wait for their answers. */
export interface SimulatedLoad {
  /** Calls a second, on average; or by the milliseconds since the beginning. */
  readonly perSecond?: number | ((atMs: number) => number);
  /** How much the times between calls differ: 1 is a Poisson process, above that they come in bursts. @default 1 */
  readonly burstiness?: number;
  /** Callers of whom each makes one call after the other. */
  readonly callers?: number;
  /** Milliseconds that a caller waits before the next call. @default 0 */
  readonly thinkMs?: number;
  /** Milliseconds since the beginning. @default 0 */
  readonly fromMs?: number;
  /** Milliseconds since the beginning. @default the end of the simulation */
  readonly toMs?: number;
  /** Milliseconds that a call may take. @default 120_000 */
  readonly timeoutMs?: number;
  /** Who leaves a waiting line first. @default 'default' */
  readonly priority?: Priority;
  /** Tokens of the prompt; half have less. @default 1_000 */
  readonly inputTokens?: number;
  /** Tokens of the answer; half have less. @default 250 */
  readonly outputTokens?: number;
  /** How much both differ: the standard deviation of their logarithms. @default 1 */
  readonly sizeSigma?: number;
  /** What a call says of the most tokens it wants. @default 4_096 */
  readonly maxOutputTokens?: number;
  /** Share of calls whose answer is streamed. @default 0 */
  readonly streamRatio?: number;
  /** Share of calls that are cancelled by their caller, within `cancelledMs`. @default 0 */
  readonly cancelRatio?: number;
  /** Milliseconds. @default 5_000 */
  readonly cancelledMs?: number;
}

/** The options that are not given. */
export const loadDefaults: Required<Omit<SimulatedLoad, 'perSecond' | 'callers' | 'toMs'>> = {
  burstiness: 1,
  thinkMs: 0,
  fromMs: 0,
  timeoutMs: 120_000,
  priority: 'default',
  inputTokens: 1_000,
  outputTokens: 250,
  sizeSigma: 1,
  maxOutputTokens: 4_096,
  streamRatio: 0,
  cancelRatio: 0,
  cancelledMs: 5_000,
};

/** What makes the calls: a transport, or anything to compare it with. */
export interface SimulatedClient {
  complete(
    request: CompletionRequest,
    options: CallOptions,
  ): Promise<Pick<Completion, 'text' | 'provider' | 'attempts'>>;
  close?(): Promise<void>;
}

/** One call, and what became of it. Moments are milliseconds since the simulation began. */
export interface SimulatedCall {
  readonly transactionId: string;
  readonly priority: Priority;
  readonly timeoutMs: number;
  readonly at: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  endedAt: number | undefined;
  /** `undefined` while it is under way. */
  outcome: 'ok' | ErrorCode | undefined;
  /** Who answered. */
  provider: string | undefined;
  attempts: readonly Attempt[];
  /** From the call to the first content of the answer. */
  firstContentMs: number | undefined;
  /** What its error said of when a new call can help. */
  retryAfterMs: number | undefined;
}

const longestPrompt = 100_000;
/** Prompts are cut from one text: to make each would take longer than the call. */
const text = 'What is it that has to be answered? '.repeat((4 * longestPrompt) / 36 + 1);

/** Makes the calls of one load. */
export class Callers {
  readonly #load: SimulatedLoad & typeof loadDefaults;
  readonly #client: SimulatedClient;
  readonly #random: Random;
  readonly #name: string;
  readonly #calls: SimulatedCall[];
  readonly #broken: string[];
  readonly #startedAt = performance.now();
  #count = 0;

  constructor(
    load: SimulatedLoad,
    client: SimulatedClient,
    facts: { readonly seed: number; readonly name: string; readonly calls: SimulatedCall[]; readonly broken: string[] },
  ) {
    this.#load = { ...loadDefaults, ...load };
    this.#client = client;
    this.#random = randomFrom(facts.seed);
    this.#name = facts.name;
    this.#calls = facts.calls;
    this.#broken = facts.broken;
  }

  /** Resolves when the last of them has its answer. */
  async run(untilMs: number): Promise<void> {
    const { fromMs, toMs = untilMs, callers, thinkMs, perSecond = 0, burstiness } = this.#load;
    const until = Math.min(toMs, untilMs);
    await later(fromMs);
    if (callers !== undefined) {
      const one = async (): Promise<void> => {
        while (this.#elapsed() < until) {
          await this.#call();
          await later(thinkMs);
        }
      };
      await Promise.all(Array.from({ length: callers }, one));
      return;
    }
    const rate = typeof perSecond === 'number' ? () => perSecond : perSecond;
    const under: Promise<void>[] = [];
    for (let at = fromMs; ; ) {
      const now = rate(at);
      // Nobody calls now: to look again in a second.
      at += now > 0 ? interarrival(this.#random, 1_000 / now, burstiness) : 1_000;
      if (at >= until) break;
      if (at - this.#elapsed() >= 1) await later(at - this.#elapsed());
      if (now > 0) under.push(this.#call());
    }
    await Promise.all(under);
  }

  async #call(): Promise<void> {
    const { timeoutMs, priority, maxOutputTokens } = this.#load;
    const { inputTokens, outputTokens, sizeSigma } = this.#load;
    const size = (median: number, most: number): number =>
      Math.max(1, Math.min(most, Math.round(logNormal(this.#random, median, sizeSigma))));
    this.#count += 1;
    const call: SimulatedCall = {
      transactionId: `${this.#name}${this.#count}`,
      priority,
      timeoutMs,
      at: this.#elapsed(),
      inputTokens: size(inputTokens, longestPrompt),
      outputTokens: size(outputTokens, maxOutputTokens),
      endedAt: undefined,
      outcome: undefined,
      provider: undefined,
      attempts: [],
      firstContentMs: undefined,
      retryAfterMs: undefined,
    };
    this.#calls.push(call);
    const request: CompletionRequest = {
      prompt: text.slice(0, call.inputTokens * 4),
      maxOutputTokens,
      metadata: { outputTokens: call.outputTokens },
    };
    const epochMs = Date.now();
    const { transactionId } = call;
    const patience = this.#patience();
    try {
      const answer = await this.#ask(request, { transactionId, timeoutMs, priority, signal: patience?.signal });
      call.outcome = 'ok';
      call.provider = answer.provider;
      call.attempts = answer.attempts;
      const winner = answer.attempts.findLast(({ outcome }) => outcome === 'ok');
      if (winner?.firstContentMs !== undefined)
        call.firstContentMs = winner.startedAt - epochMs + winner.firstContentMs;
      // A lost, doubled or foreign piece would show.
      if (answer.text.lastIndexOf(`${transactionId} `) !== 0)
        this.#broken.push(`${transactionId} has a foreign answer`);
    } catch (error) {
      if (!TransportError.is(error)) {
        this.#broken.push(`${transactionId} rejected with what is no TransportError: ${error}`);
        call.outcome = 'internal';
      } else {
        call.outcome = error.code;
        call.attempts = error.attempts;
        call.retryAfterMs = error.retryAfterMs;
      }
    }
    patience?.end();
    call.endedAt = this.#elapsed();
  }

  async #ask(request: CompletionRequest, options: CallOptions): ReturnType<SimulatedClient['complete']> {
    const { streamRatio } = this.#load;
    if (streamRatio === 0 || this.#random() >= streamRatio) return this.#client.complete(request, options);
    const stream: unknown = await this.#client.complete({ ...request, stream: true }, options);
    return (stream as CompletionStream).completion;
  }

  /** A signal, of a caller who will not wait for ever. */
  #patience(): { readonly signal: AbortSignal; end(): void } | undefined {
    const { cancelRatio, cancelledMs } = this.#load;
    if (cancelRatio === 0 || this.#random() >= cancelRatio) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), cancelledMs * this.#random());
    return { signal: controller.signal, end: () => clearTimeout(timer) };
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt;
  }
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
