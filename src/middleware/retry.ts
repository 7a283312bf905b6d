import pRetry from 'p-retry';
import { fullJitter } from '../control/backoff.ts';
import type { RetryQuota } from '../control/retry-quota.ts';
import { failed, type TransportError, withFields } from '../core/errors.ts';
import type { Health, ProviderHealth } from '../core/health.ts';
import { backAfterMs, type Itinerary, itinerary } from '../core/itinerary.ts';
import { lackOf } from '../core/requirements.ts';
import { reasonOf } from '../core/signals.ts';
import { now, sleep } from '../core/time.ts';
import type { CompletionRequest, Context, Handler, Middleware, Reply, RetryOptions } from '../core/types.ts';

/** The options that are not given. */
export const retryDefaults: Required<RetryOptions> = { retries: 3, maxWaitMs: 60_000, contentFiltered: 'never' };

/** What the retries of one transport share. */
export interface RetryPlace {
  readonly quota: RetryQuota;
  readonly health: Health;
}

/** Spreads out those who are woken by the same recovery, in milliseconds. */
const wakeSpreadMs = 50;
/** A call that cannot pay for its next attempt looks again after at most so many milliseconds. */
const longestSavingMs = 2_000;

/**
 * Asks again, in rounds. A round asks each provider at most once, without a pause between them; when nobody is left, the call
 * waits, with full jitter or until somebody says to be back, and a next round begins. What an attempt costs is paid from one quota
 * for the whole transport. The loop and its abort points are p-retry's; counts, waits and judgements are made here.
 */
export function retry(options: RetryOptions, place: RetryPlace): Middleware {
  return function retry(next) {
    return async (request, context) => {
      const rounds = new Rounds(options, place, request, context);
      try {
        return await pRetry(() => rounds.attempt(next, request), {
          retries: Number.POSITIVE_INFINITY,
          minTimeout: 0,
          signal: context.signal,
          shouldRetry: ({ error }) => rounds.again(error),
        });
      } catch (error) {
        rounds.end();
        // p-retry rejects with the signal's bare reason.
        throw context.signal.aborted ? rounds.aborted(reasonOf(context.signal)) : rounds.verdict(error);
      }
    };
  };
}

/** The rounds of one call. */
class Rounds {
  readonly #retries: number;
  readonly #maxWaitMs: number;
  readonly #contentFiltered: 'never' | 'elsewhere';
  readonly #place: RetryPlace;
  readonly #request: CompletionRequest;
  readonly #context: Context;

  #round = 0;
  #tried: Set<string>;
  readonly #givenUp: Set<string>;
  readonly #asked: Set<string>;
  readonly #resumes: TransportError | undefined;
  #last: string | undefined;
  #lastError: TransportError | undefined;
  /** Something was sent in this round, to find out more than whether a provider is back. */
  #spent = false;
  #sent = 0;
  /** Attempts that were to find out whether a provider is back, and that it may have worked on. */
  #probes = 0;
  #hop: NonNullable<Itinerary['hop']> = { probe: false };
  #waitedMs = 0;
  /** The next attempt has been paid for, or must be. */
  #purse: 'free' | 'paid' | 'owing';
  #backMs: number | undefined;
  /** How often it has looked into an empty purse. */
  #unpaid = 0;

  constructor(
    {
      retries = retryDefaults.retries,
      maxWaitMs = retryDefaults.maxWaitMs,
      contentFiltered = retryDefaults.contentFiltered,
    }: RetryOptions,
    place: RetryPlace,
    request: CompletionRequest,
    context: Context,
  ) {
    this.#retries = retries;
    this.#maxWaitMs = maxWaitMs;
    this.#contentFiltered = contentFiltered;
    this.#place = place;
    this.#request = request;
    this.#context = context;
    // A call that is resumed has come a part of the way already.
    const { tried, givenUp, asked, last, paid, resumes } = context.get(itinerary);
    this.#tried = new Set(tried);
    this.#givenUp = new Set(givenUp);
    this.#asked = new Set(asked);
    this.#last = last;
    this.#resumes = resumes;
    this.#lastError = resumes;
    this.#purse = paid ? 'paid' : 'free';
  }

  async attempt(next: Handler, request: CompletionRequest): Promise<Reply> {
    const { quota } = this.#place;
    if (this.#purse === 'owing') {
      if (quota.withdraw()) this.#purse = 'paid';
      // To find out whether a provider is back costs nothing, so when none serves the call may wait for that.
      else if (this.#anyServes()) throw this.#lastError;
    }
    const paid = this.#purse === 'paid';
    this.#sent = this.#context.attempts.length;
    this.#hop = { probe: false };
    const hops = {
      tried: this.#tried,
      givenUp: this.#givenUp,
      asked: this.#asked,
      last: this.#last,
      patienceMs: this.#maxWaitMs - this.#waitedMs,
      paid,
      hop: this.#hop,
      resumes: this.#resumes,
    };
    const reply = await next(request, this.#context.with(itinerary.of(hops)));
    this.#purse = 'free';
    void reply.done.then(({ ok }) => {
      if (!ok) return;
      if (paid) quota.refund();
      else quota.deposit();
    });
    return reply;
  }

  /** Decides whether to go on after an error, and waits as long as that takes. */
  async again(thrown: unknown): Promise<boolean> {
    const error = failed(thrown);
    const backMs = backAfterMs(error);
    if (backMs !== undefined) return this.#nextRound(backMs, error);
    if (this.#purse === 'owing' && error === this.#lastError) return this.#saveUp(error);
    return this.#afterAttempt(error);
  }

  /** The call is over without an answer. */
  end(): void {
    const wasSent = this.#context.attempts.length > this.#sent;
    if (this.#purse === 'paid' && !wasSent) this.#place.quota.refund();
    this.#purse = 'free';
  }

  /** The error of a call that was stopped: a deadline says what it was spent on. */
  aborted(reason: TransportError): TransportError {
    if (reason.code !== 'deadline_exceeded' || this.#lastError === undefined) return reason;
    return withFields(reason, { cause: this.#lastError });
  }

  /** The error to reject with. */
  verdict(thrown: unknown): TransportError {
    const error = failed(thrown);
    const backMs = backAfterMs(error);
    if (backMs === undefined) return this.#told(error);
    const last = this.#lastError;
    if (last === undefined) return error;
    // Our own network is gone: no provider's error says that.
    if (error.code === 'connection') return this.#told(withFields(error, { cause: last }));
    // Nobody is left at all; a lone provider's error surfaces as itself.
    if (backMs === Number.POSITIVE_INFINITY && this.#place.health.providers.length > 1)
      return withFields(error, { cause: last });
    return this.#told(last);
  }

  /** With the time after which a new call can help. */
  #told(error: TransportError): TransportError {
    if (error.retryAfterMs !== undefined || this.#backMs === undefined || error.retry === 'never') return error;
    return withFields(error, { retryAfterMs: this.#backMs });
  }

  async #afterAttempt(error: TransportError): Promise<boolean> {
    const sent = this.#context.attempts.length > this.#sent;
    const judgement = error.code === 'content_filtered' ? this.#contentFiltered : error.retry;
    const name = error.provider;
    if (sent || this.#lastError === undefined) this.#lastError = error;
    if (sent) {
      this.#noteHedge();
      this.#last = name;
      if (name !== undefined) this.#asked.add(name);
      if (this.#hop.probe && !isRefusal(error)) this.#probes += 1;
      if (!this.#hop.probe || this.#probes > this.#retries) this.#spent = true;
      else if (this.#purse === 'paid') this.#place.quota.refund();
      this.#purse = 'free';
    }
    if (judgement === 'never' || name === undefined) return false;

    if (judgement === 'elsewhere') {
      // A refusal of ours may be over in the next round; what the provider said of this call will not, nor what only the caller can change.
      const lasts = sent ? error.blame !== 'transport' : error.blame === 'caller' && error.retryAfterMs === undefined;
      if (lasts) this.#givenUp.add(name);
      else this.#tried.add(name);
    } else {
      this.#tried.add(name);
      if (sent && !this.#hop.probe && !this.#isCutOff()) {
        if (!this.#place.quota.withdraw()) {
          this.#purse = 'owing';
          return this.#saveUp(error);
        }
        this.#purse = 'paid';
      }
    }
    // Else the wait is told of that follows.
    if (this.#anyLeft()) this.#context.publish({ type: 'retry', code: error.code, waitMs: 0 });
    return true;
  }

  /** Our own network is down: what fails then is not to be paid for. */
  #isCutOff(): boolean {
    return this.#place.health.providers.some(({ network }) => network?.isDown === true);
  }

  /** Of two attempts at once one error comes back; how the other failed is told beside it. */
  #noteHedge(): void {
    const { provider, retry } = this.#hop.hedged ?? {};
    if (provider === undefined) return;
    (retry === 'elsewhere' ? this.#givenUp : this.#tried).add(provider);
  }

  async #nextRound(backMs: number, error: TransportError): Promise<boolean> {
    if (backMs === Number.POSITIVE_INFINITY) return false;
    this.#backMs = backMs;
    // Every line is full: to come back at once would only make them longer.
    if (this.#lastError?.code === 'queue_full' && this.#lastError.retryAfterMs !== undefined && !this.#spent)
      return false;
    if (this.#spent) this.#round += 1;
    if (this.#round > this.#retries) return false;

    const jitterMs = fullJitter(Math.max(1, this.#round), Math.random());
    // Never before the time that was told.
    const waitMs = backMs > 0 ? Math.ceil(backMs) + Math.random() * Math.min(wakeSpreadMs, backMs) : jitterMs;
    if (!(await this.#pause(waitMs, backMs > 0, error))) return false;
    this.#tried = new Set();
    this.#spent = false;
    return true;
  }

  /**
   * The next attempt cannot be paid for: waits until others have filled the purse, and the round goes on where it was. While nobody
   * serves no money is needed, and when nothing is under way none will come.
   */
  async #saveUp(error: TransportError): Promise<boolean> {
    const idle = this.#place.health.providers.every(({ inFlight }) => inFlight === 0);
    // Not at the first look: those who have just paid are not under way yet.
    if (idle && this.#unpaid > 0 && this.#anyServes()) return false;
    this.#unpaid += 1;
    return this.#pause(fullJitter(this.#unpaid, Math.random(), { maxMs: longestSavingMs }), false, error);
  }

  /** Waits, unless that would take longer than the call has. */
  async #pause(waitMs: number, early: boolean, error: TransportError): Promise<boolean> {
    if (this.#waitedMs + waitMs > this.#maxWaitMs || Date.now() + waitMs >= this.#context.deadline) return false;
    this.#context.publish({ type: 'retry', code: (this.#lastError ?? error).code, waitMs });
    const from = now();
    await this.#wait(waitMs, early);
    this.#waitedMs += now() - from;
    return true;
  }

  #anyServes(): boolean {
    return this.#place.health.providers.some((one) => one.serves && this.#canHelp(one));
  }

  /** Somebody is left for this round who can be asked now. */
  #anyLeft(): boolean {
    const isLeft = (one: ProviderHealth): boolean =>
      !this.#tried.has(one.name) && !one.quarantined && this.#canHelp(one) && one.backMs() <= 0;
    return this.#place.health.providers.some(isLeft);
  }

  /** Whoever lacks what the request needs is no reason to wait, or not to. */
  #canHelp(one: ProviderHealth): boolean {
    return !this.#givenUp.has(one.name) && lackOf(one, this.#request) === undefined;
  }

  /** Waits; less when somebody is back before the time that was expected, longer when nobody is back by then. */
  async #wait(ms: number, early: boolean): Promise<void> {
    const { health } = this.#place;
    const { signal, deadline } = this.#context;
    if (!early) return sleep(ms, signal);
    const lastAt = now() + Math.min(this.#maxWaitMs - this.#waitedMs, deadline - Date.now());
    let until = now() + ms;
    for (;;) {
      await health.wait(until - now(), signal, () => now() + this.#nextBackMs() < until - wakeSpreadMs);
      if (now() < until) await sleep(Math.min(until - now(), Math.random() * wakeSpreadMs), signal);
      // Of all who were woken the first has gone to look, and the others need not: how that ends will wake them again.
      const backMs = this.#nextBackMs();
      if (backMs <= 0 || now() + backMs >= lastAt) return;
      until = now() + Math.ceil(backMs) + Math.random() * Math.min(wakeSpreadMs, backMs);
    }
  }

  /** Milliseconds until the first of those can be asked that can help the call. */
  #nextBackMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const candidate of this.#place.health.providers) {
      if (!candidate.quarantined && this.#canHelp(candidate)) least = Math.min(least, candidate.backMs());
    }
    return least;
  }
}

/** Who refuses has done no work, and bills none: whether it is back may be asked as often as its circuit lets it be. */
function isRefusal({ code, status = 0 }: TransportError): boolean {
  return status >= 400 || code === 'overloaded' || code === 'rate_limited' || code === 'connection';
}
