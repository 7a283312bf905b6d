import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { readable } from '../../../src/core/reply.ts';
import type { Chunk } from '../../../src/core/types.ts';
import { SharedAnswer } from '../../../src/middleware/transaction/shared-answer.ts';
import { finish, flush, foreignReply, Source, text } from '../core/support.ts';

const nobody = (): void => {};
const again: Chunk = { type: 'restart', provider: 'b' };

/** An answer that comes as it is told, and is shared; `told` counts how often it has said that the last of it has come. */
function shared(kept?: number) {
  const source = new Source();
  const { reply, settle } = foreignReply(source);
  const told = { times: 0 };
  const over = () => {
    told.times += 1;
  };
  return { answer: new SharedAnswer(reply, over, kept), source, settle, told };
}

/** What a reader that always waits was given so far, in order. */
function readOf(answer: SharedAnswer): unknown[] {
  const given: unknown[] = [];
  const reader = answer.read(nobody);
  void (async () => {
    try {
      for (;;) {
        const { done, value } = await reader.next();
        given.push(done === true ? 'over' : value);
        if (done === true) return;
      }
    } catch (error) {
      given.push((error as TransportError).code);
    }
  })();
  return given;
}

describe('who reads a shared answer', () => {
  it('and waits is given each piece as it comes, and the end', async () => {
    const { answer, source, settle } = shared();
    const given = [readOf(answer), readOf(answer)];
    for (const [at, piece] of [text('a'), text('b'), text('c')].entries()) {
      source.push(piece);
      await flush();
      expect(given.map((all) => all.length)).toEqual([at + 1, at + 1]);
    }
    source.push(finish);
    settle();
    await flush();
    for (const all of given) expect(all).toEqual([text('a'), text('b'), text('c'), finish, 'over']);
  });

  it('and waits for all of it has it, however slowly it comes, and though nobody else reads', async () => {
    const { answer, source, settle } = shared();
    const { completion, left } = answer.whole();
    for (const word of ['a', 'b', 'c']) {
      await flush();
      source.push(text(word));
    }
    await flush();
    source.push(finish);
    settle();
    expect((await completion).text).toBe('abc');
    left();
  });

  it('and has seen nothing of it is not told that it began again, nor that it did so twice', async () => {
    const { answer, source, settle } = shared();
    const given = readOf(answer);
    for (const chunk of [again, again, text('a'), text('b'), again, text('c'), finish]) {
      source.push(chunk);
      await flush();
    }
    settle();
    await flush();
    expect(given).toEqual([text('a'), text('b'), again, text('c'), finish, 'over']);
  });

  it('and waits is never told that it is over when it was only left', async () => {
    const { answer, source } = shared();
    const given = readOf(answer);
    source.push(text('a'));
    await flush();
    answer.leave();
    await flush();
    expect([given, source.returns]).toEqual([[text('a')], 1]);
  });

  it('may leave without waiting for anything, and is told that this was its end', async () => {
    const { answer } = shared();
    const reader = answer.read(nobody);
    expect(await reader.return?.()).toEqual({ done: true, value: undefined });
  });

  it('and waits hears that it is too far behind when more came at once than is kept', async () => {
    const { answer, source } = shared(10);
    source.push(text('12345'), text('67890'), text('abcde'));
    await flush();
    const given = readOf(answer);
    await flush();
    expect(given).toEqual(['stream_interrupted']);
  });

  it('makes it be read no further ahead than what came with the piece that was asked for', async () => {
    const { answer, source } = shared();
    const reader = answer.read(nobody);
    await flush();
    for (let count = 0; count < 40; count += 1) source.push(text('x'.repeat(20_000)));
    await flush();
    const before = source.pulls;
    await reader.next();
    await flush();
    // What was at hand is kept, and as much again is at hand.
    expect(source.pulls).toBeLessThanOrEqual(2 * before + 1);
  });
});

describe('a shared answer', () => {
  it('says that it is over with its last piece, once, and before any reader is given that', async () => {
    const { answer, source, settle, told } = shared();
    const given = readOf(answer);
    source.push(text('a'), text('b'));
    await flush();
    expect([given.length, told.times]).toEqual([2, 0]);
    const reader = answer.read(nobody);
    const seen: number[] = [];
    const ask = (): void =>
      reader.nextInto((chunk) => {
        if (chunk?.type === 'finish') seen.push(told.times);
        if (chunk !== undefined) ask();
      }, nobody);
    ask();
    source.push(finish);
    settle();
    await flush();
    expect([seen, told.times]).toEqual([[1], 1]);
  });

  it('says that it is over when it breaks, before any reader is told', async () => {
    const { answer, source, told } = shared();
    let timesThen: number | undefined;
    answer.read(nobody).nextInto(nobody, () => {
      timesThen = told.times;
    });
    source.fail(new TransportError('connection', 'gone'));
    await flush();
    expect([timesThen, told.times]).toEqual([1, 1]);
  });

  it('is not text alone for its source while nobody reads it at all', () => {
    const below = readable(foreignReply(new Source()).reply);
    new SharedAnswer(below, nobody);
    expect(below.chunks.isTextOnly).toBe(false);
  });
});
