/** Characters of an anchor: the fewest that it may have, as many as it has, and the most, where fewer stand in the text twice. */
const lengths = { least: 8, usual: 24, most: 400 };
/** Characters behind the anchor that are looked at before any is handed out: longer ones that were said before are said again. */
const probeLength = 48;
/** Characters of the anchor that tell that it comes once more, wherever among those that are looked at. */
const signLength = 36;
/** A longer overlap with the end of the text is no chance. */
const chanceLength = 7;
/** What a model says, and nothing else, to whom nothing is missing. To say the anchor alone tells nothing: it may just have stopped. */
export const nothingMissing = '<nothing-is-missing/>';

/**
 * The end of a text that a continuation has to begin with, so that it can be told where it goes on; `undefined` where there is none that
 * would tell: the text is too short, ends within a character, or repeats itself.
 */
export function anchorOf(text: string): string | undefined {
  // Half of a character cannot be sent, and not be repeated.
  if (isHigh(text.charCodeAt(text.length - 1))) return undefined;
  const last = Math.max(0, text.length - lengths.most);
  let start = text.length - lengths.usual;
  if (start <= 0) return wholeOf(text);
  // Two places that end alike, and a model may go on from the wrong one.
  while (start > last && !(isBeginning(text, start) && text.indexOf(text.slice(start)) === start)) start -= 1;
  if (loops(text, text.length - start)) return undefined;
  if (start > 0)
    return isBeginning(text, start) && text.indexOf(text.slice(start)) === start ? text.slice(start) : undefined;
  return wholeOf(text);
}

/** Whether so much of the end of a text holds its last words twice: what goes on in such a round may begin with all of it. */
function loops(text: string, length: number): boolean {
  const last = text.length - lengths.usual;
  const before = text.lastIndexOf(text.slice(last), last - 1);
  return before >= 0 && last - before <= length;
}

function wholeOf(text: string): string | undefined {
  const anchor = text.trimStart();
  return anchor.length < lengths.least ? undefined : anchor;
}

/** Models leave out spaces that an answer would begin with, and do not begin within a character: behind a joiner, or with an accent. */
function isBeginning(text: string, index: number): boolean {
  if (isLow(text.charCodeAt(index)) || text.charAt(index - 1) === '\u200d') return false;
  return !/^(?:\s|\p{M}|\u200d|\p{Emoji_Modifier})/u.test(text.slice(index, index + 2));
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}

/**
 * Looks whether a text goes on where another stops. It must begin with the anchor, exactly, which is cut off; and what follows must
 * not be said before: the anchor once more, the end of the text, or anything longer that stands in it. Until that is known nothing of it
 * is handed out.
 */
export class Seam {
  readonly #anchor: string;
  readonly #before: string;
  #held = '';
  /** It was refused for what an answer may say twice, or for a few characters on both sides of the seam: it may have been right. */
  isDoubtful = false;

  /** @param before the text that is to be gone on with; it ends with the anchor. */
  constructor(anchor: string, before: string) {
    this.#anchor = anchor;
    this.#before = before;
  }

  /** Takes a piece. Returns what goes on, once that is known; `undefined` until then; `false` when it does not go on there. */
  push(piece: string): string | undefined | false {
    this.#held += piece;
    const anchor = this.#anchor;
    if (!this.#held.startsWith(anchor))
      return anchor.startsWith(this.#held) || nothingMissing.startsWith(this.#held.trim()) ? undefined : false;
    const rest = this.#held.slice(anchor.length);
    if (said(rest).length < Math.max(probeLength, anchor.length)) return undefined;
    return this.#isRepeated(rest) ? false : rest;
  }

  /** No further text comes. `more`: but something else does, a tool call. `isCut`: it was ended before it had come to its end. */
  end(more = false, isCut = false): string | false {
    if (!more && this.#held.trim() === nothingMissing) return '';
    if (!this.#held.startsWith(this.#anchor)) return false;
    const rest = this.#held.slice(this.#anchor.length);
    if (more ? rest === '' : rest.trim() === nothingMissing) return '';
    // So little may be what it had begun to say again.
    if (isCut && this.#before.includes(withoutSigns(rest))) this.isDoubtful = true;
    return this.isDoubtful || rest.trim() === '' || this.#isRepeated(rest) ? false : rest;
  }

  #isRepeated(rest: string): boolean {
    const before = this.#before;
    if (/^\s*<\/?anchor\b/i.test(rest) || rest.includes(nothingMissing)) return true;
    if (rest.slice(0, probeLength + signLength).includes(this.#anchor.slice(0, signLength))) return true;
    const next = said(rest);
    // Among them the anchor itself, with which the text ends.
    if (beginsWithEnd(before, next)) return true;
    const bare = withoutSigns(rest);
    const isFromBefore = [next, bare].some(
      (words) => words.length >= lengths.usual && before.includes(words.slice(0, probeLength)),
    );
    this.isDoubtful =
      isFromBefore ||
      beginsWithEnd(before, bare) ||
      isSaidAgain(before, rest) ||
      [next, rest.trimStart()].some((words) => isWordAgain(before, words));
    return this.isDoubtful;
  }
}

/** More of the end of a text than by chance, and then perhaps more. */
function beginsWithEnd(before: string, next: string): boolean {
  const most = Math.min(next.length, before.length, lengths.most);
  for (let length = chanceLength + 1; length <= most; length += 1)
    if (before.endsWith(next.slice(0, length))) return true;
  return false;
}

/** The last few characters once more: a half of a word that is said from its beginning, an indent, or one character too much. */
function isSaidAgain(before: string, rest: string): boolean {
  for (let length = 1; length <= chanceLength && length <= rest.length; length += 1)
    if (before.endsWith(rest.slice(0, length))) return true;
  return false;
}

/** The last word, or the half of it that had come, once more with something between. */
function isWordAgain(before: string, next: string): boolean {
  for (let length = 1; length <= chanceLength && length <= next.length; length += 1)
    if (before.endsWith(next.slice(0, length)) && !/[\p{L}\p{N}]$/u.test(before.slice(0, -length))) return true;
  return false;
}

/** Without the spaces, dots and quotes that a model may put between what it repeats. */
function said(text: string): string {
  return text.replace(/^[\s"'`.…]+/, '');
}

/** Without the signs, numbers of a list and spaces that a model may begin a line with, or a quotation. */
function withoutSigns(text: string): string {
  return text.replace(/^(?:[^\p{L}\p{N}]+|\d{1,3}[.)]\s+)+/u, '');
}

/** Takes out the word that nothing is missing, where a model says it at the end of what it went on with. */
export class SeamTail {
  #held = '';

  /** Takes a piece, and returns what can be handed out of it: all but what may be the beginning of that word. */
  push(piece: string): string {
    const all = this.#held + piece;
    const at = all.lastIndexOf('<');
    const isHeld = at >= 0 && (nothingMissing.startsWith(all.slice(at)) || all.slice(at).trimEnd() === nothingMissing);
    this.#held = isHeld ? all.slice(at) : '';
    return isHeld ? all.slice(0, at) : all;
  }

  /** No further text comes: what was held back for nothing. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held.trimEnd() === nothingMissing ? '' : held;
  }
}
