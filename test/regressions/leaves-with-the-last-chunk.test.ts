import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { Pump } from '../../src/core/pump.ts';
import { mapChunks } from '../../src/core/reply.ts';
import type { Chunk, Middleware } from '../../src/core/types.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { finish, flush, Source, text } from '../unit/core/support.ts';

/** A pump that reads another is given the last chunk in the turn in which it comes, and leaves in it: that was taken for a reader who left. */

const forwarding: Middleware = function forwarding(next) {
  return async (request, context) => {
    const { provider, chunks, done } = await next(request, context);
    return { provider, done, chunks: { [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator]() } };
  };
};
const late: Middleware = function late(next) {
  return async (request, context) => {
    const reply = await next(request, context);
    await reply.chunks[Symbol.asyncIterator]().next();
    return mapChunks(reply, (chunk) => chunk);
  };
};

describe('an answer of which all has come', () => {
  it.each([
    { what: 'hands its iterator on', layer: forwarding, says: 'one two three' },
    { what: 'maps what it has begun to read', layer: late, says: ' two three' },
  ])('is whole although a middleware $what', async ({ layer, says }) => {
    for (const place of ['use', 'useEach'] as const) {
      const llm = createTransport({
        providers: [simulated({ answer: () => 'one two three', tokenMs: 1 })],
        retry: false,
        [place]: [layer],
      });
      const stream = await llm.complete({ prompt: 'Count', stream: true });
      let read = '';
      for await (const piece of stream.text) read += piece;
      expect(read.trim()).toBe(says.trim());
      const { text: whole, attempts } = await stream.completion;
      expect(whole.trim()).toBe(says.trim());
      expect(attempts.map(({ outcome }) => outcome)).toEqual(['ok']);
      await llm.close();
    }
  });

  it('cannot break any more, whatever its reader does in the turn of the last chunk', async () => {
    for (const leave of [(pump: Pump) => pump.return(), (pump: Pump) => pump.stop(new TransportError('closed', ''))]) {
      const source = new Source(text('Hi'));
      const ends: unknown[] = [];
      const pump = new Pump(source, { settled: (end) => ends.push(end) }).start();
      await pump.next();
      pump.nextInto(
        () => void leave(pump),
        () => {},
      );
      source.push(finish);
      await flush();
      expect(ends).toMatchObject([{ answer: { text: 'Hi' } }]);
    }
  });

  it('tells a reader that leaves in the turn of a chunk of no content behind its end', async () => {
    const source = new Source(text('Hi'));
    const told: string[] = [];
    const pump = new Pump(source, { content: () => told.push('content'), settled: () => told.push('settled') }).start();
    await pump.next();
    pump.nextInto(
      (_: Chunk | undefined) => void pump.return(),
      () => {},
    );
    source.push(text(' there'));
    await flush();
    expect(told).toEqual(['content', 'settled']);
  });
});
