import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { anthropic } from '../../src/providers/anthropic.ts';
import {
  apiKey,
  close,
  good,
  input,
  open,
  openText,
  openTool,
  ping,
  start,
  stop,
  text,
  thinking,
  turn,
} from './anthropic-support.ts';
import { read } from './support.ts';

const bytesOf = (events: readonly string[]) => new TextEncoder().encode(events.join(''));

/** A provider whose server sends these bytes, then ends cleanly, or breaks. */
function providerOf(pieces: readonly Uint8Array[], breaks = false) {
  const left = [...pieces];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = left.shift();
      if (piece !== undefined) controller.enqueue(piece);
      else if (breaks) controller.error(new TypeError('terminated'));
      else controller.close();
    },
  });
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  return anthropic({ client: new Anthropic({ apiKey, fetch, logLevel: 'off' }), model: 'm' });
}

describe('cutting a stream', () => {
  const events = [
    start,
    openText(),
    text('Hé'),
    close(0),
    openTool(1, 'a', 'now'),
    input('{"a":1}', 1),
    close(1),
    turn('tool_use'),
  ];
  const lines = [...events, stop].map((event) => event.replaceAll('\n', '\r\n'));
  const bytes = bytesOf(lines);

  test.each([
    ['ends cleanly', false],
    ['breaks', true],
  ])('that %s after any of its bytes: it is an answer only once message_stop is whole', async (_, breaks) => {
    for (let length = 0; length <= bytes.length; length += 1) {
      const {
        finish,
        error,
        text: said,
      } = await read(providerOf(length === 0 ? [] : [bytes.subarray(0, length)], breaks));
      // The last LF only completes a CR that has ended the event already.
      const whole = length >= bytes.length - 1;
      expect([length, finish.length === 1, error === undefined]).toEqual([length, whole, whole]);
      expect('Hé'.startsWith(said)).toBe(true);
      if (!whole) expect(['truncated', 'connection', 'empty_response']).toContain(error?.code);
    }
  });
});

/** Numbers from a seed (mulberry32): a run can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const said = [
  start,
  open(0, { type: 'thinking', thinking: '' }),
  thinking('Hm … 😀'),
  close(0),
  openText(1),
  text('Zürich, 東京 ', 1),
  text('👩‍👩‍👧 und\r\n', 1),
  text('"quoted"', 1),
  close(1),
  openTool(2, 'a', 'weather'),
  input('{"city":"Zür', 2),
  input('ich 😀"}', 2),
  close(2),
  openTool(3, 'b', 'now'),
  close(3),
  turn('tool_use'),
  stop,
];

test('a thousand streams, cut anywhere, with pings, comments and any ends of lines, are the same answer', async () => {
  const answers = new Set<string>();
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const random = randomFrom(seed);
    const ends = ['\n', '\r\n', '\r'][Math.floor(random() * 3)] as string;
    const noise = ['', '', '', ping, ': a comment\n\n', ': another\n', 'event: ping\n\n'];
    const events = said.flatMap((event) => [noise[Math.floor(random() * noise.length)] as string, event]);
    const bytes = bytesOf(events.map((event) => event.replaceAll('\n', ends)));
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = Math.floor(random() ** 3 * 60);
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    const { text, reasoning, toolCalls, finish, error, raw } = await read(providerOf(pieces));
    answers.add(JSON.stringify({ text, reasoning, toolCalls, finish, error, raw }));
  }
  expect(answers.size).toBe(1);
  expect(JSON.parse([...answers][0] as string)).toMatchObject({
    text: 'Zürich, 東京 👩‍👩‍👧 und\r\n"quoted"',
    reasoning: 'Hm … 😀',
    toolCalls: [
      { id: 'a', name: 'weather', input: { city: 'Zürich 😀' } },
      { id: 'b', name: 'now', input: {} },
    ],
    finish: [{ finishReason: 'tool_calls' }],
  });
});

test('a thousand good streams raise no alarm', async () => {
  for (let time = 0; time < 1_000; time += 1) {
    const { error, text: words } = await read(providerOf([bytesOf(good)]));
    expect([error, words]).toEqual([undefined, 'Hello']);
  }
});
