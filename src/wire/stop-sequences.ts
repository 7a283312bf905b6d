/**
 * Ends a text at the first of some sequences, for servers that have no field for them. What might be the beginning of one is held back
 * until it is known, so that nothing of a sequence is ever handed out.
 */
export class StopSequences {
  readonly #sequences: readonly string[];
  readonly #longest: number;
  #held = '';
  #stopped = false;

  constructor(sequences: readonly string[] = []) {
    this.#sequences = sequences.filter((sequence) => sequence !== '');
    this.#longest = Math.max(0, ...this.#sequences.map(({ length }) => length));
  }

  /** True once a sequence has come: there is no more text. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** What can be handed out once this has come. */
  push(text: string): string {
    if (this.#stopped) return '';
    if (this.#longest === 0) return text;
    const all = this.#held + text;
    const at = Math.min(...this.#sequences.map((sequence) => all.indexOf(sequence)).filter((index) => index !== -1));
    if (at !== Number.POSITIVE_INFINITY) {
      this.#stopped = true;
      this.#held = '';
      return all.slice(0, at);
    }
    const held = this.#heldOf(all);
    this.#held = all.slice(all.length - held);
    return all.slice(0, all.length - held);
  }

  /** The rest, once no more text can come. */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** Characters at the end that could be the beginning of a sequence. */
  #heldOf(text: string): number {
    for (let length = Math.min(this.#longest - 1, text.length); length > 0; length -= 1) {
      const end = text.slice(-length);
      if (this.#sequences.some((sequence) => sequence.startsWith(end))) return length;
    }
    return 0;
  }
}
