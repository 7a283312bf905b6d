import type { RetryQuota } from '../control/retry-quota.ts';
import { watched } from '../core/context.ts';
import { failed, type TransportError } from '../core/errors.ts';
import type { Health, ProviderHealth } from '../core/health.ts';
import { itinerary } from '../core/itinerary.ts';
import { abandoned, type Fork, forkSignal } from '../core/signals.ts';
import { MovableTimer } from '../core/time.ts';
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

/**
 * Makes a second attempt beside a first one that shows nothing: in another failure domain, `afterMs` after the first was sent, and
 * only where it would be sent at once. Whichever has content first is the answer, the other is cancelled; nothing was delivered of
 * either before. A hedge is paid from the retry quota, and none is made while that is below half.
 * Source: Dean and Barroso, "The Tail at Scale" (2013), hedged requests; the throttle is gRPC's (proposal A6).
 */
export function hedge(options: HedgeOptions, place: HedgePlace): Middleware {
  return function hedge(next) {
    return (request, context) => new Race(options.afterMs, place, next, request, context).run();
  };
}

/** One of the two attempts. */
interface Runner {
  readonly fork: Fork;
  /** Where it was sent. */
  provider: ProviderHealth | undefined;
  error: TransportError | undefined;
}

/** An attempt, and perhaps another beside it. */
class Race {
  readonly #afterMs: number;
  readonly #place: HedgePlace;
  readonly #next: Handler;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  readonly #timer = new MovableTimer(() => this.#hedge());
  #first: Runner | undefined;
  #second: Runner | undefined;
  #winner: Runner | undefined;
  #resolve: (reply: Reply) => void = () => {};
  #reject: (error: TransportError) => void = () => {};

  constructor(afterMs: number, place: HedgePlace, next: Handler, request: CompletionRequest, context: Context) {
    this.#afterMs = afterMs;
    this.#place = place;
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
    return { fork: forkSignal(this.#context.signal), provider: undefined, error: undefined };
  }

  #start(runner: Runner, context: Context): void {
    const watching = watched(context.fork({ signal: runner.fork.signal }), {
      waiting: () => {
        // A layer of the user's may ask on when the race is over.
        if (runner.provider === undefined && this.#winner === undefined && runner.error === undefined)
          this.#sent(runner);
      },
      content: () => {
        if (this.#winner === undefined) this.#wins(runner);
      },
    });
    this.#next(this.#request, watching).then(
      (reply) => this.#answered(runner, reply),
      (error) => this.#failed(runner, failed(error)),
    );
  }

  #sent(runner: Runner): void {
    // The endpoint has just written the attempt's line.
    const name = this.#context.attempts.at(-1)?.provider;
    runner.provider = this.#place.health.providers.find((one) => one.name === name);
    if (runner === this.#first) return this.#timer.arm(this.#afterMs);
    this.#context.publish({ type: 'hedge', provider: name, afterMs: this.#afterMs });
  }

  #hedge(): void {
    const { quota } = this.#place;
    const beside = this.#first?.provider;
    if (beside === undefined || quota.left < quota.capacity / 2 || !quota.withdraw()) return;
    const hops = this.#context.get(itinerary);
    const tried = new Set([...hops.tried, beside.name]);
    this.#second = this.#runner();
    this.#start(
      this.#second,
      this.#context.with(
        itinerary.of({ ...hops, tried, last: beside.name, patienceMs: 0, hop: undefined, beside: beside.domain }),
      ),
    );
  }

  #wins(runner: Runner): void {
    this.#winner = runner;
    this.#timer.stop();
    const loser = runner === this.#first ? this.#second : this.#first;
    if (loser === undefined || loser.error !== undefined) return;
    if (loser === this.#first && runner.provider !== undefined) loser.provider?.rescued();
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
      if (ok && this.#context.get(itinerary).hop === undefined) this.#place.quota.deposit();
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
    return retry === 'never' && !(code === 'content_filtered' && this.#place.contentFiltered === 'elsewhere');
  }

  /** A hedge that nobody was sent costs nothing. */
  #giveBack(runner: Runner): void {
    if (runner === this.#second && runner.provider === undefined) this.#place.quota.refund();
  }

  /** The retry layer is given one error; of the hedge's it learns here. */
  #tell(runner: Runner, error: TransportError): void {
    const { hop } = this.#context.get(itinerary);
    if (hop !== undefined && runner === this.#second && runner.provider !== undefined) hop.hedged = error;
  }
}
