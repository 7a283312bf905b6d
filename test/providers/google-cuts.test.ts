import { GoogleGenAI } from '@google/genai';
import { expect, test } from 'vitest';
import type { Provider } from '../../src/core/types.ts';
import { google } from '../../src/providers/google.ts';
import { apiKey, chunk, counted, event, stop, usage } from './google-support.ts';
import { contextFor, hello, read } from './support.ts';

const events = [
  chunk([{ text: 'Let me think: 日本', thought: true }]),
  chunk([{ text: 'Hé' }]),
  chunk([{ text: 'llo 👋🏽' }]),
  chunk([{ functionCall: { name: 'weather', args: { city: 'Tromsø' } }, thoughtSignature: 'c2ln' }]),
  chunk([{ text: '' }], stop, { usageMetadata: usage }),
];
const bytes = new TextEncoder().encode(events.map(event).join(''));

function answeredBy(pieces: readonly Uint8Array[], breaks = false): Provider {
  const left = [...pieces];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = left.shift();
      if (next !== undefined) controller.enqueue(next);
      else if (breaks) controller.error(new TypeError('terminated'));
      else controller.close();
    },
  });
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  return google({ client: new GoogleGenAI({ apiKey, httpOptions: { fetch } }), model: 'gemini-test' });
}

/** Repeatable numbers from 0 to 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test('a stream that is cut into pieces anywhere, a thousand times, is the same answer', async () => {
  const whole = await read(answeredBy([bytes]));
  expect(whole).toMatchObject({ text: 'Héllo 👋🏽', reasoning: 'Let me think: 日本', error: undefined });
  expect(whole.finish).toEqual([
    { type: 'finish', finishReason: 'tool_calls', usage: counted, model: 'gemini-test-2026' },
  ]);
  const random = seeded(20_261_121);
  for (let turn = 0; turn < 1_000; turn += 1) {
    const pieces: Uint8Array[] = [];
    const longest = 1 + Math.floor(random() ** 3 * 400);
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + Math.floor(random() * longest);
      pieces.push(bytes.subarray(at, at + size));
      if (random() < 0.1) pieces.push(new Uint8Array());
      at += size;
    }
    const given = contextFor();
    const { chunks, error } = await read(answeredBy(pieces), hello, given);
    expect([turn, chunks, error, given.raw]).toEqual([turn, whole.chunks, undefined, whole.raw]);
  }
});

test.each([
  ['ends cleanly', false],
  ['breaks', true],
])('a stream that %s after any of its bytes is an answer only once it has said why it ended', async (_, breaks) => {
  for (let length = 0; length <= bytes.length; length += 1) {
    const { finish, error, text } = await read(answeredBy(length === 0 ? [] : [bytes.subarray(0, length)], breaks));
    // The last LF only completes a CR that has ended the event already.
    const expected = length >= bytes.length - 1;
    expect([length, finish.length === 1, error === undefined]).toEqual([length, expected, expected]);
    expect('Héllo 👋🏽'.startsWith(text)).toBe(true);
    if (!expected) expect(['truncated', 'connection', 'empty_response']).toContain(error?.code);
  }
});
