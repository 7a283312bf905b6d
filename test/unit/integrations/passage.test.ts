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

/** Events of every kind, some of them many times in a row. */
const kinds: Readonly<Record<string, readonly [path: string, events: readonly string[], end: string]>> = {
  chat: [
    '/v1/chat/completions',
    [
      { content: 'one' },
      { content: 'two' },
      { content: 'a "b" \\' },
      { content: '' },
      { reasoning_content: 'two' },
      { tool_calls: [{ index: 0, function: { arguments: 'two' } }] },
      { content: 'two', refusal: 'two' },
    ]
      .map((delta) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`)
      .concat('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'),
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  ],
  messages: [
    '/v1/messages',
    [
      { type: 'text_delta', text: 'one' },
      { type: 'text_delta', text: 'two' },
      { type: 'text_delta', text: 'a "b" \\' },
      { type: 'thinking_delta', thinking: 'two' },
      { type: 'input_json_delta', partial_json: 'two' },
    ].map((delta) => {
      const data = JSON.stringify({ type: 'content_block_delta', index: 0, delta });
      return `event: content_block_delta\ndata: ${data}\n\n`;
    }),
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
  ],
  gemini: [
    '/v1beta/models/m:streamGenerateContent',
    [[{ text: 'one' }], [{ text: 'two' }], [{ text: 'two', thought: true }], [{ functionCall: { name: 'two' } }]].map(
      (parts) => `data: ${JSON.stringify({ candidates: [{ index: 0, content: { parts } }] })}\n\n`,
    ),
    'data: {"candidates":[{"index":0,"content":{},"finishReason":"STOP"}]}\n\n',
  ],
};

describe.each(Object.entries(kinds))('a passage of %s of every kind', (_, [path, events, end]) => {
  it('has read what it has read in one piece, with an event in each', () => {
    const some = fc.array(fc.tuple(fc.constantFrom(...events), fc.integer({ min: 1, max: 3 })), { minLength: 1 });
    fc.assert(
      fc.property(some, fc.boolean(), (chosen, isEnded) => {
        const sent = chosen.flatMap(([event, times]) => Array.from({ length: times }, () => event));
        if (isEnded) sent.push(end);
        const read = (pieces: readonly string[]) => {
          const passage = new Passage((routeOf(path, { model: 'm' }) as Route).dialect, failures);
          let text = '';
          let contents = 0;
          for (const piece of pieces) {
            if (!passage.take(Buffer.from(piece))) continue;
            contents += 1;
            text += passage.text;
          }
          let ended: unknown;
          try {
            ended = passage.end();
          } catch (error) {
            ended = String(error);
          }
          return { text, hasContent: contents > 0, ended };
        };
        expect(read(sent)).toEqual(read([sent.join('')]));
      }),
      { seed: 10, numRuns: 500 },
    );
  });
});

describe('a passage of pieces that look like events', () => {
  const event = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;

  it.each<[string, readonly string[], string]>([
    ['in the middle of a comment', [event('a'), event('b'), ': ', event('c'), event('d')], 'abd'],
    [
      'with the start of a comment behind',
      [event('x'), `${event('a')}: `, '\n', `${event('b')}: `, event('c'), event('d')],
      'xabd',
    ],
    ['cut, then without a start', [event('a'), 'da', event('b').slice(2), event('c').slice(2), event('d')], 'abd'],
  ])('takes them for what they are: %s', (_, pieces, expected) => {
    const passage = new Passage((routeOf('/v1/chat/completions', { model: 'm' }) as Route).dialect, failures);
    const said = pieces.map((piece) => (passage.take(Buffer.from(piece)) ? passage.text : ''));
    expect(said.join('')).toBe(expected);
  });
});
