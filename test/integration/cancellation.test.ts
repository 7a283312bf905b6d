import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Transport } from '../../src/core/types.ts';
import { answerTo, type SimulatedServer, type SimulatedServerOptions, simulated } from '../../src/testing/index.ts';
import { Bench, errorOf, modes, pause, pool, providerAt, see, typed, until } from './support.ts';

/** Long enough that nothing here ends by itself. */
const words = 2_000;
const slow: SimulatedServerOptions = { words, tokenMs: 4 };
/** Tokens that a server may still make before it sees that the client has left. */
const unnoticed = 25;

/** Where a call is when it is given up. */
const phases: readonly { readonly phase: string; readonly server: SimulatedServerOptions; readonly tokens: number }[] =
  [
    { phase: 'before headers', server: { fault: 'silence-before-headers' }, tokens: 0 },
    { phase: 'before content', server: { fault: 'stall-before-content' }, tokens: 0 },
    { phase: 'in the middle of the answer', server: slow, tokens: 5 },
  ];
const places = phases.flatMap((place) => modes.map((mode) => ({ ...place, mode })));

/** Waits until the server is as far as the phase says. Of an answer that is not streamed only the making can be seen. */
async function reached(server: SimulatedServer, tokens: number) {
  const record = await server.received(1);
  await until(() => record.outputTokens >= tokens, `${tokens} tokens made`);
  return record;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Everything is as before the call, and stays so. */
async function expectNothingLeft(llm: Transport, ...servers: readonly SimulatedServer[]): Promise<void> {
  await until(() => servers.every(({ inFlight }) => inFlight === 0), 'no exchange at a server');
  expect(llm.health().map(({ inFlight, queued }) => ({ inFlight, queued }))).toEqual(
    servers.map(() => ({ inFlight: 0, queued: 0 })),
  );
  const requests = servers.map((server) => server.requests.length);
  // Longer than a first back-off.
  await pause(250);
  expect(servers.map((server) => server.requests.length)).toEqual(requests);
}

describe('A signal that is aborted', () => {
  it.concurrent.each(places)(
    '$phase, $mode: closes the socket at once and makes no other attempt',
    async ({ server, tokens, mode }) => {
      await using bench = new Bench();
      const primary = await bench.server(server);
      const backup = await bench.server();
      const llm = bench.over({ primary, backup }, mode, { timeout: {} });
      const controller = new AbortController();
      const seeing = see(llm, mode, { prompt: 'Hello' }, { signal: controller.signal });
      const record = await reached(primary, tokens);
      const made = record.outputTokens;
      controller.abort();
      const { error } = await seeing;
      await record.closed;

      expect(error).toMatchObject({ code: 'cancelled', retry: 'never', blame: 'caller' });
      expect(error?.attempts).toMatchObject([{ provider: 'primary', outcome: 'cancelled' }]);
      expect(record.closedByClientAt).toBeDefined();
      expect(record.outputTokens - made).toBeLessThan(unnoticed);
      await expectNothingLeft(llm, primary, backup);
      expect([primary.requests.length, backup.requests.length]).toEqual([1, 0]);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      // It says nothing about the provider.
      expect(llm.health()[0]).toMatchObject({ circuit: 'closed', failureRatio: 0 });
    },
  );

  it('before the call: nothing is sent', async () => {
    await using bench = new Bench();
    const primary = await bench.server();
    const llm = bench.over({ primary });
    for (const mode of modes)
      expect((await see(llm, mode, { prompt: 'Hello' }, { signal: AbortSignal.abort() })).error?.code).toBe(
        'cancelled',
      );
    await expectNothingLeft(llm, primary);
    expect(primary.requests).toEqual([]);
  });

  it('while the call waits for a retry: ends the wait, and nothing more is sent', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'rate-limited' });
    const llm = bench.over({ primary });
    const controller = new AbortController();
    const seeing = errorOf(llm.complete({ prompt: 'Hello' }, { signal: controller.signal }));
    await (await primary.received(1)).closed;
    await until(() => llm.health()[0]?.inFlight === 0, 'the first attempt over');
    await pause(20);
    controller.abort();
    // Turns of the loop, and no time: it would have waited a second, and a busy machine holds up both.
    expect(await Promise.race([seeing.then(({ code }) => code), turns(100).then(() => 'waits on')])).toBe('cancelled');
    await pause(1_100);
    expect(primary.requests).toHaveLength(1);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('while the call waits in line: leaves the line, and is never sent', async () => {
    await using bench = new Bench();
    const primary = await bench.server(slow);
    const llm = bench.transport({ providers: [providerAt(primary, 'primary', { limits: { concurrency: 2 } })] });
    const first = new AbortController();
    const running = [1, 2].map(() => errorOf(llm.complete({ prompt: 'Hello' }, { signal: first.signal })));
    await primary.received(2);
    const controller = new AbortController();
    const waiting = Array.from({ length: 20 }, (_, index) =>
      errorOf(llm.complete({ prompt: `Hello ${index}` }, { signal: controller.signal })),
    );
    await until(() => llm.health()[0]?.queued === 20, 'twenty in line');
    controller.abort();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'cancelled', attempts: [] });
    expect(llm.health()).toMatchObject([{ inFlight: 2, queued: 0 }]);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    first.abort();
    await Promise.all(running);
    await expectNothingLeft(llm, primary);
    expect(primary.requests).toHaveLength(2);
  });
});

describe('The reader of a stream', () => {
  const ways: readonly { readonly way: string; readonly leave: (llm: Transport) => Promise<unknown> }[] = [
    {
      way: 'by break',
      leave: async (llm) => {
        let read = 0;
        for await (const _ of await llm.complete({ prompt: 'Hello', stream: true })) {
          read += 1;
          if (read === 5) break;
        }
      },
    },
    {
      way: 'by break out of the text',
      leave: async (llm) => {
        let read = 0;
        for await (const _ of (await llm.complete({ prompt: 'Hello', stream: true })).text) {
          read += 1;
          if (read === 5) break;
        }
      },
    },
    {
      way: 'by throwing',
      leave: async (llm) => {
        const stream = await llm.complete({ prompt: 'Hello', stream: true });
        const reading = (async () => {
          for await (const _ of stream) throw new Error('enough');
        })();
        await expect(reading).rejects.toThrow('enough');
      },
    },
    {
      way: 'by return()',
      leave: async (llm) => {
        const iterator = (await llm.complete({ prompt: 'Hello', stream: true }))[Symbol.asyncIterator]();
        await iterator.next();
        expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
        expect(await iterator.next()).toEqual({ done: true, value: undefined });
      },
    },
    {
      way: 'by return() while a chunk is awaited',
      leave: async (llm) => {
        const iterator = (await llm.complete({ prompt: 'Hello', stream: true }))[Symbol.asyncIterator]();
        for (let read = 0; read < 5; read += 1) await iterator.next();
        const pending = iterator.next();
        await iterator.return?.();
        expect(await pending).toEqual({ done: true, value: undefined });
      },
    },
  ];

  it.concurrent.each(ways)(
    'leaves $way: that closes the socket at once, also when the provider stalls',
    async ({ leave }) => {
      for (const server of [slow, { fault: { kind: 'stall', afterTokens: 5 } } as const]) {
        await using bench = new Bench();
        const primary = await bench.server(server);
        const backup = await bench.server();
        const llm = bench.over({ primary, backup }, 'streaming', { timeout: {} });
        await leave(llm);
        const record = await primary.received(1);
        const made = record.outputTokens;
        await record.closed;
        expect(record.closedByClientAt).toBeDefined();
        expect(record.outputTokens - made).toBeLessThan(unnoticed);
        await expectNothingLeft(llm, primary, backup);
        expect([primary.requests.length, backup.requests.length]).toEqual([1, 0]);
      }
    },
  );

  it('who only asks for the completion gets the whole answer, and the connection is kept', async () => {
    await using bench = new Bench();
    const primary = await bench.server();
    const llm = bench.over({ primary });
    const stream = await llm.complete({ prompt: 'Hello', stream: true });
    const { text } = await stream.completion;
    await (await primary.received(1)).closed;
    expect(text).toBe(answerTo('Hello'));
    expect(primary.requests[0]).toMatchObject({ whole: true, closedByClientAt: undefined });
    await expectNothingLeft(llm, primary);
  });

  it('who has asked for the completion and then aborts gets cancelled', async () => {
    await using bench = new Bench();
    const primary = await bench.server(slow);
    const llm = bench.over({ primary }, 'streaming', { timeout: {} });
    const controller = new AbortController();
    const stream = await llm.complete({ prompt: 'Hello', stream: true }, { signal: controller.signal });
    const completion = errorOf(stream.completion);
    const record = await reached(primary, 10);
    controller.abort();
    expect((await completion).code).toBe('cancelled');
    await record.closed;
    expect(record.closedByClientAt).toBeDefined();
    await expectNothingLeft(llm, primary);
  });

  it('who never reads keeps nothing: after abandonedMs the stream is cancelled', async () => {
    await using bench = new Bench();
    // More than is read ahead, and than all the buffers between here and there can take.
    const primary = await bench.server({ answer: () => Array(2_000).fill('x'.repeat(16_000)).join(' ') });
    const llm = bench.over({ primary }, 'streaming', { timeout: { abandonedMs: 100 } });
    const stream = await llm.complete({ prompt: 'Hello', stream: true });
    const record = await primary.received(1);
    await record.closed;
    expect(record.closedByClientAt).toBeDefined();
    expect((await errorOf(stream.completion)).code).toBe('cancelled');
    await expectNothingLeft(llm, primary);
  });
});

describe('A deadline', () => {
  it.concurrent.each(places)(
    '$phase, $mode: closes the socket and makes no other attempt after it',
    async ({ server, mode, tokens }) => {
      await using bench = new Bench();
      const primary = await bench.server(server);
      const llm = bench.over({ primary }, mode, { timeout: {} });
      const from = Date.now();
      const timeoutMs = 300;
      const { error, text } = await see(llm, mode, { prompt: 'Hello' }, { timeoutMs });
      const took = Date.now() - from;
      const record = await primary.received(1);
      await record.closed;
      expect(error).toMatchObject({ code: 'deadline_exceeded', retry: 'never', blame: 'caller' });
      expect(took).toBeGreaterThanOrEqual(timeoutMs - 1);
      expect(took).toBeLessThan(6 * timeoutMs);
      expect(record.closedByClientAt).toBeDefined();
      // It would have gone on for seconds.
      expect(record.outputTokens).toBeLessThan(words / 4);
      if (mode === 'streaming' && tokens > 0) {
        expect(text).not.toBe('');
        expect(error?.partial?.text).toBe(text);
      }
      await expectNothingLeft(llm, primary);
      expect(primary.requests).toHaveLength(1);
    },
  );

  it('leaves half of its time to the backup when the primary is silent', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ fault: 'silence-after-headers' });
    const backup = await bench.server();
    const llm = bench.over({ primary, backup }, 'unary', { timeout: {} });
    const completion = await llm.complete({ prompt: 'Hello' }, { timeoutMs: 800 });
    expect(completion.attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
      ['primary', 'timeout'],
      ['backup', 'ok'],
    ]);
    await expectNothingLeft(llm, primary, backup);
  });
});

describe('After very many cancelled calls', () => {
  /** Ways to end a call early, in turn. All share a signal that lives on. */
  async function giveUp(llm: Transport, index: number, shared: AbortSignal): Promise<void> {
    const prompt = `Hello ${index}`;
    // A deadline that is far away when the call ends.
    const options = { signal: shared, timeoutMs: 600_000 };
    const settled = (promise: Promise<unknown>) => promise.then(undefined, typed);
    switch (index % 4) {
      case 0: {
        const stream = await llm.complete({ prompt, stream: true }, options);
        for await (const _ of stream) break;
        return;
      }
      case 1: {
        const iterator = (await llm.complete({ prompt, stream: true }, options))[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.return?.();
        return;
      }
      case 2: {
        // Before it is answered or in the middle of it, whichever comes first.
        const call = llm.complete({ prompt, stream: true }, { signal: shared, timeoutMs: 20 });
        const error = (await settled(call.then((stream) => stream.completion))) as
          | { readonly code?: string }
          | undefined;
        // Told at once that it would wait for too long, when five hundred are under way.
        expect(['deadline_exceeded', 'queue_full']).toContain(error?.code);
        return;
      }
      default: {
        // One that depends on the shared one, as servers do it for each of their requests.
        const own = new AbortController();
        const forward = () => own.abort();
        shared.addEventListener('abort', forward);
        const call = settled(llm.complete({ prompt }, { ...options, signal: own.signal }));
        await Promise.resolve();
        own.abort();
        expect(await call).toMatchObject({ code: 'cancelled' });
        shared.removeEventListener('abort', forward);
        expect(getEventListeners(own.signal, 'abort')).toEqual([]);
      }
    }
  }

  const timersNow = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  it('in process, 10,000: no listener on a long-lived signal, no timer, no slot', async () => {
    await using bench = new Bench();
    const provider = simulated({ words: 50, firstTokenMs: 0, tokenMs: 5, keepRequests: 10 });
    const llm = bench.transport({ providers: [provider] });
    const controller = new AbortController();
    const { signal } = controller;
    await llm.complete({ prompt: 'Hello' }, { signal });
    const before = timersNow();
    const indices = Array.from({ length: 9_000 }, (_, index) => index);
    await pool(500, indices, (index) => giveUp(llm, index, signal));
    expect(getEventListeners(signal, 'abort')).toEqual([]);

    // And a thousand that the signal itself ends, all at once: streams that are read, answers that are awaited, calls in line.
    const calls = indices.slice(0, 1_000).map(async (index) => {
      if (index % 2 === 0) return llm.complete({ prompt: 'Hello' }, { signal });
      const stream = await llm.complete({ prompt: 'Hello', stream: true }, { signal });
      for await (const _ of stream);
      return stream.completion;
    });
    const ended = Promise.all(calls.map((call) => call.then(undefined, (error: unknown) => typed(error).code)));
    await pause(20);
    controller.abort();
    expect(new Set(await ended)).toEqual(new Set(['cancelled']));

    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(llm.health()).toMatchObject([{ inFlight: 0, queued: 0, circuit: 'closed' }]);
    await until(() => provider.inFlight === 0, 'nothing in flight at the provider');
    await until(() => timersNow() <= before, `at most ${before} timers`);
    expect((await llm.complete({ prompt: 'Hello' })).attempts).toHaveLength(1);
  }, 90_000);

  it('over HTTP, 400: no listener, no timer, no slot, and every exchange is ended by us', async () => {
    await using bench = new Bench();
    const primary = await bench.server({ words: 400, tokenMs: 5 });
    const llm = bench.over({ primary }, 'unary', { timeout: {} });
    const { signal } = new AbortController();
    await see(llm, 'streaming', { prompt: 'Hello' }, { timeoutMs: 100 });
    await until(() => primary.inFlight === 0, 'the first exchange over');
    const before = timersNow();
    const indices = Array.from({ length: 400 }, (_, index) => index);
    await pool(50, indices, (index) => giveUp(llm, index, signal));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(llm.health()).toMatchObject([{ inFlight: 0, queued: 0 }]);
    // A connection that was made for a request that was never sent is kept for the next: that is no leak.
    await until(() => primary.inFlight === 0, 'no exchange at the server');
    for (const record of primary.requests) expect(record.closedByClientAt).toBeDefined();
    await until(() => timersNow() <= before, `at most ${before} timers`);
  }, 90_000);
});
