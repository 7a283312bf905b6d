import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { Pump } from '../../../src/core/pump.ts';
import { drain, hold, mapChunks, mapError, readable, replyFrom } from '../../../src/core/reply.ts';
import type { Chunk, Reply } from '../../../src/core/types.ts';
import { completionOf, finish, flush, foreignReply, readAll, reasoning, Source, text, unhandledIn } from './support.ts';

const shout = (chunk: Chunk): Chunk | undefined =>
  chunk.type === 'text' ? { ...chunk, text: chunk.text.toUpperCase() } : chunk;

/** A reply whose chunks are a pump, as the endpoint makes it. */
function pumped(source: Source): Reply & { readonly chunks: Pump } {
  const { reply, settle } = foreignReply(source);
  const pump: Pump = new Pump(source, {
    settled: (end) =>
      settle(
        'error' in end
          ? { ok: false, error: end.error }
          : { ok: true, completion: completionOf({ ...end.answer, raw: undefined }) },
      ),
  });
  return { ...reply, chunks: pump.start() };
}

describe('replyFrom', () => {
  it('is done already, and can be read as it would have been streamed', async () => {
    const toolCall = { id: '1', name: 'look', input: {} };
    const completion = completionOf({ reasoning: 'hm', toolCalls: [toolCall] });
    const reply = replyFrom(completion);
    expect(await reply.done).toEqual({ ok: true, completion });
    expect((await readAll(reply.chunks)).chunks).toEqual([
      reasoning('hm'),
      text('Hello'),
      { type: 'toolCall', toolCall },
      { type: 'finish', finishReason: 'stop', usage: completion.usage, model: 'm-1' },
    ]);
  });

  it('has no chunks for what is not there', async () => {
    const { chunks } = await readAll(replyFrom(completionOf({ text: '', reasoning: '' })).chunks);
    expect(chunks.map(({ type }) => type)).toEqual(['finish']);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'Hello'],
    ['no text', { toolCalls: [] }],
    ['no tool calls', { text: 'Hello' }],
  ])('refuses what is no completion: %s', (_, completion) => {
    expect(() => replyFrom(completion as never)).toThrow(
      new TypeError('replyFrom expects a completion, with its text and its toolCalls'),
    );
  });

  it('can be read more than once', async () => {
    const { chunks } = replyFrom(completionOf());
    expect((await readAll(chunks)).text).toBe('Hello');
    expect((await readAll(chunks)).text).toBe('Hello');
  });
});

describe('mapChunks', () => {
  it('changes a whole answer', async () => {
    const completion = completionOf({ reasoning: 'hm', toolCalls: [{ id: '1', name: 'look', input: {} }] });
    const reply = mapChunks(replyFrom(completion), shout);
    expect(await reply.done).toEqual({ ok: true, completion: { ...completion, text: 'HELLO' } });
    expect((await readAll(reply.chunks)).text).toBe('HELLO');
  });

  it('changes how a whole answer ends', async () => {
    const usage = { inputTokens: 7, outputTokens: 8 };
    const ending: Chunk = { type: 'finish', finishReason: 'length', usage, model: 'm-2' };
    const reply = mapChunks(replyFrom(completionOf()), (chunk) => (chunk.type === 'finish' ? ending : chunk));
    expect(await reply.done).toMatchObject({
      completion: { text: 'Hello', finishReason: 'length', usage, model: 'm-2' },
    });
    const odd = mapChunks(replyFrom(completionOf()), (chunk) =>
      chunk.type === 'text' ? { type: 'raw', value: 1 } : chunk,
    );
    expect(await odd.done).toMatchObject({ completion: { text: '', finishReason: 'stop', model: 'm-1' } });
  });

  it('leaves out of a whole answer what is not returned', async () => {
    const reply = mapChunks(replyFrom(completionOf({ reasoning: 'hm' })), (chunk) =>
      chunk.type === 'reasoning' ? undefined : chunk,
    );
    expect(await reply.done).toMatchObject({ completion: { text: 'Hello', reasoning: undefined } });
  });

  it('changes a stream in place, and its completion', async () => {
    const source = new Source(text('a'));
    const reply = pumped(source);
    await flush();
    expect(mapChunks(reply, shout)).toBe(reply);
    source.push(text('b'), finish);
    expect((await readAll(reply.chunks)).text).toBe('AB');
    expect(await reply.done).toMatchObject({ ok: true, completion: { text: 'AB' } });
  });

  it('changes a stream that has come to its end already, unread', async () => {
    const reply = pumped(new Source(text('a'), finish));
    await flush();
    const mapped = mapChunks(reply, shout);
    expect((await readAll(mapped.chunks)).text).toBe('A');
    expect(await mapped.done).toMatchObject({ ok: true, completion: { text: 'A' } });
  });

  it('takes what came out of a foreign reply for its completion, and keeps the rest of it', async () => {
    const source = new Source(text('a'), text('b'), finish);
    const { reply, settle } = foreignReply(source, completionOf({ text: 'ab', transactionId: 't-9', raw: 'theirs' }));
    const mapped = mapChunks(reply, shout);
    settle();
    expect((await readAll(mapped.chunks)).text).toBe('AB');
    expect(await mapped.done).toMatchObject({
      ok: true,
      completion: { text: 'AB', transactionId: 't-9', raw: 'theirs' },
    });
  });

  it('cannot leave out the finish, without which every answer would be a truncated one', async () => {
    const onlyText = (chunk: Chunk): Chunk | undefined => (chunk.type === 'text' ? chunk : undefined);
    const source = new Source(text('a'), finish).end();
    const streamed = mapChunks(pumped(source), onlyText);
    expect(await streamed.done).toMatchObject({ ok: true, completion: { text: 'a', finishReason: 'stop' } });
    const whole = mapChunks(replyFrom(completionOf()), onlyText);
    expect(await whole.done).toMatchObject({ ok: true, completion: { text: 'Hello', finishReason: 'stop' } });
  });

  it('blames the middleware for a change that throws, at once and later', async () => {
    const bug = (): Chunk => {
      throw new TypeError('a bug');
    };
    expect(() => mapChunks(replyFrom(completionOf()), bug)).toThrow(
      expect.objectContaining({
        ...{ code: 'middleware', message: 'What mapChunks was given threw' },
        cause: expect.objectContaining({ name: 'TypeError' }),
      }),
    );
    const unhandled = await unhandledIn(async () => {
      const source = new Source();
      const reply = mapChunks(pumped(source), bug);
      source.push(text('a'));
      const outcome = Promise.race([reply.done, new Promise((resolve) => setImmediate(resolve))]);
      expect(await outcome).toMatchObject({ ok: false, error: { code: 'middleware' } });
    });
    expect(unhandled).toEqual([]);
  });
});

describe('mapChunks with a change that throws a TransportError', () => {
  it('passes it as it is', () => {
    const refusal = new TransportError('budget_exceeded', 'too many words');
    const refuse = (): Chunk => {
      throw refusal;
    };
    expect(() => mapChunks(replyFrom(completionOf()), refuse)).toThrow(refusal);
  });
});

describe('readable', () => {
  it('leaves a reply alone whose chunks can be read as they are', () => {
    const reply = pumped(new Source());
    expect(readable(reply)).toBe(reply);
  });

  it('waits for the foreign reply to be done', async () => {
    const { reply, settle } = foreignReply(new Source(text('a'), finish));
    const { done } = readable(reply);
    let outcome: unknown;
    void done.then((value) => {
      outcome = value;
    });
    await flush();
    expect(outcome).toBeUndefined();
    settle();
    await flush();
    expect(outcome).toMatchObject({ ok: true, completion: { text: 'a' } });
  });

  it('has the outcome of a foreign reply that failed after all', async () => {
    const { reply, settle } = foreignReply(new Source(text('a'), finish));
    const { done } = readable(reply);
    const error = new TransportError('schema_mismatch', 'no');
    settle({ ok: false, error });
    expect(await done).toEqual({ ok: false, error });
  });

  it('breaks as the foreign chunks break, with what had come', async () => {
    const { reply } = foreignReply(new Source(text('a')).fail(new TransportError('connection', 'reset')));
    const { done, chunks } = readable(reply);
    expect(await done).toMatchObject({ ok: false, error: { code: 'connection', partial: { text: 'a' } } });
    expect((await readAll(chunks)).error).toMatchObject({ code: 'connection' });
  });

  it('leaves the foreign source when its reader leaves', async () => {
    const source = new Source(text('a'));
    const { chunks, done } = readable(foreignReply(source).reply);
    for await (const _ of chunks) break;
    expect(source.returns).toBe(1);
    expect(await done).toMatchObject({ ok: false, error: { code: 'cancelled' } });
  });
});

describe('mapError', () => {
  const change = (error: TransportError): TransportError =>
    new TransportError('stream_interrupted', 'changed', { cause: error });

  it('gives the reader and whoever waits for `done` the same error', async () => {
    for (const replyOf of [pumped, (source: Source) => foreignReply(source).reply]) {
      const source = new Source(text('a'));
      const reply = mapError(replyOf(source), change);
      source.fail(new TransportError('connection', 'reset'));
      const { error } = await readAll(reply.chunks);
      const outcome = await reply.done;
      expect(error).toMatchObject({ code: 'stream_interrupted', cause: { code: 'connection' } });
      expect(outcome.ok ? undefined : outcome.error).toBe(error);
    }
  });

  it('gives both the same error when the stream had broken before', async () => {
    const reply = pumped(new Source(text('a')).fail(new TransportError('connection', 'reset')));
    await flush();
    const mapped = mapError(mapError(reply, change), change);
    const outcome = await mapped.done;
    const { error } = await readAll(mapped.chunks);
    expect(outcome.ok ? undefined : outcome.error).toBe(error);
  });

  it('leaves what is well, and what is whole, alone', async () => {
    const whole = replyFrom(completionOf());
    expect(mapError(whole, change)).toBe(whole);
    const reply = mapError(pumped(new Source(text('a'), finish)), change);
    expect((await readAll(reply.chunks)).error).toBeUndefined();
    expect(await reply.done).toMatchObject({ ok: true });
  });
});

describe('drain', () => {
  it('reads an answer to its end, however long it is', async () => {
    const long = 'x'.repeat(30_000);
    const reply = pumped(new Source(text(long), text(long), text(long), text(long), finish));
    expect((await drain(reply)).text).toHaveLength(120_000);
  });

  it('reads a foreign one, however long it is', async () => {
    const long = 'x'.repeat(30_000);
    const { reply, settle } = foreignReply(new Source(text(long), text(long), text(long), finish));
    settle();
    await expect(drain(reply)).resolves.toMatchObject({ text: 'Hello' });
  });

  it('has a whole one at once', async () => {
    const completion = completionOf();
    expect(await drain(replyFrom(completion))).toBe(completion);
  });

  it('rejects with the error of the break', async () => {
    const error = new TransportError('connection', 'reset');
    await expect(drain(pumped(new Source().fail(error)))).rejects.toBe(error);
  });
});

describe('hold', () => {
  it('hands the reply out when it is answered and keeps its owner until it is done', async () => {
    const source = new Source(text('a'));
    const reply = pumped(source);
    let held = true;
    const opened = await hold(
      (task) =>
        task().finally(() => {
          held = false;
        }),
      () => Promise.resolve(reply),
    );
    expect(opened).toBe(reply);
    await flush();
    expect(held).toBe(true);
    source.push(finish);
    await flush();
    expect(held).toBe(false);
  });

  it('keeps its owner until a stream has broken, and the break is no rejection of the owner', async () => {
    const source = new Source(text('a'));
    const owner: string[] = [];
    await hold(
      (task) =>
        task().then(
          () => owner.push('resolved'),
          () => owner.push('rejected'),
        ),
      () => Promise.resolve(pumped(source)),
    );
    expect(owner).toEqual([]);
    source.fail(new TransportError('connection', 'reset'));
    await flush();
    expect(owner).toEqual(['resolved']);
  });

  it('rejects when the call could not be opened, and frees its owner', async () => {
    const error = new TransportError('connection', 'refused');
    const owner: string[] = [];
    const opening = hold(
      (task) => task().finally(() => owner.push('free')),
      () => Promise.reject(error),
    );
    await expect(opening).rejects.toBe(error);
    expect(owner).toEqual(['free']);
  });

  it('rejects when its owner refuses, without opening anything', async () => {
    const refusal = new TransportError('queue_full', 'full');
    let opened = false;
    const opening = hold(
      () => Promise.reject(refusal),
      () => {
        opened = true;
        return Promise.resolve(replyFrom(completionOf()));
      },
    );
    await expect(opening).rejects.toBe(refusal);
    expect(opened).toBe(false);
  });
});
