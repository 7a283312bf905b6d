import CircuitBreaker from 'opossum';
import { FailureRow } from '../../control/failure-row.ts';
import { TransportError } from '../../core/errors.ts';
import type { PlainEvent } from '../../core/events.ts';
import type { Gate, Health, ProviderHealth } from '../../core/health.ts';
import { now } from '../../core/time.ts';
import type { CircuitBreakerOptions, Outcome } from '../../core/types.ts';
import { Probe } from './probe.ts';

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
/** An overload is taken for our own doing when an answer came within so many milliseconds before. */
const freshMs = 1_000;
/** Failed connections wait so many milliseconds for others to tell whether our own network is gone. */
const suspenseMs = 500;
/** A probe that has no content after this has failed; of a model that nobody knows the next has twice as long, up to the second. */
const probeMs = 10_000;
const longestProbeMs = 60_000;
/** One that is answered whole, and can show nothing before that, has longer. */
const wholeProbeMs = 120_000;
/** Probes while nobody serves: never further apart than this share of `maxOpenMs`, so that service is back soon after theirs. */
const unservedShare = 0.5;

/** Leave to make one attempt. It belongs to a generation: what has become of one of an earlier state changes nothing. */
export interface Lease {
  readonly generation: number;
  readonly probe: boolean;
  readonly sentAt: number;
  /** Attempts under way when it was sent, its own included. */
  readonly inFlight: number;
  settled: boolean;
}

/** What a circuit needs of the transport it is in. */
export interface CircuitPlace {
  readonly health: ProviderHealth;
  readonly all: Health;
  readonly publish: (event: PlainEvent) => void;
}

const failure = new Error('An attempt failed');

/**
 * The three states, the rolling counts and the reset timer are opossum's, which is only told how attempts ended: as documented it
 * would run the calls, and then misjudge those that are longer than its window, close on a stale success, and wait for ever for a
 * hung probe. Who may pass is decided here, by leases: each belongs to a generation, and one of an earlier state changes nothing.
 */
export class Circuit implements Gate {
  readonly #options: Required<CircuitBreakerOptions>;
  readonly #place: CircuitPlace;
  #breaker: CircuitBreaker;
  #generation = 0;
  #inFlight = 0;
  readonly #row = new FailureRow();
  /** Looks again whether failed connections were the provider's. */
  #suspense: NodeJS.Timeout | undefined;
  /** Openings since it was last closed. */
  #openings = 0;
  #openedAt = 0;
  /** Somewhat less than one, so that many processes do not probe as one. */
  #jitter = 1;
  #probe: Probe | undefined;
  /** Probes in a row that have shown nothing. */
  #silentProbes = 0;

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
    // Somebody else has answered meanwhile: it is not our own network.
    if (this.#suspense !== undefined && !this.#isSuspect()) this.#decide();
    const backMs = this.backMs();
    if (backMs > 0) {
      throw new TransportError('circuit_open', `${health.name} is failing and left alone; nothing was sent`, {
        provider: health.name,
        retryAfterMs: backMs,
      });
    }
    this.#inFlight += 1;
    const probe = health.circuit !== 'closed';
    const lease: Lease = {
      ...{ generation: this.#generation, probe, settled: false },
      ...{ sentAt: now(), inFlight: this.#inFlight },
    };
    return lease;
  }

  /**
   * A lease is a probe's: it has failed when it has shown nothing for a while, and `expired` is called.
   * @param knownMs what its model is known to take at most.
   */
  watch(lease: Lease, knownMs: number | undefined, expired: () => void): void {
    // A model that thinks for longer would never be found to be back.
    const ms = knownMs ?? Math.min(longestProbeMs, probeMs * 2 ** this.#silentProbes);
    this.#probe?.end();
    this.#probe = new Probe(lease, Math.max(probeMs, ms), () => {
      this.#silentProbes += 1;
      this.settle(lease, false);
      expired();
    });
  }

  /** The answer to a probe comes whole. */
  wholly(lease: Lease): void {
    if (this.#probe?.lease === lease) this.#probe.extend(wholeProbeMs);
  }

  /** Milliseconds until an attempt may pass; while a probe is under way, a guess, and never longer than its lease. */
  backMs(): number {
    const { health, all } = this.#place;
    if (health.circuit === 'closed') return 0;
    const at = now();
    // How a probe ends is told by a change: who has less time than it has need not give up.
    if (this.#probe !== undefined) return this.#probe.backMs;
    // While somebody else serves there is no hurry; when nobody does any more, there is.
    const paceMs =
      all.othersServe(health) && !all.isPanicking ? this.#options.maxOpenMs * this.#jitter : this.#quickMs();
    const left = this.#openedAt + paceMs - at;
    // The state turns by opossum's timer, which may be a little late.
    return Math.max(health.circuit === 'open' ? 1 : 0, left);
  }

  /** An attempt has ended: a failure that is not the provider's says nothing of it. */
  ended(lease: Lease, outcome: Outcome): void {
    if (outcome.ok) return this.settle(lease, true);
    const { code, blame } = outcome.error;
    const isOurs = blame !== 'provider' || this.#isNetworks(code) || this.#isCongestion(code, lease);
    this.settle(lease, isOurs ? undefined : false, code === 'connection');
  }

  /** While our own network is down nobody can be reached. */
  #isNetworks(code: string): boolean {
    return this.#place.health.network?.isDown === true && (code === 'connection' || code === 'timeout');
  }

  /** A provider that answers, and turns away what is too much, is there: the window sees to it. */
  #isCongestion(code: string, lease: Lease): boolean {
    const { health } = this.#place;
    return (
      code === 'overloaded' &&
      !lease.probe &&
      lease.inFlight >= health.window / 2 &&
      now() - health.answeredAt < freshMs
    );
  }

  /** Takes in how an attempt ended, once. */
  settle(lease: Lease, ok: boolean | undefined, isUnreached = false): void {
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
    if (ok) this.#row.succeeded(lease.sentAt);
    else this.#row.failed(isUnreached, now());
    this.#breaker.fire(ok).catch(() => {});
    // The sums over the window are made on failures only: with every success they would be a third of a call's cost.
    if (!ok) this.#judge();
  }

  #judge(): void {
    if (this.#breaker.opened || !this.#isBad()) return;
    if (!this.#isSuspect()) return this.#breaker.open();
    if (this.#suspense !== undefined) return;
    this.#suspense = setTimeout(() => this.#decide(), suspenseMs);
    this.#suspense.unref();
  }

  /** Whose fault it was that connections failed. */
  #decide(): void {
    clearTimeout(this.#suspense);
    this.#suspense = undefined;
    if (this.#breaker.opened || this.#row.length === 0) return;
    if (this.#place.health.network?.isDown === true) this.#renew();
    else this.#breaker.open();
  }

  /** Connections failed, and nobody else has answered since: it may be our own network. */
  #isSuspect(): boolean {
    const { health, all } = this.#place;
    const { network, domain } = health;
    if (network === undefined || !this.#row.areUnreached || network.answeredSince(this.#row.since)) return false;
    return all.providers.some((other) => other.domain !== domain);
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
    clearTimeout(this.#suspense);
    this.#breaker.shutdown();
  }

  /**
   * Failures are faster than answers: of many attempts sent at once they come in first, and say little until as many are in as are
   * still out.
   */
  #isBad(): boolean {
    if (this.#row.length >= Math.max(inARow, this.#inFlight)) return true;
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
    this.#row.forget();
    this.#openings = 0;
    this.#silentProbes = 0;
    this.#endProbe();
    this.#breaker.shutdown();
    this.#breaker = this.#build();
  }

  #endProbe(): void {
    this.#probe?.end();
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
