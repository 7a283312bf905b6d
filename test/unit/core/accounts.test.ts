import { describe, expect, it } from 'vitest';
import { TokenScale } from '../../../src/control/token-scale.ts';
import type { PricedUsage, PriceOf } from '../../../src/core/accounting-types.ts';
import { Accounts, groupsOf, sumOf } from '../../../src/core/accounts.ts';
import { simulated } from '../../../src/testing/index.ts';
import { createTransport } from '../../../src/transport.ts';
import { aProvider, attempt } from './support.ts';

const usage = { inputTokens: 10, outputTokens: 5 };

function accounts(priceOf?: PriceOf): Accounts {
  return new Accounts(priceOf, () => new TokenScale());
}

describe('the price of an attempt', () => {
  it('is what its traits say, before anybody else', () => {
    const provider = aProvider({ traits: { price: { input: 1_000_000, output: 0 } } });
    expect(accounts(() => 99).costOf(provider, usage)).toBe(10);
  });

  it('is what priceOf says of the model that has answered', () => {
    const asked: PricedUsage[] = [];
    const some = accounts((used) => {
      asked.push(used);
      return 0.5;
    });
    expect(some.costOf(aProvider(), usage, 'm-1-2026')).toBe(0.5);
    expect(asked).toMatchObject([{ provider: 'one', model: 'm-1-2026', configured: 'm-1', usage }]);
    some.costOf(aProvider(), usage, '');
    expect(asked[1]?.model).toBe('m-1');
  });

  it('may be nothing', () => {
    expect(accounts(() => 0).costOf(aProvider(), usage)).toBe(0);
  });

  it('is that of the provider of a name, and of no other', () => {
    const price = (input: number) => ({ traits: { price: { input, output: 0 } } });
    const providers = [
      aProvider({ name: 'one', ...price(1_000_000) }),
      aProvider({ name: 'two', ...price(2_000_000) }),
    ];
    const some = new Accounts(undefined, () => new TokenScale(), providers);
    expect([some.priceAt('one', usage), some.priceAt('two', usage), some.priceAt('three', usage)]).toEqual([
      ...[10, 20, undefined],
    ]);
    expect(accounts(() => 1).priceAt('one', usage)).toBeUndefined();
  });

  it.each<[string, PriceOf | undefined]>([
    ['there is none', undefined],
    ['it does not know', () => undefined],
    ['it says what is no number', () => '1' as never],
    ['it says nonsense', () => Number.NaN],
    ['it says less than nothing', () => -1],
    [
      'it throws',
      () => {
        throw new Error('oops');
      },
    ],
  ])('is not known when %s', (_, priceOf) => {
    expect(accounts(priceOf).costOf(aProvider(), usage)).toBeUndefined();
  });
});

describe('the sums of usage', () => {
  const full = { ...usage, cachedInputTokens: 4, cacheWriteInputTokens: 3, reasoningTokens: 2 };
  const lines = [
    [attempt({ usage: full, cost: 1 }), { team: 'a', day: 1 }],
    [attempt({ usage, usageEstimated: true, cost: undefined, provider: 'two', model: 'm-2' }), { team: 'b' }],
    [attempt({ usage: undefined, cost: 0, outcome: 'overloaded' }), undefined],
    [attempt({ usage: { inputTokens: 100, outputTokens: 0 }, cost: 2 }), { team: 'b', day: 1 }],
  ] as const;
  const filled = () => {
    const some = accounts();
    for (const [line, metadata] of lines) some.settled(line, metadata);
    return some;
  };

  it('are of all attempts', () => {
    expect(filled().sum()).toEqual({
      ...{ attempts: 4, estimated: 1, unreported: 1, unpriced: 1, cost: 3, inputTokens: 120, outputTokens: 10 },
      ...{ cachedInputTokens: 4, cacheWriteInputTokens: 3, reasoningTokens: 2 },
    });
    expect(accounts().sum()).toMatchObject({ attempts: 0, inputTokens: 0, cost: 0 });
  });

  it('are by provider and by model, the largest first', () => {
    expect(filled().sum('provider')).toMatchObject([
      { key: 'one', attempts: 3, inputTokens: 110 },
      { key: 'two', attempts: 1, inputTokens: 10 },
    ]);
    expect(
      filled()
        .sum('model')
        .map(({ key }) => key),
    ).toEqual(['m-1', 'm-2']);
  });

  it('are by any key of the metadata, and what has none is a group too', () => {
    expect(filled().sum({ metadata: 'team' })).toMatchObject([
      { key: 'b', attempts: 2, inputTokens: 110, cost: 2 },
      { key: 'a', attempts: 1, inputTokens: 10, cost: 1 },
      { key: undefined, attempts: 1, unreported: 1, inputTokens: 0 },
    ]);
    expect(
      filled()
        .sum({ metadata: 'day' })
        .map(({ key, attempts }) => [key, attempts]),
    ).toEqual([
      [1, 2],
      [undefined, 2],
    ]);
    expect(filled().sum({ metadata: 'other' })).toMatchObject([{ key: undefined, attempts: 4 }]);
    expect(accounts().sum({ metadata: 'team' })).toEqual([]);
  });

  it('have no less than nothing left in a group, however dollars are rounded', () => {
    const some = accounts();
    for (const cost of [0.1, 0.2, 0.3]) some.settled(attempt({ usage, cost }), { team: `${cost}` });
    some.settled(attempt({ usage, cost: 0 }), undefined);
    const rest = some.sum({ metadata: 'team' }).find(({ key }) => key === undefined);
    expect([rest?.attempts, rest?.cost]).toEqual([1, 0]);
  });

  it('are by input and output together, the largest first', () => {
    const some = accounts();
    for (const [model, inputTokens, outputTokens] of [
      ['c', 10, 10],
      ['a', 10, 50],
      ['d', 15, 1],
      ['b', 50, 2],
    ] as const)
      some.settled(attempt({ model, usage: { inputTokens, outputTokens } }), undefined);
    expect(some.sum('model').map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('have what came too late to be told apart in one group, with what has no key', () => {
    const some = accounts();
    for (let id = 0; id < 1_001; id += 1) some.settled(attempt({ usage, cost: 1 }), { id });
    some.settled(attempt({ usage, cost: 1 }), undefined);
    const groups = some.sum({ metadata: 'id' });
    expect(groups.filter(({ key }) => key === undefined).map(({ attempts, cost }) => [attempts, cost])).toEqual([
      [2, 2],
    ]);
  });

  it('tell a hundred keys of the metadata apart, and no more', () => {
    const some = accounts();
    for (let id = 0; id <= 100; id += 1) some.settled(attempt({ usage, cost: 1 }), { [`key-${id}`]: 1 });
    expect(some.sum({ metadata: 'key-99' }).map(({ key }) => key)).toEqual([1, undefined]);
    expect(some.sum({ metadata: 'key-100' }).map(({ key }) => key)).toEqual([undefined]);
  });

  it('keep what the attempts without a key have cost', () => {
    const some = accounts();
    some.settled(attempt({ usage, cost: 0.25 }), { team: 'a' });
    some.settled(attempt({ usage, cost: 0.5 }), undefined);
    expect(some.sum({ metadata: 'team' }).map(({ key, cost }) => [key, cost])).toEqual([
      ['a', 0.25],
      [undefined, 0.5],
    ]);
  });

  it('of several transports are one, and their groups those of one list', () => {
    const [one, two] = [filled(), filled()];
    two.settled(attempt({ usage: full, cost: 4, provider: 'three' }), undefined);
    expect(sumOf([one.sum(), two.sum()])).toEqual({
      ...{ attempts: 9, estimated: 2, unreported: 2, unpriced: 2, cost: 10, inputTokens: 250, outputTokens: 25 },
      ...{ cachedInputTokens: 12, cacheWriteInputTokens: 9, reasoningTokens: 6 },
    });
    const groups = groupsOf([...one.sum('provider'), ...two.sum('provider')]);
    expect(groups).toMatchObject([
      { key: 'one', attempts: 6, inputTokens: 220, cost: 6 },
      { key: 'two', attempts: 2, inputTokens: 20, unpriced: 2 },
      { key: 'three', attempts: 1, inputTokens: 10, cost: 4 },
    ]);
    expect(sumOf([])).toMatchObject({ attempts: 0, cost: 0 });
  });

  it('cannot be changed by whoever was given them', () => {
    const some = filled();
    Object.assign(some.sum(), { attempts: 0 });
    Object.assign(some.sum('provider')[0] as object, { attempts: 0 });
    expect([some.sum().attempts, some.sum('provider')[0]?.attempts]).toEqual([4, 3]);
  });

  it('do not fill the memory, whatever is put into the metadata', () => {
    const some = accounts();
    for (let id = 0; id < 1_500; id += 1) {
      some.settled(attempt({ usage, cost: 1 }), { id, [`key-${id}`]: 1 });
    }
    const groups = some.sum({ metadata: 'id' });
    expect(groups.length).toBe(1_001);
    expect(groups.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(1_500);
    expect(groups.find(({ key }) => key === undefined)?.attempts).toBe(500);
    expect(some.sum({ metadata: 'key-50' }).map(({ key }) => key)).toEqual([1, undefined]);
    expect(some.sum({ metadata: 'key-500' }).map(({ key }) => key)).toEqual([undefined]);
  });
});

describe('whether a request has arrived', () => {
  it('is known by the time that it takes others to be accepted, there and back', () => {
    const some = accounts();
    expect(some.hasArrived('one', 1_000)).toBe(false);
    some.accepted('one', 100);
    expect([some.hasArrived('one', 49), some.hasArrived('one', 50), some.hasArrived('two', 50)]).toEqual([
      false,
      true,
      false,
    ]);
    some.accepted('one', 180);
    expect([some.hasArrived('one', 54), some.hasArrived('one', 55)]).toEqual([false, true]);
  });
});

describe('what usage is summed up by', () => {
  it.each(['team', null, {}, { metadata: 5 }])('is refused, when it is none: %j', async (by) => {
    await using llm = createTransport({ providers: [simulated()] });
    expect(() => llm.usage(by as never)).toThrow("by: expected 'provider', 'model' or { metadata }");
  });
});
