import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { alternatives, attemptReason } from '../../../src/core/context.ts';
import { endpoint } from '../../../src/core/endpoint.ts';
import { TransportError } from '../../../src/core/errors.ts';
import type { TransportEvent } from '../../../src/core/events.ts';
import type { ProviderHealth } from '../../../src/core/health.ts';
import { backAfterMs, type Itinerary, itinerary } from '../../../src/core/itinerary.ts';
import { drain } from '../../../src/core/reply.ts';
import type { Attempt, CompletionRequest, Context, Handler, Provider, Strategy } from '../../../src/core/types.ts';
import { priority } from '../../../src/routing/priority.ts';
import { router } from '../../../src/routing/router.ts';
import { aCall, aHealth, answer, aProvider, finish, flush, Source, text, unhandledIn } from '../core/support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const request: CompletionRequest = { prompt: 'Hi' };
const broken = new TransportError('server_error', 'x');

/** A router over providers; `seen` are the contexts of their attempts. */
function over(
  providers: readonly Partial<Provider>[],
  strategy: Strategy = priority(),
  layer?: (next: Handler) => Handler,
) {
  const seen: Context[] = [];
  const destinations = providers.map((fields, index) => {
    const provider = aProvider({ name: `${index + 1}`, domain: `${index + 1}`, ...fields });
    const { health } = aHealth(provider);
    const inner = endpoint(provider, health);
    const handler: Handler = (asked, context) => {
      seen.push(context);
      return inner(asked, context);
    };
    return { health, handler: layer?.(handler) ?? handler };
  });
  const { call, above, seen: published } = aCall();
  const health = (name: string): ProviderHealth =>
    destinations.find((one) => one.health.name === name)?.health as ProviderHealth;
  const route = router(strategy, destinations);
  const ask = (hops: Partial<Itinerary> = {}, asked = request) =>
    route(asked, above.with(itinerary.of({ ...above.get(itinerary), ...hops })));
  const routes = () => published.filter((event) => event.type === 'route');
  return { call, seen, published, health, ask, routes };
}

/** Who was left out, and why. */
function excluded(event: TransportEvent | undefined): Record<string, string | undefined> {
  if (event?.type !== 'route') throw new Error('no route event');
  return Object.fromEntries(event.candidates.map(({ name, excluded: why }) => [name, why]));
}

const gate = (backMs: number) => ({ backMs: () => backMs, failureRatio: () => 0, reset: () => {} });
const quarantine = { code: 'authentication', status: 401, times: 1, probing: false } as const;

/** What it is rejected with. */
const thrownBy = (ask: Promise<unknown>): Promise<TransportError> =>
  ask.then(
    () => {
      throw new Error('was answered');
    },
    (error) => error as TransportError,
  );

describe('who is asked', () => {
  it('is whom the strategy chooses, and the event tells by what', async () => {
    const { ask, routes } = over([{}, {}], function lastOne(candidates) {
      return candidates.at(-1);
    });
    expect((await ask()).provider).toBe('2');
    expect(routes()).toMatchObject([
      { chosen: '2', strategy: 'lastOne', attempt: 0, candidates: [{ name: '1' }, { name: '2' }] },
    ]);
    expect(excluded(routes()[0])).toEqual({ '1': undefined, '2': undefined });
  });

  it('is nobody who was tried in this round, given up by this call, or cannot be asked now', async () => {
    const { ask, routes, health } = over([{}, {}, {}, {}, {}, {}]);
    health('3').park(Date.now() + 1_000);
    health('4').gate = gate(500);
    health('5').setQuarantine({ ...quarantine, until: Date.now() + 1_000 });
    const reply = await ask({ tried: new Set(['1']), givenUp: new Set(['2']), last: '1' });
    expect(reply.provider).toBe('6');
    expect(excluded(routes()[0])).toEqual({
      ...{ '1': 'tried', '2': 'given up', '3': 'parked', '4': 'circuit open', '5': 'quarantined', '6': undefined },
    });
  });

  it.each<[string, Partial<CompletionRequest>]>([
    ['model', { model: 'm-2' }],
    ['tags', { require: { tags: ['eu', 'cheap'] } }],
    ['region', { require: { region: 'eu-west' } }],
    ['capabilities', { require: { capabilities: ['images'] } }],
    ['capabilities', { tools: [{ name: 'look', inputSchema: { jsonSchema: {} } }] }],
    ['capabilities', { schema: { jsonSchema: {} } }],
  ])('is nobody who lacks what the request needs: %s, %j', async (reason, needs) => {
    const traits = { tags: ['eu'], region: 'us-east', capabilities: ['streaming'] } as const;
    const rich = { tags: ['eu', 'cheap'], region: 'eu-west', capabilities: ['images', 'tools', 'schema'] } as const;
    const { ask, routes } = over([{ traits }, { model: 'm-2', traits: rich }]);
    expect((await ask({}, { ...request, ...needs })).provider).toBe('2');
    expect(excluded(routes()[0])).toEqual({ '1': reason, '2': undefined });
  });

  it('may be one who declares no capabilities, but not one who declares no tags or region', async () => {
    const { ask } = over([{}]);
    await expect(ask({}, { ...request, require: { capabilities: ['images'] } })).resolves.toBeDefined();
    await expect(ask({}, { ...request, require: { tags: ['eu'] } })).rejects.toMatchObject({ code: 'no_provider' });
    await expect(ask({}, { ...request, require: { region: 'eu' } })).rejects.toMatchObject({ code: 'no_provider' });
  });

  it('is rather somebody of another failure domain than of one that failed in this round', async () => {
    const { ask, routes, seen } = over([{ domain: 'a' }, { domain: 'a' }, { domain: 'b' }]);
    expect((await ask({ tried: new Set(['1']), last: '1' })).provider).toBe('3');
    expect(excluded(routes()[0])).toEqual({ '1': 'tried', '2': 'same domain', '3': undefined });
    expect((await ask({ tried: new Set(['1', '3']), last: '3' })).provider).toBe('2');
    // The one of the same domain could be asked all the same.
    expect(seen.map((context) => context.get(alternatives))).toEqual([1, 0]);
  });

  it('is rather somebody of another failure domain than of any that failed', async () => {
    const { ask } = over([{ domain: 'a' }, { domain: 'a' }, { domain: 'b' }, { domain: 'b' }, { domain: 'c' }]);
    expect((await ask({ tried: new Set(['1', '3']), last: '3' })).provider).toBe('5');
  });

  it('knows why it is asked, and how many others could be', async () => {
    const { ask, seen } = over([{}, {}, {}]);
    await ask();
    await ask({ tried: new Set(['1']), last: '1' });
    await ask({ last: '1' });
    expect(seen.map((context) => context.get(attemptReason))).toEqual(['first', 'failover', 'retry']);
    expect(seen.map((context) => context.get(alternatives))).toEqual([2, 1, 2]);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});

describe('a prompt that is too long', () => {
  const long = { prompt: 'x'.repeat(4_000) };
  const small = { traits: { contextWindow: 900 } };

  it('goes to a model whose context window holds it, with the output that it asks room for', async () => {
    const { ask, routes } = over([small, {}]);
    expect((await ask({}, long)).provider).toBe('2');
    expect(excluded(routes()[0])).toEqual({ '1': 'context window', '2': undefined });
    const shorter = { prompt: 'x'.repeat(2_000) };
    expect((await ask({}, shorter)).provider).toBe('1');
    expect((await ask({}, { ...shorter, maxOutputTokens: 500 })).provider).toBe('2');
  });

  it('is sent all the same where nobody else can be asked: the estimate is rough', async () => {
    const { ask, routes, seen } = over([small, {}]);
    expect((await ask({ tried: new Set(['2']), last: '2' }, long)).provider).toBe('1');
    expect(excluded(routes()[0])).toEqual({ '1': undefined, '2': 'tried' });
    // One that is too small is no alternative.
    await ask({}, long);
    expect(seen.map((context) => context.get(alternatives))).toEqual([0, 0]);
  });

  const refusing = (limit: number): Partial<Provider> => ({
    stream: undefined,
    complete: async ({ prompt }) => {
      if (prompt !== undefined && prompt.length <= limit) return answer({ text: 'x' });
      throw new TransportError('context_length_exceeded', 'too long', { provider: '1' });
    },
  });

  it('teaches what is too long for a model that does not say', async () => {
    const { ask, routes } = over([refusing(2_000), {}]);
    await expect(ask({}, long)).rejects.toMatchObject({ code: 'context_length_exceeded' });
    expect((await ask({}, long)).provider).toBe('2');
    expect((await ask({}, { prompt: 'x'.repeat(5_000) })).provider).toBe('2');
    expect(excluded(routes()[1])).toEqual({ '1': 'context window', '2': undefined });
    expect((await ask({}, { prompt: 'x'.repeat(1_500) })).provider).toBe('1');
  });

  it('teaches the other way round too: one that was taken was not too long', async () => {
    const { ask, health } = over([refusing(6_000), {}]);
    health('1').learnLength(500, true);
    expect((await ask({}, long)).provider).toBe('2');
    expect((await ask({ tried: new Set(['2']), last: '2' }, long)).provider).toBe('1');
    await flush();
    expect((await ask({}, long)).provider).toBe('1');
  });

  it('teaches nothing when it cannot have been the length, or nobody can tell how long it was', async () => {
    const { ask, health } = over([refusing(-1), {}]);
    await thrownBy(ask({}, { prompt: 'x'.repeat(3_900) }));
    const picture = { type: 'image', image: 'https://x/y.png' } as const;
    await thrownBy(ask({}, { messages: [{ role: 'user', content: [picture, { type: 'text', text: long.prompt }] }] }));
    expect(health('1').limitsLength).toBe(false);
    await thrownBy(ask({}, { messages: [{ role: 'user', content: long.prompt }] }));
    expect(health('1').limitsLength).toBe(true);
  });

  it('teaches nothing when it failed for another reason', async () => {
    const { ask, health } = over([{ complete: () => Promise.reject(broken) }]);
    await thrownBy(ask({}, long));
    expect(health('1').limitsLength).toBe(false);
  });

  it.each<[string, Partial<Provider>, CompletionRequest]>([
    ['broke', { stream: () => new Source(text('a')).fail(broken) }, long],
    [
      'has no length that anybody could tell',
      {},
      {
        messages: [{ role: 'user', content: [{ type: 'image', image: 'https://x/y.png' }] }],
      },
    ],
  ])('is not taken for one that fits when an answer was begun that %s', async (_, provider, asked) => {
    const { ask, health } = over([provider]);
    health('1').learnLength(1, true);
    await (await ask({}, asked)).done;
    await flush();
    expect(health('1').limitsLength).toBe(true);
  });

  it('is not held against a model for ever', async () => {
    const { ask } = over([refusing(2_000), {}]);
    await thrownBy(ask({}, long));
    vi.advanceTimersByTime(599_000);
    expect((await ask({}, long)).provider).toBe('2');
    vi.advanceTimersByTime(2_000);
    await thrownBy(ask({}, long));
  });

  it('teaches nothing when nothing was sent', async () => {
    const refused = () => async () => {
      throw new TransportError('context_length_exceeded', 'ours', { provider: '1' });
    };
    const { ask, health } = over([{}, {}], priority(), refused);
    await thrownBy(ask({}, long));
    expect(health('1').limitsLength).toBe(false);
  });

  it('is forgotten by a reset', async () => {
    const { health } = over([{}]);
    health('1').learnLength(500, true);
    expect(health('1').tooLong(500)).toBe(true);
    health('1').reset();
    expect(health('1').tooLong(500)).toBe(false);
  });
});

describe('a hedge', () => {
  const beside = { tried: new Set(['1']), last: '1', beside: '1' };

  it('goes to another failure domain, and says that it is one', async () => {
    const { ask, routes, seen } = over([{}, { domain: '1' }, {}]);
    expect((await ask(beside)).provider).toBe('3');
    expect(excluded(routes()[0])).toEqual({ '1': 'tried', '2': 'same domain', '3': undefined });
    expect([seen[0]?.get(attemptReason), seen[0]?.get(alternatives)]).toEqual(['hedge', 0]);
  });

  it.each<[string, (health: ProviderHealth) => void]>([
    ['busy', (health) => Object.assign(health, { estimateWaitMs: () => 201 })],
    ['busy', (health) => Object.assign(health, { queued: 1 })],
    ['busy', (health) => Object.assign(health, { inFlight: 2, window: 2 })],
    ['half-open', (health) => Object.assign(health, { circuit: 'half-open' })],
    ['slow', (health) => [1, 2, 3].map(() => health.rescued())],
    ['context window', (health) => health.learnLength(1, true)],
    ['circuit open', (health) => Object.assign(health, { gate: gate(100) })],
  ])('goes nowhere where it is not likely to help: %s', async (reason, spoil) => {
    const { ask, routes, health, seen } = over([{}, {}]);
    spoil(health('2'));
    await thrownBy(ask(beside));
    expect(excluded(routes()[0])).toEqual({ '1': 'tried', '2': reason });
    expect(seen).toEqual([]);
  });
});

describe('a provider that is slow', () => {
  it('is asked when nobody else can be, and by one attempt at a time to find out', async () => {
    const { ask, routes, health } = over([{}, {}]);
    for (let time = 0; time < 3; time += 1) health('1').rescued();
    expect((await ask()).provider).toBe('2');
    expect(excluded(routes()[0])).toEqual({ '1': 'slow', '2': undefined });
    expect((await ask({ tried: new Set(['2']), last: '2' })).provider).toBe('1');
    // Its content came: it is not any more.
    expect((await ask()).provider).toBe('1');
  });

  it('is asked by one call after a while, and by no other until that has found out', async () => {
    const { ask, health } = over([{ stream: () => new Source() }, {}]);
    for (let time = 0; time < 3; time += 1) health('1').rescued();
    vi.advanceTimersByTime(5_000);
    const finding = ask();
    finding.catch(() => {});
    expect((await ask()).provider).toBe('2');
    expect([health('1').inFlight, health('1').slow]).toEqual([1, true]);
  });

  it('was rescued three times in a row: content in between starts anew', async () => {
    const { health } = over([{}]);
    const one = health('1');
    one.rescued();
    one.rescued();
    one.answeredAfter(10, 1);
    one.rescued();
    expect(one.slow).toBe(false);
    one.rescued();
    one.rescued();
    expect(one.slow).toBe(true);
    vi.advanceTimersByTime(5_000);
    expect(one.slow).toBe(false);
    one.asked();
    expect(one.slow).toBe(true);
    one.reset();
    expect(one.slow).toBe(false);
    one.asked();
    expect(one.slow).toBe(false);
  });
});

describe('what a strategy may do', () => {
  it('is to choose a candidate, not a stranger', async () => {
    const stranger = { ...aHealth(aProvider({ name: 'stranger' })).health.snapshot() };
    const { ask } = over([{}], () => stranger);
    await expect(ask()).rejects.toMatchObject({
      ...{ code: 'middleware', retry: 'never', blame: 'transport' },
      message: "The strategy given chose 'stranger', which is no candidate",
    });
    const tried = over([{}, {}], function stubborn() {
      return tried.health('1');
    });
    await expect(tried.ask({ tried: new Set(['1']) })).rejects.toMatchObject({
      message: "The strategy stubborn chose '1', which is no candidate",
    });
  });

  it('is to choose by a copy or a snapshot of a candidate', async () => {
    const { ask } = over([{}, {}], (candidates) => ({ ...(candidates[1] ?? candidates[0]), name: '2' }));
    expect((await ask()).provider).toBe('2');
  });

  it('is to choose nobody', async () => {
    const { ask, routes, attempts } = { ...over([{}, {}], () => undefined), attempts: [] };
    const error = await ask().catch((thrown: unknown) => thrown as TransportError);
    expect(error).toMatchObject({
      code: 'no_provider',
      message: expect.stringContaining('the strategy chose none'),
    });
    expect(backAfterMs(error)).toBe(Number.POSITIVE_INFINITY);
    expect(routes()[0]).toMatchObject({ chosen: undefined });
    expect(attempts).toEqual([]);
  });

  it('is to learn how the attempts ended that it has sent, streamed or failed', async () => {
    const settled: [string, Attempt['outcome']][] = [];
    const strategy: Strategy = Object.assign(priority(), {
      settled: (_: CompletionRequest, context: Context, { provider, outcome, number }: Attempt) => {
        expect(number).toBe(context.attempt);
        settled.push([provider, outcome]);
      },
    });
    const source = new Source(text('a'));
    const { ask } = over([{ complete: () => Promise.reject(broken) }, { stream: () => source }], strategy);
    await expect(ask()).rejects.toMatchObject({ code: 'server_error' });
    expect(settled).toEqual([['1', 'server_error']]);
    await ask({ tried: new Set(['1']), last: '1' });
    expect(settled).toHaveLength(1);
    source.push(finish);
    await flush();
    expect(settled).toEqual([
      ['1', 'server_error'],
      ['2', 'ok'],
    ]);
  });

  it('is not to fail a call by what it makes of its end, nor the process', async () => {
    const strategy: Strategy = Object.assign(priority(), {
      settled: () => {
        throw new TypeError('a bug');
      },
    });
    vi.useRealTimers();
    const unhandled = await unhandledIn(async () => {
      const good = over([{}], strategy);
      expect((await good.ask()).provider).toBe('1');
      await flush();
      const bad = over([{ complete: () => Promise.reject(broken) }], strategy);
      await expect(bad.ask()).rejects.toMatchObject({ code: 'server_error' });
    });
    expect(unhandled).toEqual([]);
  });
});

describe('attempt numbers', () => {
  it('have no gap where a provider was refused before anything was sent', async () => {
    let refuse = true;
    const { ask, call, seen } = over([{}, {}], priority(), (next) => async (asked, context) => {
      if (refuse) throw new TransportError('circuit_open', 'x', { provider: '1' });
      return next(asked, context);
    });
    await expect(ask()).rejects.toMatchObject({ code: 'circuit_open' });
    refuse = false;
    await ask({ tried: new Set(['1']) });
    expect(seen.map(({ attempt }) => attempt)).toEqual([1]);
    expect(call.attempts.map(({ number }) => number)).toEqual([1]);
    expect(seen[0]?.get(attemptReason)).toBe('first');
  });

  it('count those that were sent and failed', async () => {
    const { ask, call } = over([{ complete: () => Promise.reject(broken) }, {}]);
    await ask().catch(() => {});
    await ask({ tried: new Set(['1']), last: '1' });
    expect(call.attempts.map(({ number, outcome, reason }) => [number, outcome, reason])).toEqual([
      [1, 'server_error', 'first'],
      [2, 'ok', 'failover'],
    ]);
  });
});

describe("a layer's error", () => {
  it('is given the name of the provider when it says none and others could do better', async () => {
    const thrown = (error: TransportError) =>
      over([{}], priority(), () => () => Promise.reject(error))
        .ask()
        .catch((one: unknown) => one);
    expect(await thrown(new TransportError('overloaded', 'x'))).toMatchObject({ provider: '1' });
    expect(await thrown(new TransportError('overloaded', 'x', { provider: 'z' }))).toMatchObject({ provider: 'z' });
    const final = new TransportError('budget_exceeded', 'x');
    expect(await thrown(final)).toBe(final);
  });
});

describe('when nobody can be asked', () => {
  it('says of each why not', async () => {
    const { ask, health } = over([{}, {}, { model: 'm-2' }]);
    health('1').park(Date.now() + 3_000);
    const error = await thrownBy(ask({ givenUp: new Set(['2']), last: '2' }, { ...request, model: 'm-1' }));
    expect(error).toMatchObject({
      ...{ code: 'no_provider', retryAfterMs: 3_000 },
      message: 'No provider can be asked (1: parked, 2: given up, 3: model)',
    });
    expect(backAfterMs(error)).toBe(3_000);
  });

  it('says when the first will be back that is worth waiting for', async () => {
    const { ask, health } = over([{}, {}, {}, {}]);
    health('1').park(Date.now() + 3_000);
    health('2').gate = gate(700);
    health('3').setQuarantine({ ...quarantine, until: Date.now() + 5 });
    const error = await thrownBy(ask({ givenUp: new Set(['4']), last: '4' }));
    expect(backAfterMs(error)).toBe(700);
  });

  it('knows that nobody ever will be, when all are unfit, given up or in quarantine', async () => {
    const { ask, health } = over([{}, {}, { model: 'm-2' }]);
    health('1').setQuarantine({ ...quarantine, until: Date.now() + 5 });
    const error = await thrownBy(ask({ givenUp: new Set(['2']), last: '2' }, { ...request, model: 'm-1' }));
    expect(backAfterMs(error)).toBe(Number.POSITIVE_INFINITY);
    expect(error.retryAfterMs).toBeUndefined();
  });

  it('is at once for a round in which all were tried', async () => {
    const { ask } = over([{}, {}]);
    expect(backAfterMs(await thrownBy(ask({ tried: new Set(['1', '2']), last: '2' })))).toBe(0);
  });

  it('gives the state of a lone provider as the error that it would give', async () => {
    const parked = over([{}]);
    parked.health('1').park(Date.now() + 3_000);
    expect(await thrownBy(parked.ask())).toMatchObject({ code: 'rate_limited', provider: '1', retryAfterMs: 3_000 });

    // Once something was sent, that attempt's error says more.
    const sent = await thrownBy(parked.ask({ tried: new Set(['1']), last: '1' }));
    expect(sent).toMatchObject({ code: 'no_provider', retryAfterMs: 3_000 });
    expect(backAfterMs(sent)).toBe(3_000);

    const open = over([{}]);
    open.health('1').gate = gate(400);
    expect(await thrownBy(open.ask())).toMatchObject({ code: 'circuit_open', provider: '1', retryAfterMs: 400 });

    const shut = over([{}]);
    shut.health('1').setQuarantine({ ...quarantine, until: Date.now() + 900 });
    const error = await thrownBy(shut.ask());
    expect(error).toMatchObject({ code: 'authentication', status: 401, retryAfterMs: 900 });
    expect(backAfterMs(error)).toBe(Number.POSITIVE_INFINITY);

    const unfit = over([{ model: 'm-2' }]);
    expect(await thrownBy(unfit.ask({}, { ...request, model: 'm-1' }))).toMatchObject({
      ...{ code: 'no_provider', message: 'No provider can be asked (1: model)' },
    });
  });

  it('sends nothing and counts nothing', async () => {
    const { ask, call, published, health } = over([{ complete: async () => answer({ text: 'x' }) }]);
    health('1').park(Date.now() + 3_000);
    await thrownBy(ask());
    expect(call.attempts).toEqual([]);
    expect(call.lastAttempt).toBe(0);
    expect(published.map(({ type }) => type)).toEqual(['route']);
  });
});

describe("a provider's own purse of retries", () => {
  const again = { paid: true, asked: new Set(['1']), last: '1' };

  /** One provider, whose purse holds two retries, and another. */
  function poor(providers: readonly Partial<Provider>[] = [{}, {}], layer?: (next: Handler) => Handler) {
    const scene = over(providers, priority(), layer);
    const quota = new RetryQuota(10, 5);
    scene.health('1').retryQuota = quota;
    return { ...scene, quota };
  }

  const failing = (): Handler => () => Promise.reject(broken);

  it('pays for what is asked of it again in the same call, and is filled by what succeeds', async () => {
    const { ask, quota } = poor();
    quota.withdraw();
    await drain(await ask(again));
    expect(quota.left).toBe(5);
    await drain(await ask());
    expect(quota.left).toBe(6);
  });

  it('does not pay for a first attempt, nor for one that comes from another provider', async () => {
    const { ask, quota } = poor([{}, {}], failing);
    await thrownBy(ask());
    await thrownBy(ask({ paid: true, asked: new Set(['2']), last: '2' }));
    expect(quota.left).toBe(10);
  });

  it('when it is empty sends retries elsewhere while something is under way, and lets first attempts pass', async () => {
    const { ask, quota, health, routes } = poor();
    quota.withdraw();
    quota.withdraw();
    health('1').inFlight = 1;
    expect((await ask(again)).provider).toBe('2');
    expect(excluded(routes()[0])).toEqual({ '1': 'retry quota', '2': undefined });
    expect((await ask()).provider).toBe('1');
    // Nobody would fill it any more.
    health('1').inFlight = 0;
    expect((await ask(again)).provider).toBe('1');
  });

  it('is looked into again after half a second when there is nobody else', async () => {
    const { ask, quota, health } = poor([{}]);
    quota.withdraw();
    quota.withdraw();
    health('1').inFlight = 1;
    expect(backAfterMs(await thrownBy(ask(again)))).toBe(500);
  });

  it('is given back what was taken for an attempt that was not sent', async () => {
    const { ask, quota } = poor([{}, {}], failing);
    await thrownBy(ask(again));
    expect(quota.left).toBe(10);
  });
});

describe('slow providers', () => {
  it('are candidates like others when fewer than half of all are quick: those would not bear it', async () => {
    const { ask, health, routes } = over([{}, {}, {}]);
    for (const name of ['1', '2']) {
      for (let rescue = 0; rescue < 3; rescue += 1) health(name).rescued();
    }
    expect((await ask()).provider).toBe('1');
    expect(excluded(routes()[0])).toEqual({ '1': undefined, '2': undefined, '3': undefined });
  });
});
