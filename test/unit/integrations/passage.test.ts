import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Passage } from '../../../src/integrations/fetch/passage.ts';
import { type Route, routeOf } from '../../../src/wire/dialect.ts';
import { failuresOf } from '../../../src/wire/failures.ts';

const failures = failuresOf({ provider: 'p', secrets: () => [], texts: () => [] });

/** How a text is written, and the event that ends the stream. */
const ways: Readonly<Record<string, readonly [path: string, of: (text: string) => string, end: string]>> = {
  chat: [
    '/v1/chat/completions',
    (content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`,
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  ],
  'chat, with carriage returns': [
    '/v1/chat/completions',
    (content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\r\n\r\n`,
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\n\r\n',
  ],
  'chat, in ASCII': [
    '/v1/chat/completions',
    (content) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] }).replace(
        /[^ -~]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )}\n\n`,
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  ],
  messages: [
    '/v1/messages',
    (text) => {
      const data = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } };
      return `event: content_block_delta\ndata: ${JSON.stringify(data)}\n\n`;
    },
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
  ],
  ollama: [
    '/api/chat',
    (content) => `${JSON.stringify({ model: 'm', message: { content }, done: false })}\n`,
    '{"message":{"content":""},"done":true}\n',
  ],
};

describe.each(Object.entries(ways))('a passage of %s', (_, [path, of, end]) => {
  const said = fc.array(fc.oneof(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ minLength: 1 })), {
    minLength: 1,
  });

  it.each([
    [
      'with an event in each piece',
      (texts: readonly string[]) => [...texts.map(of), end].map((one) => Buffer.from(one)),
    ],
    [
      'cut anywhere',
      (texts: readonly string[], sizes: readonly number[]) => {
        const bytes = Buffer.from([...texts.map(of), end].join(''));
        const pieces: Buffer[] = [];
        for (let at = 0, next = 0; at < bytes.length; next += 1) {
          const size = sizes[next % sizes.length] ?? 1;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        return pieces;
      },
    ],
  ])('has all of its text, %s', (_, piecesOf) => {
    fc.assert(
      fc.property(said, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (texts, sizes) => {
        const { dialect } = routeOf(path, { model: 'm' }) as Route;
        const passage = new Passage(dialect, failures);
        let text = '';
        for (const piece of piecesOf(texts, sizes)) if (passage.take(piece)) text += passage.text;
        expect(text).toBe(texts.join(''));
        expect(passage.error).toBeUndefined();
        expect(passage.end().finishReason).toBe('stop');
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});
