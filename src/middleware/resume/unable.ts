import { now } from '../../core/time.ts';

/** Milliseconds for which a provider is not asked again to go on with an answer. */
const unableMs = 600_000;

/** Providers whose model did not go on from where an answer had stopped. */
export class Unable {
  readonly #until = new Map<string, number>();

  add(provider: string): void {
    this.#until.set(provider, now() + unableMs);
  }

  /** Their names. */
  get names(): readonly string[] {
    const at = now();
    for (const [name, until] of this.#until) if (until <= at) this.#until.delete(name);
    return [...this.#until.keys()];
  }
}
