import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { Pump } from '../../../src/core/pump.ts';
import type { PumpHooks } from '../../../src/core/pump-hooks.ts';
import type { Chunk, ProviderAnswer } from '../../../src/core/types.ts';
import { finish, flush, readAll, reasoning, Source, text, unhandledIn } from './support.ts';

interface End {
  readonly answer?: ProviderAnswer;
  readonly error?: TransportError;
}

/** A pump over a source, with everything that its owner was told. */
function pumpOf(source: AsyncIterator<Chunk>, hooks: Partial<PumpHooks> = {}) {
  const told = { pulling: 0, content: 0, paused: 0, ends: [] as End[] };
  const pump = new Pump(source, {
    pulling: () => {
      told.pulling += 1;
    },
    content: () => {
      told.content += 1;
    },
    paused: () => {
      told.paused += 1;
    },
    ...hooks,
    settled: (end) => {
      told.ends.push(end);
      hooks.settled?.(end);
    },
  });
  let answered: 'no' | 'yes' | TransportError = 'no';
  pump.answered.then(
    () => {
      answered = 'yes';
    },
    (error) => {
      answered = error;
    },
  );
  return { pump, told, answered: () => answered };
}

const kilobyte = 'x'.repeat(1024);
const broken = new TransportError('connection', 'reset');

describe('when a pump is answered', () => {
  it('is not answered before content has come, and is as soon as it has', async () => {
    const source = new Source();
    const { pump, answered, told } = pumpOf(source);
    pump.start();
    await flush();
    expect(answered()).toBe('no');
    source.push(text('Hel'));
    await flush();
    expect(answered()).toBe('yes');
    expect(told.content).toBe(1);
    expect(told.ends).toEqual([]);
  });

  it('takes no empty text for content, and does not hand it out', async () => {
    const source = new Source(text(''), reasoning(''));
    const { pump, answered, told } = pumpOf(source);
    pump.start();
    await flush();
    expect(answered()).toBe('no');
    expect(told.content).toBe(0);
    source.push(text('Hi'), finish);
    expect((await readAll(pump)).chunks).toEqual([text('Hi'), finish]);
  });

  it('is answered by a finish alone, when that is judged to be an answer', async () => {
    const { pump, answered } = pumpOf(new Source(finish));
    pump.start();
    await flush();
    expect(answered()).toBe('yes');
  });

  it('rejects when it breaks before', async () => {
    const source = new Source().fail(broken);
    const { pump, answered, told } = pumpOf(source);
    pump.start();
    await flush();
    expect(answered()).toBe(broken);
    expect(told.ends).toEqual([{ error: broken }]);
    expect(source.returns).toBe(1);
  });

  it('rejects with the judgement when the finish is none', async () => {
    const empty = new TransportError('empty_response', 'nothing in it');
    const { pump, answered, told } = pumpOf(new Source(finish), { judge: () => empty });
    pump.start();
    await flush();
    expect(answered()).toBe(empty);
    expect(told.ends).toEqual([{ error: empty }]);
  });

  it('tells nobody who does not want to know', async () => {
    const ends: unknown[] = [];
    const source = new Source();
    for (let n = 0; n < 70; n += 1) source.push(text(kilobyte));
    const pump = new Pump(source, { settled: (end) => ends.push(end) });
    pump.map((chunk) => (chunk.type === 'reasoning' ? undefined : chunk));
    pump.start();
    for (let n = 0; n < 5; n += 1) await flush();
    source.push(reasoning('hm'), finish);
    expect((await readAll(pump)).text).toBe(kilobyte.repeat(70));
    expect(ends).toHaveLength(1);
  });

  it('judges the whole answer, and knows whether raw items passed', async () => {
    const judged: [ProviderAnswer, boolean][] = [];
    const toolCall = { id: '1', name: 'look', input: {} };
    const source = new Source(
      reasoning('hm'),
      text('a'),
      text('b'),
      { type: 'toolCall', toolCall },
      { type: 'raw', value: 1 },
      finish,
    );
    const { pump, told } = pumpOf(source, {
      judge: (answer, raw) => {
        judged.push([answer, raw]);
        return undefined;
      },
    });
    pump.start();
    await flush();
    expect(judged).toEqual([
      [
        {
          text: 'ab',
          reasoning: 'hm',
          toolCalls: [toolCall],
          finishReason: 'stop',
          usage: { inputTokens: 1, outputTokens: 2 },
          model: 'm-1',
          raw: undefined,
        },
        true,
      ],
    ]);
    expect(told.ends[0]?.answer?.text).toBe('ab');
  });
});

describe('reading ahead', () => {
  it('reads 64 KiB ahead of its reader and then asks for nothing more', async () => {
    const source = new Source();
    for (let n = 0; n < 200; n += 1) source.push(text(kilobyte));
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    await flush();
    await flush();
    expect(source.pulls).toBe(64);
    expect(told.paused).toBe(1);
  });

  it('asks for more as soon as the reader has taken something', async () => {
    const source = new Source();
    for (let n = 0; n < 70; n += 1) source.push(text(kilobyte));
    const { pump, told } = pumpOf(source);
    pump.start();
    for (let n = 0; n < 5; n += 1) await flush();
    await pump.next();
    await flush();
    expect(source.pulls).toBe(65);
    expect(told.paused).toBe(2);
  });

  it('counts raw items too, whose size it cannot know', async () => {
    const source = new Source();
    for (let n = 0; n < 200; n += 1) source.push({ type: 'raw', value: n });
    const { pump } = pumpOf(source);
    pump.start();
    for (let n = 0; n < 10; n += 1) await flush();
    expect(source.pulls).toBe(128);
  });

  it('counts the words of reasoning as those of the answer', async () => {
    const source = new Source();
    for (let n = 0; n < 200; n += 1) source.push(reasoning(kilobyte));
    const { pump } = pumpOf(source);
    pump.start();
    for (let n = 0; n < 5; n += 1) await flush();
    expect(source.pulls).toBe(64);
  });

  it('counts what is there, not what has passed: a reader that keeps up never pauses it', async () => {
    const source = new Source();
    const { pump, told } = pumpOf(source);
    pump.start();
    for (let n = 0; n < 200; n += 1) {
      source.push(text(kilobyte));
      await pump.next();
      await flush();
    }
    expect(told.paused).toBe(0);
  });

  it('reads to the end when told to, and everything can still be read', async () => {
    const source = new Source();
    for (let n = 0; n < 100; n += 1) source.push(text(kilobyte));
    source.push(finish);
    const { pump, told } = pumpOf(source);
    pump.start();
    for (let n = 0; n < 5; n += 1) await flush();
    expect(told.ends).toEqual([]);
    pump.readToEnd();
    for (let n = 0; n < 5; n += 1) await flush();
    expect(told.ends[0]?.answer?.text).toBe(kilobyte.repeat(100));
    expect((await readAll(pump)).text).toBe(kilobyte.repeat(100));
  });

  it('drains for the answer alone, and keeps no chunks', async () => {
    const source = new Source(text('a'));
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    pump.drain();
    source.push(text('b'), finish);
    await flush();
    expect(told.ends[0]?.answer?.text).toBe('ab');
    expect((await readAll(pump)).chunks).toEqual([]);
  });

  it('drains what nobody has read and what is to come, however long it is', async () => {
    const source = new Source();
    for (let n = 0; n < 100; n += 1) source.push(text(kilobyte));
    source.push(finish);
    const { pump, told } = pumpOf(source);
    pump.start();
    for (let n = 0; n < 5; n += 1) await flush();
    expect(told.paused).toBe(1);
    pump.drain();
    for (let n = 0; n < 5; n += 1) await flush();
    expect(told.ends[0]?.answer?.text).toBe(kilobyte.repeat(100));
  });

  it('asks for one chunk at a time, however many readers wait', async () => {
    const source = new Source();
    const { pump } = pumpOf(source);
    pump.start();
    void pump.next();
    void pump.next();
    await flush();
    expect(source.pulls).toBe(1);
  });

  it('serves readers that wait at once in the order in which they came', async () => {
    const source = new Source();
    const { pump } = pumpOf(source);
    pump.start();
    const reading = Promise.all([pump.next(), pump.next(), pump.next(), pump.next()]);
    source.push(text('a'), text('b'), finish);
    expect(await reading).toEqual([
      { done: false, value: text('a') },
      { done: false, value: text('b') },
      { done: false, value: finish },
      { done: true, value: undefined },
    ]);
  });
});

describe('how a pump ends', () => {
  it('lets go of its source once the finish has come, and ignores what would follow', async () => {
    const source = new Source(text('a'), finish, text('more'), finish);
    const { pump, told } = pumpOf(source);
    pump.start();
    const { chunks } = await readAll(pump);
    await flush();
    expect(chunks).toEqual([text('a'), finish]);
    expect(source.returns).toBe(1);
    expect(source.pulls).toBe(2);
    expect(told.ends).toHaveLength(1);
  });

  it('takes a clean end without a finish for a truncation, with exactly what had come', async () => {
    const source = new Source(reasoning('hm'), text('a'), text('b')).end();
    const { pump, told } = pumpOf(source);
    pump.start();
    const { text: read, error } = await readAll(pump);
    expect(read).toBe('ab');
    expect(error).toMatchObject({
      ...{ code: 'truncated', message: 'The answer ended without its terminal event' },
      partial: { text: 'ab', reasoning: 'hm', toolCalls: [] },
    });
    expect(told.ends).toEqual([{ error }]);
  });

  it('lets its owner clean a truncation, as everything else that the source did', async () => {
    const cleaned: unknown[] = [];
    const { pump } = pumpOf(new Source().end(), {
      clean: (error) => {
        cleaned.push(error);
        return broken;
      },
    });
    pump.start();
    expect((await readAll(pump)).error).toBe(broken);
    expect(cleaned).toMatchObject([{ code: 'truncated' }]);
  });

  it('gives the reader what had come before the break, then the error once, then the end', async () => {
    const source = new Source(text('a')).fail(broken);
    const { pump } = pumpOf(source);
    pump.start();
    await flush();
    expect(await pump.next()).toEqual({ done: false, value: text('a') });
    await expect(pump.next()).rejects.toMatchObject({ code: 'connection', partial: { text: 'a' } });
    expect(await pump.next()).toEqual({ done: true, value: undefined });
  });

  it('gives the error to one of several readers and the end to the others', async () => {
    const source = new Source();
    const { pump } = pumpOf(source);
    pump.start();
    const reading = Promise.allSettled([pump.next(), pump.next()]);
    source.fail(broken);
    expect(await reading).toEqual([
      { status: 'rejected', reason: broken },
      { status: 'fulfilled', value: { done: true, value: undefined } },
    ]);
  });

  it('keeps the partial answer of an error that has one', async () => {
    const partial = { text: 'theirs', toolCalls: [], reasoning: undefined };
    const { pump } = pumpOf(new Source(text('a')).fail(new TransportError('connection', 'reset', { partial })));
    pump.start();
    expect((await readAll(pump)).error).toMatchObject({ partial });
  });

  it('has a partial answer also when nothing but a tool call, or reasoning, had come', async () => {
    const toolCall = { id: '1', name: 'look', input: {} };
    const called = pumpOf(new Source({ type: 'toolCall', toolCall }).end());
    called.pump.start();
    expect((await readAll(called.pump)).error).toMatchObject({ partial: { text: '', toolCalls: [toolCall] } });
    const thought = pumpOf(new Source(reasoning('hm')).end());
    thought.pump.start();
    expect((await readAll(thought.pump)).error).toMatchObject({ partial: { text: '', reasoning: 'hm' } });
  });

  it('says what had come so far, which does not grow afterwards', async () => {
    const toolCall: Chunk = { type: 'toolCall', toolCall: { id: '1', name: 'look', input: {} } };
    const source = new Source(toolCall);
    const { pump } = pumpOf(source);
    pump.start();
    await flush();
    const { partial } = pump;
    source.push(toolCall, text('a'));
    await flush();
    expect(partial).toEqual({ text: '', reasoning: undefined, toolCalls: [toolCall.toolCall] });
    expect(pump.partial.toolCalls).toHaveLength(2);
  });

  it('ends, whatever is wrong with an error', async () => {
    const { pump, told } = pumpOf(new Source().fail(broken), {
      clean: () => {
        throw new RangeError('in the cleaning');
      },
    });
    pump.start();
    expect((await readAll(pump)).error).toMatchObject({ code: 'internal', cause: { name: 'RangeError' } });
    expect(told.ends).toHaveLength(1);
  });

  it('has no partial answer when nothing had come', async () => {
    const { pump } = pumpOf(new Source().end());
    pump.start();
    expect((await readAll(pump)).error).toMatchObject({ code: 'truncated', partial: undefined });
  });

  it('ends as internal when the source throws something foreign', async () => {
    const { pump } = pumpOf(new Source().fail(new TypeError('x is not a function')));
    pump.start();
    expect((await readAll(pump)).error).toMatchObject({ code: 'internal', cause: { name: 'TypeError' } });
  });

  it('ends when next throws at once instead of rejecting', async () => {
    const { pump, told } = pumpOf({
      next() {
        throw broken;
      },
    });
    pump.start();
    await flush();
    expect(told.ends).toEqual([{ error: broken }]);
  });

  it('takes an iterator whose next returns a result without a promise, as `for await` does', async () => {
    const results = [text('a'), finish].values();
    const { pump } = pumpOf({ next: () => results.next() } as never);
    pump.start();
    expect((await readAll(pump)).chunks).toEqual([text('a'), finish]);
  });

  it('ends, and leaves nothing unhandled, when the source yields what is no chunk', async () => {
    let error: unknown;
    const unhandled = await unhandledIn(async () => {
      const { pump } = pumpOf(new Source(text('a'), null as never, finish));
      pump.start();
      await flush();
      pump.drain();
      error = await Promise.race([
        (async () => (await readAll(pump)).error)(),
        new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('it hangs')))),
      ]);
    });
    expect(unhandled).toEqual([]);
    expect(error).toMatchObject({ code: 'internal' });
  });

  it('survives a source without return, and one whose return throws, rejects or never settles', async () => {
    const ways: (AsyncIterator<Chunk>['return'] | undefined)[] = [
      undefined,
      () => {
        throw new Error('no');
      },
      () => Promise.reject(new Error('no')),
      () => new Promise(() => {}),
    ];
    const unhandled = await unhandledIn(async () => {
      for (const way of ways) {
        const source = new Source(text('a'), finish);
        const { pump, told } = pumpOf({ next: () => source.next(), return: way });
        pump.start();
        expect((await readAll(pump)).text).toBe('a');
        expect(told.ends).toHaveLength(1);
      }
    });
    expect(unhandled).toEqual([]);
  });

  it('settles once, whatever comes afterwards', async () => {
    const source = new Source(text('a'));
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    pump.stop(broken);
    pump.stop(new TransportError('timeout', 'late'));
    void pump.return();
    source.push(finish);
    await flush();
    expect(told.ends).toHaveLength(1);
    expect(told.ends[0]?.error?.code).toBe('connection');
    expect(source.returns).toBe(1);
  });
});

describe('stopping a pump', () => {
  it('ends a reader that waits, although the source never moves again', async () => {
    const { pump } = pumpOf(new Source());
    pump.start();
    const next = pump.next();
    pump.stop(broken);
    await expect(next).rejects.toBe(broken);
  });

  it('leaves what had come to be read, unless it was cancelled', async () => {
    const one = pumpOf(new Source(text('a')));
    one.pump.start();
    await flush();
    one.pump.stop(broken);
    expect((await readAll(one.pump)).text).toBe('a');

    const other = pumpOf(new Source(text('a')));
    other.pump.start();
    await flush();
    other.pump.stop(new TransportError('cancelled', 'by its caller'));
    const { text: read, error } = await readAll(other.pump);
    expect(read).toBe('');
    expect(error).toMatchObject({ code: 'cancelled', partial: { text: 'a' } });
  });

  it('hands out nothing after a cancellation that came while content was told of', async () => {
    const told = pumpOf(new Source(text('a')), {
      content: () => told.pump.stop(new TransportError('cancelled', 'by a listener')),
    });
    told.pump.start();
    await flush();
    const { chunks, error } = await readAll(told.pump);
    expect(chunks).toEqual([]);
    expect(error).toMatchObject({ code: 'cancelled' });
  });

  it('ignores what the source still does', async () => {
    const source = new Source();
    const { pump, told } = pumpOf(source);
    pump.start();
    pump.stop(broken);
    source.push(text('late'));
    await flush();
    expect(told.content).toBe(0);
    expect(pump.partial.text).toBe('');
  });
});

describe('leaving a pump', () => {
  it('lets go of the source at once while its next is pending', async () => {
    const source = new Source();
    const { pump, told } = pumpOf(source);
    pump.start();
    const next = pump.next();
    expect(await pump.return()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(source.returns).toBe(1);
    expect(told.ends[0]?.error).toMatchObject({
      ...{ code: 'cancelled', message: 'The reader left the stream before its end' },
    });
  });

  it('gives nothing any more, no error either', async () => {
    const { pump } = pumpOf(new Source(text('a'), text('b')));
    pump.start();
    await flush();
    await pump.return();
    expect(await pump.next()).toEqual({ done: true, value: undefined });
    expect(await pump.next()).toEqual({ done: true, value: undefined });
  });

  it('changes nothing about an answer that is whole', async () => {
    const { pump, told } = pumpOf(new Source(text('a'), finish));
    pump.start();
    await flush();
    await pump.return();
    expect(told.ends).toHaveLength(1);
    expect(told.ends[0]?.answer?.text).toBe('a');
    expect(await pump.next()).toEqual({ done: true, value: undefined });
  });
});

describe('changing what passes', () => {
  const upper = (chunk: Chunk): Chunk | undefined =>
    chunk.type === 'text' ? { ...chunk, text: chunk.text.toUpperCase() } : chunk;

  it('changes what has come and what is to come, and the answer with it', async () => {
    const source = new Source(text('a'));
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    expect(pump.map(upper)).toBe(true);
    source.push(text('b'), finish);
    expect((await readAll(pump)).text).toBe('AB');
    expect(told.ends[0]?.answer?.text).toBe('AB');
  });

  it('leaves out what is not returned', async () => {
    const source = new Source(reasoning('hm'), text('a'));
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    pump.map((chunk) => (chunk.type === 'reasoning' ? undefined : chunk));
    source.push(reasoning('hm'), text('b'), finish);
    expect((await readAll(pump)).chunks).toEqual([text('a'), text('b'), finish]);
    expect(told.ends[0]?.answer).toMatchObject({ text: 'ab', reasoning: undefined });
  });

  it('applies several changes in the order in which they were given', async () => {
    const source = new Source();
    const { pump } = pumpOf(source);
    pump.start();
    pump.map(upper);
    pump.map((chunk) => (chunk.type === 'text' ? { ...chunk, text: `${chunk.text}!` } : chunk));
    source.push(text('a'), finish);
    expect((await readAll(pump)).text).toBe('A!');
  });

  it('does not tell of content again that it has told of', async () => {
    const source = new Source(text('a'));
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    pump.map(upper);
    expect(told.content).toBe(1);
  });

  it('tells of content that is left out or made empty, but not of a finish: it has come all the same', async () => {
    for (const change of [() => undefined, (chunk: Chunk) => (chunk.type === 'text' ? text('') : undefined)]) {
      const source = new Source();
      const { pump, told, answered } = pumpOf(source);
      pump.start();
      pump.map(change);
      source.push(text('a'), text('b'));
      await flush();
      expect([told.content, answered()]).toEqual([2, 'no']);
      source.push(text(''), finish);
      await flush();
      expect(told.content).toBe(2);
      expect(pump.partial.text).toBe('');
    }
  });

  it('keeps the tool calls that had come, once', async () => {
    const toolCall = { id: '1', name: 'look', input: {} };
    const source = new Source({ type: 'toolCall', toolCall });
    const { pump, told } = pumpOf(source);
    pump.start();
    await flush();
    pump.map(upper);
    source.push(finish);
    await flush();
    expect(told.ends[0]?.answer?.toolCalls).toEqual([toolCall]);
  });

  it('asks no further change what to make of a chunk that one has left out', async () => {
    const source = new Source();
    const { pump } = pumpOf(source);
    const seen: string[] = [];
    pump.start();
    pump.map((chunk) => (chunk.type === 'reasoning' ? undefined : chunk));
    pump.map((chunk) => {
      seen.push(chunk.type);
      return chunk;
    });
    source.push(reasoning('hm'), text('a'), finish);
    expect((await readAll(pump)).text).toBe('a');
    expect(seen).toEqual(['text', 'finish']);
  });

  it('is too late once something was read, or when all is over', async () => {
    const one = pumpOf(new Source(text('a')));
    one.pump.start();
    await one.pump.next();
    expect(one.pump.map(upper)).toBe(false);

    const other = pumpOf(new Source(text('a'), finish));
    other.pump.start();
    await flush();
    expect(other.pump.map(upper)).toBe(false);
    expect((await readAll(other.pump)).text).toBe('a');
  });

  it('ends the stream, and leaves nothing unhandled, when the change throws', async () => {
    let error: unknown;
    const unhandled = await unhandledIn(async () => {
      const source = new Source();
      const { pump } = pumpOf(source);
      pump.start();
      pump.map(() => {
        throw new TypeError('a bug');
      });
      source.push(text('a'));
      await flush();
      error = await Promise.race([
        (async () => (await readAll(pump)).error)(),
        new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('it hangs')))),
      ]);
    });
    expect(unhandled).toEqual([]);
    expect(error).toMatchObject({ code: 'internal', cause: { name: 'TypeError' } });
  });
});

describe('changing the error', () => {
  const renamed = (suffix: string) => (error: TransportError) =>
    new TransportError('stream_interrupted', `${error.message}${suffix}`, { cause: error });

  it('gives the reader the changed error and its owner the original', async () => {
    const source = new Source(text('a'));
    const { pump, told } = pumpOf(source);
    pump.start();
    pump.mapError(renamed('!'));
    source.fail(broken);
    const { error } = await readAll(pump);
    expect(error).toMatchObject({ code: 'stream_interrupted', message: 'reset!' });
    expect(told.ends[0]?.error?.code).toBe('connection');
  });

  it('changes an error that had come before', async () => {
    const { pump } = pumpOf(new Source(text('a')).fail(broken));
    pump.start();
    await flush();
    pump.mapError(renamed('!'));
    pump.mapError(renamed('?'));
    expect((await readAll(pump)).error).toMatchObject({ message: 'reset!?' });
  });

  it('applies several changes in the order in which they were given', async () => {
    const source = new Source(text('a'));
    const { pump } = pumpOf(source);
    pump.start();
    pump.mapError(renamed('!'));
    pump.mapError(renamed('?'));
    source.fail(broken);
    expect((await readAll(pump)).error).toMatchObject({ message: 'reset!?' });
  });
});

describe('reading a pump without promises', () => {
  const broke = () => expect.unreachable();

  it('calls in the turn in which the chunk comes, and asks the source for no more until it is accepted', async () => {
    const order: string[] = [];
    const source = new Source();
    const { pump } = pumpOf(source, {
      pulling: () => order.push('pulling'),
      content: () => order.push('content'),
    });
    pump.start();
    const came = (chunk: Chunk | undefined): void => {
      order.push(chunk?.type ?? 'end');
      if (chunk !== undefined && chunk.type !== 'finish') pump.nextInto(came, broke);
    };
    pump.nextInto(came, broke);
    source.push(text('a'), text('b'), finish);
    await flush();
    expect(order).toEqual(['pulling', 'text', 'content', 'pulling', 'text', 'content', 'pulling', 'finish']);
  });

  it('gives what was read ahead in a later turn, then the end', async () => {
    const { pump } = pumpOf(new Source(text('a'), finish));
    pump.start();
    await flush();
    const given: unknown[] = [];
    for (let count = 0; count < 3; count += 1) {
      await new Promise<void>((resolve) => {
        pump.nextInto((chunk) => {
          given.push(chunk?.type);
          resolve();
        }, broke);
        expect(given).toHaveLength(count);
      });
    }
    expect(given).toEqual(['text', 'finish', undefined]);
  });

  it('tells of a break, once', async () => {
    const source = new Source();
    const { pump } = pumpOf(source);
    pump.start();
    const told: unknown[] = [];
    const next = () =>
      pump.nextInto(
        (chunk) => told.push(chunk),
        (error) => told.push(error.code),
      );
    next();
    source.fail(broken);
    await flush();
    next();
    await flush();
    expect(told).toEqual(['connection', undefined]);
  });

  it('reads another pump as it reads any source', async () => {
    const { pump } = pumpOf(new Source(text('a'), text('b'), finish));
    const outer = pumpOf(pump.start());
    outer.pump.start();
    const { chunks } = await readAll(outer.pump);
    expect(chunks.map(({ type }) => type)).toEqual(['text', 'text', 'finish']);
    expect(outer.told.ends).toHaveLength(1);
  });
});
