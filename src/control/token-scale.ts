/** Weight of what came before, when something new is learned. */
const decay = 15 / 16;
/** An estimate is never corrected further than so many times, up or down. */
const most = 8;

/** Tokens, by an estimate or as they were counted. */
export interface TokenCount {
  readonly input: number;
  readonly output: number;
}

/**
 * Corrects estimates of tokens by what a provider has counted: what it counts in all, for what was estimated in all.
 * Source: a ratio of exponentially decaying sums, so that long texts weigh more than short ones.
 */
export class TokenScale {
  readonly #input = new Ratio();
  readonly #output = new Ratio();

  /** The estimate as the provider would count it, in whole tokens. */
  of({ input, output }: TokenCount): TokenCount {
    return { input: this.#input.of(input), output: this.#output.of(output) };
  }

  /** What was estimated so has been counted so. */
  learn(estimated: TokenCount, counted: TokenCount): void {
    this.#input.learn(estimated.input, counted.input);
    this.#output.learn(estimated.output, counted.output);
  }
}

class Ratio {
  #estimated = 0;
  #counted = 0;

  of(estimated: number): number {
    return this.#estimated === 0 ? estimated : Math.round(estimated * (this.#counted / this.#estimated));
  }

  learn(estimated: number, counted: number): void {
    if (!(estimated > 0 && counted > 0)) return;
    this.#estimated = this.#estimated * decay + estimated;
    this.#counted = this.#counted * decay + Math.min(most * estimated, Math.max(estimated / most, counted));
  }
}
