/** Keeps the score of one side. The truth is known: what a simulated model says is a function of the prompt. */

import { answerTo } from 'llm-transport/testing';
import type { Ending } from './load.ts';
import { words } from './schedule.ts';

export class Score {
  answered = 0;
  /** Calls that ended with an error, by its kind. */
  readonly errors = new Map<string, number>();
  /** Calls that were reported as a success and were none, by what was wrong with the answer. */
  readonly flaws = new Map<string, number>();
  readonly #ms: number[] = [];

  add({ call, ms, result }: Ending): void {
    this.#ms.push(ms);
    if ('error' in result) return count(this.errors, result.error);
    const flaw = flawOf(result.text, answerTo(call.prompt, { words }));
    if (flaw === undefined) this.answered += 1;
    else count(this.flaws, flaw);
  }

  get calls(): number {
    return this.#ms.length;
  }

  get failed(): number {
    return sum(this.errors);
  }

  get wrong(): number {
    return sum(this.flaws);
  }

  /** Milliseconds that this share of the calls took at most, whether answered or failed; 1 is the slowest. */
  quantile(share: number): number {
    const sorted = this.#ms.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
  }
}

function flawOf(text: string, truth: string): string | undefined {
  if (text === truth) return undefined;
  if (text === '') return 'empty';
  if (truth.startsWith(text)) return 'truncated';
  return text.startsWith(truth) ? 'doubled' : 'garbled';
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, number) => total + number, 0);
}
