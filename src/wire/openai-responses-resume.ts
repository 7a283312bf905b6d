import type { TransportError } from '../core/errors.ts';
import { type Fork, forkSignal } from '../core/signals.ts';
import { sleep } from '../core/time.ts';

/** Milliseconds of which a random part is waited before each try in a row: many streams are often cut at once. */
const waitsMs: readonly number[] = [100, 500, 1_000, 2_000, 4_000];
/** Longer than this (milliseconds) is not waited because a server says so: its caller had better go elsewhere. */
const longestWaitMs = 10_000;

/** Looks for an answer that is made in the background, by a connection that works: so many times, without anything new between them. */
export class Looks {
  readonly #signal: AbortSignal;
  #tries = 0;
  #isAway = false;
  /** The look that is under way. */
  #look: Fork | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Something new has come. */
  restore(): void {
    this.#tries = 0;
  }

  /**
   * What `look` finds, at once, or after something was `lost`. Its signal aborts when it is to be given up.
   * @throws what went wrong, when there is to be no next look, or why the signal was aborted
   */
  async find<T>(look: (signal: AbortSignal) => Promise<T>, lost?: TransportError): Promise<T> {
    let failure = lost;
    this.#isAway = true;
    try {
      for (;;) {
        if (failure !== undefined) await this.#wait(failure);
        const fork = forkSignal(this.#signal);
        this.#look = fork;
        try {
          return await look(fork.signal);
        } catch (error) {
          failure = error as TransportError;
        } finally {
          this.#look = undefined;
          fork.release();
        }
      }
    } finally {
      this.#isAway = false;
    }
  }

  /** Gives up the look that is under way; the next one follows, if there is to be one. False when nothing is looked for. */
  giveUp(error: TransportError): boolean {
    this.#look?.abort(error);
    return this.#isAway;
  }

  async #wait(failure: TransportError): Promise<void> {
    const mostMs = waitsMs[this.#tries];
    const toldMs = failure.retryAfterMs ?? 0;
    if (mostMs === undefined || failure.retry !== 'again' || toldMs > longestWaitMs) throw failure;
    this.#tries += 1;
    await sleep(toldMs + Math.random() * mostMs, this.#signal);
  }
}
