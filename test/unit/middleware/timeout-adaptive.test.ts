import { describe, expect, it } from 'vitest';
import type { CompletionRequest, Provider, TransportOptions } from '../../../src/core/types.ts';
import { type SimulatedOptions, type SimulatedProvider, simulated } from '../../../src/testing/index.ts';
import { advance, broken, kept, readAll, requestsAt, settled, transport, virtualTime } from './support.ts';

virtualTime();

/** A time-out looks once more, a millisecond later, before it gives up. */
const about = (ms: number) => expect.closeTo(ms, -1);

const hello = { prompt: 'Hello' };

/** A transport whose first provider has answered so many calls, beside others that could be asked. */
async function known(
  first: SimulatedOptions,
  more: Partial<TransportOptions> = {},
  {
    calls = 10,
    request = hello,
    others = [simulated({ name: 'b' })],
  }: { calls?: number; request?: CompletionRequest & { stream?: false }; others?: readonly SimulatedProvider[] } = {},
) {
  const a = simulated({ name: 'a', words: 5, ...first });
  const llm = transport({ providers: [a, ...others], retry: false, ...more });
  for (let call = 0; call < calls; call += 1) await kept(llm.complete(request));
  return { a, llm };
}

const silent = 'silence-after-headers' as const;

describe('the time to the first content', () => {
  it.each([
    [9, 60_000],
    [10, 5_000],
  ])('of a provider that has answered %s times within half a second is %s ms', async (calls, ms) => {
    const { a, llm } = await known({ firstTokenMs: 500 }, {}, { calls });
    a.setFault(silent);
    expect(await broken(llm.complete(hello))).toMatchObject({ code: 'timeout', ms: about(ms) });
  });

  it('is at least 20 seconds where nobody else could be asked', async () => {
    const { a, llm } = await known({ firstTokenMs: 500 }, {}, { others: [] });
    a.setFault(silent);
    expect(await broken(llm.complete(hello))).toMatchObject({ code: 'timeout', ms: about(20_000) });
  });

  it('grows with what the provider takes, and is never more than a minute', async () => {
    const slow = await known({ firstTokenMs: 4_000 });
    slow.a.setFault(silent);
    const { ms } = await broken(slow.llm.complete(hello));
    expect(ms).toBeGreaterThanOrEqual(12_000);
    expect(ms).toBeLessThan(60_000);

    const slower = await known({ firstTokenMs: 45_000 });
    slower.a.setFault(silent);
    expect((await broken(slower.llm.complete(hello))).ms).toEqual(about(60_000));
  });

  it('is longer for a longer prompt, and as long as ever for one that is much longer than all before', async () => {
    const words = (tokens: number) => ({ prompt: 'x'.repeat(4 * tokens) });
    const { a, llm } = await known({ firstTokenMs: 4_000 }, {}, { request: words(20_000) });
    a.setFault(silent);
    const same = await broken(llm.complete(words(20_000)));
    llm.reset('a');
    a.setFault(undefined);
    for (let call = 0; call < 10; call += 1) await kept(llm.complete(words(20_000)));
    a.setFault(silent);
    const longer = await broken(llm.complete(words(38_000)));
    expect(longer.ms / same.ms).toBeCloseTo(1.95 / 1.5, 1);
    expect((await broken(llm.complete(words(50_000)))).ms).toEqual(about(60_000));
  });

  it('is one of its own for each amount of reasoning', async () => {
    const { a, llm } = await known({ firstTokenMs: 100 });
    a.setFault({ kind: 'slow', firstTokenMs: 40_000 });
    expect(await settled(llm.complete({ ...hello, reasoning: 'high' }))).toMatchObject({ ok: true });
    expect(await broken(llm.complete(hello))).toMatchObject({ code: 'timeout', ms: about(5_000) });
  });

  it('is what a person has set, whatever the provider takes', async () => {
    const { a, llm } = await known({ firstTokenMs: 500 }, { timeout: { firstContentMs: 40_000 } });
    a.setFault(silent);
    expect((await broken(llm.complete(hello))).ms).toEqual(about(40_000));
  });

  it('says nothing of answers that come whole, nor they of it', async () => {
    const { a, llm } = await known({ firstTokenMs: 500, streaming: false }, { timeout: { responseMs: 90_000 } });
    a.setFault(silent);
    expect((await broken(llm.complete(hello))).ms).toEqual(about(90_000));

    // What it had streamed before it refused to is known, and does not matter to a whole answer.
    const turned = await known({ firstTokenMs: 500 });
    turned.a.setFault({
      kind: 'status',
      status: 400,
      only: 'stream',
      error: { message: 'no stream', param: 'stream' },
    });
    expect(await settled(turned.llm.complete(hello))).toMatchObject({ ok: true });
  });

  it('doubles with each time-out of a lone provider, until it answers again', async () => {
    const { a, llm } = await known({ firstTokenMs: 8_000 }, { circuitBreaker: false }, { others: [] });
    a.setFault(silent);
    const times: number[] = [];
    for (let call = 0; call < 3; call += 1) times.push((await broken(llm.complete(hello))).ms);
    const [first = 0, second, third] = times;
    expect(first).toBeLessThan(30_000);
    expect([second, third]).toEqual([expect.closeTo(2 * first, -2), about(60_000)]);
    a.setFault(undefined);
    await kept(llm.complete(hello));
    a.setFault(silent);
    expect((await broken(llm.complete(hello))).ms).toBeLessThan(30_000);
  });

  it('does not double where another can be asked', async () => {
    const b = simulated({ name: 'b' });
    const { a, llm } = await known(
      { firstTokenMs: 2_000 },
      { circuitBreaker: false, retry: {}, hedge: false },
      { others: [b] },
    );
    a.setFault(silent);
    const times: number[] = [];
    for (let call = 0; call < 6; call += 1) {
      const result = await settled(llm.complete(hello));
      expect(result).toMatchObject({ ok: true, value: { provider: 'b' } });
      times.push(result.ms);
    }
    expect(times[1]).toEqual(about(times[0] ?? 0));
    // Three in a row: it may have become slower.
    expect(times[5]).toEqual(expect.closeTo(2 * (times[0] ?? 0), -2));
  });

  it('follows a provider that has become four times as slow', async () => {
    const b = simulated({ name: 'b', fault: 'http-503' });
    const { a, llm } = await known(
      { firstTokenMs: 3_000 },
      { circuitBreaker: false, retry: {}, hedge: false },
      { others: [b], calls: 30 },
    );
    a.setFault({ kind: 'slow', firstTokenMs: 12_000 });
    const before = requestsAt(a);
    for (let call = 0; call < 20; call += 1) await settled(llm.complete(hello));
    // Each attempt that was given up is one more.
    expect(requestsAt(a) - before).toBeLessThanOrEqual(20 + 3);
  });

  it('does not learn from attempts that had less than that, because of a deadline', async () => {
    const b = simulated({ name: 'b' });
    const { a, llm } = await known(
      { firstTokenMs: 3_000 },
      { circuitBreaker: false, retry: {}, hedge: false },
      { others: [b] },
    );
    a.setFault(silent);
    const before = (await settled(llm.complete(hello))).ms;
    expect(before).toBeGreaterThan(8_000);
    a.setFault(undefined);
    await kept(llm.complete(hello));
    a.setFault(silent);
    for (let call = 0; call < 6; call += 1)
      expect((await settled(llm.complete(hello, { timeoutMs: 4_000 }))).ms).toEqual(about(2_000));
    expect((await settled(llm.complete(hello))).ms).toBeLessThanOrEqual(before);
  });

  it('is forgotten when the provider is reset', async () => {
    const { a, llm } = await known({ firstTokenMs: 500 });
    llm.reset('a');
    a.setFault(silent);
    expect((await broken(llm.complete(hello))).ms).toEqual(about(60_000));
  });
});

describe('the silence between chunks', () => {
  it.each([
    [9, 30_000],
    [10, 1_000],
  ])('of a provider that has answered %s times without a pause is %s ms for a unary call', async (calls, ms) => {
    const { a, llm } = await known({ tokenMs: 20 }, {}, { calls });
    a.setFault('stall');
    const error = await broken(llm.complete(hello));
    expect(error).toMatchObject({ code: 'timeout', message: `a: silence, no further chunk within ${ms} ms` });
  });

  it('is ten seconds for a stream, which cannot be run again', async () => {
    const { a, llm } = await known({ tokenMs: 20 });
    a.setFault('stall');
    const { error } = await kept(readAll(await kept(llm.complete({ ...hello, stream: true }))));
    expect(error).toMatchObject({ cause: { message: 'a: silence, no further chunk within 10000 ms' } });
  });

  it('is four times the longest pause, and never more than half a minute', async () => {
    for (const [tokenMs, ms] of [
      [2_000, 8_000],
      [20_000, 30_000],
    ] as const) {
      const { a, llm } = await known({ tokenMs });
      a.setFault({ kind: 'stall', afterTokens: 2 });
      const from = Date.now();
      await broken(llm.complete(hello));
      expect((Date.now() - from - tokenMs) / ms).toBeCloseTo(1, 0);
    }
  });

  it('is what a person has set, whatever the provider does', async () => {
    const { a, llm } = await known({ tokenMs: 20 }, { timeout: { idleMs: 7_000 } });
    a.setFault('stall');
    const error = await broken(llm.complete(hello));
    expect(error.message).toBe('a: silence, no further chunk within 7000 ms');
  });

  it('finds out that the provider has begun to pause, after two attempts that were given up', async () => {
    let tokenMs = 20;
    const { llm } = await known({ tokenMs: () => tokenMs }, { retry: {}, circuitBreaker: false }, { others: [] });
    tokenMs = 8_000;
    const { attempts } = await kept(llm.complete(hello));
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['timeout', 'timeout', 'ok']);
    expect((await kept(llm.complete(hello))).attempts).toHaveLength(1);
  });

  it('does not count how long a reader took', async () => {
    const long = { words: 20_000, tokenMs: 0 };
    const { a, llm } = await known(long, { timeout: { abandonedMs: 120_000 } }, { calls: 0 });
    for (let call = 0; call < 10; call += 1) {
      const stream = await kept(llm.complete({ ...hello, stream: true }));
      await advance(40_000);
      await kept(readAll(stream));
    }
    a.setFault('stall');
    const error = await broken(llm.complete(hello));
    expect(error.message).toBe('a: silence, no further chunk within 1000 ms');
  });

  it('may be at most half of the time that is left, when another can be asked: a stalled answer does not cost the call', async () => {
    const a = simulated({ name: 'a', fault: 'stall' });
    const llm = transport({ providers: [a, simulated({ name: 'b' })] });
    const result = await settled(llm.complete(hello, { timeoutMs: 20_000 }));
    expect(result).toMatchObject({ ok: true, ms: about(10_000), value: { provider: 'b' } });

    const alone = transport({ providers: [simulated({ name: 'a', fault: 'stall' })], retry: false });
    expect(await broken(alone.complete(hello, { timeoutMs: 20_000 }))).toMatchObject({ code: 'deadline_exceeded' });
    // What a stream has delivered cannot be asked for again.
    const opened = await kept(llm.complete({ ...hello, stream: true }, { timeoutMs: 20_000 }));
    expect((await kept(readAll(opened))).error).toMatchObject({ code: 'deadline_exceeded' });
  });

  it('is a second all the same, however near the deadline is: an answer that goes on comes to its end', async () => {
    const a = simulated({ name: 'a', words: 10, tokenMs: 400 });
    const llm = transport({ providers: [a, simulated({ name: 'b' })] });
    expect(await settled(llm.complete(hello, { timeoutMs: 3_700 }))).toMatchObject({
      ...{ ok: true, ms: 9 * 400, value: { provider: 'a' } },
    });
  });
});

describe('a long tool call', () => {
  const input = { text: 'x'.repeat(400) };
  const answer = () => ({ toolCalls: [{ name: 'write', input }] });
  const tools = [{ name: 'write', inputSchema: { jsonSchema: {} } }];

  it.each([false, true])('is no silence while its pieces come (stream: %s)', async (stream) => {
    const a = simulated({ name: 'a', answer, tokenMs: 1_500 });
    const patient = transport({ providers: [a], retry: false, timeout: { idleMs: 2_000, firstContentMs: 2_000 } });
    const request = { ...hello, tools, stream } as const;
    const result = await settled(
      stream
        ? patient.complete({ ...request, stream: true }).then(({ completion }) => completion)
        : patient.complete({ ...request, stream: false }),
    );
    expect(result).toMatchObject({ ok: true, value: { toolCalls: [{ name: 'write', input }] } });
    expect(result.ms).toBeGreaterThan(60_000);
  });

  it('has begun with its first piece, as far as the next is concerned', async () => {
    const { a, llm } = await known({ answer, tokenMs: 100 }, {}, { request: { ...hello, tools } as never });
    a.setFault(silent);
    expect((await broken(llm.complete({ ...hello, tools }))).ms).toEqual(about(5_000));
  });

  it('that stops in the middle is a silence', async () => {
    const a = simulated({ name: 'a', answer, tokenMs: 100, fault: { kind: 'stall', afterTokens: 20 } });
    const llm = transport({ providers: [a], retry: false, timeout: { idleMs: 3_000 } });
    const error = await broken(llm.complete({ ...hello, tools }));
    expect(error).toMatchObject({ code: 'timeout', message: 'a: silence, no further chunk within 3000 ms' });
  });

  it('of a provider of yours goes on when it says so', async () => {
    const own: Provider = {
      ...{ name: 'own', domain: 'own', kind: 'test', model: 'm' },
      complete: () => Promise.reject(new Error('not asked for')),
      async *stream(_request, context) {
        for (let second = 0; second < 20; second += 1) {
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          context.received({ progress: true });
        }
        yield { type: 'text', text: 'done' };
        yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
      },
    };
    const llm = transport({ providers: [own], retry: false, timeout: { firstContentMs: 2_000, idleMs: 2_000 } });
    expect(await settled(llm.complete(hello))).toMatchObject({ ok: true, ms: 20_000 });
  });
});
