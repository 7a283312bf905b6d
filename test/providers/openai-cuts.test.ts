import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { openai } from '../../src/providers/openai.ts';
import { apiKey, delta, done, read, role, usageChunk } from './support.ts';

const said = delta({}, 'stop');
const events = [role, delta({ content: 'Hé' }), delta({ content: 'llo' }), said, usageChunk];
const lines = events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`);
const bytes = new TextEncoder().encode(lines.join('') + done);
/** From here on the stream has said why it ended. */
const whole = new TextEncoder().encode(lines.slice(0, 4).join('')).length;

/** The first `length` bytes as a body, then its clean end, or the break of its connection. */
function providerOf(length: number, breaks: boolean) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (length > 0) controller.enqueue(bytes.subarray(0, length));
      if (!breaks) controller.close();
    },
    pull: (controller) => controller.error(new TypeError('terminated')),
  });
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  return openai({ client: new OpenAI({ apiKey, fetch, logLevel: 'off' }), model: 'm' });
}

test.each([
  ['ends cleanly', false],
  ['breaks', true],
])('a stream that %s after any of its bytes is an answer only once it has said why it ended', async (_, breaks) => {
  for (let length = 0; length <= bytes.length; length += 1) {
    const { finish, error, text } = await read(providerOf(length, breaks));
    // The last LF only completes a CR that has ended the event already.
    const expected = length >= whole - 1;
    expect([length, finish.length === 1, error === undefined]).toEqual([length, expected, expected]);
    expect('Héllo'.startsWith(text)).toBe(true);
    if (expected) expect(text).toBe('Héllo');
    else expect(['truncated', 'connection', 'empty_response']).toContain(error?.code);
  }
});
