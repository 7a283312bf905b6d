import { now } from '../../core/time.ts';
import type { TransactionStore } from '../../core/transaction-types.ts';

interface Entry {
  readonly value: string;
  /** On the clock of `now()`. */
  readonly until: number;
}

/** Keeps so many values, of so many characters together. Which was not asked for the longest goes first; what is too old is none. */
export class InProcessStore implements TransactionStore {
  readonly #maxEntries: number;
  readonly #maxCharacters: number;
  /** What was asked for last is last. */
  readonly #entries = new Map<string, Entry>();
  #characters = 0;

  constructor(maxEntries: number, maxCharacters: number) {
    this.#maxEntries = maxEntries;
    this.#maxCharacters = maxCharacters;
  }

  get(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.delete(key);
    if (entry.until <= now()) return undefined;
    this.#add(key, entry);
    return entry.value;
  }

  set(key: string, value: string, ttlMs: number): void {
    this.delete(key);
    if (value.length > this.#maxCharacters || this.#maxEntries === 0) return;
    this.#add(key, { value, until: now() + ttlMs });
    for (const [oldest, { until }] of this.#entries) {
      const isFull = this.#entries.size > this.#maxEntries || this.#characters > this.#maxCharacters;
      if (!isFull && until > now()) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#characters -= this.#entries.get(key)?.value.length ?? 0;
    this.#entries.delete(key);
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#characters += entry.value.length;
  }
}
