const mostEntries = 10_000;
const mostCharacters = 8_000_000;

/**
 * Remembers what a provider wants to be told again, by a key of one's own. Bounded in entries and in characters, which `sizeOf` counts:
 * what was not used for longest is forgotten.
 */
export class BoundedMemory<T> {
  readonly #entries = new Map<string, T>();
  readonly #sizeOf: (value: T) => number;
  #characters = 0;

  constructor(sizeOf: (value: T) => number) {
    this.#sizeOf = sizeOf;
  }

  remember(key: string, value: T): void {
    this.#forget(key);
    this.#entries.set(key, value);
    this.#characters += key.length + this.#sizeOf(value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= mostEntries && this.#characters <= mostCharacters) break;
      this.#forget(oldest);
    }
  }

  find(key: string): T | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  #forget(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#characters -= key.length + this.#sizeOf(value);
  }
}
