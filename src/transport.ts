import { randomUUID } from 'node:crypto';
import { LocalNetwork } from './control/local-network.ts';
import { MovingAverage } from './control/moving-average.ts';
import { RetryQuota } from './control/retry-quota.ts';
import { RttEstimator } from './control/rtt-estimator.ts';
import { Silence } from './control/silence.ts';
import { TokenScale } from './control/token-scale.ts';
import type { UsageBy, UsageGroup, UsageSum } from './core/accounting-types.ts';
import { Accounts } from './core/accounts.ts';
import { compose, guarded } from './core/compose.ts';
import { type Call, createContext, resumeChoice } from './core/context.ts';
import { endpoint } from './core/endpoint.ts';
import { failed, OptionsError, TransportError } from './core/errors.ts';
import { checkEventType } from './core/event-types.ts';
import { Events, type TransportEvent } from './core/events.ts';
import { Health, ProviderHealth } from './core/health.ts';
import { Network } from './core/network.ts';
import { checkCall, checkTransportOptions } from './core/options.ts';
import { drain } from './core/reply.ts';
import { asItIs } from './core/request.ts';
import { abandoned, cancellation, forkSignal } from './core/signals.ts';
import { completionStream } from './core/stream.ts';
import { longestTimerMs, now, soon } from './core/time.ts';
import type {
  CallOptions,
  Completion,
  CompletionRequest,
  CompletionStream,
  Handler,
  HealthSnapshot,
  HedgeOptions,
  Middleware,
  Mount,
  Provider,
  Reply,
  Transport,
  TransportOptions,
  ValidateOptions,
} from './core/types.ts';
import { circuitBreaker } from './middleware/circuit-breaker.ts';
import { collect } from './middleware/collect.ts';
import { deadline } from './middleware/deadline.ts';
import { hedge } from './middleware/hedge.ts';
import { quarantine } from './middleware/quarantine.ts';
import { rateLimit } from './middleware/rate-limit.ts';
import { mayRestart, resume } from './middleware/resume.ts';
import { retry } from './middleware/retry.ts';
import { timeout } from './middleware/timeout.ts';
import { join } from './middleware/transaction/join.ts';
import { transaction } from './middleware/transaction.ts';
import { validate } from './middleware/validate.ts';
import { priority } from './routing/priority.ts';
import { router } from './routing/router.ts';
import { limitReadingsOf } from './wire/limit-readings.ts';

/** Milliseconds after which an estimate has forgotten most of what it knew. */
const estimateDecayMs = 10_000;
/** Milliseconds that calls have to end after `close()` has aborted them. */
const closeGraceMs = 1_000;
/** What a provider's own purse of retries holds, beside the transport's 500: what fails at one is not asked of it for ever. */
const providerQuota = 250;

/**
 * One `complete()` that gets through: puts the pipeline around providers, and keeps their health.
 *
 * @throws OptionsError when an option is wrong, naming its path.
 */
export function createTransport(options: TransportOptions): Transport {
  checkTransportOptions(options);
  return new Pipeline(options);
}

const on = <Options>(option: Options | false | undefined, layer: (options: Options) => Middleware): Middleware[] =>
  option === false ? [] : [layer((option ?? {}) as Options)];

/** Without a second domain there is nowhere to hedge to; and who wants one attempt a call wants no second beside it. */
function hedging({ providers, hedge, retry }: TransportOptions): HedgeOptions | false {
  return hedge ?? (retry !== false && new Set(providers.map(({ domain }) => domain)).size > 1 ? {} : false);
}

/** Who wants one attempt a call wants no second one because of its answer. */
function validating({ validate, retry }: TransportOptions): ValidateOptions | false {
  return validate === false ? false : { ...(retry === false && { maxReasks: 0 }), ...validate };
}

/** The transport. `open` is what `complete()` and `wrap()` have in common. */
export class Pipeline implements Transport {
  readonly #events = new Events();
  readonly #health = new Health();
  readonly #accounts: Accounts;
  readonly #network = new Network(new LocalNetwork(), {
    askable: () => this.#health.askableDomains,
    changed: (isDown, domains) => {
      this.#events.publish({ type: 'network:change', state: isDown ? 'down' : 'up', domains });
      this.#health.changed();
    },
  });
  readonly #handler: Handler;
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  /** Calls that are under way, and how to end each. */
  readonly #calls = new Map<
    symbol,
    { readonly waiting: () => boolean; readonly abort: (error: TransportError) => void }
  >();
  #closed: Promise<void> | undefined;
  #lastCallOver: (() => void) | undefined;

  constructor(options: TransportOptions) {
    this.#accounts = new Accounts(options.priceOf, () => new TokenScale(), options.providers);
    const place = { quota: new RetryQuota(), health: this.#health };

    // Once per call. The order, from the outside in, and the reason for each place:
    const callLayers: Middleware[] = [
      // Outermost: everything below is correlated, and every error carries the ledger.
      transaction(options.transaction),
      // Above retries and waiting lines, because waiting counts.
      deadline(),
      // Below the deadlines, of which each call has its own; above all that is done once for those that share an answer.
      ...(options.transaction === false ? [] : [join()]),
      // Yours sees a call once, however many attempts it takes.
      ...(options.use ?? []).map(guarded),
      // Again, for a deadline that one of yours has brought forward.
      deadline(),
      // Above resume: judges the answer that the caller will get.
      ...on(validating(options), (validateOptions) =>
        validate(validateOptions, { ...place, restarts: (context) => mayRestart(options.resume, context) }),
      ),
      // Above retry: what breaks after it was answered is not an attempt that failed, it is an answer that broke.
      // There also when it is turned off: a call may turn it on.
      resume(options.resume, { ...place, retries: options.retry !== false }),
      // Above route, so that another provider can be chosen.
      ...on(options.retry, (retryOptions) => retry(retryOptions, place)),
      // Below retry, so that a pair of attempts is one try.
      ...on(hedging(options), (hedgeOptions) =>
        hedge(hedgeOptions, { ...place, contentFiltered: options.retry ? options.retry.contentFiltered : 'never' }),
      ),
    ];

    // Once per provider, and per attempt. The order, and the reason for each place:
    const providerLayers = (health: ProviderHealth): Middleware[] => [
      // Above the breaker: waiting in line is not the provider's fault.
      ...on(options.rateLimit, (rateLimitOptions) =>
        rateLimit(rateLimitOptions, { health, all: this.#health, readLimits: limitReadingsOf }),
      ),
      // Below the line, so that who waited in it learns what has happened meanwhile.
      quarantine(health),
      // A status for the router, checked again after the wait; above the time-outs, because those count.
      ...on(options.circuitBreaker, (breakerOptions) =>
        circuitBreaker(breakerOptions, { health, all: this.#health, publish: (event) => this.#events.publish(event) }),
      ),
      // Yours sees every attempt, answered or not.
      ...(options.useEach ?? []).map(guarded),
      // Above timeout, so that time-outs see first content and silences of a unary call too.
      collect(),
      // Innermost: measures the provider and nothing else.
      ...on(options.timeout, (timeoutOptions) => timeout(timeoutOptions, health.pace)),
    ];

    const destinations = options.providers.map((provider) => {
      const health = this.#track(provider);
      return { health, handler: compose(providerLayers(health), endpoint(provider, health), this.#mount(health)) };
    });
    const route = router(options.route ?? priority(), destinations);
    // After `close()` what is under way may finish, but nothing new is sent.
    const open: Handler = (request, context) =>
      this.#closed === undefined
        ? route(request, context)
        : Promise.reject(new TransportError('closed', 'The transport was closed'));
    this.#handler = compose(callLayers, open, this.#mount(undefined));
  }

  complete<T = unknown>(
    request: CompletionRequest<T> & { readonly stream: true },
    options?: CallOptions,
  ): Promise<CompletionStream<T>>;
  complete<T = unknown>(
    request: CompletionRequest<T> & { readonly stream?: false },
    options?: CallOptions,
  ): Promise<Completion<T>>;
  complete<T = unknown>(
    request: CompletionRequest<T>,
    options?: CallOptions,
  ): Promise<Completion<T> | CompletionStream<T>>;
  async complete<T>(
    request: CompletionRequest<T>,
    options: CallOptions = {},
  ): Promise<Completion<T> | CompletionStream<T>> {
    checkCall(request, options);
    const own = asItIs(request);
    const { reply, transactionId } = await this.open(own, options);
    if (own.stream === true) return completionStream<T>(reply, transactionId);
    // A middleware of the user's may have answered with a stream that is not read to its end yet.
    return (await drain(reply)) as Completion<T>;
  }

  /** Sends a request through the pipeline. */
  async open(request: CompletionRequest, options: CallOptions): Promise<{ reply: Reply; transactionId: string }> {
    const transactionId = options.transactionId ?? randomUUID();
    if (this.#closed !== undefined) throw new TransportError('closed', 'The transport is closed', { transactionId });
    const fork = forkSignal(options.signal, cancellation);
    const call: Call = {
      transactionId,
      priority: options.priority ?? 'default',
      startedAt: now(),
      attempts: [],
      isNamed: options.transactionId !== undefined,
      events: this.#events,
      accounts: this.#accounts,
      lastAttempt: 0,
    };
    const context = createContext(call, {
      signal: fork.signal,
      deadline: options.timeoutMs === undefined ? undefined : Date.now() + options.timeoutMs,
      values:
        options.resume === undefined ? options.values : [...(options.values ?? []), resumeChoice.of(options.resume)],
    });
    const key = Symbol(transactionId);
    // A call waits while none of its attempts is under way, nor of those whose answer it shares.
    const waiting = (): boolean => (call.source ?? call).attempts.every(({ outcome }) => outcome !== undefined);
    this.#calls.set(key, { waiting, abort: fork.abort });
    const end = (): void => {
      fork.release();
      this.#calls.delete(key);
      if (this.#calls.size === 0) this.#lastCallOver?.();
    };
    try {
      const reply = await this.#handler(request, context);
      void reply.done.then(end);
      return { reply, transactionId };
    } catch (thrown) {
      const error = failed(thrown);
      end();
      // Whatever a layer has left under way is stopped.
      fork.abort(abandoned());
      throw error;
    }
  }

  health(): readonly HealthSnapshot[] {
    return this.#health.providers.map((health) => health.snapshot());
  }

  usage(): UsageSum;
  usage(by: UsageBy): readonly UsageGroup[];
  usage(by?: UsageBy): UsageSum | readonly UsageGroup[] {
    if (by === undefined) return this.#accounts.sum();
    if (by !== 'provider' && by !== 'model' && typeof by?.metadata !== 'string')
      throw new OptionsError('by', "expected 'provider', 'model' or { metadata }");
    return this.#accounts.sum(by);
  }

  on<E extends TransportEvent['type'] | '*'>(
    type: E,
    listener: (event: E extends '*' ? TransportEvent : Extract<TransportEvent, { type: E }>) => void,
  ): () => void {
    checkEventType(type);
    if (typeof listener !== 'function') throw new OptionsError('listener', 'expected a function (event) => void');
    return this.#events.on(type, listener as (event: TransportEvent) => void);
  }

  reset(provider: string): void {
    const health = this.#health.providers.find(({ name }) => name === provider);
    if (health === undefined)
      throw new OptionsError('provider', `expected the name of a provider of this transport, got '${provider}'`);
    const { quarantined } = health;
    health.reset();
    if (quarantined) {
      this.#events.publish({ type: 'provider:release', provider, code: undefined, until: Date.now() });
    }
  }

  async close({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (!(timeoutMs >= 0)) throw new OptionsError('timeoutMs', 'expected milliseconds, 0 or more (Infinity: no limit)');
    this.#closed ??= this.#shutDown(timeoutMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    const from = now();
    const error = (): TransportError => new TransportError('closed', 'The transport was closed');
    for (const call of [...this.#calls.values()]) if (call.waiting()) call.abort(error());
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        const over = (): void => {
          clearTimeout(timer);
          resolve();
        };
        let timer = setTimeout(
          () => {
            for (const call of [...this.#calls.values()]) call.abort(error());
            // A middleware that takes no notice of that is not waited for.
            timer = setTimeout(over, closeGraceMs);
          },
          Math.min(timeoutMs, longestTimerMs),
        );
        this.#lastCallOver = over;
      });
    }
    const failures: unknown[] = [];
    for (const cleanup of this.#cleanups.reverse()) {
      try {
        // One that never ends is not waited for, either.
        await soon(Promise.resolve(cleanup()), Math.max(closeGraceMs, timeoutMs - (now() - from)));
      } catch (thrown) {
        // One of the user's: the others still have timers to take down.
        failures.push(thrown);
      }
    }
    this.#events.clear();
    if (failures.length > 0) throw failures[0];
  }

  #track(provider: Provider): ProviderHealth {
    const estimates = {
      firstContent: new MovingAverage(estimateDecayMs),
      chunkGap: new MovingAverage(estimateDecayMs),
      rtt: () => new RttEstimator(),
      silence: new Silence(),
    };
    const health = new ProviderHealth(provider, estimates, this.#health.changed);
    health.network = this.#network;
    health.retryQuota = new RetryQuota(providerQuota);
    this.#health.providers.push(health);
    return health;
  }

  #mount(provider: ProviderHealth | undefined): Mount {
    return { provider, onClose: (cleanup) => this.#cleanups.push(cleanup) };
  }
}
