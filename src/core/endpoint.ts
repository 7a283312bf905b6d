import { firstWait, receiver, type Watcher, watchers } from './context.ts';
import { failed, isStreamingRefused, type PartialAnswer, scrubbed, TransportError, withFields } from './errors.ts';
import { countable, estimateTokens } from './estimate.ts';
import type { ProviderHealth } from './health.ts';
import { LedgerLine, totalCost } from './ledger.ts';
import { AttemptPace } from './pace.ts';
import { Pump } from './pump.ts';
import type { PumpHooks } from './pump-hooks.ts';
import { reachOf } from './reach.ts';
import { replyFrom } from './reply.ts';
import { jsonOf, wordsOf } from './request.ts';
import { forkSignal, isAbandoned, raceAbort, reasonOf } from './signals.ts';
import { now } from './time.ts';
import type {
  Chunk,
  Completion,
  CompletionRequest,
  Context,
  ErrorCode,
  Handler,
  Outcome,
  Provider,
  ProviderAnswer,
  Reply,
} from './types.ts';

/**
 * The innermost handler: asks the provider, always as a stream where it can, and writes down what became of it. It settles as soon
 * as the context's signal aborts, whether or not the adapter takes notice, and takes a stream for whole only with its finish chunk.
 */
export function endpoint(provider: Provider, health: ProviderHealth): Handler {
  return async function endpoint(request, context) {
    if (context.signal.aborted) throw reasonOf(context.signal);
    // The deadline's timer is late when the loop is: what it would cancel at once is not sent.
    if (Date.now() >= context.deadline) throw new TransportError('deadline_exceeded', 'The time for the call is over');
    const attempt = new EndpointAttempt(provider, health, request, context);
    if (health.streams) {
      try {
        return await attempt.stream();
      } catch (error) {
        if (!isStreamingRefused(error) || context.signal.aborted) throw attempt.fail(error);
        health.streams = false;
      }
    }
    try {
      return await attempt.unary();
    } catch (error) {
      throw attempt.fail(error);
    }
  };
}

const nothing = (): void => {};

/** One attempt at the endpoint. */
class EndpointAttempt implements PumpHooks {
  readonly #provider: Provider;
  readonly #health: ProviderHealth;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  readonly #inner: Context;
  readonly #fork;
  readonly #ledger: LedgerLine;
  readonly #pace: AttemptPace;
  readonly #watchers: readonly Watcher[];
  #settle: (outcome: Outcome) => void = nothing;
  /** Ends what is under way. At once: whoever sums up the ledger after an abort finds this line ended. */
  #stop: (reason: TransportError) => void = nothing;
  #raw: unknown;
  #pump: Pump | undefined;
  #answered = false;
  #ended = false;
  /** The time, while it is still what the clock was last read for: once a chunk is enough. */
  #at: number | undefined;

  constructor(provider: Provider, health: ProviderHealth, request: CompletionRequest, context: Context) {
    this.#provider = provider;
    this.#health = health;
    this.#request = request;
    this.#context = context;
    this.#watchers = context.get(watchers);
    this.#fork = forkSignal(context.signal, reasonOf, () => this.#stop(reasonOf(context.signal)));
    this.#ledger = new LedgerLine(provider, request, context);
    this.#pace = new AttemptPace(health.pace, provider.name, request, context);
    this.#health.inFlight += 1;
    this.#inner = context.fork({ signal: this.#fork.signal }).with(
      receiver.of((facts) => {
        if (facts.progress === true && !this.#ended) this.#progress();
        if (facts.isStream === true && !this.#ended) this.#waiting('stream');
        if (facts.providerRequestId !== undefined && !this.#ended) this.#ledger.requestId(facts.providerRequestId);
        if (facts.cost !== undefined && !this.#ended) this.#ledger.costs(facts.cost);
        if (facts.usage !== undefined && !this.#ended) this.#ledger.uses(facts.usage, facts.usageIsWhole);
        if (facts.headers !== undefined || facts.accepted !== undefined) this.#ledger.heard();
        if (facts.accepted === true) this.#ledger.accepted();
        if (facts.raw !== undefined) this.#raw = facts.raw;
        for (const watcher of this.#watchers) watcher.received?.(facts);
      }),
    );
  }

  /** Asks for a stream. Resolves with the first content; rejects with what has to be passed to `fail`. */
  stream(): Promise<Reply> {
    const { signal } = this.#fork;
    const done = new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    const source = this.#provider.stream?.(this.#request, this.#inner) as AsyncIterable<Chunk>;
    const pump = new Pump(source[Symbol.asyncIterator](), this);
    this.#pump = pump;
    this.#stop = (reason) => pump.stop(this.#cleaned(reason));
    if (signal.aborted) this.#stop(reasonOf(signal));
    pump.start();
    return pump.answered.then(() => {
      this.#answered = true;
      return { provider: this.#provider.name, chunks: pump, done };
    });
  }

  // The pump's hooks. Of the class itself, because six functions made anew for each attempt would cost.

  pulling(): void {
    this.#waiting(this.#answered ? 'stream' : this.#context.get(firstWait));
  }

  content(): void {
    const at = now();
    this.#at = at;
    this.#pace.chunk(at);
    if (this.#ledger.firstContentMs === undefined) {
      this.#health.answeredAfter(this.#ledger.answered(), at, estimateTokens(this.#request).input);
      for (const watcher of this.#watchers) watcher.answered?.();
    }
    for (const watcher of this.#watchers) watcher.content?.();
  }

  paused(): void {
    this.#at = undefined;
    this.#pace.rests();
    for (const watcher of this.#watchers) watcher.paused?.();
  }

  /** An SDK whose signal is aborted often just ends: the reason for the abort is what happened. */
  clean(error: unknown): TransportError {
    const { signal } = this.#fork;
    return this.#cleaned(signal.aborted ? reasonOf(signal) : error);
  }

  settled(end: { readonly answer: ProviderAnswer } | { readonly error: TransportError }): void {
    if ('answer' in end) {
      this.#pace.ended();
      this.#settle({ ok: true, completion: this.#succeed({ ...end.answer, raw: this.#raw }) });
      // Before the first content there may be a second try, unary, in this same attempt.
    } else if (this.#answered || !isStreamingRefused(end.error)) {
      this.#settle({ ok: false, error: this.fail(end.error) });
    }
  }

  /** Asks for a whole answer. */
  async unary(): Promise<Reply> {
    this.#waiting('unary');
    this.#stop = (reason) => this.fail(reason);
    const answer = await raceAbort(this.#provider.complete(this.#request, this.#inner), this.#fork.signal);
    const error = this.judge(answer, false);
    if (error !== undefined) throw error;
    this.content();
    return replyFrom(this.#succeed(answer));
  }

  /** The attempt is over, without an answer. Returns the error to throw; the first one counts. */
  fail(thrown: unknown): TransportError {
    const error =
      this.#fork.signal.aborted && !TransportError.is(thrown) ? reasonOf(this.#fork.signal) : this.#cleaned(thrown);
    if (this.#end()) {
      if (error.blame === 'provider' || error.status !== undefined) this.#health.lastError = error.code;
      if (error.status !== undefined) this.#health.reached(this.#ledger.sentAt);
      else if (error.code === 'connection' && error.blame === 'provider' && !this.#answered) this.#health.unreached();
      this.#keepAway(error);
      const outcome = isAbandoned(this.#fork.signal) ? 'abandoned' : error.code;
      // What another transport ends in is the error of its last attempt only.
      const reach = error.attempts.some(({ mayBeBilled }) => mayBeBilled) ? undefined : reachOf(error);
      this.#ledger.broke(outcome, error.partial === undefined ? '' : saidIn(error.partial), reach);
      // An adapter that is still waiting closes its socket now.
      this.#fork.abort(error);
    }
    return error;
  }

  /** A time that the provider has told is kept by every call, whatever layers there are. */
  #keepAway({ code, provider, retryAfterMs }: TransportError): void {
    const { name } = this.#health;
    if (retryAfterMs === undefined || provider !== name || !saysLater.has(code)) return;
    const until = Math.ceil(Date.now() + retryAfterMs);
    if (this.#health.park(until)) this.#context.publish({ type: 'provider:park', provider: name, code, until });
  }

  #succeed(answer: ProviderAnswer): Completion {
    this.#end();
    const context = this.#context;
    const usage = countable(answer.usage);
    const hidden = answer.reasoning === undefined ? (usage?.reasoningTokens ?? 0) : 0;
    this.#ledger.succeeded(usage, saidIn(answer), answer.model, hidden);
    return {
      ...answer,
      usage,
      model: answer.model || this.#provider.model,
      object: undefined,
      provider: this.#provider.name,
      transactionId: context.transactionId,
      attempts: Object.freeze([...context.attempts]),
      cost: totalCost(context.attempts),
      resumed: this.#pump?.isResumed === true,
    };
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#health.inFlight -= 1;
    this.#fork.release();
    return true;
  }

  /** The provider is at work on what cannot be handed out yet. */
  #progress(): void {
    // An answer that comes whole has no pieces.
    if (this.#pace.wire === 'unary') return;
    const at = now();
    this.#pace.progress(at);
    for (const watcher of this.#watchers) watcher.progress?.(at);
  }

  #waiting(wire: 'stream' | 'unary'): void {
    this.#pace.waiting(wire);
    for (const watcher of this.#watchers) watcher.waiting?.(wire, this.#at);
    this.#at = undefined;
  }

  /** An answer may end normally and be none all the same. What it has used is known then. */
  judge(answer: ProviderAnswer, raw: boolean): TransportError | undefined {
    const error = this.#flawOf(answer, raw);
    if (error !== undefined) this.#ledger.uses(answer.usage, true);
    return error;
  }

  #flawOf(answer: ProviderAnswer, raw: boolean): TransportError | undefined {
    if (answer.finishReason === 'content_filter') {
      const { text, toolCalls, reasoning } = answer;
      return new TransportError('content_filtered', `${this.#provider.name} refused by policy`, {
        provider: this.#provider.name,
        partial: { text, toolCalls, reasoning },
      });
    }
    if (typeof answer.text !== 'string' || !Array.isArray(answer.toolCalls)) {
      return new TransportError('bad_response', `${this.#provider.name} answered with something that is no answer`, {
        provider: this.#provider.name,
      });
    }
    const empty = answer.text === '' && answer.toolCalls.length === 0 && answer.finishReason !== 'length';
    if (!empty || raw) return undefined;
    return new TransportError('empty_response', `${this.#provider.name} ended its answer with nothing in it`, {
      provider: this.#provider.name,
    });
  }

  /** Without the caller's words, and with the provider's name. */
  #cleaned(thrown: unknown): TransportError {
    const error = scrubbed(failed(thrown), { texts: wordsOf(this.#request) });
    return error.provider === undefined ? withFields(error, { provider: this.#provider.name }) : error;
  }
}

/** All that a model has written, for the estimates: calls of tools are tokens too. */
function saidIn({ text, reasoning = '', toolCalls }: PartialAnswer): string {
  const calls = toolCalls.map(({ name, input }) => name + jsonOf(input));
  return text + reasoning + calls.join('');
}

/** Errors of a provider that may be back at a time that it tells. */
const saysLater: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'overloaded', 'server_error']);
