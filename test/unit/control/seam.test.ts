import { describe, expect, it } from 'vitest';
import { anchorOf, nothingMissing, Seam, SeamTail } from '../../../src/control/seam.ts';
import { answerTo, randomFrom } from '../../../src/testing/index.ts';

/** Without halves of characters. */
const isWhole = (text: string): boolean => !/[\ud800-\udfff]/u.test(text);

describe('the anchor of a text', () => {
  const said = 'The quick brown fox jumps over the lazy dog near the river bank.';

  it('is its last 24 characters', () => {
    expect(anchorOf(said)).toBe(said.slice(-24));
  });

  it('is all of a short text, but for the spaces before it', () => {
    expect(anchorOf('\n  Once upon a time')).toBe('Once upon a time');
  });

  it('is none of a text that says too little, or nothing', () => {
    expect([anchorOf('Sure, I'), anchorOf(''), anchorOf(' '.repeat(40))]).toEqual([undefined, undefined, undefined]);
  });

  it('never begins with a space or within a character', () => {
    for (let spaces = 0; spaces < 30; spaces += 1) {
      const anchor = anchorOf(`${said}${' '.repeat(spaces)}and then the cat came by`) ?? ' ';
      expect(anchor).toMatch(/^\S/);
    }
    for (let pad = 0; pad < 30; pad += 1) {
      const text = `${said}👩‍💻🚀${'x'.repeat(pad)} and`;
      const anchor = anchorOf(text) ?? '';
      expect(isWhole(anchor)).toBe(true);
      expect(text.endsWith(anchor)).toBe(true);
    }
  });

  it('is none of a text that ends within a character: half of one cannot be repeated', () => {
    expect(anchorOf(`${said} 🚀`.slice(0, -1))).toBeUndefined();
    expect(anchorOf(`${said} 🚀`)).toBe(`${said} 🚀`.slice(-25));
  });

  it('is longer where the same stands elsewhere in the text, until it stands there once', () => {
    const twice = `First: ${said} Second: ${said}`;
    const anchor = anchorOf(twice) as string;
    expect(anchor.length).toBeGreaterThan(said.length);
    expect(twice.indexOf(anchor)).toBe(twice.length - anchor.length);
  });

  it('is none of a text that only repeats itself, or begins to', () => {
    expect(anchorOf('ha '.repeat(500))).toBeUndefined();
    const round = `${said} And again. `;
    for (let at = round.length + 24; at < 2 * round.length; at += 1)
      expect([at, anchorOf(round.repeat(3).slice(0, round.length + at))]).toEqual([at, undefined]);
  });
});

describe('a seam', () => {
  const said = 'The quick brown fox jumps over the lazy dog near the river bank.';
  const whole = answerTo('seams', { words: 120 });
  const joined = (anchor: string, before: string, text: string, size: number): string | false => {
    const seam = new Seam(anchor, before);
    let out: string | undefined;
    for (let at = 0; at < text.length; at += size) {
      const piece = text.slice(at, at + size);
      if (out !== undefined) {
        out += piece;
        continue;
      }
      const rest = seam.push(piece);
      if (rest === false) return false;
      out = rest;
    }
    return out ?? seam.end();
  };

  it('cuts off exactly the anchor, wherever the text stopped and however it goes on coming', () => {
    const random = randomFrom(7);
    let whichTell = 0;
    let doubtful = 0;
    for (let at = 8; at < whole.length; at += 1) {
      const before = whole.slice(0, at);
      const anchor = anchorOf(before);
      if (anchor === undefined) {
        expect(before.length < 8 || !isWhole(before)).toBe(true);
        continue;
      }
      whichTell += 1;
      const rest = joined(anchor, before, anchor + whole.slice(at), 1 + Math.floor(random() * 30));
      // Between two equal characters nobody can tell whether it said one of them again.
      if (rest === false && whole.charAt(at) === whole.charAt(at - 1)) {
        doubtful += 1;
        continue;
      }
      expect([at, rest]).toEqual([at, whole.slice(at)]);
    }
    expect(whichTell).toBeGreaterThan(whole.length * 0.9);
    expect(doubtful).toBeLessThan(whole.length * 0.05);
  });

  it('hands nothing out before it is known that nothing is said again', () => {
    const before = whole.slice(0, 400);
    const anchor = anchorOf(before) as string;
    const seam = new Seam(anchor, before);
    expect(seam.push(anchor)).toBeUndefined();
    expect(seam.push(whole.slice(400, 440))).toBeUndefined();
    expect(seam.push(whole.slice(440, 460))).toBe(whole.slice(400, 460));
  });

  it('refuses as soon as a character differs', () => {
    const before = whole.slice(0, 400);
    const anchor = anchorOf(before) as string;
    expect(new Seam(anchor, before).push(`${anchor.slice(0, 5)}~`)).toBe(false);
  });

  it('of a text to which nothing is missing has to be told so: to stop behind the anchor is no such word', () => {
    const before = whole.slice(0, 400);
    const anchor = anchorOf(before) as string;
    const said = (text: string) => joined(anchor, before, text, 5);
    expect([said(nothingMissing), said(`\n${nothingMissing}\n`), said(anchor + nothingMissing)]).toEqual(['', '', '']);
    expect(said(`${anchor} and so on${nothingMissing}`)).toBe(false);
    for (const text of [anchor, `${anchor}\n`, anchor.slice(0, -1), '', ' '])
      expect([text, said(text)]).toEqual([text, false]);
    expect(said(`${nothingMissing} But ${anchor} and so on`)).toBe(false);
  });

  it('is passed with the anchor alone where something else follows: a tool call', () => {
    const before = whole.slice(0, 400);
    const anchor = anchorOf(before) as string;
    const ended = (text: string) => {
      const seam = new Seam(anchor, before);
      expect(seam.push(text)).toBeUndefined();
      return seam.end(true);
    };
    expect([ended(anchor), ended(nothingMissing), ended(anchor.slice(0, -1))]).toEqual(['', false, false]);
  });

  it('takes an indent that is said from its beginning for one, and a word by its half', () => {
    const code = 'function greet(name) {\n  if (name === undefined) {\n    return;\n  }\n  say(`Hello, you`);\n  ';
    const anchor = anchorOf(code) as string;
    const refused = (text: string) => {
      const seam = new Seam(anchor, code);
      return [
        seam.push(`${anchor + text}and so on, for as long as it takes until there is enough of it`),
        seam.isDoubtful,
      ];
    };
    expect(refused('  bow(name);')).toEqual([false, true]);
    expect(refused('bow(name);')[0]).toMatch(/^bow/);
    const half = `${said} It was a beau`;
    const seam = new Seam(anchorOf(half) as string, half);
    expect(seam.push(`${anchorOf(half)} beautiful day, and nobody knew what would come of it in the end.`)).toBe(false);
  });

  it.each([
    ['the anchor again', (anchor: string) => anchor],
    ['the anchor again, after dots', (anchor: string) => `... ${anchor}`],
    ['the last words again', (_: string, before: string) => before.slice(-30)],
    ['the beginning again', (_: string, before: string) => before],
    ['what stands in the middle', (_: string, before: string) => before.slice(100)],
    ['the last character again', (_: string, before: string) => before.slice(-1)],
    ['the last three characters again', (_: string, before: string) => before.slice(-3)],
    ['the last half of a word from its beginning', (_: string, before: string) => /[^ ]*$/.exec(before)?.[0] || before],
    ['the last word again', (_: string, before: string) => ` ${/[^ ]+ ?$/.exec(before)?.[0]}`],
    ['the tag that ends the anchor', () => '</anchor>'],
  ])('refuses %s', (_, again) => {
    for (let at = 200; at < 500; at += 1) {
      const before = whole.slice(0, at);
      const anchor = anchorOf(before);
      if (anchor === undefined) continue;
      expect([at, joined(anchor, before, anchor + again(anchor, before) + whole.slice(at), 7)]).toEqual([at, false]);
    }
  });
});

describe('the tail behind a seam', () => {
  const passed = (text: string, size: number): string => {
    const tail = new SeamTail();
    let out = '';
    for (let at = 0; at < text.length; at += size) out += tail.push(text.slice(at, at + size));
    return out + tail.end();
  };

  it.each([1, 2, 5, 100])('in pieces of %i: loses nothing but the word that nothing is missing', (size) => {
    for (const text of ['a < b', 'if (a<nothing) {}', '<', 'x<nothing-is', '<<nothing-is-missing/', 'a > b <br/>'])
      expect(passed(text, size)).toBe(text);
    expect(passed(`the end.${nothingMissing}`, size)).toBe('the end.');
    expect(passed(`the end.<${nothingMissing}\n`, size)).toBe('the end.<');
  });

  it('holds nothing back that cannot be it', () => {
    const tail = new SeamTail();
    expect([tail.push('a <'), tail.push('n'), tail.push('ew> b'), tail.end()]).toEqual(['a ', '', '<new> b', '']);
  });
});
