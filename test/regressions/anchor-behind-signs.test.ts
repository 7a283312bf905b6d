import { describe, expect, it } from 'vitest';
import { anchorOf, Seam } from '../../src/control/seam.ts';
import type { Chunk } from '../../src/core/types.ts';
import { answerTo, type Continuation, type IncomingRequest, simulated } from '../../src/testing/index.ts';
import { kept, readAll, transport, virtualTime } from '../unit/middleware/support.ts';

/** A model that says again what it has said, and puts something before it: a sign, or a few words. It was taken for one that goes on. */

virtualTime();

const signs = [
  '> ',
  '\n> ',
  '— ',
  '- ',
  '\n- ',
  ' * ',
  '**',
  '\n\n## ',
  '(',
  ' […] ',
  '```\n',
  ': ',
  '/',
  '\n1. ',
  ' | ',
];
const words = ['Continuing: ', ' (continued) ', '\nSure! ', ' As I said, '];
const whole = answerTo('seams', { words: 120 });

function joined(before: string, text: (anchor: string) => string, size: number): string | false | undefined {
  const anchor = anchorOf(before);
  if (anchor === undefined) return undefined;
  const seam = new Seam(anchor, before);
  const said = text(anchor);
  for (let at = 0; at < said.length; at += size) {
    const rest = seam.push(said.slice(at, at + size));
    if (rest !== undefined) return rest;
  }
  return seam.end();
}

describe('a seam is none, wherever the text stopped,', () => {
  it.each([...signs, ...words])('where the anchor comes once more behind %j', (sign) => {
    for (let at = 30; at < 500; at += 1) {
      const before = whole.slice(0, at);
      const rest = joined(before, (anchor) => anchor + sign + anchor + whole.slice(at), 1 + (at % 30));
      expect([at, rest]).toEqual([at, rest === undefined ? undefined : false]);
    }
  });

  it.each(signs)('where the last sentence comes once more behind %j', (sign) => {
    for (let at = 80; at < 500; at += 1) {
      const before = whole.slice(0, at);
      const rest = joined(before, (anchor) => anchor + sign + before.slice(-60).trimStart() + whole.slice(at), 7);
      expect([at, rest]).toEqual([at, rest === undefined ? undefined : false]);
    }
  });
});

describe('an answer', () => {
  const reference = answerTo('Hello');
  const ways = signs.map((sign) => [sign, ({ anchor, rest }: Continuation) => anchor + sign + anchor + rest] as const);

  it.each(ways)('has nothing glued to it by a model that repeats the anchor behind %j', async (_, continues) => {
    const a = simulated({
      name: 'a',
      script: ({ turns }: IncomingRequest) =>
        turns.length === 1 ? { kind: 'cut', afterTokens: 17, by: 'reset' } : 'unauthorized',
    });
    const b = simulated({ name: 'b', continues });
    const llm = transport({ providers: [a, b], resume: { mode: 'continue' }, hedge: false });
    const { chunks, error } = await kept(readAll(await kept(llm.complete({ prompt: 'Hello', stream: true }))));
    const text = chunks.map((chunk: Chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
    expect(reference.startsWith(text)).toBe(true);
    expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text } });
  });
});
