import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../src/core/types.ts';
import { answerTo, type Continuation, type Fault, type IncomingRequest, simulated } from '../../src/testing/index.ts';
import { kept, readAll, transport, virtualTime } from '../unit/middleware/support.ts';

/**
 * A model that repeats what it has said, and whose limit of tokens ends that in the middle: what came behind the anchor was too short to
 * be known again, and was glued to the answer.
 */

virtualTime();

const reference = answerTo('Hello');
const cut = (afterTokens: number): Fault => ({ kind: 'cut', afterTokens, by: 'reset' });
const ways: readonly (readonly [string, (asked: Continuation) => string])[] = [
  ['the anchor', ({ anchor, rest }) => `${anchor} ${anchor}${rest}`],
  ['the anchor, on a new line', ({ anchor, rest }) => `${anchor}\n\n${anchor}${rest}`],
  ['its last sentences', ({ anchor, delivered, rest }) => `${anchor} ${delivered.slice(-60)}${rest}`],
  ['all of its answer', ({ anchor, delivered, rest }) => `${anchor} ${delivered}${rest}`],
];

/** What the reader is left with when the second model is ended after so many tokens. */
async function goneOnWith(continues: (asked: Continuation) => string, tokens: number, otherwise: 'error' | 'restart') {
  const a = simulated({
    name: 'a',
    script: ({ turns }: IncomingRequest) => (turns.length === 1 ? cut(17) : 'unauthorized'),
  });
  const b = simulated({
    name: 'b',
    continues,
    script: ({ turns }) => (turns.length === 1 ? 'ok' : { kind: 'length', afterTokens: tokens }),
  });
  const llm = transport({ providers: [a, b], resume: { mode: 'continue', otherwise }, hedge: false });
  const { chunks, error } = await kept(readAll(await kept(llm.complete({ prompt: 'Hello', stream: true }))));
  return { text: textOf(chunks), error, isResumed: chunks.some(({ type }) => type === 'resume') };
}

function textOf(chunks: readonly Chunk[]): string {
  let text = '';
  for (const chunk of chunks) {
    if (chunk.type === 'restart') text = '';
    if (chunk.type === 'text') text += chunk.text;
  }
  return text;
}

describe('a model that says once more, behind the anchor,', () => {
  it.each(ways)('%s is not taken for one that goes on, wherever its limit ends it', async (_, continues) => {
    for (let tokens = 1; tokens <= 12; tokens += 1) {
      const { text, error, isResumed } = await goneOnWith(continues, tokens, 'error');
      expect([tokens, isResumed, reference.startsWith(text)]).toEqual([tokens, false, true]);
      expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text } });
    }
  });

  it.each(ways)('%s is given up for an answer from the start, where the caller chose that', async (_, continues) => {
    for (let tokens = 1; tokens <= 12; tokens += 1)
      expect(await goneOnWith(continues, tokens, 'restart')).toEqual({
        ...{ text: reference, error: undefined, isResumed: false },
      });
  });
});

it('a model whose limit ends it in what is new has gone on', async () => {
  for (let tokens = 6; tokens <= 12; tokens += 1) {
    const { text, error, isResumed } = await goneOnWith(({ anchor, rest }) => anchor + rest, tokens, 'error');
    expect([tokens, error, isResumed, reference.startsWith(text)]).toEqual([tokens, undefined, true, true]);
  }
});
