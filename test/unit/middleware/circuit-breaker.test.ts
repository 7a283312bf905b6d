import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MovingAverage } from '../../../src/control/moving-average.ts';
import { RttEstimator } from '../../../src/control/rtt-estimator.ts';
import { type Call, createContext, watchers } from '../../../src/core/context.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { Events, type TransportEvent } from '../../../src/core/events.ts';
import { Health, ProviderHealth } from '../../../src/core/health.ts';
import { itinerary } from '../../../src/core/itinerary.ts';
import { now } from '../../../src/core/time.ts';
import type { CircuitBreakerOptions, Handler, Outcome } from '../../../src/core/types.ts';
import { circuitBreaker } from '../../../src/middleware/circuit-breaker.ts';
import { type FaultName, randomFrom, type SimulatedProvider, simulated } from '../../../src/testing/index.ts';
import { aCall, listenersOf } from '../core/support.ts';
import {
  advance,
  allSettled,
  asked,
  broken,
  chance,
  finish,
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

const hello = { prompt: 'Hello' };

/** The layer alone: attempts are answered, and end, when the test says so. */
function layer(options: CircuitBreakerOptions = {}, others: readonly { serves: boolean }[] = []) {
  const all = new Health();
  const estimate = () => ({
    firstContent: new MovingAverage(1),
    chunkGap: new MovingAverage(1),
    rtt: () => new RttEstimator(),
  });
  const health = new ProviderHealth(
    { name: 'a', domain: 'a', kind: 't', model: 'm' } as never,
    estimate(),
    all.changed,
  );
  all.providers.push(health);
  for (const [index, other] of others.entries()) {
    const one = new ProviderHealth({ name: `b${index}`, domain: 'b', kind: 't', model: 'm' } as never, estimate());
    Object.defineProperty(one, 'circuit', { get: () => (other.serves ? 'closed' : 'open') });
    all.providers.push(one);
  }
  const changes: string[] = [];
  const cleanups: (() => void | Promise<void>)[] = [];
  const open: {
    readonly probe: boolean;
    readonly startedAt: number;
    readonly signal: AbortSignal;
    waiting(wire: 'stream' | 'unary'): void;
    progress(): void;
    answer(): void;
    end(outcome: boolean | 'neutral'): void;
  }[] = [];
  const next: Handler = (_request, context) =>
    new Promise((resolve, reject) => {
      let finishDone: ((outcome: Outcome) => void) | undefined;
      const attempt = {
        probe: context.get(itinerary).hop?.probe ?? false,
        startedAt: Date.now(),
        signal: context.signal,
        waiting(wire: 'stream' | 'unary') {
          for (const watcher of context.get(watchers)) watcher.waiting?.(wire);
        },
        progress() {
          for (const watcher of context.get(watchers)) watcher.progress?.(now());
        },
        answer() {
          for (const watcher of context.get(watchers)) watcher.content?.();
          const done = new Promise<Outcome>((settle) => {
            finishDone = settle;
          });
          resolve({ provider: 'a', chunks: [] as never, done });
        },
        end(outcome: boolean | 'neutral') {
          open.splice(open.indexOf(attempt), 1);
          const error = new TransportError(outcome === false ? 'server_error' : 'invalid_request', 'no', {
            provider: 'a',
          });
          if (outcome === true && finishDone === undefined) attempt.answer();
          if (finishDone === undefined) reject(error);
          else finishDone(outcome === true ? { ok: true, completion: {} as never } : { ok: false, error });
        },
      };
      open.push(attempt);
    });
  const handler = circuitBreaker(options, {
    health,
    all,
    publish: (event) => changes.push(`${String(event.from)}→${String(event.to)}`),
  })(next, { provider: health, onClose: (cleanup) => cleanups.push(cleanup) });

  /** Begins an attempt of a call that has no itinerary. */
  const ask = () => handler(hello, aCall().context);

  /** Begins an attempt. Returns the code with which it was refused, if it was. */
  async function begin(signal = new AbortController().signal): Promise<string | undefined> {
    const call: Call = {
      transactionId: 't',
      priority: 'default',
      startedAt: 0,
      attempts: [],
      events: new Events(),
      lastAttempt: 0,
    };
    const hop = { probe: false };
    const context = createContext(call, { signal }).with(itinerary.of({ ...itinerary.initial, hop }));
    let refused: string | undefined;
    handler(hello, context).catch((error: TransportError) => {
      refused = error.code;
    });
    await flush();
    return refused;
  }
  async function attempt(outcome: boolean | 'neutral'): Promise<string | undefined> {
    const refused = await begin();
    if (refused === undefined) open.at(-1)?.end(outcome);
    await flush();
    return refused;
  }
  /** Lets the circuit open. */
  async function trip(): Promise<void> {
    for (let count = 0; count < 3; count++) await attempt(false);
    expect(health.circuit).toBe('open');
  }
  return {
    health,
    all,
    open,
    changes,
    ask,
    begin,
    attempt,
    trip,
    close: () => cleanups.forEach((cleanup) => void cleanup()),
  };
}

describe('what counts', () => {
  /** Ten calls at a provider with this fault: what became of its circuit. */
  async function circuitAfter(fault: FaultName, { stream = false, abortAfterMs = 0 } = {}): Promise<string> {
    const a = simulated({ name: 'a', fault });
    const llm = transport({
      providers: [a],
      retry: false,
      timeout: { firstContentMs: 500, idleMs: 500 },
    });
    for (let count = 0; count < 10; count++) {
      const controller = new AbortController();
      if (abortAfterMs > 0) setTimeout(() => controller.abort(), abortAfterMs);
      const call = llm.complete({ ...hello, stream } as never, { signal: controller.signal }) as Promise<unknown>;
      await settled(stream ? call.then((opened) => readAll(opened as never)) : call);
      await advance(1);
    }
    const circuit = llm.health()[0]?.circuit ?? '';
    await finish(llm);
    return circuit;
  }

  it.each(['context-length', 'invalid-request', 'refusal', 'content-policy', 'unprocessable', 'too-large'] as const)(
    '%s has no effect',
    async (fault) => {
      expect(await circuitAfter(fault)).toBe('closed');
    },
  );

  it.each(['silence-after-headers', 'stall'] as const)("the caller's abort has no effect: %s", async (fault) => {
    expect(await circuitAfter(fault, { abortAfterMs: 50 })).toBe('closed');
    expect(await circuitAfter(fault, { abortAfterMs: 50, stream: true })).toBe('closed');
  });

  it.each(['rate-limited', 'rate-limited-no-hint', 'rate-limited-600s'] as const)(
    '%s parks and does not trip',
    async (fault) => {
      const a = simulated({ name: 'a', fault });
      const llm = transport({ providers: [a, simulated({ name: 'b' })], retry: false });
      const results = await allSettled(Array.from({ length: 10 }, () => llm.complete(hello)));
      expect(results.some(({ code }) => code === 'rate_limited')).toBe(true);
      const [health] = llm.health();
      expect(health?.circuit).toBe('closed');
      expect(health?.parkedUntil).toBeGreaterThan(Date.now());
    },
  );

  it.each([
    'http-500',
    'http-503',
    'http-529',
    'connection-refused',
    'reset-after-headers',
    'silence-before-headers',
    'stall',
    'cut-reset',
    'missing-terminal-event',
    'malformed-json',
    'empty-answer',
    'error-in-200',
  ] as const)('%s counts', async (fault) => {
    expect(await circuitAfter(fault)).not.toBe('closed');
  });

  it.each(['cut-reset', 'cut-end', 'stall', 'stream-error-after-content'] as const)(
    '%s counts, although the stream was answered',
    async (fault) => {
      expect(await circuitAfter(fault, { stream: true })).not.toBe('closed');
    },
  );

  it('the reader who leaves has no effect', async () => {
    const a = simulated({ name: 'a', tokenMs: 10 });
    const llm = transport({ providers: [a] });
    for (let count = 0; count < 10; count++) {
      const stream = await kept(llm.complete({ ...hello, stream: true }));
      const iterator = stream[Symbol.asyncIterator]();
      await kept(iterator.next());
      await iterator.return?.();
      await flush();
    }
    expect(llm.health()[0]).toMatchObject({ circuit: 'closed', failureRatio: 0 });
  });
});

describe('when it opens', () => {
  it('is after three failures in a row, or more than half of at least ten', async () => {
    const inARow = layer();
    await inARow.attempt(false);
    await inARow.attempt(false);
    await inARow.attempt(true);
    await inARow.attempt(false);
    await inARow.attempt(false);
    expect(inARow.health.circuit).toBe('closed');
    await inARow.attempt(false);
    expect(inARow.health.circuit).toBe('open');
    inARow.close();

    const share = layer();
    for (const outcome of [false, true, false, false, true, false, true, false, false]) await share.attempt(outcome);
    expect(share.health.circuit).toBe('closed');
    await share.attempt(true);
    expect([share.health.circuit, share.health.failureRatio]).toEqual(['closed', 0.6]);
    await share.attempt(false);
    expect(share.health.circuit).toBe('open');
    share.close();
  });

  it('forgets what is older than the window', async () => {
    const circuit = layer({ windowMs: 6_000 });
    for (let count = 0; count < 6; count++) {
      await circuit.attempt(true);
      await circuit.attempt(false);
    }
    expect(circuit.health).toMatchObject({ circuit: 'closed', failureRatio: 0.5 });
    await advance(8_000);
    await circuit.attempt(false);
    expect(circuit.health).toMatchObject({ circuit: 'closed', failureRatio: 1 });
    circuit.close();
  });

  it('judges calls right that are longer than the window', async () => {
    for (const [fails, opens] of [
      [(index: number) => index % 2 === 1 || index % 20 === 0, true],
      [(index: number) => index === 99, false],
    ] as const) {
      const a = simulated({
        name: 'a',
        words: 2,
        firstTokenMs: 250,
        script: ({ index }) => (fails(index) ? { kind: 'cut', afterTokens: 1, by: 'reset' } : 'ok'),
      });
      const llm = transport({ providers: [a], retry: false, circuitBreaker: { windowMs: 100 } });
      const changes: TransportEvent[] = [];
      llm.on('circuit:change', (event) => changes.push(event));
      const calls: Promise<unknown>[] = [];
      for (let count = 0; count < 100; count++) {
        const call = llm.complete(hello);
        watch(call);
        calls.push(call);
        await advance(4);
      }
      await allSettled(calls);
      expect(changes.length > 0).toBe(opens);
      await finish(llm);
    }
  });

  it('does not judge a burst by its failures, which come first', async () => {
    const circuit = layer();
    for (let count = 0; count < 100; count++) await circuit.begin();
    for (let count = 0; count < 30; count++) circuit.open[0]?.end(false);
    await flush();
    expect(circuit.health.circuit).toBe('closed');
    for (let count = 0; count < 30; count++) circuit.open[0]?.end(false);
    await flush();
    expect(circuit.health.circuit).toBe('open');
    circuit.close();
  });
});

describe('once it is open', () => {
  it('the backup is asked directly', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'http-500' }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b] });
    for (let count = 0; count < 3; count++) await kept(llm.complete(hello));
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, ms: 0 });
    expect(result.ok && asked(result.value)).toEqual(['b']);
    expect(requestsAt(a)).toBe(3);
  });

  it('a probe goes out every five seconds while another serves', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'http-500' }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b] });
    for (let count = 0; count < 1_000; count++) {
      await kept(llm.complete(hello));
      await advance(50);
    }
    const gaps = a.requests
      .slice(3)
      .map(({ receivedAt }, index) => receivedAt - (a.requests[index + 2]?.receivedAt ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(9);
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(4_000);
      expect(gap).toBeLessThanOrEqual(5_100);
    }
  });

  it('a probe goes out after half a second, then 1, 1.5 … while nobody serves, never further apart than 2.5 seconds', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'http-500' }), simulated({ name: 'b', fault: 'http-500' })];
    const llm = transport({ providers: [a, b], retry: { maxWaitMs: 30_000 } });
    await broken(llm.complete(hello));
    for (const provider of [a, b]) {
      const times = provider.requests.map(({ receivedAt }) => receivedAt);
      const gaps = times.slice(3).map((at, index) => at - (times[index + 2] ?? 0));
      expect(gaps.length).toBeGreaterThan(9);
      for (const [index, gap] of gaps.entries()) {
        const most = Math.min(500 * (index + 1), 2_500);
        expect(gap).toBeGreaterThanOrEqual(most * 0.8 - 1);
        // Woken by the time that was told, and spread a little.
        expect(gap).toBeLessThanOrEqual(most + 60);
      }
    }
  });

  it('the pace follows who serves: it quickens as soon as nobody does', async () => {
    const other = { serves: true };
    const circuit = layer({}, [other]);
    await circuit.trip();
    await advance(700);
    expect(circuit.health.backMs()).toBeGreaterThan(3_000);
    other.serves = false;
    expect(circuit.health.backMs()).toBe(0);
    circuit.close();
  });

  it('one probe at a time is let through', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(600);
    const begun = await Promise.all(Array.from({ length: 10 }, () => circuit.begin()));
    expect(begun.filter((refused) => refused === undefined)).toHaveLength(1);
    expect(circuit.open).toMatchObject([{ probe: true }]);
    circuit.close();
  });

  it('a probe that succeeds closes it; of a stream the first content is enough', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(600);
    await circuit.begin();
    circuit.open[0]?.answer();
    await flush();
    expect(circuit.changes).toEqual(['closed→open', 'open→half-open', 'half-open→closed']);
    circuit.open[0]?.end(false);
    await flush();
    expect(circuit.health.circuit).toBe('closed');
    circuit.close();
  });

  it('a probe that is cancelled, or says nothing, frees its place at once', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(600);
    expect(await circuit.attempt('neutral')).toBeUndefined();
    expect(circuit.health.circuit).toBe('half-open');
    expect(await circuit.attempt(true)).toBeUndefined();
    expect(circuit.health.circuit).toBe('closed');
    circuit.close();
  });

  it('a probe that hangs frees its place after ten seconds, and what becomes of it changes nothing', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(600);
    await circuit.begin();
    await advance(9_900);
    expect(await circuit.begin()).toBe('circuit_open');
    await advance(200);
    expect(circuit.health.circuit).toBe('open');
    await advance(1_000);
    expect(await circuit.begin()).toBeUndefined();
    circuit.open[0]?.end(true);
    await flush();
    expect(circuit.health.circuit).toBe('half-open');
    circuit.open[0]?.end(true);
    await flush();
    expect(circuit.health.circuit).toBe('closed');
    circuit.close();
  });

  it('a success of an attempt that was sent before changes nothing, not even while it is half-open', async () => {
    const circuit = layer();
    for (let count = 0; count < 5; count++) await circuit.begin();
    for (let count = 0; count < 3; count++) circuit.open.at(-1)?.end(false);
    await flush();
    expect(circuit.health.circuit).toBe('open');
    circuit.open[0]?.end(true);
    await flush();
    expect(circuit.health.circuit).toBe('open');
    await advance(600);
    await circuit.begin();
    circuit.open[0]?.end(true);
    await flush();
    expect(circuit.health.circuit).toBe('half-open');
    expect(await circuit.begin()).toBe('circuit_open');
    circuit.close();
  });

  it('failures of attempts that were sent before do not open it again', async () => {
    const circuit = layer();
    for (let count = 0; count < 6; count++) await circuit.begin();
    for (let count = 0; count < 3; count++) circuit.open.at(-1)?.end(false);
    await flush();
    await advance(600);
    await circuit.attempt(true);
    expect(circuit.health.circuit).toBe('closed');
    for (let count = 0; count < 3; count++) circuit.open[0]?.end(false);
    await flush();
    expect(circuit.health).toMatchObject({ circuit: 'closed', failureRatio: 0 });
    circuit.close();
  });

  it('counts from before do not outlive the recovery', async () => {
    const circuit = layer();
    for (let count = 0; count < 20; count++) await circuit.attempt(count % 2 === 0);
    await circuit.attempt(false);
    await circuit.attempt(false);
    expect(circuit.health.circuit).toBe('open');
    await advance(600);
    await circuit.attempt(true);
    expect(circuit.health).toMatchObject({ circuit: 'closed', failureRatio: 0 });
    await circuit.attempt(false);
    await circuit.attempt(false);
    expect(circuit.health.circuit).toBe('closed');
    circuit.close();
  });

  it('reset() closes it at once', async () => {
    const a = simulated({ name: 'a', fault: 'http-500' });
    const llm = transport({ providers: [a], retry: false });
    for (let count = 0; count < 4; count++) await broken(llm.complete(hello));
    expect(requestsAt(a)).toBe(3);
    a.setFault(undefined);
    llm.reset('a');
    await kept(llm.complete(hello));
    expect(() => llm.reset('nobody')).toThrow(/nobody/);
  });

  it('the last attempt of a call names it when there was no other, with the time to come back', async () => {
    const a = simulated({ name: 'a', fault: 'http-500' });
    const llm = transport({ providers: [a], retry: { maxWaitMs: 0 } });
    for (let count = 0; count < 3; count++) await broken(llm.complete(hello));
    const error = await broken(llm.complete(hello));
    expect(error).toMatchObject({ code: 'circuit_open', provider: 'a', attempts: [], ms: 0 });
    expect(error.retryAfterMs).toBeLessThanOrEqual(500);
  });
});

describe('a probe', () => {
  /** A circuit that has opened, and one attempt that finds out. */
  async function probing(signal?: AbortSignal, prepare: (circuit: ReturnType<typeof layer>) => void = () => {}) {
    const circuit = layer();
    prepare(circuit);
    await circuit.trip();
    await advance(600);
    await circuit.begin(signal);
    const probe = given(circuit.open[0]);
    expect([circuit.health.circuit, probe.probe]).toEqual(['half-open', true]);
    return { ...circuit, probe };
  }

  it('that has shown nothing for ten seconds is stopped, as one that was late', async () => {
    const { health, probe, close } = await probing();
    probe.waiting('stream');
    await advance(9_999);
    expect([probe.signal.aborted, health.circuit]).toEqual([false, 'half-open']);
    await advance(1);
    expect([probe.signal.aborted, health.circuit]).toEqual([true, 'open']);
    expect(probe.signal.reason).toMatchObject({ code: 'timeout', provider: 'a', blame: 'provider' });
    close();
  });

  it.each(['content', 'pieces of a tool call'])(
    'that has shown %s is not stopped, and closes the circuit',
    async (what) => {
      const { health, probe, close } = await probing();
      probe.waiting('stream');
      await advance(9_000);
      if (what === 'content') probe.answer();
      else probe.progress();
      await flush();
      expect(health.circuit).toBe('closed');
      await advance(60_000);
      expect(probe.signal.aborted).toBe(false);
      close();
    },
  );

  it.each([
    ['from the beginning', [0, 0]],
    ['after a stream was refused', [0, 9_000]],
  ])('whose answer comes whole, %s, has two minutes for it', async (_, [streamedAt = 0, wholeAt = 0]) => {
    const { health, probe, attempt, close } = await probing();
    if (wholeAt > streamedAt) probe.waiting('stream');
    await advance(wholeAt);
    probe.waiting('unary');
    await advance(119_999);
    expect([probe.signal.aborted, health.circuit, health.backMs()]).toEqual([false, 'half-open', 1]);
    await advance(1);
    expect([probe.signal.aborted, health.circuit]).toEqual([true, 'open']);
    await advance(1_100);
    expect(await attempt(true)).toBeUndefined();
    expect(health.circuit).toBe('closed');
    close();
  });

  it('has as long as its model is known to take, when that is longer', async () => {
    const { health, probe, close } = await probing(undefined, (circuit) => {
      for (let sample = 0; sample < 10; sample += 1) circuit.health.pace.begun(12_000, hello);
    });
    const timeoutMs = Math.floor(given(health.pace.timeoutMs(hello, true)));
    expect(timeoutMs).toBeGreaterThan(20_000);
    await advance(timeoutMs - 1);
    expect([probe.signal.aborted, health.circuit]).toEqual([false, 'half-open']);
    await advance(1);
    expect([probe.signal.aborted, health.circuit]).toEqual([true, 'open']);
    close();
  });

  it('of a quick model has ten seconds all the same', async () => {
    const { probe, close } = await probing(undefined, (circuit) => {
      for (let sample = 0; sample < 10; sample += 1) circuit.health.pace.begun(50, hello);
    });
    await advance(9_999);
    expect(probe.signal.aborted).toBe(false);
    close();
  });

  /** Milliseconds that each of so many probes in a row has, of which none shows anything. */
  async function patience({ begin, open, health }: ReturnType<typeof layer>, probes: number): Promise<number[]> {
    const waited: number[] = [];
    while (waited.length < probes) {
      await advance(1);
      if ((await begin()) !== undefined) continue;
      const { signal } = given(open.at(-1));
      const from = Date.now();
      while (!signal.aborted) await advance(100);
      expect(health.circuit).toBe('open');
      waited.push(Date.now() - from);
    }
    return waited;
  }

  it('has twice as long as the one before that has shown nothing, while nobody knows the model: up to a minute', async () => {
    const circuit = layer();
    await circuit.trip();
    expect(await patience(circuit, 5)).toEqual([10_000, 20_000, 40_000, 60_000, 60_000]);
    // It is back, and fails again: that is another outage.
    while (circuit.health.circuit !== 'closed') {
      await advance(500);
      await circuit.attempt(true);
    }
    for (let count = 0; count < 3; count += 1) await circuit.attempt(false);
    expect(await patience(circuit, 1)).toEqual([10_000]);
    circuit.close();
  });

  it('has twice as long as the one before that has shown nothing, up to eight times what its model is known to take', async () => {
    const circuit = layer();
    for (let sample = 0; sample < 10; sample += 1) circuit.health.pace.begun(3_000, hello);
    const knownMs = given(circuit.health.pace.timeoutMs(hello, true));
    await circuit.trip();
    const waited = await patience(circuit, 5);
    const expected = [1, 2, 4, 8, 8].map((times) => Math.max(10_000, times * knownMs));
    for (const [index, ms] of waited.entries()) expect(Math.abs(ms - given(expected[index]))).toBeLessThanOrEqual(100);
    circuit.close();
  });

  it('finds out in the end that a lone provider is back whose model nobody knows, and that thinks for long', async () => {
    const a = simulated({ name: 'a', words: 1, firstTokenMs: 20_000, script: ['http-500', 'http-500', 'http-500'] });
    const llm = transport({ providers: [a] });
    expect(await settled(llm.complete(hello), 120_000)).toMatchObject({ ok: true });
    expect(llm.health()[0]?.circuit).toBe('closed');
  });

  it('is stopped with its call, and leaves no listener behind, however it ends', async () => {
    for (const how of ['aborted', 'answered', 'failed'] as const) {
      const controller = new AbortController();
      const listeners = listenersOf(controller.signal);
      const { probe, close } = await probing(controller.signal);
      expect(listeners()).toBe(1);
      if (how === 'aborted') {
        controller.abort();
        expect(probe.signal.aborted).toBe(true);
      }
      probe.end(how === 'answered' ? true : how === 'failed' ? false : 'neutral');
      await flush();
      expect(listeners()).toBe(0);
      close();
    }
  });

  it('is the only attempt that is watched so: others are their time-out’s to stop', async () => {
    const circuit = layer();
    await circuit.begin();
    await advance(200_000);
    expect(given(circuit.open[0]).signal.aborted).toBe(false);
    circuit.close();
  });

  /** The first of two is failing, has been found out, and meets its next attempt like this. */
  async function outage(a: SimulatedProvider, fault?: Parameters<SimulatedProvider['setFault']>[0]) {
    const b = simulated({ name: 'b', words: 1 });
    const llm = transport({ providers: [a, b] });
    a.setFault('http-500');
    for (let count = 0; count < 3; count += 1) await kept(llm.complete(hello));
    expect([requestsAt(a), llm.health()[0]?.circuit]).toEqual([3, 'open']);
    a.setFault(fault);
    await advance(5_000);
    return { b, llm, circuit: () => llm.health()[0]?.circuit };
  }

  it('that hangs costs its call ten seconds; its slot and its connection are free, and the next may go', async () => {
    const a = simulated({ name: 'a', words: 1, limits: { concurrency: 1 } });
    const { llm, circuit } = await outage(a, 'silence-after-headers');
    const first = await settled(llm.complete(hello));
    expect(first).toMatchObject({ ok: true, ms: 10_000 });
    expect(first.ok && first.value.attempts).toMatchObject([
      { provider: 'a', outcome: 'timeout', durationMs: 10_000 },
      { provider: 'b', outcome: 'ok' },
    ]);
    expect([a.inFlight, llm.health()[0]?.inFlight, circuit()]).toEqual([0, 0, 'open']);
    a.setFault(undefined);
    await advance(5_000);
    expect(asked(await kept(llm.complete(hello)))).toEqual(['a']);
    expect(circuit()).toBe('closed');
  });

  it('whose answer comes whole after half a minute is the answer, and closes the circuit', async () => {
    const a = simulated({ name: 'a', words: 1, streaming: false });
    const { llm, circuit } = await outage(a, { kind: 'slow', firstTokenMs: 30_000 });
    const call = watch(llm.complete(hello));
    await advance(29_999);
    expect([call.result, circuit()]).toEqual([undefined, 'half-open']);
    await advance(1);
    expect(call.result).toMatchObject({ ok: true, value: { provider: 'a' } });
    expect(circuit()).toBe('closed');
  });

  it('is the answer also when that is a tool call that takes longer than ten seconds to come', async () => {
    const toolCalls = [{ name: 'write', input: { text: 'x'.repeat(200) } }];
    const a = simulated({ name: 'a', answer: () => ({ toolCalls }), tokenMs: 500 });
    const { llm, circuit } = await outage(a);
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'a', toolCalls: [{ name: 'write' }] } });
    expect(result.ms).toBeGreaterThan(10_000);
    expect(circuit()).toBe('closed');
  });

  it('of a model that is known to think for long is waited for', async () => {
    const a = simulated({ name: 'a', words: 1, firstTokenMs: 15_000 });
    const b = simulated({ name: 'b', words: 1 });
    const llm = transport({ providers: [a, b], hedge: false });
    for (let count = 0; count < 10; count += 1) await kept(llm.complete(hello));
    a.setFault('http-500');
    for (let count = 0; count < 3; count += 1) await kept(llm.complete(hello));
    a.setFault(undefined);
    await advance(5_000);
    expect(await settled(llm.complete(hello))).toMatchObject({ ok: true, ms: 15_000, value: { provider: 'a' } });
    expect(llm.health()[0]?.circuit).toBe('closed');
  });
});

it('can be left out', async () => {
  const a = simulated({ name: 'a', fault: 'http-500' });
  const llm = transport({ providers: [a], circuitBreaker: false, retry: false });
  for (let count = 0; count < 20; count++) await broken(llm.complete(hello));
  expect(requestsAt(a)).toBe(20);
});

describe('whatever happens', () => {
  type Step = { readonly kind: 'begin' | 'answer' | 'ok' | 'fail' | 'neutral' | 'wait' | 'others'; readonly n: number };
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom(
      'begin',
      'begin',
      'begin',
      'answer',
      'ok',
      'fail',
      'fail',
      'fail',
      'neutral',
      'wait',
      'others',
    ),
    n: fc.nat(3_000),
  });

  it('at most one probe is out, and a healthy provider is back within its bound', async () => {
    let events = 0;
    const opened = vi.fn();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), fc.boolean(), async (steps, withOther) => {
        chance(events + 1);
        const others = withOther ? [{ serves: true }] : [];
        const circuit = layer({}, others);
        for (const { kind, n } of steps) {
          events += 1;
          const one = circuit.open[n % Math.max(1, circuit.open.length)];
          if (kind === 'begin') await circuit.begin();
          else if (kind === 'wait') await advance(n);
          else if (kind === 'others') {
            for (const other of others) other.serves = n % 2 === 0;
            circuit.all.changed();
          } else if (kind === 'answer') one?.answer();
          else one?.end(kind === 'neutral' ? 'neutral' : kind === 'ok');
          await flush();
          if (circuit.health.circuit !== 'closed') opened();
          // One whose lease has run out still hangs about; the next may be out then.
          const probes = circuit.open.filter(({ probe, startedAt }) => probe && Date.now() - startedAt < 10_000);
          const unanswered = probes.length;
          if (circuit.health.circuit !== 'closed') expect(unanswered).toBeLessThanOrEqual(1);
          expect(circuit.health.backMs()).toBeLessThanOrEqual(10_000);
        }
        // From here on the provider is healthy, and somebody asks ten times a second. What hangs, hangs on.
        const from = Date.now();
        while (circuit.health.circuit !== 'closed') {
          await circuit.attempt(true);
          await advance(100);
          expect(Date.now() - from).toBeLessThanOrEqual(10_000 + 5_000 + 200);
        }
        circuit.close();
      }),
      { numRuns: 150, seed: 42 },
    );
    expect(events).toBeGreaterThan(4_000);
    expect(opened.mock.calls.length).toBeGreaterThan(500);
  });

  it('calls end when a circuit opens and closes over their heads', { tags: ['load'] }, async () => {
    const random = randomFrom(5);
    const a = simulated({
      name: 'a',
      words: 2,
      firstTokenMs: () => random() * 400,
      random: { ratio: 0.6, faults: ['http-500'] },
    });
    const llm = transport({ providers: [a] });
    const calls = [];
    for (let count = 0; count < 200; count++) {
      calls.push(watch(llm.complete(hello)));
      await advance(20);
    }
    await advance(60_000);
    expect(calls.filter(({ result }) => result === undefined)).toHaveLength(0);
  });
});

describe('what others are told of a circuit', () => {
  const gateOf = ({ health }: ReturnType<typeof layer>) => given(health.gate);
  /** How often it was told that something has changed. */
  const counting = ({ all }: ReturnType<typeof layer>) => {
    let changes = 0;
    all.onChange(() => {
      changes += 1;
    });
    return () => changes;
  };

  it('is why an attempt was refused, and when it can be made', async () => {
    const circuit = layer();
    await circuit.trip();
    const backMs = gateOf(circuit).backMs();
    const thrown = await circuit.ask().catch((error: TransportError) => error);
    expect(thrown).toMatchObject({
      ...{ code: 'circuit_open', provider: 'a', retryAfterMs: backMs },
      message: 'a is failing and left alone; nothing was sent',
    });
  });

  it('is each of its states, once, to everybody who waits', async () => {
    const circuit = layer();
    const changes = counting(circuit);
    await circuit.trip();
    expect([changes(), circuit.changes]).toEqual([1, ['closed→open']]);
    await advance(500);
    expect([changes(), circuit.changes.length]).toEqual([2, 2]);
    await circuit.attempt(true);
    expect([changes(), circuit.changes.length]).toEqual([3, 3]);
    gateOf(circuit).reset();
    expect([changes(), circuit.changes.length]).toEqual([3, 3]);
  });

  it('is that the place of a probe is free again which has found out nothing', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(500);
    const changes = counting(circuit);
    await circuit.attempt('neutral');
    expect(changes()).toBe(1);
    expect(gateOf(circuit).backMs()).toBe(0);
  });

  it('is a guess of a second while a probe is under way, and never longer than its lease', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(500);
    await circuit.begin();
    expect(gateOf(circuit).backMs()).toBe(1_000);
    await advance(9_000);
    expect(gateOf(circuit).backMs()).toBe(1_000);
    await advance(400);
    expect(gateOf(circuit).backMs()).toBe(600);
    await advance(599.5);
    expect(gateOf(circuit).backMs()).toBe(1);
  });

  it('is nothing more once it is closed, not even a probe that hangs', async () => {
    const circuit = layer();
    await circuit.trip();
    await advance(500);
    await circuit.begin();
    circuit.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a circuit that is reset', () => {
  it('has forgotten what it had counted', async () => {
    const circuit = layer();
    await circuit.attempt(false);
    await circuit.attempt(false);
    expect(circuit.health.failureRatio).toBe(1);
    circuit.health.reset();
    expect(circuit.health.failureRatio).toBe(0);
    await circuit.attempt(false);
    await circuit.attempt(false);
    expect(circuit.health.circuit).toBe('closed');
  });
});

describe('a window', () => {
  it('opens the circuit with the attempt that makes it as full as it must be', async () => {
    const circuit = layer({ minAttempts: 4, failureRatio: 0.5 });
    for (const outcome of [false, false, true]) await circuit.attempt(outcome);
    expect(circuit.health.circuit).toBe('closed');
    await circuit.attempt(false);
    expect(circuit.health.circuit).toBe('open');
  });
});

it('can be probed where nobody above wants to know', async () => {
  const circuit = layer();
  await circuit.trip();
  await advance(500);
  void circuit.ask();
  await flush();
  circuit.open.at(-1)?.end(true);
  await flush();
  expect(circuit.health.circuit).toBe('closed');
});
