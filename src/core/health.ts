import type { ProviderHealth } from './provider-health.ts';
import { onAbort, reasonOf } from './signals.ts';
import { longestTimerMs } from './time.ts';

export { type Gate, ProviderHealth, type Quarantine, type Quota, type Unavailable } from './provider-health.ts';

/** How all providers of a transport do, and who waits for one of them to come back. */
export class Health {
  readonly providers: ProviderHealth[] = [];
  readonly #listeners = new Set<() => void>();

  /** Calls back when a provider is parked, quarantined or released, or when its circuit changes. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly changed = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };

  /** True when a provider other than this one can be asked now. */
  othersServe(health: ProviderHealth): boolean {
    return this.providers.some((other) => other !== health && other.serves);
  }

  /** The failure domains of those that can be asked now. */
  get askableDomains(): readonly string[] {
    return this.providers.filter(({ serves }) => serves).map(({ domain }) => domain);
  }

  /** True when fewer than half of the providers can be asked now: then whoever may be back is worth a look. */
  get isPanicking(): boolean {
    return this.providers.filter(({ serves }) => serves).length * 2 < this.providers.length;
  }

  /** Waits, at most `ms`, until `ready`. Rejects with the signal's reason when it aborts. */
  wait(ms: number, signal: AbortSignal, ready: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal));
      const timer = setTimeout(finish, Math.min(Math.max(0, ms), longestTimerMs));
      const stopListening = this.onChange(() => {
        if (ready()) finish();
      });
      const stopFollowing = onAbort(signal, finish);
      function finish(): void {
        clearTimeout(timer);
        stopListening();
        stopFollowing();
        if (signal.aborted) reject(reasonOf(signal));
        else resolve();
      }
    });
  }
}
