import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WholeEvents } from '../../../src/integrations/fetch/whole-events.ts';
import { SseParser } from '../../../src/wire/sse.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Cuts a text that comes in pieces of these sizes, over and over. */
function cut(text: string, sizes: readonly number[] = [text.length * 4]) {
  const bytes = bytesOf(text);
  const events = new WholeEvents();
  const whole: string[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    whole.push(...events.take(bytes.subarray(at, at + size)).map(textOf));
    at += size;
  }
  return { whole, size: events.size, rest: textOf(events.rest()) };
}

describe('whole events', () => {
  it.each([
    ['LF', ['data: a\n\n', ': b\nevent: c\ndata: d\n\n'], ''],
    ['CRLF', ['data: a\r\n\r\n', ': b\r\ndata: d\r\n\r\n'], ''],
    ['CR', ['data: a\r\r', ': b\rdata: d\r\r'], ''],
    ['ends of lines of any kind', ['data: a\r\n\n', 'data: b\n\r\n', 'data: c\n\n'], ''],
    ['more blank lines than it takes', ['data: a\n\n', '\n', '\n', 'data: b\n\n'], ''],
    ['what has not ended', ['data: a\n\n'], 'data: b\n'],
    ['CRLF without its last LF, which may still come', ['data: a\r\n\r\n'], 'data: b\r\n\r'],
  ])('end behind a blank line: %s', (_, events, rest) => {
    const text = [...events, rest].join('');
    for (const sizes of [undefined, [1], [2], [3], [1, 5, 2]]) {
      expect(cut(text, sizes)).toEqual({ whole: events, size: bytesOf(rest).length, rest });
    }
  });

  it('have all bytes, in their order, however they come', () => {
    const line = fc.constantFrom('data: grüße 🚀', 'event: x', ': c', '', '', 'data', '漢');
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const texts = fc.array(fc.tuple(line, end), { maxLength: 20 }).map((lines) => lines.flat().join(''));
    fc.assert(
      fc.property(texts, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (text, sizes) => {
        const { whole, rest } = cut(text, sizes);
        expect([...whole, rest].join('')).toBe(text);
        // A parser finds in each, by itself, what it finds in the whole: none has a half of an event.
        const alone = whole.flatMap((event) => new SseParser().push(bytesOf(event)));
        expect(alone).toEqual(new SseParser().push(bytesOf(whole.join(''))));
        expect(whole.map((event) => new SseParser().push(bytesOf(event)).length <= 1)).not.toContain(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
