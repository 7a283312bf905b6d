import { describe, expect, it } from 'vitest';
import { withoutTexts } from '../../../src/core/quotes.ts';

const sentence = 'The bluebird sings at the bottom of the mine.';

describe('a short text', () => {
  const city = 'Aix "en" Pröv';

  it.each([
    ['as it is', city],
    ['as JSON', 'Aix \\"en\\" Pröv'],
    ['as JSON in ASCII', 'Aix \\"en\\" Pr\\u00f6v'],
    ['as JSON in JSON', 'Aix \\\\\\"en\\\\\\" Pröv'],
    ['as HTML', 'Aix &quot;en&quot; Pröv'],
    ['as an address', 'Aix%20%22en%22%20Pr%C3%B6v'],
  ])('is taken out when it is quoted %s', (_, quoted) => {
    expect(withoutTexts(`no <${quoted}>, and <${quoted}>`, [city])).toBe('no <[prompt]>, and <[prompt]>');
  });

  it.each([
    ['every sign that HTML writes otherwise', `<a&b's"c>`, '&lt;a&amp;b&#39;s&quot;c&gt;'],
    ['line breaks that have become spaces', 'a b\n\tc d', 'a b c d'],
    ['a sign of one byte', 'abc\u007fd', 'abc\\u007fd'],
    ['half a character', 'abc\ud83dd', 'abcd'],
  ])('is taken out with %s', (_, text, quoted) => {
    expect(withoutTexts(`no <${quoted}>`, [text])).toBe('no <[prompt]>');
  });

  it('has no white space around it', () => {
    expect(withoutTexts("unknown city 'Ulm?'", ['\n  Ulm?  '])).toBe("unknown city '[prompt]'");
  });

  it('is too common to be taken out when it has less than four characters', () => {
    expect(withoutTexts('so is it, and yes it is', ['it', 'yes', '  so  '])).toBe('so is it, and yes it is');
    expect(withoutTexts('so be it', ['o be'])).toBe('s[prompt] it');
  });

  it('is looked for as a whole, and however short the message is', () => {
    expect(withoutTexts('near four', ['fourteen'])).toBe('near four');
    expect(withoutTexts('abcd', ['abcd'])).toBe('[prompt]');
  });
});

describe('a long text', () => {
  it('is taken out as a whole, and what stands around it stays', () => {
    expect(withoutTexts(`near "${sentence}" at 7`, [sentence])).toBe('near "[prompt]" at 7');
    expect(withoutTexts(sentence, [sentence])).toBe('[prompt]');
    expect(withoutTexts(`${sentence}${sentence}`, [sentence])).toBe('[prompt]');
    expect(withoutTexts(`${sentence} / ${sentence}`, [sentence])).toBe('[prompt] / [prompt]');
  });

  it('is taken out where only its beginning, its middle or its end is quoted', () => {
    for (const [from, to] of [
      [0, 20],
      [9, 33],
      [25, 45],
    ] as const) {
      expect(withoutTexts(`<${sentence.slice(from, to)}>`, [sentence])).toBe('<[prompt]>');
    }
  });

  it('is known by sixteen characters, whatever they are', () => {
    const signs = '. , ; : ! ? - + * / = ( ) [ ] { }';
    const sixteen = signs.slice(4, 20);
    expect(sixteen).toHaveLength(16);
    expect(withoutTexts(`<${sixteen}>`, [signs])).toBe('<[prompt]>');
    expect(withoutTexts(`<${signs.slice(4, 19)}>`, [signs])).toBe(`<${signs.slice(4, 19)}>`);
    expect(withoutTexts('<exactly sixteen!>', ['exactly sixteen!'])).toBe('<[prompt]>');
  });

  it('is known by twelve letters and digits, whatever stands between them', () => {
    expect(withoutTexts('<BLUEBIRD: bird_sings.at7>', ['a blue bird sings at 7 in the morning'])).toBe(
      '<BLUEBIRD: [prompt]>',
    );
    // Eleven may be chance.
    expect(withoutTexts('<birdsingsat>', ['a blue bird sings at seven'])).toBe('<birdsingsat>');
    expect(withoutTexts('<birdsingsats>', ['a blue bird sings at seven'])).toBe('<[prompt]>');
    expect(withoutTexts('bird sings at', ['a blue bird sings at seven'])).toBe('bird sings at');
  });

  it.each([
    ['in capitals and digits', 'ROUTE66 AND 99', 'ROUTE-66-AND-99'],
    ['in another script', 'Съешь же ещё этих', 'Съешь\\nже\\nещё\\nэтих'],
    ['in one without spaces', '敏捷的棕色狐狸跳过了懒狗', '敏捷的棕色狐狸、跳过了懒狗'],
    ['with signs beyond ASCII', 'half way — there again…', 'half way there again'],
    ['with characters of two units', '😀😁😂🤣😃😄', '😀 😁 😂 🤣 😃 😄'],
  ])('is known %s', (_, text, quoted) => {
    expect(withoutTexts(`<${quoted}>`, [`${text} and so on`])).toBe('<[prompt]>');
  });

  it.each([
    ['as JSON', 'the\\"blue\\/bird\\rsings'],
    ['as JSON in JSON', 'the\\\\nblue\\\\tbird\\\\"sings'],
    ['as JSON in ASCII', '\\u0074he\\u000ablue\\u0009bird\\u0022sings'],
    ['as an address', 'the%0Ablue%09bird%22sings'],
    ['as an address, letters too', '%74%68%65blue%20bird%22sings'],
    ['as HTML', 'the&#10;blue&nbsp;bird&quot;sings'],
    ['as HTML with numbers', 'the&#x0a;blue&#9;bird&#34;sings'],
    ['as Python writes it', "the\\'blue\\'bird\\'sings"],
  ])('is known when it is written %s', (_, quoted) => {
    expect(withoutTexts(`<${quoted}>`, ['the\nblue\tbird"sings, they say'])).toBe('<[prompt]>');
  });

  it.each([
    ['ASCII', 'a/b:c@d[e`f{g/h:i@j[k`l{m'],
    ['other scripts', 'a¿b\u2000c\u206fd\u3000e\u303ff¿g\u2000h\u206fi\u3000j\u303fk¿l\u2000m'],
  ])('is known when all signs are written with numbers: those of %s are no letters', (_, text) => {
    const quoted = text.replace(/[^a-z]/g, (sign) => `&#${sign.charCodeAt(0)};`);
    expect(withoutTexts(`<${quoted}>`, [text])).toBe('<[prompt]>');
  });

  it('is known when it is written as an address that is broken', () => {
    expect(withoutTexts('<blue%FFbird%20sings>', ['blue bird sings, they say'])).toBe('<[prompt]>');
  });

  it('is not known by the letters of what is written for other characters', () => {
    // Were the entity's own letters letters of the message, these would be twelve.
    expect(withoutTexts('<blue&nbsp;bird>', ['bluenbspbird and others'])).toBe('<blue&nbsp;bird>');
    expect(withoutTexts('<blue\\nnbird>', ['bluennbirdies and others'])).toBe('<blue\\nnbird>');
  });

  it('leaves a message alone that is shorter than what is looked for', () => {
    expect(withoutTexts('Not found: 7', [`Not found: 7 ${sentence}`])).toBe('Not found: 7');
    expect(withoutTexts('', [sentence])).toBe('');
    expect(withoutTexts('...', [sentence])).toBe('...');
  });
});

describe('several texts', () => {
  it('are all taken out, short and long', () => {
    const texts = ['Paris', sentence, 'ab', 'The second of them is another sentence.'];
    expect(withoutTexts(`Paris: ${sentence} (ab) ${texts[3]}`, texts)).toBe('[prompt]: [prompt] (ab) [prompt]');
    expect(withoutTexts(`${texts[3]} | the+second+of+them | bluebird-sings-at`, texts)).toBe(
      '[prompt] | t[prompt] | [prompt]',
    );
  });

  it('are none, for a message that stays as it is', () => {
    expect(withoutTexts(sentence, [])).toBe(sentence);
    expect(withoutTexts(sentence, ['something else entirely, of some length'])).toBe(sentence);
  });
});
