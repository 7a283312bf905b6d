import {
  type Attempt,
  type Context,
  createTransport,
  type HealthSnapshot,
  priority,
  type Strategy,
} from 'llm-transport';
import { simulated, strategyContract } from 'llm-transport/testing';
import { describe, expect, it } from 'vitest';
import { cheapestFirst } from '../../examples/extending/cheapest-first.ts';
import { conversation, sticky } from '../../examples/extending/sticky.ts';

// #region cheapest
for (const { name, run } of strategyContract({ make: cheapestFirst })) it(name, run);

it('asks the cheap one, and the dear one when that fails', async () => {
  const dear = simulated({ name: 'dear', traits: { price: { input: 5, output: 20 } } });
  const cheap = simulated({ name: 'cheap', traits: { price: { input: 1, output: 4 } }, script: ['ok', 'http-503'] });
  const llm = createTransport({ providers: [dear, cheap], route: cheapestFirst() });

  expect((await llm.complete({ prompt: 'Hello' })).provider).toBe('cheap');
  expect((await llm.complete({ prompt: 'Hello' })).provider).toBe('dear');
  await llm.close();
});
// #endregion

describe('sticky', () => {
  // #region sticky
  const contract = strategyContract({
    make: () => sticky(priority(), { conversations: 1_000 }),
    values: (number) => [conversation.of(`conversation-${number}`)],
  });
  for (const { name, run } of contract) it(name, run);

  it('stays where a conversation was answered, until that fails', async () => {
    const one = simulated({ name: 'one', script: ['http-503', 'ok'] });
    const two = simulated({ name: 'two', script: ['ok', 'ok', 'http-503', 'ok'] });
    const llm = createTransport({ providers: [one, two], route: sticky(priority()) });
    const ask = async (id: string) => {
      const { provider } = await llm.complete({ prompt: 'Hello' }, { values: [conversation.of(id)] });
      return provider;
    };

    expect(await ask('a')).toBe('two'); // one has failed
    expect(await ask('b')).toBe('one');
    expect(await ask('a')).toBe('two');
    expect(await ask('a')).toBe('one'); // two has failed
    expect(await ask('a')).toBe('one');
    await llm.close();
  });
  // #endregion

  it('leaves a provider at which the call would wait for long', async () => {
    const llm = createTransport({ providers: [simulated({ name: 'one' }), simulated({ name: 'two' })] });
    const [one, two] = llm.health() as [HealthSnapshot, HealthSnapshot];
    const [strategy, context] = [sticky(priority()), { get: () => 'a' } as unknown as Context];
    strategy.settled?.({ prompt: 'Hello' }, context, { provider: 'two', outcome: 'ok' } as Attempt);
    const choose = (waitMs: number) => strategy([one, { ...two, waitMs }], { prompt: 'Hello' }, context)?.name;

    expect([choose(0), choose(2_000), choose(2_001)]).toEqual(['two', 'two', 'one']);
    await llm.close();
  });

  it('tells the strategy inside how attempts end, and leaves calls without a conversation to it', async () => {
    const told: string[] = [];
    const inner: Strategy = (candidates) => candidates.at(-1);
    inner.settled = (_request, _context, { provider, outcome }) => told.push(`${provider} ${outcome}`);
    const llm = createTransport({
      providers: [simulated({ name: 'one' }), simulated({ name: 'two', script: ['http-503', 'ok'] })],
      route: sticky(inner),
    });
    expect((await llm.complete({ prompt: 'Hello' })).provider).toBe('one');
    expect((await llm.complete({ prompt: 'Hello' })).provider).toBe('two');
    expect(told).toEqual(['two overloaded', 'one ok', 'two ok']);
    await llm.close();
  });
});
