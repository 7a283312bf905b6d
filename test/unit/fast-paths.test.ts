import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { AbortRace } from '../../src/core/signals.ts';
import type { Chunk } from '../../src/core/types.ts';
import { callable } from '../../src/providers/callable.ts';
import { aContext, listenersOf, unhandledIn } from './core/support.ts';
import { advance, kept, settled, transport, virtualTime } from './middleware/support.ts';

/** What the ways that are there for speed must do as the long ways did. */

const late = new TransportError('deadline_exceeded', 'late');
const never = new Promise<never>(() => {});

describe('a race of many promises with one signal', () => {
  it('gives what each promise gives', async () => {
    const race = new AbortRace(new AbortController().signal);
    expect(await race.of(Promise.resolve('one'))).toBe('one');
    await expect(race.of(Promise.reject(new RangeError('two')))).rejects.toThrow('two');
    expect(await race.of(Promise.resolve('three'))).toBe('three');
  });

  it('ends the promise that is waited for when the signal aborts, and every later one at once', async () => {
    const controller = new AbortController();
    const race = new AbortRace(controller.signal);
    await race.of(Promise.resolve());
    const waiting = race.of(never);
    controller.abort(late);
    await expect(waiting).rejects.toBe(late);
    await expect(race.of(never)).rejects.toBe(late);
    await expect(new AbortRace(controller.signal).of(never)).rejects.toBe(late);
  });

  it('leaves no rejection unhandled that nobody waits for any more', async () => {
    const rejections = await unhandledIn(async () => {
      const controller = new AbortController();
      const race = new AbortRace(controller.signal);
      const waiting = race.of(new Promise((_, reject) => setImmediate(reject, new RangeError('too late'))));
      controller.abort(late);
      await expect(waiting).rejects.toBe(late);
    });
    expect(rejections).toEqual([]);
  });

  it('listens once, until it is stopped', async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const race = new AbortRace(signal);
    for (let turn = 0; turn < 3; turn += 1) await race.of(Promise.resolve());
    expect(listeners()).toBe(1);
    race.stop();
    expect(listeners()).toBe(0);
  });
});

describe('a stream of a function', () => {
  async function* words(end?: Error): AsyncGenerator<string> {
    yield 'one';
    yield 'two';
    if (end !== undefined) throw end;
  }
  const readOut = async (chunks: AsyncIterable<Chunk>): Promise<void> => {
    for await (const _ of chunks);
  };
  const ends: [string, (chunks: AsyncIterable<Chunk>) => Promise<unknown>, Error | undefined][] = [
    ['is read to its end', readOut, undefined],
    ['breaks', (chunks) => expect(readOut(chunks)).rejects.toThrow(), new RangeError('broken')],
    [
      'is left',
      async (chunks) => {
        for await (const _ of chunks) break;
      },
      undefined,
    ],
  ];

  it.each(ends)('leaves no listener on its signal when it %s', async (_, read, error) => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const provider = callable({ name: 'own', stream: () => words(error) });
    await read(provider.stream?.({ prompt: 'Hello' }, aContext(signal)) as AsyncIterable<Chunk>);
    expect(listeners()).toBe(0);
  });
});

describe('the clock that is read once for a chunk', () => {
  virtualTime();

  it('is read again after a pause: a provider has its time from when it is asked, not from when it was last heard of', async () => {
    const size = 40 * 1_024;
    const idleMs = 1_000;
    const provider = callable({
      name: 'slow',
      async *stream() {
        for (let part = 0; part < 6; part += 1) {
          if (part > 1) await new Promise((resolve) => setTimeout(resolve, idleMs / 2));
          yield `${part}`.padEnd(size, '.');
        }
      },
    });
    const llm = transport({ providers: [provider], timeout: { idleMs, abandonedMs: 60_000 } });
    const stream = await kept(llm.complete({ prompt: 'Hello', stream: true }));
    const iterator = stream[Symbol.asyncIterator]();
    let read = 0;
    for (;;) {
      const result = await settled(iterator.next());
      expect(result).toMatchObject({ ok: true });
      if (!result.ok || result.value.done === true) break;
      if (result.value.value.type === 'text') read += 1;
      // Twice as long as the provider may take, every time.
      await advance(idleMs * 2);
    }
    expect(read).toBe(6);
  });
});

describe('a call whose turn comes at once', () => {
  virtualTime();

  it('takes its place in the buckets all the same', async () => {
    const provider = callable({ name: 'own', limits: { requestsPerMinute: 6 }, complete: async () => 'Hi' });
    const llm = transport({ providers: [provider] });
    const prompt = { prompt: 'Hello' };
    expect(await settled(llm.complete(prompt))).toMatchObject({ ok: true, ms: 0 });
    // It is known by now, so that there are slots enough; the next request flows in after ten seconds.
    expect(llm.health()[0]?.window).toBe(32);
    expect(await settled(llm.complete(prompt))).toMatchObject({ ok: true, ms: 10_000 });
    expect(await settled(llm.complete(prompt))).toMatchObject({ ok: true, ms: 10_000 });
    await advance(60_000);
    expect(await settled(llm.complete(prompt))).toMatchObject({ ok: true, ms: 0 });
  });

  it('is not sent before those who wait', async () => {
    const asked: string[] = [];
    const provider = callable({
      name: 'own',
      limits: { requestsPerMinute: 60 },
      complete: async ({ prompt }) => {
        asked.push(prompt ?? '');
        return 'Hi';
      },
    });
    const llm = transport({ providers: [provider] });
    for (let turn = 0; turn < 10; turn += 1) await kept(llm.complete({ prompt: 'before' }));
    const line = ['one', 'two', 'three'].map((prompt) => llm.complete({ prompt }));
    await advance(1_500);
    // One second's request is gone to the first; this one comes while the others wait.
    line.push(llm.complete({ prompt: 'four' }));
    for (const call of line) await kept(call);
    expect(asked.slice(10)).toEqual(['one', 'two', 'three', 'four']);
  });
});
