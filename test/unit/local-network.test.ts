import { describe, expect, it } from 'vitest';
import { simulated } from '../../src/testing/index.ts';
import {
  advance,
  allSettled,
  broken,
  kept,
  requestsAt,
  settled,
  tally,
  transport,
  virtualTime,
  watch,
} from './middleware/support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const gone = 'connection-refused';

/** Two providers of their own domains, warm, and a way to take our own network down. */
async function scene({ maxWaitMs = 60_000 } = {}) {
  const [a, b] = [
    simulated({ name: 'a', words: 2, firstTokenMs: 50 }),
    simulated({ name: 'b', words: 2, firstTokenMs: 50 }),
  ];
  const llm = transport({ providers: [a, b], retry: { maxWaitMs } });
  await kept(llm.complete(hello));
  const down = () => [a, b].map((provider) => provider.setFault(gone));
  const up = () => [a, b].map((provider) => provider.setFault(undefined));
  const told = (type: string) => llm.events.filter((event) => event.type === type);
  return { a, b, llm, down, up, told };
}

describe('our own network, when it is gone', () => {
  it('is told of once, and once when it is back', async () => {
    const { llm, down, up, told } = await scene();
    down();
    const calls = Array.from({ length: 20 }, () => watch(llm.complete(hello)));
    await advance(10_000);
    expect(told('network:change')).toMatchObject([{ state: 'down', domains: ['a', 'b'], transactionId: '' }]);
    up();
    await advance(2_000);
    expect(told('network:change')).toMatchObject([{ state: 'down' }, { state: 'up', domains: ['a', 'b'] }]);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
  });

  it('opens no circuit, and costs no retries: calls wait, and one attempt each half second looks for it', async () => {
    const { a, b, llm, down, up, told } = await scene();
    down();
    const before = requestsAt(a, b);
    const calls = Array.from({ length: 50 }, () => watch(llm.complete(hello)));
    await advance(100);
    const atOnce = requestsAt(a, b) - before;
    await advance(20_000);
    expect(requestsAt(a, b) - before - atOnce).toBeLessThanOrEqual(41);
    expect(requestsAt(a, b) - before - atOnce).toBeGreaterThanOrEqual(30);
    expect(told('circuit:change')).toEqual([]);
    expect(llm.health().map(({ circuit }) => circuit)).toEqual(['closed', 'closed']);
    up();
    const backAt = Date.now();
    await advance(5_000);
    expect(tally(calls.map(({ result }) => result as never))).toEqual({ ok: 50 });
    expect(Math.min(...calls.map(({ result }) => result?.ms ?? 0)) + 100).toBeLessThan(Date.now() - backAt + 20_000);
  });

  it('is what a call rejects with that cannot wait for it', async () => {
    const { llm, down } = await scene({ maxWaitMs: 3_000 });
    down();
    const error = await broken(llm.complete(hello));
    expect(error).toMatchObject({ code: 'connection', message: 'Our own network seems to be down; nothing was sent' });
    expect(error).toMatchObject({ cause: { code: 'connection' }, blame: 'transport' });
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(0);
  });

  it('is not thought of while one of two providers can be reached: then it is the provider', async () => {
    const { a, llm, told } = await scene();
    a.setFault(gone);
    for (let call = 0; call < 5; call += 1) expect((await kept(llm.complete(hello))).provider).toBe('b');
    expect([told('network:change'), llm.health()[0]?.circuit]).toEqual([[], 'open']);
  });

  it('is not thought of while one of three can be reached, whoever is asked first', async () => {
    const providers = ['a', 'b', 'c'].map((name) => simulated({ name, words: 2, firstTokenMs: 50 }));
    const llm = transport({ providers });
    await kept(llm.complete(hello));
    for (const provider of providers.slice(0, 2)) provider.setFault(gone);
    const calls = Array.from({ length: 30 }, () => watch(llm.complete(hello)));
    await advance(5_000);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
    expect(llm.events.filter(({ type }) => type === 'network:change')).toEqual([]);
  });

  it('is looked for once each half second without a waiting line as well', async () => {
    const [a, b] = [simulated({ name: 'a', words: 2 }), simulated({ name: 'b', words: 2 })];
    const llm = transport({ providers: [a, b], rateLimit: false });
    await kept(llm.complete(hello));
    for (const provider of [a, b]) provider.setFault(gone);
    const before = requestsAt(a, b);
    const calls = Array.from({ length: 20 }, () => watch(llm.complete(hello)));
    await advance(100);
    const atOnce = requestsAt(a, b) - before;
    await advance(10_000);
    expect(requestsAt(a, b) - before - atOnce).toBeLessThanOrEqual(21);
    for (const provider of [a, b]) provider.setFault(undefined);
    await advance(3_000);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
  });

  it('is not thought of with a lone provider, nor with two in one failure domain', async () => {
    const make = (name: string) => simulated({ name, domain: 'vendor', fault: gone });
    for (const providers of [[make('x')], [make('x'), make('y')]]) {
      const llm = transport({ providers, retry: { maxWaitMs: 0 } });
      await allSettled(Array.from({ length: 5 }, () => llm.complete(hello)));
      expect(llm.events.filter(({ type }) => type === 'network:change')).toEqual([]);
      expect(llm.health()[0]?.circuit).not.toBe('closed');
    }
  });
});

describe('a circuit that failed connections alone would open', () => {
  it('waits for the word of the others, for half a second', async () => {
    const a = simulated({ name: 'a', fault: gone });
    const b = simulated({ name: 'b', fault: 'silence-after-headers' });
    const llm = transport({ providers: [a, b], retry: false });
    for (let call = 0; call < 3; call += 1) await settled(llm.complete(hello));
    expect(llm.health()[0]?.circuit).toBe('closed');
    await advance(499);
    expect(llm.health()[0]?.circuit).toBe('closed');
    await advance(1);
    expect(llm.health()[0]?.circuit).toBe('open');
  });
});
