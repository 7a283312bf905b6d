import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionRequest, FilePart, ImagePart } from '../../src/core/types.ts';
import { providerOf, whole } from './google-support.ts';
import { answering, contextFor, errorOf, json, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(whole));
});
afterEach(() => server.close());

const complete = (messages: CompletionRequest['messages']) =>
  providerOf(server).complete({ messages }, contextFor().context);

describe('a message to Gemini', () => {
  test.each<[string, ImagePart | FilePart, object]>([
    [
      'an address with a type',
      { type: 'file', data: 'gs://bucket/a.pdf', mediaType: 'application/pdf' },
      { fileData: { fileUri: 'gs://bucket/a.pdf', mimeType: 'application/pdf' } },
    ],
    [
      'an address whose name tells the type',
      { type: 'image', image: 'https://example.com/a.b/photo.JPG?size=2' },
      { fileData: { fileUri: 'https://example.com/a.b/photo.JPG?size=2', mimeType: 'image/jpeg' } },
    ],
    [
      'an address that tells no type',
      { type: 'image', image: 'https://example.com/photo' },
      { fileData: { fileUri: 'https://example.com/photo' } },
    ],
    [
      'a data URL',
      { type: 'image', image: 'data:image/webp;base64,AQID' },
      { inlineData: { mimeType: 'image/webp', data: 'AQID' } },
    ],
    [
      'a data URL of text',
      { type: 'file', data: 'data:text/plain;charset=utf-8,h%C3%A9', mediaType: 'text/plain' },
      { inlineData: { mimeType: 'text/plain', data: 'aMOp' } },
    ],
    [
      'bytes without a type',
      { type: 'image', image: new Uint8Array([1]) },
      { inlineData: { mimeType: 'image/png', data: 'AQ==' } },
    ],
    [
      'a part of a buffer',
      { type: 'image', image: new Uint8Array([0, 1, 2, 3, 0]).subarray(1, 4) },
      { inlineData: { mimeType: 'image/png', data: 'AQID' } },
    ],
  ])('has %s', async (_, part, expected) => {
    await complete([{ role: 'user', content: [part] }]);
    const body = server.requests[0]?.body ?? {};
    expect(body.contents).toEqual([{ role: 'user', parts: [expected] }]);
  });

  test.each([
    ['a data URL without data', [{ role: 'user', content: [{ type: 'image', image: 'data:image/png' }] }]],
    ['a data URL that is badly encoded', [{ role: 'user', content: [{ type: 'image', image: 'data:,%E0%A4%A' }] }]],
    ['nothing but a system message', [{ role: 'system', content: 'Be brief' }]],
    ['the result of a tool that was not called', [{ role: 'tool', toolCallId: 'x', content: '1' }]],
  ])('with %s is invalid, and not sent', async (_, messages) => {
    const error = await errorOf(complete(messages as CompletionRequest['messages']));
    expect([error.code, server.requests.length]).toEqual(['invalid_request', 0]);
  });
});
