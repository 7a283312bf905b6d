import { describe, expect, it } from 'vitest';
import { type CompletionRequest, createTransport, TransportError, type TransportEvent } from '../../src/index.ts';
import { type SimulatedClient, simulate, type VirtualProvider } from '../../src/testing/index.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const load = { perSecond: 2, timeoutMs: 10_000 };
const client = (providers: readonly [VirtualProvider, ...VirtualProvider[]]) => createTransport({ providers });

describe('simulate()', () => {
  it('plays the same run for the same seed, event for event, and another for another', async () => {
    const run = (seed: number) =>
      simulate({ seed, forMs: 60_000, providers: [{ errorRatio: 0.2 }, { name: 'b' }], client, load });
    const [one, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).toEqual(one);
    expect(other.log).not.toBe(one.log);
    expect(one.broken).toEqual([]);
  });

  it('makes as many calls as are asked for, in bursts or by callers who wait, at their time', async () => {
    const starts = async (loads: Parameters<typeof simulate>[0]['load']) =>
      (await simulate({ forMs: 100_000, providers: [{}], client, load: loads })).calls.map(({ at }) => at);
    const steady = await starts({ perSecond: 10 });
    expect(Math.abs(steady.length - 1_000)).toBeLessThan(120);
    const rising = await starts({ perSecond: (at) => (at < 50_000 ? 0 : 10), fromMs: 1_000, toMs: 90_000 });
    expect(Math.min(...rising)).toBeGreaterThanOrEqual(50_000);
    expect(Math.max(...rising)).toBeLessThan(90_000);
    const both = await simulate({
      forMs: 20_000,
      providers: [{ firstContentMs: 900, sigma: 0, tokensPerSecond: Number.POSITIVE_INFINITY }],
      client,
      load: [
        { callers: 3, thinkMs: 100 },
        { ...load, priority: 'batch' },
      ],
    });
    expect(both.calls.filter(({ transactionId }) => transactionId.startsWith('a-'))).toHaveLength(60);
    expect(new Set(both.calls.map(({ priority }) => priority))).toEqual(new Set(['default', 'batch']));
  });

  it('tells what became of each call', async () => {
    const report = await simulate({
      forMs: 30_000,
      providers: [{ name: 'a', schedule: [{ fromMs: 10_000, toMs: 60_000, state: 'silent' }] }],
      client,
      load: { ...load, streamRatio: 0.5, cancelRatio: 0.3 },
    });
    const outcomes = new Set(report.calls.map(({ outcome }) => outcome));
    expect([...outcomes]).toEqual(expect.arrayContaining(['ok', 'cancelled']));
    expect(outcomes.size).toBeGreaterThan(2);
    for (const { outcome, firstContentMs, provider, attempts } of report.calls.slice(0, 5))
      expect(outcome !== 'ok' || (firstContentMs !== undefined && provider === 'a' && attempts.length > 0)).toBe(true);
    expect(report.requests.get('a')?.length).toBeGreaterThan(10);
    expect(report.tookMs).toBeGreaterThan(30_000);
    expect(report.broken).toEqual([]);
  });

  it('runs something beside the calls', async () => {
    const seen: number[] = [];
    const report = await simulate({
      ...{ forMs: 5_000, providers: [{}], client, load },
      during: async (llm, time) => {
        await sleep(20_000);
        await llm.complete({ prompt: 'One more' }, {});
        seen.push(time.elapsedMs);
      },
    });
    expect(report.tookMs).toBe(seen[0]);
  });
});

/** What shows when somebody looks while a call is under way. */
const looked: readonly string[] = ['in flight', 'no window', 'circuit', 'quarantine', 'serves more'];

/** A client that does something that a transport never does. */
class Wrong implements SimulatedClient {
  #listener: (event: TransportEvent) => void = () => {};
  readonly #flaw: string;
  readonly #provider: VirtualProvider;
  #inFlight = 0;

  constructor(flaw: string, [provider]: readonly [VirtualProvider, ...VirtualProvider[]]) {
    this.#flaw = flaw;
    this.#provider = provider;
  }

  on(_type: '*', listener: (event: TransportEvent) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  health() {
    const is = (flaw: string): boolean => this.#flaw === flaw;
    return [
      {
        name: 'a',
        inFlight: this.#inFlight + (is('in flight') ? 1 : 0),
        queued: is('queued') ? 1 : 0,
        window: is('no window') ? 0 : 8,
        circuit: is('circuit') ? 'open' : 'closed',
        quarantined: is('quarantine'),
      },
    ];
  }

  async complete(request: CompletionRequest, { transactionId = '' }) {
    const is = (flaw: string): boolean => this.#flaw === flaw;
    const tell = (type: string, more: object = {}): void =>
      this.#listener({ type, transactionId, attempt: 1, at: Date.now(), ...more } as never);
    const ledger = { provider: 'a', outcome: 'ok', durationMs: 1 };
    const attempts = is('attempt not in the ledger') ? [] : [ledger];
    if (is('hangs')) await new Promise(() => {});
    if (is('no events')) return { text: `${transactionId} `, provider: 'a', attempts: [] };
    tell('call:start');
    if (is('starts twice')) tell('call:start');
    if (is('probes')) {
      tell('circuit:change', { provider: 'a', to: 'half-open' });
      tell('attempt:start', { ledger, attempt: 2 });
    }
    if (is('attempt after the deadline')) await sleep(10_000);
    tell('attempt:start', { ledger });
    this.#inFlight += 1;
    if (is('attempt starts twice')) tell('attempt:start', { ledger });
    if (is('still serves')) {
      const context = { transactionId, attempt: 1, signal: new AbortController().signal, received: () => {} };
      void this.#provider.complete({ ...request, metadata: { outputTokens: 4_000 } }, context as never);
    }
    if (is('late')) await sleep(10_100);
    if (is('serves more')) {
      const context = { transactionId, attempt: 1, signal: new AbortController().signal, received: () => {} };
      for (let count = 0; count < 2; count += 1)
        void this.#provider.complete({ ...request, metadata: { outputTokens: 4_000 } }, context as never);
    }
    if (looked.includes(this.#flaw)) await sleep(20_100);
    this.#inFlight -= 1;
    if (is('leaves a timer')) setTimeout(() => {}, 1e9);
    if (is('no TransportError')) throw new Error('something');
    if (is('internal')) throw new TransportError('internal', 'a bug');
    if (!is('attempt does not end')) tell('attempt:end', { ledger });
    if (is('attempt ends twice')) tell('attempt:end', { ledger });
    if (is('probes')) tell('attempt:end', { ledger, attempt: 2 });
    const outcome = is('other outcome') ? 'timeout' : 'ok';
    if (!is('does not end')) tell('call:end', { outcome });
    if (is('ends twice')) tell('call:end', { outcome });
    if (is('attempt outside')) tell('attempt:start', { ledger, attempt: 3 });
    if (is('attempt ends outside')) tell('attempt:end', { ledger, attempt: 3 });
    const text = is('foreign answer')
      ? 'b-9 …'
      : is('doubled answer')
        ? `${transactionId} ${transactionId} `
        : `${transactionId} `;
    return { text, provider: 'a', attempts: attempts as never };
  }
}

describe('what is broken is told', () => {
  it.each([
    ['nothing', undefined],
    ['hangs', 'a-1 never ends'],
    ['starts twice', 'a-1 starts twice'],
    ['does not end', 'a-1 has no call:end'],
    ['ends twice', 'a-1 ends twice, or never started'],
    ['late', /a-1 ended 1\d\d ms after its deadline/],
    ['attempt after the deadline', 'a-1: attempt 1 starts after the deadline'],
    ['attempt starts twice', 'a-1: attempt 1 starts twice'],
    ['attempt does not end', 'a-1: attempt 1 has no attempt:end'],
    ['attempt ends twice', 'a-1: attempt 1 ends without a start'],
    ['attempt outside', 'a-1: attempt 3 starts outside its call'],
    ['attempt ends outside', 'a-1: attempt 3 ends outside its call'],
    ['probes', /a: 2 attempts at once while its circuit is half-open/],
    ['foreign answer', 'a-1 has a foreign answer'],
    ['doubled answer', 'a-1 has a foreign answer'],
    ['no TransportError', 'a-1 rejected with what is no TransportError: Error: something'],
    ['internal', 'a-1 ended in internal'],
    ['in flight', 'a has 1 in flight and 0 queued at the end'],
    ['in flight', 'a has 2 in flight, and 1 by its events, at 20000'],
    ['no window', 'a has 0 queued for a window of 0, at 20000'],
    ['circuit', 'a is open, and not by its events, at 20000'],
    ['quarantine', 'a is closed, quarantined, and not by its events, at 20000'],
    ['serves more', 'a serves 2 requests of 1 attempts, at 20000'],
    ['no events', 'a-1 ended in ok, and no event has said so'],
    ['other outcome', 'a-1 ended in ok, and in timeout by its event'],
    ['attempt not in the ledger', 'a-1 has 0 attempts in its ledger, and 1 by its events'],
    ['queued', 'a has 0 in flight and 1 queued at the end'],
    ['still serves', 'a still serves 1 requests at the end'],
    ['leaves a timer', '1 timers are left after close()'],
  ])('%s', async (flaw, complaint) => {
    const report = await simulate({
      forMs: 1_000,
      providers: [{ name: 'a' }],
      client: (providers) => new Wrong(flaw, providers),
      load: { callers: 1, thinkMs: 5_000, timeoutMs: 10_000 },
    });
    if (complaint === undefined) expect(report.broken).toEqual([]);
    else expect(report.broken.join('\n')).toMatch(complaint);
  });
});
