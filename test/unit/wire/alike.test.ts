import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alike } from '../../../src/wire/followers/alike.ts';

const eventOf = (content: string, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content } }], ...more })}\n\n`;
const textOf = (event: string) => JSON.parse(event.slice(6)).choices[0].delta.content as string;
/** Short, so that events are alike by chance too, and much of it is JSON. */
const bits = fc.array(fc.constantFrom('a', '"', '\\', '{', '}', ':', ',', '"a"', 'c', '\n', 'é', '0'), {
  maxLength: 4,
});
const texts = bits.map((all) => all.join(''));

describe('events that are alike', () => {
  it('finds the text of the next by the one before', () => {
    const alike = new Alike();
    expect(alike.textIn(eventOf('one'))).toBeUndefined();
    alike.learn(eventOf('one'), 'one');
    expect(alike.textIn(eventOf('another'))).toBe('another');
    expect(alike.textIn(eventOf('third', { usage: {} }))).toBeUndefined();
    alike.forget();
    expect(alike.textIn(eventOf('another'))).toBeUndefined();
  });

  it('leaves alone what is empty or escaped', () => {
    const alike = new Alike();
    alike.learn(eventOf('one'), 'one');
    for (const text of ['', '"', 'a"b', 'a\\', '\n']) expect(alike.textIn(eventOf(text))).toBeUndefined();
  });

  it('learns nothing where it cannot tell which is the text', () => {
    const alike = new Alike();
    alike.learn(eventOf('c'), 'c');
    for (const event of [eventOf('d'), eventOf('c').replace('"id":"c"', '"id":"d"')])
      expect(alike.textIn(event)).toBeUndefined();
    alike.learn(eventOf('x'), 'not in it');
    expect(alike.textIn(eventOf('d'))).toBeUndefined();
  });

  it('compares no more once all events have been unlike', () => {
    const alike = new Alike();
    for (let count = 0; count < 20; count += 1) alike.learn(eventOf('one', { count }), 'one');
    expect(alike.textIn(eventOf('two', { count: 19 }))).toBeUndefined();
  });

  it('is never wrong: the text is that of the event, and all the rest is as it was', () => {
    let found = 0;
    fc.assert(
      fc.property(texts, texts, texts, texts, (learned, next, one, other) => {
        const alike = new Alike();
        alike.learn(eventOf(learned, { one }), learned);
        for (const event of [eventOf(next, { one }), eventOf(next, { one: other })]) {
          const text = alike.textIn(event);
          if (text === undefined) continue;
          found += 1;
          expect(text).toBe(textOf(event));
          expect(event).toBe(eventOf(text, { one }));
        }
      }),
      { seed: 9, numRuns: 5_000 },
    );
    expect(found).toBeGreaterThan(500);
  });
});
