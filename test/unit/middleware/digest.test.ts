import { describe, expect, it } from 'vitest';
import { digestOf, hashOf } from '../../../src/middleware/transaction/digest.ts';

const hello = { prompt: 'Hello' };
const of = (what: unknown) => digestOf(hello, { what });
const nothing = (): void => {};

describe('the digest of what is asked', () => {
  it.each<[string, unknown, unknown]>([
    ['the order of fields', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ['a field that is undefined', { a: 1, b: undefined }, { a: 1 }],
    ['which object it is', [new Date(5), new URL('http://a/'), null], [new Date(5), new URL('http://a/'), null]],
    ['where bytes are', new Uint8Array([1, 2, 3]).subarray(1), new Uint8Array([2, 3])],
    ['where else it stands: a value twice', { a: nothing, b: nothing }, { a: nothing, b: nothing }],
  ])('does not depend on %s', (_, a, b) => {
    expect(of(a)).toEqual(of(b));
  });

  it.each<[string, unknown, unknown]>([
    ['a text and a number', '1', 1],
    ['a text and what it would be written as', 'number 1', 1],
    ['null and undefined', [null], [undefined]],
    ['lists', [1, [2]], [1, 2]],
    ['the order of a list', [1, 2], [2, 1]],
    ['fields', { a: 'b' }, { 'a":"b': '' }],
    ['bytes of another kind', new Uint8Array([1, 0]), new Uint16Array([1])],
    ['halves of a character', '\ud800', '\udc00'],
    ['big numbers', 1n, 1],
    ['functions', () => 1, () => 1],
    ['objects of a class', new Map([[1, 2]]), new Map([[1, 2]])],
  ])('tells apart %s', (_, a, b) => {
    expect(of(a).text).not.toBe(of(b).text);
  });

  it('lasts only where it means the same in another process', () => {
    expect(of({ a: [1, new Date(5), 'x'] }).lasts).toBe(true);
    for (const what of [nothing, { a: nothing }, new Map(), Symbol('x')]) expect(of(what).lasts).toBe(false);
  });

  it('is there for what has itself in it, is too deep, or throws when it is looked at', () => {
    const round: { self?: unknown } = {};
    round.self = round;
    let deep: unknown = 1;
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    const hostile = {
      get a(): never {
        throw new Error('no');
      },
    };
    for (const what of [round, deep, hostile]) {
      expect(of(what)).toEqual(of(what));
      expect(of(what).lasts).toBe(false);
    }
    expect(of(hostile).text).not.toBe(of(deep).text);
  });

  it('does not let anybody read what was hashed, nor mix up what stands beside each other', () => {
    expect(hashOf('canary')).toMatch(/^[\w-]{43}$/);
    expect(hashOf('ab', 'c')).not.toBe(hashOf('a', 'bc'));
  });
});
