import { now } from '../../core/time.ts';
import type { Lease } from './circuit.ts';

/** What is said of how long a probe under way will take. */
const guessMs = 1_000;

/** The one attempt that finds out whether a provider is back, and for how long it may. */
export class Probe {
  readonly lease: Lease;
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;
  #until = 0;

  /** @param ms milliseconds after which `expired` is called, unless it has ended. */
  constructor(lease: Lease, ms: number, expired: () => void) {
    this.lease = lease;
    this.#expired = expired;
    this.extend(ms);
  }

  /** Gives it so many milliseconds from now. */
  extend(ms: number): void {
    clearTimeout(this.#timer);
    this.#until = now() + ms;
    this.#timer = setTimeout(this.#expired, ms);
    this.#timer.unref();
  }

  /** Milliseconds until it is known how it has ended: a guess, and never longer than it has. Most probes end long before. */
  get backMs(): number {
    return Math.min(guessMs, Math.max(1, this.#until - now()));
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
