import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { chunk, good, providerOf, stream } from './google-support.ts';
import { answering, contextFor, errorOf, hello, read, type Server, until } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(stream(good));
});
afterEach(() => server.close());

const stall = stream([chunk([{ text: 'Hel' }])], { end: () => {} });

describe('leaving a stream of Gemini', () => {
  test('closes the socket at once, which the SDK would not', async () => {
    server.answer(stall);
    for await (const piece of providerOf(server).stream?.(hello, contextFor().context) ?? []) {
      expect(piece).toEqual({ type: 'text', text: 'Hel' });
      break;
    }
    await until(() => server.closedEarly === 1);
  });

  test('closes the socket also while a chunk is awaited, and that wait ends quietly', async () => {
    server.answer(stall);
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    await iterator?.next();
    const waiting = iterator?.next();
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.closedEarly === 1);
  });

  test('closes the socket also before the headers have come', async () => {
    server.answer(() => {});
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    const waiting = iterator?.next();
    await until(() => server.requests.length === 1);
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.closedEarly === 1);
  });

  test.each([
    ['before the headers', () => {}],
    ['after the headers', stream([], { end: () => {} })],
    ['after some content', stall],
  ])('by an abort %s rejects with its reason and closes the socket', async (_, answer) => {
    server.answer(answer);
    const controller = new AbortController();
    const reason = new TransportError('timeout', 'too slow');
    const reading = read(providerOf(server), hello, contextFor(controller.signal));
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort(reason);
    expect((await reading).error).toBe(reason);
    await until(() => server.closedEarly === 1);
  });

  test('by an abort while an error body comes rejects with its reason', async () => {
    server.answer((response) => {
      response.writeHead(503, { 'content-type': 'application/json' });
      response.write('{"error":');
    });
    const controller = new AbortController();
    const reason = new TransportError('timeout', 'too slow');
    const reading = read(providerOf(server), hello, contextFor(controller.signal));
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort(reason);
    expect((await reading).error).toBe(reason);
    await until(() => server.closedEarly === 1);
  });

  test('that was aborted before it began sends nothing, streamed or not', async () => {
    const { error } = await read(providerOf(server), hello, contextFor(AbortSignal.abort()));
    const other = await errorOf(providerOf(server).complete(hello, contextFor(AbortSignal.abort()).context));
    expect([error?.code, other.code, server.requests.length]).toEqual(['cancelled', 'cancelled', 0]);
  });

  test.each(['streamed', 'unstreamed'])(
    'leaves no listener on the signal of a %s call, as the SDK would',
    async (way) => {
      const { signal } = new AbortController();
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners += 1;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...args);
      };
      const given = contextFor(signal);
      if (way === 'streamed') await read(providerOf(server), hello, given);
      else
        await providerOf(server)
          .complete(hello, given.context)
          .catch(() => {});
      expect(listeners).toBe(0);
    },
  );

  test('is not lost to a garbage collection, for the signal is given to fetch itself', async () => {
    server.answer(stall);
    const controller = new AbortController();
    const reading = read(providerOf(server), hello, contextFor(controller.signal));
    await until(() => server.requests.length === 1);
    for (let turn = 0; turn < 3; turn += 1) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    controller.abort();
    expect((await reading).error?.code).toBe('cancelled');
    await until(() => server.closedEarly === 1);
  });
});
