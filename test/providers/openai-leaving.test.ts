import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import {
  answering,
  contextFor,
  delta,
  errorOf,
  good,
  hello,
  providerOf,
  read,
  type Server,
  sse,
  until,
} from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(sse(good));
});
afterEach(() => server.close());

describe('leaving a stream', () => {
  const stall = sse([delta({ content: 'Hel' })], { end: () => {} });

  test('closes the socket at once', async () => {
    server.answer(stall);
    for await (const chunk of providerOf(server).stream?.(hello, contextFor().context) ?? []) {
      expect(chunk).toEqual({ type: 'text', text: 'Hel' });
      break;
    }
    await until(() => server.openSockets === 0);
  });

  test('closes the socket also while a chunk is awaited, and that wait ends quietly', async () => {
    server.answer(stall);
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    await iterator?.next();
    const waiting = iterator?.next();
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.openSockets === 0);
  });

  test('closes the socket also before the headers have come', async () => {
    server.answer(() => {});
    const iterator = providerOf(server).stream?.(hello, contextFor().context)[Symbol.asyncIterator]();
    const waiting = iterator?.next();
    await until(() => server.requests.length === 1);
    await iterator?.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await until(() => server.openSockets === 0);
  });

  test.each([
    ['before the headers', () => {}],
    ['after the headers', sse([], { end: () => {} })],
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
    await until(() => server.openSockets === 0);
  });

  test('by a plain abort is a cancellation', async () => {
    server.answer(stall);
    const controller = new AbortController();
    const reading = read(providerOf(server), hello, contextFor(controller.signal));
    await until(() => server.requests.length === 1);
    controller.abort();
    expect((await reading).error?.code).toBe('cancelled');
  });

  test('that was aborted before it began sends nothing', async () => {
    const { error } = await read(providerOf(server), hello, contextFor(AbortSignal.abort()));
    expect([error?.code, server.requests.length]).toEqual(['cancelled', 0]);
  });

  test('leaves no listener on the signal', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
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
    await read(providerOf(server), hello, contextFor(signal));
    expect(listeners).toBe(0);
  });
});

test('an answer that is not streamed can be aborted while its body comes', async () => {
  server.answer((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"choices":');
  });
  const controller = new AbortController();
  const asking = errorOf(providerOf(server).complete(hello, contextFor(controller.signal).context));
  await until(() => server.requests.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort();
  expect((await asking).code).toBe('cancelled');
  await until(() => server.openSockets === 0);
});
