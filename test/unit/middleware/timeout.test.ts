import { describe, expect, it } from 'vitest';
import { receiver, type Watcher, watchers } from '../../../src/core/context.ts';
import { TransportError } from '../../../src/core/errors.ts';
import type { Candidate, Chunk, Context, Provider } from '../../../src/core/types.ts';
import { timeout } from '../../../src/middleware/timeout.ts';
import { answerTo, simulated } from '../../../src/testing/index.ts';
import { aCall, aHealth, aProvider, foreignReply, listenersOf, Source } from '../core/support.ts';
import {
  advance,
  asked,
  broken,
  flush,
  given,
  kept,
  readAll,
  requestsAt,
  settled,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

/** A time-out looks once more, a millisecond later, before it gives up. */
const about = (ms: number) => expect.closeTo(ms, -1);

const hello = { prompt: 'Hello' };

/** A provider whose stream is written by hand. */
function scripted(stream: Provider['stream'], name = 'scripted'): Provider {
  const complete = (): never => {
    throw new Error('not asked for');
  };
  return { name, domain: name, kind: 'test', model: 'm', complete, stream };
}

/** Waits in virtual time, and lets go when the attempt is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

describe('timeout', () => {
  it.each([false, true])(
    'notices that no first content comes (stream: %s), and closes the connection',
    async (stream) => {
      const a = simulated({ name: 'a', fault: 'silence-after-headers' });
      const llm = transport({ providers: [a], retry: false, timeout: { firstContentMs: 2_000 } });
      const error = await broken(llm.complete({ ...hello, stream } as never));
      expect(error).toMatchObject({ code: 'timeout', provider: 'a', blame: 'provider', ms: about(2_000) });
      expect(error.message).toBe('a: no first content within 2000 ms');
      expect(a.requests[0]?.closedByClientAt).toBe(Date.now());
    },
  );

  it('waits a minute for the first content and half a minute between chunks, by default', async () => {
    const quiet = transport({ providers: [simulated({ fault: 'silence-before-headers' })], retry: false });
    expect(await broken(quiet.complete(hello))).toMatchObject({ code: 'timeout', ms: about(60_000) });
    const stalled = transport({ providers: [simulated({ fault: 'stall' })], retry: false });
    expect(await broken(stalled.complete(hello))).toMatchObject({ code: 'timeout', ms: about(30_000) });
    const slow = transport({
      providers: [simulated({ fault: 'silence-before-headers', streaming: false })],
      retry: false,
    });
    expect(await broken(slow.complete(hello))).toMatchObject({ code: 'timeout', ms: about(600_000) });
  });

  it('notices silence between chunks: a unary call is retried, a stream says what had come', async () => {
    const make = () => [simulated({ name: 'a', fault: 'stall' }), simulated({ name: 'b' })] as const;
    const unary = transport({ providers: make(), timeout: { idleMs: 700 } });
    const result = await settled(unary.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: about(700), value: { provider: 'b', text: answerTo('Hello') } });

    const streaming = transport({ providers: make(), timeout: { idleMs: 700 } });
    const { text, error } = await kept(readAll(await kept(streaming.complete({ ...hello, stream: true }))));
    expect(error).toMatchObject({
      ...{ code: 'stream_interrupted', partial: { text } },
      cause: { code: 'timeout', message: 'a: silence, no further chunk within 700 ms' },
    });
  });

  it('lets an answer take as long as it likes while it goes on', async () => {
    const a = simulated({ name: 'a', firstTokenMs: 900, tokenMs: 900 });
    const llm = transport({ providers: [a], timeout: { firstContentMs: 1_000, idleMs: 1_000 } });
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: 60 * 900 });
  });

  it('has a clock of its own for an answer that is not streamed', async () => {
    const a = simulated({ name: 'a', streaming: false, firstTokenMs: 5_000 });
    const patient = transport({ providers: [a], timeout: { firstContentMs: 100, idleMs: 100, responseMs: 6_000 } });
    expect(await settled(patient.complete(hello))).toMatchObject({ ok: true, ms: 5_000 });
    const hasty = transport({ providers: [a], retry: false, timeout: { responseMs: 3_000 } });
    expect(await broken(hasty.complete(hello))).toMatchObject({
      ...{ code: 'timeout', ms: about(3_000), message: 'a: no answer within 3000 ms' },
    });
  });

  it('gives a provider that refuses to stream the time of an answer that is not streamed', async () => {
    const a = simulated({ name: 'a', fault: 'streaming-refused', firstTokenMs: 5_000 });
    const llm = transport({ providers: [a], timeout: { firstContentMs: 1_000 } });
    expect(await settled(llm.complete(hello))).toMatchObject({ ok: true, ms: 5_000 });
  });

  it.each(['before the first content', 'after it'])('takes empty deltas for no progress, %s', async (when) => {
    const provider = scripted(async function* (_request, { signal }): AsyncGenerator<Chunk> {
      if (when === 'after it') yield { type: 'text', text: 'One' };
      for (;;) {
        await pause(300, signal);
        yield { type: 'text', text: '' };
      }
    });
    const llm = transport({ providers: [provider], retry: false, timeout: { firstContentMs: 1_000, idleMs: 1_000 } });
    expect(await broken(llm.complete(hello), 60_000)).toMatchObject({ code: 'timeout', ms: about(1_000) });
  });

  describe('tells who has another way to the same answer before it ends the attempt', () => {
    /** Says this of each silence, and writes down what it is told. */
    const told: string[] = [];
    const knowing = (says: readonly boolean[], text = 'One') =>
      scripted(async function* (_request, context): AsyncGenerator<Chunk> {
        told.length = 0;
        yield { type: 'text', text };
        const onSilence = ({ message }: TransportError) => says[told.push(message) - 1] === true;
        context.get(receiver)?.({ onSilence });
        await pause(2_500, context.signal);
        yield { type: 'text', text: ' two' };
        yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
      });
    const late = 'scripted: silence, no further chunk within 1000 ms';

    it.each([
      ['it is left alone', [true, true], true, [late, late]],
      ['and is ended as soon as there is no way', [true, false], false, [late, late]],
      ['at once', [], false, [late]],
    ])('%s', async (_, says, ok, expected) => {
      const llm = transport({ providers: [knowing(says)], retry: false, timeout: { idleMs: 1_000 } });
      const result = await settled(llm.complete(hello));
      expect(result).toMatchObject(ok ? { ok, value: { text: 'One two' } } : { ok, error: { message: late } });
      expect(told).toEqual(expected);
    });

    /** Silent for ever, from the beginning or after some text. */
    const silent = (text: string) =>
      scripted(async function* (_request, context): AsyncGenerator<Chunk> {
        told.length = 0;
        context.get(receiver)?.({ onSilence: ({ message }) => told.push(message) < 3 });
        if (text !== '') yield { type: 'text', text };
        await pause(60_000, context.signal);
      });

    it.each([
      ['of a beginning where nobody else could make one', '', true, {}, [], 3],
      ['not of one where somebody else could', '', true, {}, ['b'], 0],
      [
        'not of a call whose time is short, of which nobody has seen anything',
        'One',
        false,
        { timeoutMs: 9_000 },
        ['b'],
        0,
      ],
      ['of one that has time', 'One', false, {}, ['b'], 3],
    ])('%s', async (_, text, stream, call, others, times) => {
      const providers = [silent(text), ...others.map((name) => simulated({ name }))] as [Provider, ...Provider[]];
      const llm = transport({
        providers,
        retry: others.length > 0 ? {} : false,
        timeout: { firstContentMs: 2_000, idleMs: 1_000 },
      });
      const result = await settled(llm.complete({ ...hello, stream } as never, call));
      expect([told.length, result]).toMatchObject([times, { ok: others.length > 0 }]);
    });

    it('but not of a reader who is away', async () => {
      const full = knowing([true, true, true], 'x'.repeat(64 * 1024));
      const llm = transport({ providers: [full], timeout: { abandonedMs: 1_000 } });
      const stream = await kept(llm.complete({ ...hello, stream: true }));
      await advance(2_000);
      expect([told, llm.health()[0]?.inFlight]).toEqual([[], 0]);
      expect(await broken(stream.completion)).toMatchObject({ code: 'cancelled' });
    });
  });

  it('takes reasoning for progress', async () => {
    const provider = scripted(async function* (_request, { signal }): AsyncGenerator<Chunk> {
      for (let second = 0; second < 90; second++) {
        await pause(1_000, signal);
        yield { type: 'reasoning', text: 'hm ' };
      }
      yield { type: 'text', text: 'Yes' };
      yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
    });
    const llm = transport({ providers: [provider], timeout: { firstContentMs: 2_000, idleMs: 2_000 } });
    expect(await kept(llm.complete(hello))).toMatchObject({ text: 'Yes' });
  });

  describe('with a deadline', () => {
    it('takes half of the time that is left when there is another, and blames the provider', async () => {
      const [a, b] = [simulated({ name: 'a', fault: 'silence-after-headers' }), simulated({ name: 'b' })];
      const llm = transport({ providers: [a, b] });
      const result = await settled(llm.complete(hello, { timeoutMs: 4_000 }));
      expect(result).toMatchObject({ ok: true, ms: about(2_000), value: { provider: 'b' } });
      expect(result.ok && result.value.attempts[0]?.outcome).toBe('timeout');
      await kept(llm.complete(hello, { timeoutMs: 4_000 }));
      await kept(llm.complete(hello, { timeoutMs: 4_000 }));
      expect(llm.health()[0]).toMatchObject({ circuit: 'open', lastError: 'timeout' });
      expect(await settled(llm.complete(hello, { timeoutMs: 4_000 }))).toMatchObject({ ok: true, ms: 0 });
    });

    it('leaves all of it to the last provider, and blames nobody when it is over', async () => {
      const a = simulated({ name: 'a', fault: 'silence-after-headers' });
      const llm = transport({ providers: [a] });
      for (let count = 0; count < 5; count++)
        expect(await broken(llm.complete(hello, { timeoutMs: 4_000 }))).toMatchObject({
          code: 'deadline_exceeded',
          ms: 4_000,
        });
      expect([llm.health()[0]?.circuit, requestsAt(a)]).toEqual(['closed', 5]);
    });
  });

  describe('with a slow reader', () => {
    /** 40 chunks of 4 KiB: more than is read ahead. */
    const long = () =>
      scripted(async function* (): AsyncGenerator<Chunk> {
        for (let part = 0; part < 40; part++) yield { type: 'text', text: `${part}`.padEnd(4_096, '.') };
        yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
      });

    it('stands still while the reader is the one that is waited for', async () => {
      const llm = transport({ providers: [long()], timeout: { idleMs: 500, abandonedMs: 60_000 } });
      const stream = await kept(llm.complete({ ...hello, stream: true }));
      const iterator = stream[Symbol.asyncIterator]();
      let chunks = 0;
      for (;;) {
        const { done, value } = await kept(iterator.next());
        if (done) break;
        if (value.type === 'text') chunks += 1;
        await advance(5_000);
      }
      expect(chunks).toBe(40);
    });

    it('cancels a stream that nobody reads any more', async () => {
      const llm = transport({ providers: [long()], timeout: { abandonedMs: 3_000 } });
      const stream = await kept(llm.complete({ ...hello, stream: true }));
      const iterator = stream[Symbol.asyncIterator]();
      await advance(2_900);
      expect(llm.health()[0]?.inFlight).toBe(1);
      for (let count = 0; count < 3; count++) await kept(iterator.next());
      await advance(2_900);
      expect(llm.health()[0]?.inFlight).toBe(1);
      await advance(200);
      expect(llm.health()[0]?.inFlight).toBe(0);
      expect(await broken(stream.completion)).toMatchObject({
        ...{ code: 'cancelled', message: 'Nobody read the stream for 3000 ms' },
      });
      expect(llm.health()[0]?.circuit).toBe('closed');
    });

    it('needs no reader for an answer that fits into what is read ahead', async () => {
      const llm = transport({ providers: [simulated({ name: 'a' })], timeout: { abandonedMs: 100 } });
      const stream = await kept(llm.complete({ ...hello, stream: true }));
      await advance(10_000);
      expect((await kept(readAll(stream))).text).toBe(answerTo('Hello'));
    });
  });

  it('can be left out: then only the deadline ends a silence', async () => {
    const a = simulated({ name: 'a', fault: 'silence-after-headers' });
    const llm = transport({ providers: [a, simulated({ name: 'b' })], timeout: false });
    const call = watch(llm.complete(hello, { timeoutMs: 3_600_000 }));
    await advance(3_000_000);
    expect(call.result).toBeUndefined();
    await advance(600_000);
    await flush();
    expect(given(call.result)).toMatchObject({ ok: false, code: 'deadline_exceeded' });
  });

  it('counts against the circuit', async () => {
    const a = simulated({ name: 'a', fault: 'silence-after-headers' });
    const llm = transport({ providers: [a], timeout: { firstContentMs: 100 } });
    const error = await broken(llm.complete(hello, { timeoutMs: 30_000 }));
    expect(asked(error).length).toBeGreaterThanOrEqual(3);
    expect(llm.health()[0]?.circuit).not.toBe('closed');
  });

  describe('the layer alone', () => {
    /** Over a reply that is under way; `below` is the context that it was asked with. */
    function layer(provider: Candidate | undefined) {
      const controller = new AbortController();
      const listeners = listenersOf(controller.signal);
      const { above } = aCall({ signal: controller.signal });
      const { reply, settle } = foreignReply(new Source());
      const below: Context[] = [];
      const answers = { handler: async () => reply };
      const handler = timeout({ firstContentMs: 100, idleMs: 50 })(
        (_, context) => {
          below.push(context);
          return answers.handler();
        },
        { provider, onClose: () => {} },
      );
      const tell = (what: (watcher: Watcher) => void) => {
        for (const watcher of given(below[0]).get(watchers)) what(watcher);
      };
      return { ask: () => handler(hello, above), below, answers, settle, listeners, tell };
    }

    it('says of whom nothing came, where it is known', async () => {
      for (const [provider, message] of [
        [aHealth(aProvider({ name: 'a' })).health, 'a: no first content within 100 ms'],
        [undefined, 'The provider: no first content within 100 ms'],
      ] as const) {
        const { ask, below, tell } = layer(provider);
        await ask();
        tell((watcher) => watcher.waiting?.('stream'));
        await advance(105);
        expect(given(below[0]).signal.reason).toMatchObject({ code: 'timeout', message, provider: provider?.name });
      }
    });

    it('does not begin to run because of a piece that nobody waits for', async () => {
      const { ask, below, tell } = layer(undefined);
      await ask();
      tell((watcher) => watcher.waiting?.('stream'));
      tell((watcher) => watcher.content?.());
      tell((watcher) => watcher.progress?.(performance.now()));
      await advance(1_000);
      expect(given(below[0]).signal.aborted).toBe(false);
    });

    it('runs no longer once it is done or has failed, and lets go of the signal that it follows', async () => {
      const answered = layer(undefined);
      await answered.ask();
      answered.tell((watcher) => watcher.waiting?.('stream'));
      expect(answered.listeners()).toBe(1);
      answered.settle();
      const failed = layer(undefined);
      failed.answers.handler = () => Promise.reject(new TransportError('server_error', 'x'));
      await expect(failed.ask()).rejects.toMatchObject({ code: 'server_error' });
      await advance(1_000);
      for (const { below, listeners } of [answered, failed])
        expect([listeners(), given(below[0]).signal.aborted]).toEqual([0, false]);
    });
  });
});
