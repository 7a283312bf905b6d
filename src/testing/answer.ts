/** What a simulated model says: always the same for the same prompt, and such that a lost, doubled or moved part is seen. */

import { checkNames } from '../core/option-names.ts';

const vocabulary = [
  'amber',
  'brook',
  'café',
  'delta',
  'ember',
  'fjord',
  'grüße',
  'harbour',
  '日本',
  'island',
  'jasmine',
  'kayak',
  '🚀',
  'lantern',
  'meadow',
  'naïve',
  'orchid',
  '東京',
  'prairie',
  'quartz',
  'river',
  '👩‍💻',
  'summit',
  'thistle',
];

/** A 32-bit number made from a text (FNV-1a): the seed of everything that depends on a prompt. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** A source of random numbers in [0, 1) that gives the same sequence for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return function random() {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface AnswerOptions {
  /** Words, each of them one token. @default 60 */
  readonly words?: number;
}

/**
 * The answer to a prompt. Every word carries its running number (`1:amber 2:日本 …`), so that no two are alike and any loss,
 * doubling or reordering shows; some have characters of two, three and four bytes.
 */
export function answerTo(prompt: string, options: AnswerOptions = {}): string {
  checkNames('answerTo', options, ['words']);
  const random = randomFrom(hashOf(prompt));
  const words: string[] = [];
  for (let number = 1; number <= (options.words ?? 60); number++) {
    words.push(`${number}:${vocabulary[Math.floor(random() * vocabulary.length)]}`);
  }
  return words.join(' ');
}

/** The pieces in which a text is streamed, one token each. Joined they are the text, exactly. */
export function tokensOf(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|\s+$/gu) ?? [];
}
