import { describe, expect, it } from 'vitest';
import type { RawChunk } from '../../../src/core/chunk-source.ts';
import { TransportError } from '../../../src/core/errors.ts';
import type { Pump } from '../../../src/core/pump.ts';
import { readable, replyFrom } from '../../../src/core/reply.ts';
import type { Chunk } from '../../../src/core/types.ts';
import { SharedAnswer } from '../../../src/middleware/transaction/shared-answer.ts';
import { completionOf, finish, flush, foreignReply, Source, text } from '../core/support.ts';

const nobody = (): void => {};

/** An answer that comes as it is told, and is shared. */
function shared({ kept }: { readonly kept?: number } = {}) {
  const source = new Source();
  const { reply, settle } = foreignReply(source);
  const answer = new SharedAnswer(reply, nobody, kept);
  return { answer, source, settle };
}

const item = (value: number, size: number): RawChunk => ({ type: 'raw', value, size });

async function rest(chunks: AsyncIterator<Chunk>): Promise<Chunk[]> {
  const all: Chunk[] = [];
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return all;
    all.push(value);
  }
}

describe('a shared answer', () => {
  it('is asked of its source once, by whoever is fastest, and given to each in order', async () => {
    const { answer, source, settle } = shared();
    const [a, b] = [answer.read(nobody), answer.read(nobody)];
    source.push(text('a'), text('b'));
    expect(await a.next()).toEqual({ done: false, value: text('a') });
    expect(await a.next()).toEqual({ done: false, value: text('b') });
    const third = a.next();
    expect(await b.next()).toEqual({ done: false, value: text('a') });
    source.push(text('c'), finish);
    settle();
    expect(await third).toEqual({ done: false, value: text('c') });
    expect(await rest(b)).toEqual([text('b'), text('c'), finish]);
    expect(await rest(a)).toEqual([finish]);
    expect(await rest(answer.read(nobody))).toEqual([text('a'), text('b'), text('c'), finish]);
  });

  it('is not read further ahead than its pump does while nobody asks', async () => {
    const { answer, source } = shared();
    answer.read(nobody);
    for (let count = 0; count < 10; count += 1) source.push(text('x'.repeat(20_000)));
    await flush();
    // 64 KiB, and the piece that goes over it.
    expect(source.pulls).toBe(4);
  });

  it('ends for all in the same error, behind what had come', async () => {
    const { answer, source } = shared();
    const [a, b] = [answer.read(nobody), answer.read(nobody)];
    const waits = a.next();
    source.push(text('a')).fail(new TransportError('connection', 'gone'));
    await waits;
    await expect(a.next()).rejects.toMatchObject({ code: 'connection', partial: { text: 'a' } });
    expect(await b.next()).toEqual({ done: false, value: text('a') });
    await expect(b.next()).rejects.toMatchObject({ code: 'connection' });
    await expect(answer.whole().completion).rejects.toMatchObject({ code: 'connection' });
  });

  it('lets a reader go that waits, and tells of it', async () => {
    const { answer } = shared();
    let left = 0;
    const reader = answer.read(() => {
      left += 1;
    });
    const waits = reader.next();
    await reader.return?.();
    expect([await waits, left]).toEqual([{ done: true, value: undefined }, 1]);
  });

  it('is left by all: then its source is let go of', async () => {
    const { answer, source } = shared();
    void answer.read(nobody).next();
    await flush();
    answer.leave();
    expect(source.returns).toBe(1);
    expect(await answer.done).toMatchObject({ ok: false, error: { code: 'cancelled' } });
  });

  it('that begins again is read from there, and by who has read nothing as if nothing had been', async () => {
    const { answer, source, settle } = shared();
    const [a, b, c] = [answer.read(nobody), answer.read(nobody), answer.read(nobody)];
    const again: Chunk = { type: 'restart', provider: 'b' };
    source.push(text('a'), text('b'));
    expect(await a.next()).toEqual({ done: false, value: text('a') });
    const waits = a.next().then(() => a.next());
    source.push(again, text('c'), finish);
    settle();
    expect(await waits).toEqual({ done: false, value: again });
    expect(await rest(a)).toEqual([text('c'), finish]);
    expect(await rest(b)).toEqual([text('c'), finish]);
    expect(await rest(c)).toEqual([text('c'), finish]);
    expect(await rest(answer.read(nobody))).toEqual([text('c'), finish]);
  });

  it('that is there whole is given as chunks, and as it is', async () => {
    const completion = completionOf({ text: 'Hi' });
    const answer = new SharedAnswer(replyFrom(completion), nobody);
    expect((await rest(answer.read(nobody))).map(({ type }) => type)).toEqual(['text', 'finish']);
    expect(await answer.whole().completion).toEqual({ ...completion, raw: undefined });
  });

  it('is read to its end for whoever wants it whole, without anybody who reads chunks', async () => {
    const { answer, source, settle } = shared();
    const whole = answer.whole().completion;
    source.push(text('x'.repeat(50_000)), text('y'.repeat(50_000)), text('z'), finish);
    settle();
    expect((await whole).text).toHaveLength(100_001);
  });

  it('is not read on for whoever wanted it whole and has left', async () => {
    const { answer, source } = shared();
    const { left } = answer.whole();
    source.push(text('a'));
    await flush();
    left();
    for (let count = 0; count < 10; count += 1) source.push(text('x'.repeat(20_000)));
    await flush();
    // That which was asked for, 64 KiB, and the piece that goes over it.
    expect(source.pulls).toBeLessThan(8);
  });

  it('knows whether it has items that no completion has', async () => {
    const { answer, source } = shared();
    const reader = answer.read(nobody);
    source.push(item(1, 1));
    await reader.next();
    expect(answer.hasItems).toBe(true);
  });

  it('is text alone for its source only while all who read it read text', async () => {
    const source = new Source();
    const below = readable(foreignReply(source).reply);
    const answer = new SharedAnswer(below, nobody);
    const pumps = [1, 2].map(
      () =>
        readable({ provider: 'a', chunks: { [Symbol.asyncIterator]: () => answer.read(nobody) }, done: answer.done })
          .chunks,
    );
    for (const pump of pumps) answer.isReadBy(pump);
    expect(below.chunks.isTextOnly).toBe(false);
    for (const pump of pumps) pump.readAsText(() => true);
    expect(below.chunks.isTextOnly).toBe(true);
    const { completion, left } = answer.whole();
    completion.catch(() => {});
    expect(below.chunks.isTextOnly).toBe(false);
    left();
    expect(below.chunks.isTextOnly).toBe(true);
  });

  it('is text alone again for its source when who read chunks has left', async () => {
    const below = readable(foreignReply(new Source()).reply);
    const answer = new SharedAnswer(below, nobody);
    const [chunks, text] = [1, 2].map(
      () =>
        readable({ provider: 'a', chunks: { [Symbol.asyncIterator]: () => answer.read(nobody) }, done: answer.done })
          .chunks,
    ) as [Pump, Pump];
    const leave = answer.isReadBy(chunks);
    answer.isReadBy(text);
    text.readAsText(() => true);
    expect(below.chunks.isTextOnly).toBe(false);
    leave();
    expect(below.chunks.isTextOnly).toBe(true);
  });
});

describe('a shared answer that is longer than what is kept', () => {
  const long = { kept: 10 };

  it('ends in an error for a reader that is too far behind, and holds up nobody', async () => {
    const { answer, source, settle } = shared(long);
    const [fast, slow, waiting] = [answer.read(nobody), answer.read(nobody), answer.read(nobody)];
    source.push(text('12345'));
    await fast.next();
    expect(await slow.next()).toEqual({ done: false, value: text('12345') });
    await waiting.next();
    for (const word of ['abcde', 'fghij', 'klmno']) {
      const next = fast.next();
      source.push(text(word));
      expect(await next).toEqual({ done: false, value: text(word) });
      if (word !== 'klmno') expect(await waiting.next()).toEqual({ done: false, value: text(word) });
    }
    await expect(slow.next()).rejects.toMatchObject({ code: 'stream_interrupted', blame: 'caller' });
    await expect(slow.next()).rejects.toThrow('more than 10 characters behind');
    expect(await waiting.next()).toEqual({ done: false, value: text('klmno') });
    source.push(finish);
    settle();
    expect(await rest(fast)).toEqual([finish]);
    expect((await answer.whole().completion).text).toBe('12345abcdefghijklmno');
  });

  it('can only be had whole from there on, but has a beginning again when it begins again', async () => {
    const { answer, source } = shared(long);
    const reader = answer.read(nobody);
    const read = async (chunk: Chunk) => {
      const next = reader.next();
      source.push(chunk);
      return next;
    };
    await read(text('12345'));
    await read(text('67890'));
    expect(answer.isWhole).toBe(true);
    await read(text('1'));
    expect(answer.isWhole).toBe(false);
    await read({ type: 'restart', provider: 'b' });
    expect(answer.isWhole).toBe(true);
  });

  it('keeps one piece that is longer than that all the same', async () => {
    const { answer, source } = shared(long);
    const [a, b] = [answer.read(nobody), answer.read(nobody)];
    source.push(text('x'.repeat(100)));
    expect(await a.next()).toMatchObject({ value: { type: 'text' } });
    expect(await b.next()).toMatchObject({ value: { type: 'text' } });
  });

  it('keeps no more of its items than that', async () => {
    const { answer, source } = shared({ kept: 100 });
    const reader = answer.read(nobody);
    const weak: WeakRef<object>[] = [];
    for (let count = 0; count < 5_000; count += 1) {
      const next = reader.next();
      const value = { count };
      weak.push(new WeakRef(value));
      source.push({ type: 'raw', value, size: 10 } as RawChunk);
      expect((await next).value).toMatchObject({ value: { count } });
    }
    expect(await answer.read(nobody).next()).toMatchObject({ value: { value: { count: 4_990 } } });
  });
});
