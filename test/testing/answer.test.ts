import { describe, expect, it } from 'vitest';
import { answerTo, randomFrom, sampleOf, tokensOf } from '../../src/testing/index.ts';

describe('answerTo', () => {
  it('gives the same answer to the same prompt and another to another', () => {
    expect(answerTo('Hello')).toBe(answerTo('Hello'));
    expect(answerTo('Hello')).not.toBe(answerTo('Hello!'));
  });

  it('has sixty words by default, none twice, each with its number', () => {
    const words = answerTo('Hello').split(' ');
    expect(words).toHaveLength(60);
    expect(new Set(words).size).toBe(60);
    expect(words.map((word) => Number.parseInt(word, 10))).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it('has characters of more than one byte', () => {
    expect(Buffer.byteLength(answerTo('Hello'))).toBeGreaterThan(answerTo('Hello').length);
  });
});

describe('tokensOf', () => {
  it.each(['', ' ', 'one', ' one  two\n', 'a\n\nb 日本 🚀', answerTo('x')])('splits %j without loss', (text) => {
    expect(tokensOf(text).join('')).toBe(text);
  });

  it('makes a token of every word', () => {
    expect(tokensOf(answerTo('Hello', { words: 7 }))).toHaveLength(7);
  });
});

describe('randomFrom', () => {
  it('repeats itself for the same seed, and stays in [0, 1)', () => {
    const draw = (seed: number) => {
      const random = randomFrom(seed);
      return Array.from({ length: 1_000 }, random);
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(3).every((number) => number >= 0 && number < 1)).toBe(true);
    expect(draw(3).reduce((sum, number) => sum + number, 0) / 1_000).toBeCloseTo(0.5, 1);
  });
});

describe('sampleOf', () => {
  it('makes a value of the shape that is described', () => {
    const schema = {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer', minimum: 1, maximum: 7 },
        unit: { enum: ['celsius', 'fahrenheit'] },
        tags: { type: 'array', items: { type: 'string' } },
        exact: { anyOf: [{ type: 'boolean' }, { type: 'null' }] },
      },
    };
    expect(sampleOf(schema, 'Hello')).toEqual({
      city: answerTo('Hello', { words: 3 }),
      days: 7,
      unit: 'celsius',
      tags: [answerTo('Hello', { words: 3 })],
      exact: true,
    });
  });
});
