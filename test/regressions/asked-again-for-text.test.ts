import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { simulated } from '../../src/testing/index.ts';
import { advance, kept, transport, virtualTime } from '../unit/middleware/support.ts';

/** A stream that was asked for again because it did not fit, and breaks for a reader of text: it was asked for once more, and thrown away. */

virtualTime();

const request = { prompt: 'Hello', stream: true, schema: z.object({ said: z.string() }) } as const;

describe('an answer that was asked for again', () => {
  it.each([
    { who: 'one call', ids: [undefined] },
    { who: 'a call that others may join', ids: ['order-1'] },
    { who: 'calls that share it', ids: ['order-1', 'order-1'] },
  ])('is not asked for a third time when it breaks, and only its text is read: by $who', async ({ ids }) => {
    const a = simulated({
      tokenMs: 10,
      answer: ({ index }) => (index === 0 ? '"no"' : JSON.stringify({ said: 'one two three four five six seven' })),
      script: ({ index }) => (index === 1 ? { kind: 'cut', afterTokens: 4, by: 'reset' } : 'ok'),
    });
    const llm = transport({ providers: [a], resume: { mode: 'restart' } });
    const streams = await kept(Promise.all(ids.map((transactionId) => llm.complete(request, { transactionId }))));
    // The answer that does not fit has been dropped before anybody reads.
    await advance(25);
    const read = streams.map(async ({ text }) => {
      let all = '';
      try {
        for await (const piece of text) all += piece;
      } catch (error) {
        return [all, (error as { code?: string }).code];
      }
      return [all, 'ok'];
    });
    for (const end of await kept(Promise.all(read)))
      expect(end).toEqual(['{"said":"one two three four', 'stream_interrupted']);
    expect(a.requests).toHaveLength(2);
  });
});
