/** Shows how it goes: two bars and a log above them on a terminal, plain lines anywhere else. */

import { MultiBar, type SingleBar } from 'cli-progress';
import type { Score } from './score.ts';
import { paint, type Style } from './text.ts';

/** Between two lines where there is no terminal. */
const plainEveryMs = 5_000;

export class Progress {
  readonly #startedAt = performance.now();
  readonly #scores: ReadonlyMap<string, Score>;
  readonly #total: number;
  readonly #bars: MultiBar | undefined;
  readonly #bar = new Map<string, SingleBar>();
  readonly #timer: NodeJS.Timeout;

  constructor(scores: ReadonlyMap<string, Score>, total: number) {
    this.#scores = scores;
    this.#total = total;
    if (process.stdout.isTTY) {
      this.#bars = new MultiBar({
        stream: process.stdout,
        format: '  {name} {bar} {value}/{total}  {score}',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 26,
        linewrap: true,
        // The log moves the bars down, so they have to be drawn again although they have not changed.
        forceRedraw: true,
        emptyOnZero: true,
      });
      for (const name of scores.keys()) {
        this.#bar.set(name, this.#bars.create(total, 0, { name: name.padEnd(13), score: '' }));
      }
    }
    this.#timer = setInterval(() => this.#show(), this.#bars === undefined ? plainEveryMs : 100);
  }

  /** Tells of something that has happened. */
  say(style: Style, text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(5);
    const line = `  ${paint('dim', `${seconds} s`)}  ${paint(style, text)}`;
    if (this.#bars === undefined) console.log(line);
    // What the line was before is cleared to its end.
    else this.#bars.log(`${line}\x1b[K\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#show();
    this.#bars?.update();
    this.#bars?.stop();
  }

  #show(): void {
    for (const [name, score] of this.#scores) {
      const tally = `${score.answered} answered · ${score.failed} failed · ${score.wrong} wrong`;
      if (this.#bars !== undefined) this.#bar.get(name)?.update(score.calls, { score: tally });
      else this.say('none', `${name.padEnd(16)}${score.calls}/${this.#total}: ${tally}`);
    }
  }
}
