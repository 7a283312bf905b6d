import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { Pump } from '../../../src/core/pump.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import { completionStream } from '../../../src/core/stream.ts';
import { completionOf, finish, flush, foreignReply, reasoning, Source, text, unhandledIn } from './support.ts';

function streamOf(source: Source) {
  const { reply, settle } = foreignReply(source);
  const pump: Pump = new Pump(source, {
    settled: (end) =>
      settle(
        'error' in end
          ? { ok: false, error: end.error }
          : { ok: true, completion: completionOf({ ...end.answer, raw: undefined }) },
      ),
  });
  return completionStream({ ...reply, chunks: pump.start() }, 'transaction-1');
}

async function readText(texts: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const part of texts) all += part;
  return all;
}

const reset = new TransportError('connection', 'reset');

describe('reading a stream', () => {
  it('knows its call and who answers it', () => {
    const stream = streamOf(new Source());
    expect(stream.transactionId).toBe('transaction-1');
    expect(stream.provider).toBe('one');
  });

  it('gives chunks', async () => {
    const types: string[] = [];
    for await (const { type } of streamOf(new Source(reasoning('hm'), text('a'), finish))) types.push(type);
    expect(types).toEqual(['reasoning', 'text', 'finish']);
  });

  it('gives text alone', async () => {
    const { text: texts } = streamOf(new Source(reasoning('hm'), text('a'), reasoning('hm'), text('b'), finish));
    expect(await readText(texts)).toBe('ab');
  });

  it('can be read once, and asking for `text` alone is not reading', async () => {
    const stream = streamOf(new Source(text('a'), finish));
    void stream.text;
    expect(await readText(stream.text)).toBe('a');
    expect(() => stream[Symbol.asyncIterator]()).toThrow(TypeError);
    expect(() => stream.text[Symbol.asyncIterator]()).toThrow('read it once');
  });

  it('throws where it breaks, in both ways of reading', async () => {
    const broken = () => new Source(text('a')).fail(reset);
    await expect(readText(streamOf(broken()).text)).rejects.toMatchObject({
      code: 'connection',
      partial: { text: 'a' },
    });
    const chunks = streamOf(broken());
    await expect(
      (async () => {
        for await (const _ of chunks);
      })(),
    ).rejects.toMatchObject({ code: 'connection' });
  });
});

describe('the completion of a stream', () => {
  it('is there while the stream is read', async () => {
    const source = new Source(text('a'));
    const stream = streamOf(source);
    const { completion } = stream;
    const reading = readText(stream.text);
    source.push(text('b'), finish);
    expect((await completion).text).toBe('ab');
    expect(await reading).toBe('ab');
  });

  it('reads the stream when nobody does, however long it is, and leaves it readable', async () => {
    const long = 'x'.repeat(30_000);
    const stream = streamOf(new Source(text(long), text(long), text(long), text(long), finish));
    expect((await stream.completion).text).toHaveLength(120_000);
    expect(await readText(stream.text)).toHaveLength(120_000);
  });

  it('is the same however often it is asked for', async () => {
    const stream = streamOf(new Source(text('a'), finish));
    expect(await stream.completion).toBe(await stream.completion);
  });

  it('rejects with what the stream broke with', async () => {
    await expect(streamOf(new Source(text('a')).fail(reset)).completion).rejects.toMatchObject({ code: 'connection' });
  });

  it('rejects with cancelled, and lets go of the source, after the reader has left', async () => {
    for (const leave of ['chunks', 'text'] as const) {
      const source = new Source(text('a'), text('b'));
      const stream = streamOf(source);
      if (leave === 'chunks') for await (const _ of stream) break;
      else for await (const _ of stream.text) break;
      expect(source.returns).toBe(1);
      await expect(stream.completion).rejects.toMatchObject({ code: 'cancelled' });
    }
  });

  it('never causes an unhandled rejection, read or not, asked for or not', async () => {
    const unhandled = await unhandledIn(async () => {
      const broken = () => streamOf(new Source(text('a')).fail(reset));
      broken();
      void broken().completion;
      const left = streamOf(new Source(text('a')));
      for await (const _ of left) break;
      const caught = broken();
      await readText(caught.text).catch(() => {});
      await flush();
    });
    expect(unhandled).toEqual([]);
  });

  it('is there for a whole answer that is read as a stream, and for an unread one', async () => {
    const read = completionStream(replyFrom(completionOf()), 't');
    expect(await readText(read.text)).toBe('Hello');
    expect((await read.completion).text).toBe('Hello');
    expect((await completionStream(replyFrom(completionOf()), 't').completion).text).toBe('Hello');
  });
});

describe('leaving the text of a stream', () => {
  it('lets go of the source at once while the next piece is waited for', async () => {
    const source = new Source(text('a'));
    const iterator = streamOf(source).text[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    void iterator.return?.();
    await flush();
    expect(source.returns).toBe(1);
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('says that this was the end, as an iterator does that can be iterated itself', async () => {
    const pieces = streamOf(new Source(text('a'), text('b'), finish)).text[Symbol.asyncIterator]();
    const read: string[] = [];
    for await (const piece of pieces as AsyncIterableIterator<string>) {
      read.push(piece);
      break;
    }
    expect(read).toEqual(['a']);
    expect(await pieces.return?.()).toEqual({ done: true, value: undefined });
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
  });

  it('lets go of the source before anything was read', async () => {
    const source = new Source(text('a'));
    await streamOf(source).text[Symbol.asyncIterator]().return?.();
    expect(source.returns).toBe(1);
  });

  it('keeps the order for readers that do not wait', async () => {
    const source = new Source();
    const iterator = streamOf(source).text[Symbol.asyncIterator]();
    const pieces = [iterator.next(), iterator.next(), iterator.next()];
    source.push(reasoning('hm'), text('a'), reasoning('hm'), text('b'), finish);
    expect((await Promise.all(pieces)).map(({ value }) => value)).toEqual(['a', 'b', undefined]);
  });
});
