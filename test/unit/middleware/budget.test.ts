import { describe, expect, it, vi } from 'vitest';
import { contextKey } from '../../../src/core/context.ts';
import type { ContextEntry } from '../../../src/core/types.ts';
import { type BudgetOptions, budget, OptionsError, type Transport } from '../../../src/index.ts';
import { type FaultName, middlewareContract, randomFrom, simulated } from '../../../src/testing/index.ts';
import { createTransport } from '../../../src/transport.ts';
import { advance, allSettled, broken, flush, given, kept, readAll, transport, virtualTime } from './support.ts';

/** In whole dollars, so that sums are exact. */
const price = { input: 1_000_000, output: 2_000_000 };
const tenant = contextKey('tenant', 'anonymous');
/** An input of one token as the simulated provider counts, of two by the estimate, of three with the margin. */
const ask = { prompt: 'Hello', maxOutputTokens: 10 };

describe('the contract of a middleware', () => {
  const contract = middlewareContract({
    make: () => budget({ tokens: 2_000, everyMs: 40 }),
    place: 'attempt',
    request: (number) => ({ prompt: `Tell me about ${number}`, maxOutputTokens: 100 }),
  });
  for (const { name, run } of contract) it(name, run);
});

describe('budget', () => {
  virtualTime();

  it('reserves the most that an attempt may come to, and settles for what it has used', async () => {
    const limit = budget({ tokens: 100, dollars: 100 });
    const a = simulated({ words: 4, firstTokenMs: 10, traits: { price } });
    const llm = transport({ providers: [a], useEach: [limit] });
    const answer = llm.complete(ask);
    await flush();
    expect(limit.state()).toEqual([
      { key: '', spent: { dollars: 0, tokens: 0 }, reserved: { dollars: 23, tokens: 13 } },
    ]);
    await kept(answer);
    expect(limit.state()).toEqual([{ key: '', spent: { dollars: 9, tokens: 5 }, reserved: { dollars: 0, tokens: 0 } }]);
  });

  it.each<[string, BudgetOptions, number]>([
    ['tokens', { tokens: 26 }, 2],
    ['tokens, one too few', { tokens: 25 }, 1],
    ['dollars', { dollars: 46 }, 2],
    ['dollars, one too few', { dollars: 45 }, 1],
    ['the one of two that is less', { tokens: 1_000, dollars: 23 }, 1],
    ['nothing at all', { tokens: 0 }, 0],
  ])(
    'sends what it covers of three calls at once, and refuses the rest before anything is sent: %s',
    async (_, options, times) => {
      const a = simulated({ name: 'a', words: 4, firstTokenMs: 10, traits: { price } });
      const llm = transport({ providers: [a], useEach: [budget(options)], rateLimit: false });
      const ends = await allSettled([1, 2, 3].map(() => llm.complete(ask)));
      expect(ends.map(({ code }) => code).sort()).toEqual([
        ...Array.from({ length: 3 - times }, () => 'budget_exceeded'),
        ...Array.from({ length: times }, () => 'ok'),
      ]);
      expect(a.requests.length).toBe(times);
      const refused = llm.events.filter(({ type }) => type === 'budget:refuse');
      expect(refused.length).toBe(3 - times);
      expect(refused[0]).toMatchObject({ provider: 'a', key: '', wanted: { dollars: 23, tokens: 13 } });
    },
  );

  it('never blames the provider, and says nothing of the prompt', async () => {
    const llm = transport({ providers: [simulated({ name: 'a' })], useEach: [budget({ tokens: 1 })] });
    for (let call = 0; call < 5; call += 1) {
      const error = await broken(llm.complete({ ...ask, prompt: 'a secret of mine' }));
      expect(error).toMatchObject({ code: 'budget_exceeded', provider: 'a', blame: 'caller', attempts: [] });
      expect(error.message).toBe(
        'The budget does not cover an attempt at a, which may come to 15 tokens, with 1 left; nothing was sent',
      );
    }
    expect(llm.health()[0]).toMatchObject({ circuit: 'closed', inFlight: 0, queued: 0 });
  });

  it('gives every value of its key a budget of its own', async () => {
    const limit = budget({ tokens: 15, by: tenant });
    const llm = transport({ providers: [simulated({ words: 4 })], useEach: [limit] });
    const as = (name: string) => ({ values: [tenant.of(name)] });
    await kept(llm.complete(ask, as('acme')));
    expect(await broken(llm.complete(ask, as('acme')))).toMatchObject({ code: 'budget_exceeded' });
    await kept(llm.complete(ask, as('other')));
    await kept(llm.complete(ask));
    expect(limit.state().map(({ key, spent }) => [key, spent.tokens])).toEqual([
      ['acme', 5],
      ['other', 5],
      ['anonymous', 5],
    ]);
  });

  it('keeps nothing of a key that has spent nothing', async () => {
    const limit = budget({ tokens: 15, by: tenant });
    const llm = transport({
      providers: [simulated({ fault: { kind: 'status', status: 400 } })],
      useEach: [limit],
      retry: false,
    });
    await broken(llm.complete(ask, { values: [tenant.of('acme')] }));
    await broken(llm.complete({ ...ask, maxOutputTokens: 99 }, { values: [tenant.of('other')] }));
    expect(limit.state()).toEqual([]);
  });

  it('is whole again in each period, and says when that is', async () => {
    const limit = budget({ tokens: 15, everyMs: 60_000 });
    const llm = transport({ providers: [simulated({ words: 4 })], useEach: [limit] });
    await kept(llm.complete(ask));
    const error = await broken(llm.complete(ask));
    expect(error.retryAfterMs).toBe(60_000 - (Date.now() % 60_000));
    await advance(given(error.retryAfterMs) - 1);
    await broken(llm.complete(ask));
    await advance(1);
    expect(limit.state()).toEqual([]);
    await kept(llm.complete(ask));
  });

  it('books what was reserved in one period to that one, however late it ends', async () => {
    const limit = budget({ tokens: 15, everyMs: 60_000 });
    const llm = transport({ providers: [simulated({ words: 4, firstTokenMs: 5_000 })], useEach: [limit] });
    await advance(60_000 - (Date.now() % 60_000) - 1_000);
    const late = llm.complete(ask);
    await advance(2_000);
    await kept(llm.complete(ask));
    await kept(late);
    expect(limit.state()).toMatchObject([{ spent: { tokens: 5 }, reserved: { tokens: 0 } }]);
  });

  it('reserves for an answer what bounds it, and else what the option says', async () => {
    const reserved = async (options: BudgetOptions, request: object, maxOutputTokens?: number) => {
      const limit = budget(options);
      const a = simulated({ fault: 'silence-before-headers', traits: { maxOutputTokens } });
      const llm = transport({ providers: [a], useEach: [limit] });
      const controller = new AbortController();
      const answer = llm.complete({ prompt: 'Hello', ...request }, { signal: controller.signal });
      await flush();
      const tokens = limit.state()[0]?.reserved.tokens;
      controller.abort();
      await broken(answer);
      expect(limit.state()).toEqual([]);
      return tokens;
    };
    expect(await reserved({ tokens: 1e6 }, { maxOutputTokens: 7 }, 50)).toBe(10);
    expect(await reserved({ tokens: 1e6 }, {}, 50)).toBe(53);
    expect(await reserved({ tokens: 1e6 }, {})).toBe(8_195);
    expect(await reserved({ tokens: 1e6, outputTokens: 20, marginRatio: 0 }, {})).toBe(22);
    // Not all that there is.
    expect(await reserved({ tokens: 1e6, outputTokens: 20 }, {}, Number.POSITIVE_INFINITY)).toBe(23);
  });

  it('reserves more for a prompt in a script that takes more, and for a schema', async () => {
    const reserved = async (request: object) => {
      const limit = budget({ tokens: 1e6 });
      const llm = transport({ providers: [simulated({ firstTokenMs: 10 })], useEach: [limit], validate: false });
      const answer = llm.complete({
        maxOutputTokens: 1,
        ...('messages' in request ? {} : { prompt: 'x' }),
        ...request,
      });
      await flush();
      const tokens = limit.state()[0]?.reserved.tokens ?? 0;
      await kept(answer);
      return tokens;
    };
    // Of 100 characters: about a token each of Chinese, half of one of Cyrillic, a quarter of English.
    expect(await reserved({ prompt: 'x'.repeat(100) })).toBe(33);
    expect(await reserved({ prompt: 'Ж'.repeat(100) })).toBe(70);
    expect(await reserved({ messages: [{ role: 'user', content: [{ type: 'text', text: '日'.repeat(100) }] }] })).toBe(
      108,
    );
    const jsonSchema = { type: 'object', properties: { a: { type: 'string', description: 'x'.repeat(400) } } };
    expect((await reserved({ schema: { jsonSchema } })) - (await reserved({}))).toBeGreaterThan(125);
  });

  it('tells no time to come back to who wants more than there ever is', async () => {
    const limit = budget({ tokens: 15, everyMs: 60_000 });
    const llm = transport({ providers: [simulated()], useEach: [limit] });
    const error = await broken(llm.complete({ ...ask, maxOutputTokens: 50 }));
    expect([error.code, error.retryAfterMs]).toEqual(['budget_exceeded', undefined]);
  });

  it.each<[string, BudgetOptions, boolean]>([
    ['all the tokens that there are', { tokens: 13 }, true],
    ['one more', { tokens: 12 }, false],
    ['all the dollars that there are', { dollars: 23 }, true],
    ['one more', { dollars: 22 }, false],
  ])('tells who wants %s whether the next period will do: %j', async (_, options, willDo) => {
    const a = simulated({ words: 4, traits: { price } });
    const llm = transport({ providers: [a], useEach: [budget({ ...options, everyMs: 60_000 })] });
    if (willDo) await kept(llm.complete(ask));
    const { code, retryAfterMs } = await broken(llm.complete(ask));
    expect([code, retryAfterMs]).toEqual(['budget_exceeded', willDo ? 60_000 - (Date.now() % 60_000) : undefined]);
  });

  it('says what it wants and what is left in dollars, where these are what there is too little of', async () => {
    const llm = transport({ providers: [simulated({ traits: { price } })], useEach: [budget({ dollars: 10.5 })] });
    expect((await broken(llm.complete(ask))).message).toContain('may come to $23, with $10.5 left');
  });

  it('is not whole twice when the clock is set back over the edge of a period', async () => {
    const limit = budget({ tokens: 15, everyMs: 60_000 });
    const llm = transport({ providers: [simulated({ words: 4 })], useEach: [limit] });
    const edge = Math.ceil(Date.now() / 60_000) * 60_000;
    vi.setSystemTime(edge + 1_000);
    await kept(llm.complete(ask));
    vi.setSystemTime(edge - 5_000);
    const error = await broken(llm.complete(ask));
    expect(error).toMatchObject({ code: 'budget_exceeded', retryAfterMs: 65_000 });
    vi.setSystemTime(edge + 2_000);
    expect((await broken(llm.complete(ask))).code).toBe('budget_exceeded');
    vi.setSystemTime(edge + 60_000);
    await kept(llm.complete(ask));
    // It had been years ahead, and is right again.
    vi.setSystemTime(edge + 60_000 * 1_000);
    await kept(llm.complete(ask));
    vi.setSystemTime(edge + 120_000);
    await kept(llm.complete(ask));
  });

  it('is one for all transports that are given it', async () => {
    const limit = budget({ tokens: 26 });
    const [a, b] = [simulated({ name: 'a', words: 4 }), simulated({ name: 'b', words: 4 })];
    const both = [a, b].map((one) => transport({ providers: [one], useEach: [limit], rateLimit: false }));
    const ends = await allSettled([0, 1, 0, 1].map((at) => (both[at] as Transport).complete(ask)));
    expect(ends.map(({ code }) => code)).toEqual(['ok', 'ok', 'budget_exceeded', 'budget_exceeded']);
    expect(limit.state()).toMatchObject([{ spent: { tokens: 10 }, reserved: { tokens: 0 } }]);
  });

  it('never ends an attempt that is under way by refusing one beside it', async () => {
    const limit = budget({ tokens: 20 });
    const of = (name: string) => simulated({ name, domain: name, words: 4, firstTokenMs: 500 });
    const llm = transport({ providers: [of('a'), of('b')], useEach: [limit], hedge: { afterMs: 50 } });
    const answer = await kept(llm.complete(ask));
    expect([answer.provider, answer.attempts.length]).toEqual(['a', 1]);
    expect(llm.events.filter(({ type }) => type === 'budget:refuse').length).toBe(1);
    expect(limit.state()).toMatchObject([{ spent: { tokens: 5 }, reserved: { tokens: 0 } }]);
  });

  it('spends what was used when that was more than was reserved, and refuses the next', async () => {
    const limit = budget({ tokens: 100, outputTokens: 10 });
    const llm = transport({ providers: [simulated({ words: 150 })], useEach: [limit] });
    await kept(llm.complete({ prompt: 'Hello' }));
    expect(limit.state()).toMatchObject([{ spent: { tokens: 151 }, reserved: { tokens: 0 } }]);
    expect((await broken(llm.complete(ask))).message).toContain('with 0 left');
  });

  it('counts what fails, and every attempt of a call', async () => {
    const limit = budget({ tokens: 1_000 });
    const providers = [
      simulated({ name: 'a', fault: 'cut-reset', words: 10 }),
      simulated({ name: 'b', fault: 'http-503', words: 10 }),
      simulated({ name: 'c', words: 10 }),
    ] as const;
    const llm = transport({ providers, useEach: [limit] });
    const { attempts } = await kept(llm.complete(ask));
    expect(attempts.length).toBe(3);
    const used = attempts.reduce((sum, { usage }) => sum + (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0), 0);
    expect(limit.state()).toEqual([
      { key: '', spent: { dollars: 0, tokens: used }, reserved: { dollars: 0, tokens: 0 } },
    ]);
    expect(used).toBeGreaterThan(11);
  });

  it('spends all that was reserved where the price is not known any more', async () => {
    const limit = budget({ dollars: 1_000 });
    let calls = 0;
    const priceOf = () => {
      calls += 1;
      return calls > 2 ? undefined : 30;
    };
    const llm = transport({ providers: [simulated({ words: 4 })], useEach: [limit], priceOf });
    await kept(llm.complete(ask));
    expect([limit.state()[0]?.spent.dollars, llm.usage().unpriced]).toEqual([30, 1]);
  });

  it('asks a provider whose price is known, when the budget is in dollars', async () => {
    const [a, b] = [simulated({ name: 'a' }), simulated({ name: 'b', traits: { price } })];
    const both = transport({ providers: [a, b], useEach: [budget({ dollars: 100 })] });
    expect((await kept(both.complete(ask))).provider).toBe('b');
    expect(
      await broken(transport({ providers: [a], useEach: [budget({ dollars: 100 })], retry: false }).complete(ask)),
    ).toMatchObject({ code: 'budget_exceeded', message: expect.stringContaining('is not known') });
    const limit = budget({ dollars: 100 });
    const priceOf = ({ usage }: { usage: { inputTokens: number; outputTokens: number } }) =>
      usage.inputTokens + usage.outputTokens;
    await kept(transport({ providers: [a], useEach: [limit], priceOf }).complete(ask));
    expect([a.requests.length, limit.state()[0]?.spent.dollars]).toEqual([1, 11]);
  });

  it('reserves what a prompt costs that is written to a cache, when that costs more', async () => {
    const limit = budget({ dollars: 1_000 });
    const a = simulated({ firstTokenMs: 10, traits: { price: { ...price, cacheWriteInput: 5_000_000 } } });
    const answer = transport({ providers: [a], useEach: [limit] }).complete(ask);
    await flush();
    expect(limit.state()[0]?.reserved.dollars).toBe(3 * 5 + 20);
    await kept(answer);
  });

  it.each<[string, unknown]>([
    ['budget', undefined],
    ['budget', {}],
    ['budget.token', { token: 1 }],
    ['budget.tokens', { tokens: -1 }],
    ['budget.dollars', { dollars: '1' }],
    ['budget.everyMs', { tokens: 1, everyMs: 0 }],
    ['budget.outputTokens', { tokens: 1, outputTokens: Number.NaN }],
    ['budget.marginRatio', { tokens: 1, marginRatio: -1 }],
    ['budget.marginRatio', { tokens: 1, marginRatio: Number.POSITIVE_INFINITY }],
    ['budget.outputTokens', { tokens: 1, outputTokens: Number.POSITIVE_INFINITY }],
    ['budget.by', { tokens: 1, by: 'tenant' }],
  ])('refuses options that are wrong: %s', (path, options) => {
    expect(() => budget(options as never)).toThrow(expect.objectContaining({ path }));
    expect(() => budget(options as never)).toThrow(OptionsError);
  });

  it('says where it belongs', () => {
    expect(() => createTransport({ providers: [simulated()], use: [budget({ tokens: 1 })] })).toThrow(/useEach/);
  });
});

describe('500 calls at once against a budget', { tags: ['load'] }, () => {
  virtualTime();

  /** What can become of a provider's request. */
  const faults: readonly (FaultName | 'ok')[] = [
    ...(['ok', 'ok', 'ok', 'ok', 'cut-reset', 'cut-end', 'http-503', 'stall', 'silence-before-headers'] as const),
    ...([
      'empty-answer',
      'malformed-json',
      'refusal',
      'stream-error-after-content',
      'http-500',
      'slow-first-token',
    ] as const),
  ];

  it.each([1, 2, 3])('never exceed it, and leave nothing reserved, however they end (%i)', async (seed) => {
    const random = randomFrom(seed);
    const most = { tokens: 6_000, dollars: 9_000 };
    const limit = budget(most);
    const script = () => faults[Math.floor(random() * faults.length)];
    const of = (name: string) =>
      simulated({ name, domain: name, words: 30, firstTokenMs: 20, tokenMs: 5, seed, script, traits: { price } });
    const [a, b] = [of('a'), of('b')];
    const llm = transport({ providers: [a, b], useEach: [limit], hedge: { afterMs: 60 }, rateLimit: false });
    let highest = 0;
    llm.on('*', () => {
      for (const { spent, reserved } of limit.state()) {
        highest = Math.max(highest, spent.tokens + reserved.tokens);
        expect(spent.tokens + reserved.tokens).toBeLessThanOrEqual(most.tokens);
        expect(spent.dollars + reserved.dollars).toBeLessThanOrEqual(most.dollars);
      }
    });
    const ends = await allSettled(Array.from({ length: 500 }, () => one(llm, random)));
    await flush();
    expect(ends.length).toBe(500);
    const codes = new Set(ends.map(({ code }) => code));
    expect([...codes]).toEqual(expect.arrayContaining(['ok', 'budget_exceeded', 'cancelled']));
    const [state] = limit.state();
    expect(state?.reserved).toEqual({ dollars: 0, tokens: 0 });
    const { inputTokens, outputTokens, cost } = llm.usage();
    expect(state?.spent.tokens).toBe(inputTokens + outputTokens);
    expect(state?.spent.dollars).toBeCloseTo(cost, 6);
    expect(highest).toBeGreaterThan(most.tokens * 0.5);
    // Those who bill have counted no more either.
    const billed = [...a.requests, ...b.requests].reduce(
      (sum, { billed: { inputTokens: i, outputTokens: o } }) => sum + i + o,
      0,
    );
    expect(billed).toBeLessThanOrEqual(most.tokens);
  });

  it('never exceed those of their tenants, in any period, nor leave anything reserved', async () => {
    const random = randomFrom(4);
    const limit = budget({ tokens: 900, by: tenant, everyMs: 150 });
    const script = () => faults[Math.floor(random() * faults.length)];
    const a = simulated({ name: 'a', words: 30, firstTokenMs: 20, tokenMs: 5, script });
    const resume = { mode: 'restart' } as const;
    const llm = transport({ providers: [a], useEach: [limit], rateLimit: false, resume });
    const seen = new Set<string>();
    llm.on('*', () => {
      for (const { key, spent, reserved } of limit.state()) {
        seen.add(key);
        expect(spent.tokens + reserved.tokens).toBeLessThanOrEqual(900);
      }
    });
    const calls = Array.from({ length: 500 }, (_, index) => one(llm, random, [tenant.of(`tenant ${index % 7}`)]));
    const codes = new Set((await allSettled(calls)).map(({ code }) => code));
    await flush();
    expect([...codes]).toEqual(expect.arrayContaining(['ok', 'budget_exceeded', 'cancelled']));
    expect(seen.size).toBe(7);
    expect(limit.state().filter(({ reserved }) => reserved.tokens > 0)).toEqual([]);
  });

  /** A call of one of many kinds: whole or streamed, left, cancelled, or out of time. */
  async function one(llm: Transport, random: () => number, values: readonly ContextEntry[] = []): Promise<void> {
    const [stream, kind] = [random() < 0.5, random()];
    const request = { prompt: 'Tell me about budgets', maxOutputTokens: 40 };
    const controller = new AbortController();
    if (kind < 0.15) setTimeout(() => controller.abort(), kind * 1_000);
    const options = { values, signal: controller.signal, ...(kind > 0.9 && { timeoutMs: 100 }) };
    if (!stream) return void (await llm.complete(request, options));
    const answer = await llm.complete({ ...request, stream: true }, options);
    if (kind > 0.4 && kind < 0.5) for await (const _ of answer) return;
    const { error } = await readAll(answer);
    if (error !== undefined) throw error;
  }
});
