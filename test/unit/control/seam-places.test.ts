import { describe, expect, it } from 'vitest';
import { anchorOf, nothingMissing, Seam, SeamTail } from '../../../src/control/seam.ts';
import { answerTo } from '../../../src/testing/index.ts';

const whole = answerTo('places', { words: 200 });
const said = 'The quick brown fox jumps over the lazy dog near the river bank.';
const next = 'Nobody knew what would come of it, but all of them wished to be there when it came.';

/** Without halves of characters. */
const isWhole = (text: string): boolean => !/[\ud800-\udfff]/u.test(text);

describe('where an anchor begins', () => {
  it('is never more than 400 characters before the end: what stands twice for longer has none', () => {
    const twice = (refrain: string) => anchorOf(`1${refrain}${whole.slice(400, 900)}2${refrain}`);
    expect(twice(whole.slice(0, 399))).toBe(`2${whole.slice(0, 399)}`);
    expect(twice(whole.slice(0, 400))).toBeUndefined();
  });

  it('is nowhere where all that was said was said twice, with nothing or a sign between', () => {
    const round = said.slice(0, 24);
    expect([anchorOf(round + round), anchorOf(`${round}-${round}`)]).toEqual([undefined, undefined]);
    expect(anchorOf(`${round}, and ${round}`)).toBe(`d ${round}`);
  });

  it('is the first word of a short text, however many spaces are before that', () => {
    expect(anchorOf(`${' '.repeat(30)}Once upon`)).toBe('Once upon');
  });

  it('is not behind a joiner, nor within a character of any plane', () => {
    for (const sign of ['👩‍💻', '🐀', '\u{10000}', '\u{10ffff}'])
      for (let pad = 0; pad < 24; pad += 1) {
        const text = `${said}${sign}${whole.slice(0, pad)}.`;
        const anchor = anchorOf(text) as string;
        const before = text.slice(0, -anchor.length);
        expect([sign, pad, /\u200d$/.test(before), isWhole(before) && isWhole(anchor)]).toEqual([
          sign,
          pad,
          false,
          true,
        ]);
      }
  });

  it('may be any character that is whole, and the text end with it', () => {
    for (const sign of ['Ａ', '，', '\ue000', '\ud7ff'])
      expect(anchorOf(said + sign + said.slice(0, 23))).toMatch(new RegExp(`^${sign}`));
    for (const sign of ['🐀', '\u{10000}', '\u{10ffff}', '\ue000', '\ud7ff']) {
      expect(anchorOf(said + sign)?.endsWith(sign)).toBe(true);
      if (sign.length > 1) expect(anchorOf(said + sign.charAt(0))).toBeUndefined();
    }
  });
});

describe('what follows an anchor', () => {
  const before = whole.slice(0, 700);
  const anchor = anchorOf(before) as string;
  /** What becomes of it when it comes at once, and when nothing follows it; and whether it may have been right. */
  const judged = (rest: string, text = before) => {
    const start = anchorOf(text) as string;
    const seam = new Seam(start, text);
    return [seam.push(start + rest) ?? seam.end(), seam.isDoubtful];
  };

  it('is handed out with the 48th character, and looked at no longer', () => {
    const seam = new Seam(anchor, before);
    expect(seam.push(anchor + next.slice(0, 47))).toBeUndefined();
    expect(seam.push(next.slice(47, 48))).toBe(next.slice(0, 48));
  });

  it('may be as little as a word, where the answer ends there', () => {
    expect(judged(' Enough!')).toEqual([' Enough!', false]);
  });

  it('is kept where a tool call comes behind it', () => {
    const seam = new Seam(anchor, before);
    expect(seam.push(`${anchor} Let me see.`)).toBeUndefined();
    expect(seam.end(true)).toBe(' Let me see.');
  });

  it('may be the word that nothing is missing, on a line of its own', () => {
    expect(judged(`\n${nothingMissing}\n`)).toEqual(['', false]);
  });

  it('is in doubt where it was cut off within words that stand in the text, and not where they do not', () => {
    const ended = (rest: string) => {
      const seam = new Seam(anchor, before);
      expect(seam.push(anchor + rest)).toBeUndefined();
      return [seam.end(false, true), seam.isDoubtful];
    };
    expect(ended(` – ${before.slice(100, 110)}`)).toEqual([false, true]);
    expect(ended(' – Enough!')).toEqual([' – Enough!', false]);
  });

  it('is none where it is a tag of the anchor, but may speak of one', () => {
    for (const tag of ['</anchor>', '<anchor>', '\n <Anchor id="1">'])
      expect(judged(tag + next)).toEqual([false, false]);
    for (const text of [` The <anchor> tag. ${next}`, ` a<anchor>. ${next}`, `<anchorage> ${next}`])
      expect(judged(text)).toEqual([text, false]);
  });

  it('is none where the anchor, or all that tells it, comes again within 84 characters', () => {
    const other = next.slice(0, 47);
    expect(judged(`${other} ${anchor} ${next}`)).toEqual([false, false]);
    // Longer than usual, as its end stands there twice.
    const twice = `First: ${said} Second: ${said}`;
    const long = anchorOf(twice) as string;
    expect(long.length).toBeGreaterThan(40);
    expect(judged(`${other} ${long.slice(0, 36)}~${next}`, twice)).toEqual([false, false]);
    const refrain = ` ${next} ${next.toUpperCase()} ${anchor}`;
    expect(judged(refrain)).toEqual([refrain, false]);
  });

  it('is none where it is the end of the text: of eight characters and more no chance, of fewer in doubt', () => {
    // It ends in letters that stand nowhere else, nor twice.
    const text = `${before} ABCDEFGHIJKLMNOPQRSTUVWXYZ`;
    for (let length = 1; length <= 23; length += 1) {
      const again = text.slice(-length);
      const verdict = [length, false, length < 8];
      expect([length, ...judged(again, text)]).toEqual(verdict);
      expect([length, ...judged(again + next, text)]).toEqual(verdict);
    }
    for (const sign of ['... ', '"', '\n\n…'])
      expect([sign, ...judged(sign + text.slice(-20) + next, text)]).toEqual([sign, false, false]);
  });

  it('is in doubt where 24 characters and more of it stand in the text, however it goes on', () => {
    const passage = before.slice(100).trimStart();
    expect(judged(passage.slice(0, 24))).toEqual([false, true]);
    expect(judged(passage.slice(0, 48) + next)).toEqual([false, true]);
    expect(judged(passage.slice(0, 23))).toEqual([passage.slice(0, 23), false]);
  });

  it('is in doubt where the last word comes again behind a space, or dots on another line', () => {
    expect(judged(' beau', `${before} a beau`)).toEqual([false, true]);
    expect(judged(' beautiful day it was', `${before} a beau`)).toEqual([false, true]);
    expect(judged(' eau', `${before} a beau`)).toEqual([' eau', false]);
    expect(judged(`\n... ${next}`, `${before} and so on ...`)).toEqual([false, true]);
  });

  it('is in doubt where a passage comes again behind the number of a list, or two signs', () => {
    const passage = before.slice(100, 160).trimStart();
    for (const sign of ['1. ', '12)  ', '123. ', '- 1. ', '> - **'])
      expect([sign, ...judged(sign + passage + next)]).toEqual([sign, false, true]);
    const free = ` 1. ${next}`;
    expect(judged(free)).toEqual([free, false]);
  });
});

it('the tail behind a seam hands out once what it held: text, a tool call, and the end', () => {
  const tail = new SeamTail();
  expect([tail.push('a <'), tail.end(), tail.end()]).toEqual(['a ', '<', '']);
});
