import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Utf8Decoder } from '../../../src/wire/utf8.ts';

/** Text of every length of character, marks of the byte order anywhere, and bytes that are no text. */
const parts = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
    fc.constantFrom('\uFEFF', 'é', '€', '😀', 'plain').map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  ),
);

describe('a decoder of UTF-8', () => {
  it('says what a TextDecoder that streams says, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(parts, fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 }), (buffers, sizes) => {
        const bytes = Buffer.concat(buffers);
        const decoder = new Utf8Decoder();
        const streaming = new TextDecoder();
        let text = '';
        let expected = '';
        for (let at = 0, next = 0; at < bytes.length; next += 1) {
          // An empty piece now and then, and always an end.
          const size = sizes[next % sizes.length] || next % 2;
          const piece = bytes.subarray(at, at + size);
          text += decoder.push(piece);
          expected += streaming.decode(piece, { stream: true });
          at += size;
        }
        expect(text + decoder.end()).toBe(expected + streaming.decode());
      }),
      { seed: 8, numRuns: 3_000 },
    );
  });

  it.each([
    ['a mark in a piece of its own', ['\uFEFF', '\uFEFFa'], '\uFEFFa'],
    ['a mark behind the first piece', ['a', '\uFEFFb'], 'a\uFEFFb'],
  ])('leaves out a byte order mark at the start alone: %s', (_, pieces, expected) => {
    const decoder = new Utf8Decoder();
    expect(pieces.map((piece) => decoder.push(Buffer.from(piece))).join('')).toBe(expected);
  });
});
