import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import { randomFrom } from '../../src/testing/index.ts';
import {
  callDone,
  completed,
  created,
  ended,
  functionCall,
  good,
  message,
  numbered,
  textOf,
  thoughtOf,
} from './openai-responses-support.ts';
import { apiKey, read } from './support.ts';

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
  return openaiResponses({ client: new OpenAI({ apiKey, fetch, logLevel: 'off' }), model: 'm' });
}

const weather = functionCall('call_a', 'weather', '{"city":"Zürich 😀"}');
const now = functionCall('call_b', 'now', '');
const said = [
  created,
  { type: 'response.in_progress', response: { status: 'in_progress' } },
  thoughtOf('Hm … 😀'),
  { type: 'response.content_part.added', part: { type: 'output_text', text: '' } },
  ...['Zürich, 東京 ', '', '👩‍👩‍👧 und\r\n', '"quoted"'].map(textOf),
  { type: 'response.output_item.added', item: { ...weather, arguments: '' } },
  { type: 'response.function_call_arguments.delta', delta: '{"city":"Zür', obfuscation: 'xYz' },
  { type: 'response.function_call_arguments.done', arguments: weather.arguments },
  callDone(weather),
  callDone(now),
  ended(completed([message('Zürich, 東京 👩‍👩‍👧 und\r\n"quoted"'), weather, now])),
];

describe('cutting a stream', () => {
  const events = numbered([created, textOf('Hé'), callDone(now), ended(completed([message('Hé'), now]))]);
  const bytes = bytesOf(events.map((event) => event.replaceAll('\n', '\r\n')));

  test.each([
    ['ends cleanly', false],
    ['breaks', true],
  ])('that %s after any of its bytes: it is an answer only once its last event is whole', async (_, breaks) => {
    for (let length = 0; length <= bytes.length; length += 1) {
      const seen = await read(providerOf(length === 0 ? [] : [bytes.subarray(0, length)], breaks));
      // The last LF only completes a CR that has ended the event already.
      const whole = length >= bytes.length - 1;
      expect([length, seen.finish.length === 1, seen.error === undefined]).toEqual([length, whole, whole]);
      expect('Hé'.startsWith(seen.text)).toBe(true);
      if (!whole) expect(['truncated', 'connection', 'empty_response']).toContain(seen.error?.code);
    }
  });
});

test('a thousand streams, cut anywhere, with pings, comments and any ends of lines, are the same answer', async () => {
  const answers = new Set<string>();
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const random = randomFrom(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const end = pick(['\n', '\r\n', '\r']);
    const noise = [
      '',
      '',
      '',
      ': a comment\n\n',
      'event: ping\ndata: {}\n\n',
      'event: keepalive\ndata: {"type":"keepalive"}\n\n',
    ];
    const events = [...numbered(said).flatMap((event) => [pick(noise), event]), pick(['', 'data: [DONE]\n\n'])];
    const bytes = bytesOf(events.map((event) => event.replaceAll('\n', end)));
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
      { id: 'call_a', name: 'weather', input: { city: 'Zürich 😀' } },
      { id: 'call_b', name: 'now', input: {} },
    ],
    finish: [{ finishReason: 'tool_calls', usage: { inputTokens: 12, outputTokens: 5 }, model: 'gpt-test-2026' }],
    raw: { status: 'completed' },
  });
});

test('a thousand good streams raise no alarm', async () => {
  for (let time = 0; time < 1_000; time += 1) {
    const { error, text } = await read(providerOf([bytesOf(numbered(good))]));
    expect([error, text]).toEqual([undefined, 'Hello']);
  }
});
