import CircuitBreaker from 'opossum';
import { watched } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import type { PlainEvent } from '../core/events.ts';
import type { Gate, Health, ProviderHealth } from '../core/health.ts';
import { itinerary } from '../core/itinerary.ts';
import { now } from '../core/time.ts';
import type { CircuitBreakerOptions, Middleware, Outcome } from '../core/types.ts';

/** The options that are not given. */
export const circuitBreakerDefaults: Required<CircuitBreakerOptions> = {
  failureRatio: 0.5,
  minAttempts: 10,
  windowMs: 60_000,
  openMs: 500,
  maxOpenMs: 5_000,
};
/** Failures in a row that open a circuit, whatever the share. */
const inARow = 3;
/** A probe that has no content after this has failed. */
const probeMs = 10_000;
/** What is said of how long a probe under way will take. */
const probeGuessMs = 1_000;
/** Probes while nobody serves: never further apart than this share of `maxOpenMs`, so that service is back soon after theirs. */
const unservedShare = 0.8;

interface Lease {
  readonly generation: number;
  readonly probe: boolean;
  settled: boolean;
}

/** What a circuit needs of the transport it is in. */
export interface CircuitPlace {
  readonly health: ProviderHealth;
  readonly all: Health;
  readonly publish: (event: PlainEvent) => void;
}

/**
 * Stops asking a provider that fails, and finds out by single probes when it is back. Below the waiting line, because waiting is
 * not the provider's fault; above the time-outs, because those count. Only errors whose `blame` is the provider count.
 */
export function circuitBreaker(options: CircuitBreakerOptions, place: CircuitPlace): Middleware {
  return function circuitBreaker(next, mount) {
    const circuit = new Circuit(options, place);
    place.health.gate = circuit;
    mount.onClose(() => circuit.close());

    return async (request, context) => {
      const lease = circuit.acquire();
      const { hop } = context.get(itinerary);
      if (lease.probe && hop !== undefined) hop.probe = true;
      // A probe has told enough with its first content; whoever waits for it need not wait for the last.
      const leased = lease.probe ? watched(context, { content: () => circuit.settle(lease, true) }) : context;
      try {
        const reply = await next(request, leased);
        void reply.done.then((outcome) => circuit.settle(lease, verdict(outcome)));
        return reply;
      } catch (error) {
        circuit.settle(lease, TransportError.is(error) ? verdict({ ok: false, error }) : undefined);
        throw error;
      }
    };
  };
}

/** True: it delivered. False: it failed. `undefined`: says nothing about the provider. */
function verdict(outcome: Outcome): boolean | undefined {
  if (outcome.ok) return true;
  return outcome.error.blame === 'provider' ? false : undefined;
}

const failure = new Error('An attempt failed');

/**
 * The three states, the rolling counts and the reset timer are opossum's, which is only told how attempts ended: as documented it
 * would run the calls, and then misjudge those that are longer than its window, close on a stale success, and wait for ever for a
 * hung probe. Who may pass is decided here, by leases: each belongs to a generation, and one of an earlier state changes nothing.
 */
class Circuit implements Gate {
  readonly #options: Required<CircuitBreakerOptions>;
  readonly #place: CircuitPlace;
  #breaker: CircuitBreaker;
  #generation = 0;
  #inFlight = 0;
  /** Failures since the last success. */
  #row = 0;
  /** Openings since it was last closed. */
  #openings = 0;
  #openedAt = 0;
  /** Somewhat less than one, so that many processes do not probe as one. */
  #jitter = 1;
  #probe: { readonly lease: Lease; readonly expiry: NodeJS.Timeout; readonly until: number } | undefined;

  constructor(options: CircuitBreakerOptions, place: CircuitPlace) {
    const {
      failureRatio = circuitBreakerDefaults.failureRatio,
      minAttempts = circuitBreakerDefaults.minAttempts,
      windowMs = circuitBreakerDefaults.windowMs,
      openMs = circuitBreakerDefaults.openMs,
      maxOpenMs = circuitBreakerDefaults.maxOpenMs,
    } = options;
    this.#options = { failureRatio, minAttempts, windowMs, openMs, maxOpenMs };
    this.#place = place;
    this.#breaker = this.#build();
  }

  /** @throws TransportError `circuit_open`. */
  acquire(): Lease {
    const { health } = this.#place;
    const backMs = this.backMs();
    if (backMs > 0) {
      throw new TransportError('circuit_open', `${health.name} is failing and left alone; nothing was sent`, {
        provider: health.name,
        retryAfterMs: backMs,
      });
    }
    this.#inFlight += 1;
    const probe = health.circuit !== 'closed';
    const lease: Lease = { generation: this.#generation, probe, settled: false };
    if (lease.probe) {
      const expiry = setTimeout(() => this.settle(lease, false), probeMs);
      expiry.unref();
      this.#probe = { lease, expiry, until: now() + probeMs };
    }
    return lease;
  }

  /** Milliseconds until an attempt may pass; while a probe is under way, a guess, and never longer than its lease. */
  backMs(): number {
    const { health, all } = this.#place;
    if (health.circuit === 'closed') return 0;
    const at = now();
    // How a probe ends is told by a change, mostly long before its lease does: who has less time than that need not give up.
    if (this.#probe !== undefined) return Math.min(probeGuessMs, Math.max(1, this.#probe.until - at));
    // While somebody else serves there is no hurry; when nobody does any more, there is.
    const paceMs = all.othersServe(health) ? this.#options.maxOpenMs * this.#jitter : this.#quickMs();
    const left = this.#openedAt + paceMs - at;
    // The state turns by opossum's timer, which may be a little late.
    return Math.max(health.circuit === 'open' ? 1 : 0, left);
  }

  /** Takes in how an attempt ended, once. */
  settle(lease: Lease, ok: boolean | undefined): void {
    if (lease.settled) return;
    lease.settled = true;
    this.#inFlight -= 1;
    const probed = this.#probe?.lease === lease;
    if (probed) this.#endProbe();
    if (lease.generation !== this.#generation) return;
    if (ok === undefined) {
      // A probe that says nothing frees its place for the next.
      if (probed) this.#place.all.changed();
      return;
    }
    this.#row = ok ? 0 : this.#row + 1;
    this.#breaker.fire(ok).catch(() => {});
    // The sums over the window are made on failures only: with every success they would be a third of a call's cost.
    if (!ok && !this.#breaker.opened && this.#isBad()) this.#breaker.open();
  }

  failureRatio(): number {
    const { fires, failures } = this.#breaker.stats;
    return fires === 0 ? 0 : failures / fires;
  }

  reset(): void {
    this.#renew();
    this.#to('closed');
  }

  close(): void {
    this.#endProbe();
    this.#breaker.shutdown();
  }

  /**
   * Failures are faster than answers: of many attempts sent at once they come in first, and say little until as many are in as are
   * still out.
   */
  #isBad(): boolean {
    if (this.#row >= Math.max(inARow, this.#inFlight)) return true;
    const { fires: settled, failures } = this.#breaker.stats;
    const { minAttempts, failureRatio } = this.#options;
    return settled >= Math.max(minAttempts, this.#inFlight) && failures / settled > failureRatio;
  }

  #build(): CircuitBreaker {
    const { windowMs } = this.#options;
    // A failure is thrown, not rejected: it counts before the next attempt is admitted.
    const judge = (ok: boolean): Promise<void> => {
      if (!ok) throw failure;
      return Promise.resolve();
    };
    const breaker = new CircuitBreaker(judge, {
      timeout: false,
      // When to open is decided in `#isBad`; opossum opens by itself only from half-open.
      volumeThreshold: Number.MAX_SAFE_INTEGER,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: 6,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      resetTimeout: 1,
    });
    // Before opossum's own listener, which reads `resetTimeout` to set its timer.
    breaker.prependListener('open', () => {
      this.#opened();
      (breaker as unknown as { options: { resetTimeout: number } }).options.resetTimeout = this.#quickMs();
    });
    breaker.on('halfOpen', () => {
      this.#generation += 1;
      this.#to('half-open');
    });
    breaker.on('close', () => {
      this.#renew();
      this.#to('closed');
    });
    return breaker;
  }

  #opened(): void {
    this.#generation += 1;
    this.#openings += 1;
    this.#jitter = 1 - Math.random() * 0.2;
    this.#openedAt = now();
    this.#to('open');
  }

  /** Milliseconds from opening to the next probe while nobody serves: half a second, then 1, 1.5 … */
  #quickMs(): number {
    const { openMs, maxOpenMs } = this.#options;
    return Math.max(1, Math.min(openMs * this.#openings, maxOpenMs * unservedShare) * this.#jitter);
  }

  /** Starts counting anew: opossum's counts outlive a recovery, and one more failure would open it again. */
  #renew(): void {
    this.#generation += 1;
    this.#row = 0;
    this.#openings = 0;
    this.#endProbe();
    this.#breaker.shutdown();
    this.#breaker = this.#build();
  }

  #endProbe(): void {
    clearTimeout(this.#probe?.expiry);
    this.#probe = undefined;
  }

  #to(state: ProviderHealth['circuit']): void {
    const { health, all, publish } = this.#place;
    const from = health.circuit;
    if (from === state) return;
    health.circuit = state;
    publish({ type: 'circuit:change', provider: health.name, from, to: state });
    all.changed();
  }
}
