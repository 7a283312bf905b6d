import { describe, expect, it, vi } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { watchers } from '../../../src/core/context.ts';
import { Health } from '../../../src/core/health.ts';
import { itinerary } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { Attempt, CompletionRequest, Context, TransportOptions } from '../../../src/core/types.ts';
import { hedge } from '../../../src/middleware/hedge.ts';
import { type SimulatedOptions, simulated } from '../../../src/testing/index.ts';
import { aCall, aHealth, aProvider, attempt, completionOf } from '../core/support.ts';
import { flush, given, kept, requestsAt, settled, transport, virtualTime } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

/** Two providers, the first of which has answered so many calls, each after half a second, and now takes ten. */
async function slowed(
  more: Partial<TransportOptions> = {},
  { calls = 20, first = {}, second = {} }: { calls?: number; first?: SimulatedOptions; second?: SimulatedOptions } = {},
) {
  const a = simulated({ name: 'a', firstTokenMs: 500, words: 3, ...first });
  const b = simulated({ name: 'b', words: 3, ...second });
  const llm = transport({ providers: [a, b], timeout: { firstContentMs: 60_000 }, ...more });
  for (let call = 0; call < calls; call += 1) await kept(llm.complete(hello));
  a.setFault({ kind: 'slow', firstTokenMs: 10_000 });
  return { a, b, llm, hedges: () => llm.events.filter(({ type }) => type === 'hedge') };
}

describe('without a time', () => {
  it('a second attempt is made when the first is later than the provider usually is', async () => {
    const { llm, hedges } = await slowed();
    const result = await settled(llm.complete(hello));
    expect(result).toMatchObject({ ok: true, value: { provider: 'b' } });
    const { afterMs } = given(hedges()[0]) as { afterMs: number };
    expect(afterMs).toBeGreaterThan(1.5 * 500);
    expect(afterMs).toBeLessThan(3 * 500);
    expect(result.ms).toEqual(expect.closeTo(afterMs, -1));
    // It has taken at least so long.
    expect(llm.health()[0]?.firstContentMs).toBeGreaterThan(500);
  });

  it('it is made after 800 ms at the earliest', async () => {
    const { llm, hedges } = await slowed({}, { first: { firstTokenMs: 50 } });
    await kept(llm.complete(hello));
    expect(hedges()).toMatchObject([{ provider: 'b', afterMs: 800 }]);
  });

  it('it is made later beside a longer prompt, and not beside one that is much longer than all before', async () => {
    const words = (tokens: number) => ({ prompt: 'x'.repeat(4 * tokens) });
    const { a, llm, hedges } = await slowed({}, { calls: 0 });
    a.setFault(undefined);
    for (let call = 0; call < 60; call += 1) await kept(llm.complete(words(20_000)));
    a.setFault({ kind: 'slow', firstTokenMs: 10_000 });
    await kept(llm.complete(words(20_000)));
    await kept(llm.complete(words(35_000)));
    await kept(llm.complete(words(50_000)));
    const times = hedges().map((event) => (event as { afterMs: number }).afterMs);
    expect(times).toHaveLength(2);
    expect(given(times[1]) / given(times[0])).toBeCloseTo((1 + 35 / 40) / (1 + 20 / 40), 1);
  });

  it.each<[string, Partial<TransportOptions>, Parameters<typeof slowed>[1]]>([
    ['before ten answers have come from that provider', {}, { calls: 9 }],
    ['where both are of one failure domain', {}, { first: { domain: 'one' }, second: { domain: 'one' } }],
    ['with hedge: false', { hedge: false }, {}],
    ['with retry: false, one attempt a call', { retry: false }, {}],
    ['beside an answer that comes whole', {}, { first: { streaming: false } }],
    ['by a provider whose answers come whole', {}, { second: { streaming: false } }],
  ])('none is made %s', async (_, options, scene) => {
    const { b, llm, hedges } = await slowed(options, scene);
    expect((await kept(llm.complete(hello))).provider).toBe('a');
    expect([requestsAt(b), hedges()]).toEqual([0, []]);
  });

  it('none is made beside a tool call that is on its way', async () => {
    const answer = () => ({ toolCalls: [{ name: 'write', input: { text: 'x'.repeat(200) } }] });
    const { a, b, llm } = await slowed({}, { first: { answer, tokenMs: 200 } });
    a.setFault(undefined);
    const result = await settled(llm.complete(hello));
    expect(result.ms).toBeGreaterThan(5_000);
    expect([result.ok && result.value.provider, requestsAt(b)]).toEqual(['a', 0]);
  });

  it('they are at most one for twenty calls', async () => {
    const { a, b, llm, hedges } = await slowed({}, { calls: 100 });
    for (let call = 0; call < 400; call += 1) {
      a.setFault(call % 12 === 0 ? { kind: 'slow', firstTokenMs: 10_000 } : undefined);
      await kept(llm.complete(hello));
    }
    expect(hedges().length).toBeGreaterThan(10);
    expect(hedges().length).toBeLessThanOrEqual(0.05 * requestsAt(a));
    expect(requestsAt(b)).toBe(hedges().length);
  });
});

/** The layer alone, over two providers of which the first is known to answer within a second. */
function alone(options = {}, samples = 10) {
  const health = new Health();
  const [one, two] = ['one', 'two'].map(
    (name) => aHealth(aProvider({ name, domain: name, stream: (() => {}) as never })).health,
  );
  if (one === undefined || two === undefined) throw new Error('two are needed');
  health.providers.push(one, two);
  const request: CompletionRequest = hello;
  for (let sample = 0; sample < samples; sample += 1) one.pace.begun(1_000, request);
  const quota = new RetryQuota();
  const runners: { context: Context; resolve(): void }[] = [];
  const handler = hedge(options, { quota, health })(
    (_, context) =>
      new Promise((resolve, reject) => {
        runners.push({ context, resolve: () => resolve(replyFrom(completionOf())) });
        context.signal.addEventListener('abort', () => reject(context.signal.reason));
      }),
    { provider: undefined, onClose: () => {} },
  );
  /** A call, whose first attempt is sent. */
  function send() {
    const from = runners.length;
    const { call, above } = aCall();
    const answer = handler(request, above);
    (call.attempts as Attempt[]).push(attempt({ provider: 'one' }));
    const first = given(runners[from]);
    const wait = (wire: 'stream' | 'unary'): void => {
      for (const watcher of first.context.get(watchers)) watcher.waiting?.(wire);
    };
    return { from, call, answer, first, wait };
  }
  /** A call, whose first attempt is sent and shows nothing for a while. Returns how many attempts it makes; a second is sent too. */
  async function call(wire: readonly ('stream' | 'unary')[] = ['stream'], isSent = true): Promise<number> {
    const { from, call, answer, first, wait } = send();
    for (const kind of wire) wait(kind);
    vi.advanceTimersByTime(60_000);
    const made = runners.length - from;
    if (made > 1 && isSent) {
      (call.attempts as Attempt[]).push(attempt({ provider: 'two' }));
      for (const watcher of given(runners.at(-1)).context.get(watchers)) watcher.waiting?.('stream');
    }
    first.resolve();
    await answer;
    await flush();
    return made;
  }
  const calls = async (count: number): Promise<number> => {
    let made = 0;
    for (let index = 0; index < count; index += 1) made += (await call()) - 1;
    return made;
  };
  return { one, two, quota, runners, send, call, calls };
}

describe('an adaptive hedge', () => {
  it('is paid from what twenty attempts have earned', async () => {
    const { calls } = alone();
    expect(await calls(19)).toBe(0);
    expect(await calls(1)).toBe(1);
    expect(await calls(19)).toBe(0);
  });

  it('is given back when nobody could be sent', async () => {
    const { call, calls, quota } = alone();
    await calls(19);
    expect(await call(['stream'], false)).toBe(2);
    expect(quota.left).toBe(500);
    expect(await call()).toBe(2);
    expect(quota.left).toBeLessThan(500);
    expect(await call()).toBe(1);
  });

  it('is not made while the quota is below half, and costs nothing then', async () => {
    const { calls, quota } = alone();
    await calls(19);
    for (let call = 0; call < 10; call += 1) {
      // Each success fills it a little.
      while (quota.left >= 250) quota.withdraw();
      expect(await calls(1)).toBe(0);
    }
    while (quota.left < 250) quota.deposit();
    expect(await calls(1)).toBe(1);
  });

  it('is not made while anybody waits in a line', async () => {
    const { calls, two, one } = alone();
    await calls(19);
    for (const provider of [one, two]) {
      provider.queued = 1;
      expect(await calls(5)).toBe(0);
      provider.queued = 0;
    }
    expect(await calls(1)).toBe(1);
  });

  it('is made later when nobody waits in a line any more, and tells how late', async () => {
    const { one, calls, send, runners } = alone();
    await calls(19);
    const { call, answer, first, wait } = send();
    const afterMs = Math.round(1.5 * given(one.pace.p95Ms(hello)));
    one.queued = 1;
    wait('stream');
    const before = runners.length;
    vi.advanceTimersByTime(afterMs + 1);
    one.queued = 0;
    vi.advanceTimersByTime(afterMs - 3);
    expect(runners).toHaveLength(before);
    vi.advanceTimersByTime(5);
    expect(runners).toHaveLength(before + 1);
    (call.attempts as Attempt[]).push(attempt({ provider: 'two' }));
    const hedges: unknown[] = [];
    call.events.on('hedge', (event) => hedges.push(event));
    for (const watcher of given(runners.at(-1)).context.get(watchers)) watcher.waiting?.('stream');
    expect(hedges).toMatchObject([{ provider: 'two', afterMs: 2 * afterMs }]);
    first.resolve();
    await answer;
  });

  it('is not made beside a whole answer, nor beside a stream that was refused and comes whole', async () => {
    const { call, calls } = alone();
    await calls(19);
    expect(await call(['unary'])).toBe(1);
    expect(await call(['stream', 'unary'])).toBe(1);
    expect(await call(['stream'])).toBe(2);
  });

  it('earns nothing more for an attempt that is waited for in another way', async () => {
    const { call, calls } = alone();
    for (let attempt = 0; attempt < 12; attempt += 1) expect(await call(['stream', 'unary'])).toBe(1);
    expect(await calls(1)).toBe(0);
  });

  it('is not made before ten answers have shown what is usual', async () => {
    const { calls, one } = alone({}, 9);
    expect(await calls(40)).toBe(0);
    one.pace.begun(1_000, hello);
    expect(await calls(1)).toBe(1);
  });

  it('goes to nobody whose answers come whole', async () => {
    const { calls, runners, two } = alone();
    await calls(19);
    two.streams = false;
    await calls(1);
    expect([...given(runners.at(-1)).context.get(itinerary).givenUp]).toEqual(['two']);
  });

  it('with a time of yours is measured from when the first was sent, although a stream was refused since', async () => {
    const { runners, send } = alone({ afterMs: 100 }, 0);
    const { first, wait } = send();
    wait('stream');
    vi.advanceTimersByTime(60);
    wait('unary');
    vi.advanceTimersByTime(45);
    expect(runners).toHaveLength(2);
    first.resolve();
    await flush();
  });

  it('with a time of yours is bounded by the quota only, stands beside whole answers too, and goes to them', async () => {
    const { call, calls, runners, two, one } = alone({ afterMs: 100 }, 0);
    two.streams = false;
    one.queued = 1;
    expect(await calls(10)).toBe(10);
    expect(await call(['unary'])).toBe(2);
    expect([...given(runners.at(-1)).context.get(itinerary).givenUp]).toEqual([]);
  });
});
