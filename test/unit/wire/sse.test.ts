import { describe, expect, test } from 'vitest';
import { type SseEvent, SseParser } from '../../../src/wire/sse.ts';
import { SseReader } from '../../../src/wire/sse-reader.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const parse = (...pieces: (string | Uint8Array)[]) => {
  const parser = new SseParser();
  const events = pieces.flatMap((piece) => parser.push(typeof piece === 'string' ? bytesOf(piece) : piece));
  return { events, truncated: parser.end() };
};
const dataOf = (events: readonly SseEvent[]) => events.map(({ data }) => data);

/** A seeded generator (mulberry32): the same cuts on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('the parser', () => {
  // After the cases of web-platform-tests/eventsource.
  test.each<[string, string, (string | SseEvent)[]]>([
    ['data of one line', 'data: a\n\n', ['a']],
    ['data of several lines', 'data: a\ndata: b\ndata\n\n', ['a\nb\n']],
    ['no space after the colon', 'data:a\n\n', ['a']],
    ['only one space is taken away', 'data:  a\n\n', [' a']],
    ['an empty data field', 'data:\n\n', ['']],
    ['a data field without a colon', 'data\n\n', ['']],
    ['no data, no event', 'event: x\n\ndata: a\n\n', ['a']],
    ['a name', 'event: error\ndata: a\n\ndata: b\n\n', [{ event: 'error', data: 'a' }, 'b']],
    ['comments', ': hello\n\n:\ndata: a\n: between\n\n', ['a']],
    ['unknown fields', 'database: x\nid: 5\nretry: 10\neventual: y\ndata: a\n\n', ['a']],
    ['CRLF', 'data: a\r\ndata: b\r\n\r\n', ['a\nb']],
    ['CR', 'data: a\rdata: b\r\r', ['a\nb']],
    ['mixed line ends', 'data: a\r\ndata: b\r\ndata: c\n\r\ndata: d\r\n\r', ['a\nb\nc', 'd']],
    ['a byte order mark', '\uFEFFdata: a\n\n', ['a']],
    ['a second byte order mark is text', '\uFEFF\uFEFFdata: a\n\ndata: b\n\n', ['b']],
    ['colons in the data', 'data: a: b: c\n\n', ['a: b: c']],
    ['many events', 'data: a\n\n'.repeat(3), ['a', 'a', 'a']],
  ])('reads %s', (_, text, expected) => {
    const events = expected.map((item) => (typeof item === 'string' ? { event: 'message', data: item } : item));
    expect(parse(text)).toEqual({ events, truncated: false });
    // The same, byte by byte.
    expect(parse(...[...bytesOf(text)].map((byte) => Uint8Array.of(byte))).events).toEqual(events);
  });

  test.each([
    ['in the middle of a line', 'data: a\n\ndata: b', true],
    ['before the empty line', 'data: a\n\ndata: b\n', true],
    ['after the name', 'data: a\n\nevent: x\n', true],
    ['in the middle of a comment', 'data: a\n\n: hel', false],
    ['after an event', 'data: a\n\n', false],
    ['after a comment', 'data: a\n\n: x\n', false],
  ])('knows whether a stream that ends %s was cut', (_, text, truncated) => {
    const result = parse(text);
    expect([dataOf(result.events), result.truncated]).toEqual([['a'], truncated]);
  });

  test('knows that a stream was cut in the middle of a character', () => {
    expect(parse(bytesOf('data: é').subarray(0, -1)).truncated).toBe(true);
  });

  test('reads the same events however the bytes are cut', () => {
    const pieces = [
      'data: {"text":"héllo wörld 🎉"}',
      'event: error\ndata: {}',
      ': ping',
      'data: a\ndata: b',
      'data:',
      'id: 1\ndata: 日本語',
    ];
    for (let seed = 1; seed <= 1_000; seed += 1) {
      const next = random(seed);
      const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
      const end = pick(['\n', '\r\n', '\r']);
      const text = Array.from({ length: 8 }, () => `${pick(pieces).replaceAll('\n', end)}${end}${end}`).join('');
      const whole = bytesOf(text);
      const expected = parse(whole);
      const cut: Uint8Array[] = [];
      for (let at = 0; at < whole.length; ) {
        const to = at + Math.floor(next() * 12);
        cut.push(whole.subarray(at, to));
        at = to;
      }
      expect(parse(...cut), `seed ${seed}`).toEqual(expected);
      expect(expected.truncated).toBe(false);
    }
  });
});

describe('the reader', () => {
  const bodyOf = (...pieces: string[]) => {
    let cancelled: unknown;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(bytesOf(piece));
      },
      cancel(reason) {
        cancelled = reason ?? 'yes';
      },
    });
    return { body, cancelled: () => cancelled };
  };

  test('gives what came with one piece of the network at once', async () => {
    const reader = new SseReader(bodyOf('data: a\n\ndata: b\n\nda', 'ta: c\n', '\ndata: d').body);
    expect(dataOf((await reader.read()) ?? [])).toEqual(['a', 'b']);
    expect(dataOf((await reader.read()) ?? [])).toEqual(['c']);
    expect(await reader.read()).toBeUndefined();
    expect(reader.truncated).toBe(true);
  });

  test('gives events one by one, and cancels the body when the loop is left', async () => {
    const { body, cancelled } = bodyOf('data: a\n\ndata: b\n\n', 'data: c\n\n', 'data: d\n\n');
    for await (const { data } of new SseReader(body)) if (data === 'b') break;
    expect(cancelled()).toBe('yes');
  });

  test('reads bodies that are async iterables, and lets go of them', async () => {
    let left = false;
    async function* source() {
      try {
        yield bytesOf('data: a\n\n');
        yield bytesOf('data: b\n\n');
      } finally {
        left = true;
      }
    }
    for await (const { data } of new SseReader(source())) if (data === 'a') break;
    await Promise.resolve();
    expect(left).toBe(true);
  });

  test('ends a pending read when it is cancelled, also of a source that does not', async () => {
    const stuck = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const reader = new SseReader(stuck);
    const reading = reader.read();
    reader.cancel();
    expect(await reading).toBeUndefined();
  });

  test('rejects with what broke the body', async () => {
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(new TypeError('terminated')),
    });
    await expect(new SseReader(broken).read()).rejects.toThrow('terminated');
  });

  test('of no body is at its end', async () => {
    const reader = new SseReader(null);
    expect([await reader.read(), reader.truncated]).toEqual([undefined, false]);
  });
});
