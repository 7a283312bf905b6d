import { HedgeThrottle } from '../control/hedge-throttle.ts';
import type { RetryQuota } from '../control/retry-quota.ts';
import { watched } from '../core/context.ts';
import { failed, type TransportError } from '../core/errors.ts';
import { estimateTokens } from '../core/estimate.ts';
import type { Health, ProviderHealth } from '../core/health.ts';
import { type Itinerary, itinerary } from '../core/itinerary.ts';
import { abandoned, type Fork, forkSignal } from '../core/signals.ts';
import { MovableTimer, now } from '../core/time.ts';
import type {
  CompletionRequest,
  Context,
  Handler,
  HedgeOptions,
  Middleware,
  Reply,
  RetryOptions,
} from '../core/types.ts';

/** What a transport's hedges share with its retries. */
export interface HedgePlace {
  readonly quota: RetryQuota;
  readonly health: Health;
  /** Whether a refusal by policy is worth another provider's answer. */
  readonly contentFiltered?: RetryOptions['contentFiltered'];
}

/** When an adaptive hedge is made: so much after 95 of 100 have begun to answer, and not sooner than so many milliseconds. */
const lateRatio = 1.5;
const leastAfterMs = 800;
/** A hedge that cannot be paid for when it is time is looked at again after as long again, so many times altogether. */
const mostLooks = 3;
const never = Number.POSITIVE_INFINITY;

/**
 * Makes a second attempt beside a first one that shows nothing: in another failure domain, when the first is later than it should
 * be, and only where it would be sent at once. Whichever has content first is the answer, the other is cancelled; nothing was
 * delivered of either before. A hedge is paid from the retry quota, and none is made while that is below half.
 *
 * How late that is, is estimated for each provider, unless `afterMs` says it. Estimated hedges are at most a twentieth of all
 * tokens, stand only beside answers that are streamed, and are not made while anybody waits in a line.
 * Source: Dean and Barroso, "The Tail at Scale" (2013), hedged requests; the quota is gRPC's (proposal A6).
 */
export function hedge(options: HedgeOptions, place: HedgePlace): Middleware {
  return function hedge(next) {
    const policy = { afterMs: options.afterMs, throttle: new HedgeThrottle(), ...place };
    return (request, context) => new Race(policy, next, request, context).run();
  };
}

interface Policy extends HedgePlace {
  /** Milliseconds; `undefined`: it is estimated. */
  readonly afterMs: number | undefined;
  /** Bounds those whose time is estimated. */
  readonly throttle: HedgeThrottle;
}

/** One of the two attempts. */
interface Runner {
  readonly fork: Fork;
  /** Where it was sent. */
  provider: ProviderHealth | undefined;
  /** When, on the clock of `now()`. */
  sentAt: number;
  /** What it is waited for as. */
  wire: 'stream' | 'unary' | undefined;
  error: TransportError | undefined;
}

/** An attempt, and perhaps another beside it. */
class Race {
  readonly #policy: Policy;
  readonly #next: Handler;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  readonly #timer = new MovableTimer(() => this.#hedge());
  #first: Runner | undefined;
  #second: Runner | undefined;
  #winner: Runner | undefined;
  #afterMs = never;
  /** How often it would have been time. */
  #looks = 0;
  /** What a hedge takes from the throttle, by an estimate. */
  #tokens = 0;
  #resolve: (reply: Reply) => void = () => {};
  #reject: (error: TransportError) => void = () => {};

  constructor(policy: Policy, next: Handler, request: CompletionRequest, context: Context) {
    this.#policy = policy;
    this.#next = next;
    this.#request = request;
    this.#context = context;
  }

  run(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#first = this.#runner();
      this.#start(this.#first, this.#context);
    });
  }

  #runner(): Runner {
    return {
      fork: forkSignal(this.#context.signal),
      provider: undefined,
      sentAt: 0,
      wire: undefined,
      error: undefined,
    };
  }

  #start(runner: Runner, context: Context): void {
    const shows = (): void => {
      if (this.#winner === undefined) this.#wins(runner);
    };
    const watching = watched(context.fork({ signal: runner.fork.signal }), {
      waiting: (wire) => {
        // A middleware in `useEach` may send again after its runner has won, or failed: then the race is over.
        if (this.#winner !== undefined || runner.error !== undefined) return;
        if (runner.provider === undefined) this.#sent(runner);
        if (runner === this.#first && wire !== runner.wire) this.#expect(runner, wire);
      },
      answered: shows,
      progress: shows,
    });
    this.#next(this.#request, watching).then(
      (reply) => this.#answered(runner, reply),
      (error) => this.#failed(runner, failed(error)),
    );
  }

  #sent(runner: Runner): void {
    // The endpoint has just written the attempt's line.
    const name = this.#context.attempts.at(-1)?.provider;
    runner.sentAt = now();
    runner.provider = this.#policy.health.providers.find((one) => one.name === name);
    if (runner !== this.#first)
      this.#context.publish({ type: 'hedge', provider: name, afterMs: this.#afterMs * (1 + this.#looks) });
  }

  /** The first is waited for from now on: for its first content, or for a whole answer, of which nobody knows when it is late. */
  #expect(runner: Runner, wire: 'stream' | 'unary'): void {
    const isNew = runner.wire === undefined;
    runner.wire = wire;
    const { afterMs } = this.#policy;
    if (afterMs === undefined) {
      if (isNew) this.#earn();
      const p95Ms = wire === 'stream' ? runner.provider?.pace.p95Ms(this.#request) : undefined;
      this.#afterMs = p95Ms === undefined ? never : Math.round(Math.max(leastAfterMs, lateRatio * p95Ms));
    } else {
      this.#afterMs = afterMs;
      // A stream was refused, and the answer comes whole: the time runs on.
      if (!isNew) return;
    }
    this.#timer.arm(this.#afterMs);
  }

  #earn(): void {
    const { input, output } = estimateTokens(this.#request);
    this.#tokens = input + output;
    this.#policy.throttle.sent(this.#tokens);
  }

  #hedge(): void {
    const beside = this.#first?.provider;
    if (beside === undefined) return;
    if (!this.#pay()) {
      this.#looks += 1;
      if (this.#looks < mostLooks) this.#timer.arm(this.#afterMs);
      return;
    }
    const hops = this.#context.get(itinerary);
    const tried = new Set([...hops.tried, beside.name]);
    const { givenUp } = this.#policy.afterMs === undefined ? this.#streamedOnly(hops) : hops;
    this.#second = this.#runner();
    this.#start(
      this.#second,
      this.#context.with(
        itinerary.of({
          ...hops,
          tried,
          givenUp,
          last: beside.name,
          patienceMs: 0,
          paid: true,
          hop: undefined,
          beside: beside.domain,
        }),
      ),
    );
  }

  /** Whether a hedge may be made now; then it is paid for. */
  #pay(): boolean {
    const { quota, throttle, afterMs, health } = this.#policy;
    if (quota.left < quota.capacity / 2) return false;
    if (afterMs === undefined) {
      if (health.providers.some(({ queued }) => queued > 0)) return false;
      if (!throttle.withdraw(this.#tokens)) return false;
    }
    return quota.withdraw();
  }

  /** The first content of an answer that comes whole is all of it: that would hardly be sooner, and cost all. */
  #streamedOnly({ givenUp }: Itinerary): Pick<Itinerary, 'givenUp'> {
    const whole = this.#policy.health.providers.filter(({ streams }) => !streams).map(({ name }) => name);
    return { givenUp: new Set([...givenUp, ...whole]) };
  }

  #wins(runner: Runner): void {
    this.#winner = runner;
    this.#timer.stop();
    const loser = runner === this.#first ? this.#second : this.#first;
    if (loser === undefined || loser.error !== undefined) return;
    if (loser === this.#first && runner.provider !== undefined) loser.provider?.rescued(now() - loser.sentAt);
    this.#stop(loser);
  }

  #stop(runner: Runner): void {
    runner.fork.abort(abandoned());
    runner.fork.release();
  }

  #answered(runner: Runner, reply: Reply): void {
    this.#giveBack(runner);
    // A layer of the user's may have answered by itself, and nothing was sent.
    if (this.#winner === undefined) this.#wins(runner);
    if (this.#winner !== runner) return;
    void reply.done.then(({ ok }) => {
      if (ok) runner.fork.release();
      else this.#stop(runner);
      // Without a retry layer nobody else fills the purse.
      if (ok && this.#context.get(itinerary).hop === undefined) this.#policy.quota.deposit();
    });
    this.#resolve(reply);
  }

  #failed(runner: Runner, error: TransportError): void {
    runner.error = error;
    // A layer of the user's may have left something under way.
    this.#stop(runner);
    this.#giveBack(runner);
    this.#tell(runner, error);
    if (this.#winner !== undefined) {
      if (this.#winner === runner) this.#reject(error);
      return;
    }
    this.#timer.stop();
    const other = runner === this.#first ? this.#second : this.#first;
    if (other === undefined || other.error !== undefined) return this.#reject(this.#first?.error ?? error);
    if (runner !== this.#first) return;
    // What the first found out of the request holds for the other too; what a hedge found, the first may not. And who has not been
    // sent yet is not waited for.
    if (this.#isFinal(error) || other.provider === undefined) {
      this.#stop(other);
      this.#reject(error);
    }
  }

  #isFinal({ code, retry }: TransportError): boolean {
    return retry === 'never' && !(code === 'content_filtered' && this.#policy.contentFiltered === 'elsewhere');
  }

  /** A hedge that nobody was sent costs nothing. */
  #giveBack(runner: Runner): void {
    if (runner !== this.#second || runner.provider !== undefined) return;
    this.#policy.quota.refund();
    if (this.#policy.afterMs === undefined) this.#policy.throttle.refund(this.#tokens);
  }

  /** The retry layer is given one error; of the hedge's it learns here. */
  #tell(runner: Runner, error: TransportError): void {
    const { hop } = this.#context.get(itinerary);
    if (hop !== undefined && runner === this.#second && runner.provider !== undefined) hop.hedged = error;
  }
}
