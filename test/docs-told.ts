/** A default that is told in words, and whether the code does what the words say. */
export class Told {
  readonly words: string;
  readonly holds: () => boolean | Promise<boolean>;
  constructor(words: string, holds: () => boolean | Promise<boolean>) {
    this.words = words;
    this.holds = holds;
  }
}
