import { createTransport } from 'llm-transport';
import { middlewareContract, simulated } from 'llm-transport/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nothing, tenant, tokenBudget } from '../../examples/extending/token-budget.ts';

// #region contract
const contract = middlewareContract({
  make: () => tokenBudget({ tokens: 500, everyMs: 60_000 }),
  request: (number) => ({ prompt: `Tell me about ${number}`, maxOutputTokens: 100 }),
});
for (const { name, run } of contract) it(name, run);
// #endregion

// #region transport
it('refuses a tenant that has spent its tokens, and no other', async () => {
  const provider = simulated({ words: 60 });
  const llm = createTransport({ providers: [provider], use: [tokenBudget({ tokens: 100 })] });
  const refused: unknown[] = [];
  llm.on('*', (event) => event.type === ('budget:refused' as string) && refused.push(event));
  const acme = { values: [tenant.of('acme')] };
  const ask = () => llm.complete({ prompt: 'Hello', maxOutputTokens: 80 }, acme);

  await ask(); // 60 of 100
  await expect(ask()).rejects.toMatchObject({ code: 'budget_exceeded' });
  await llm.complete({ prompt: 'Hello', maxOutputTokens: 80 });

  expect(provider.requests).toHaveLength(2);
  expect(refused).toMatchObject([{ tenant: 'acme', reserved: 80 }]);
  await llm.close();
});
// #endregion

describe('nothing', () => {
  for (const { name, run } of middlewareContract({ make: nothing })) it(name, run);
});

describe('in time', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('counts what a broken stream has cost, and gives the rest back', async () => {
    const provider = simulated({ fault: { kind: 'cut', afterTokens: 5, by: 'reset' } });
    const llm = createTransport({ providers: [provider], use: [tokenBudget({ tokens: 100 })], retry: false });
    const ask = async () => (await llm.complete({ prompt: 'Hello', maxOutputTokens: 90, stream: true })).completion;

    await expect(ask()).rejects.toMatchObject({ code: 'stream_interrupted' });
    // What had come is estimated at 10 tokens or more.
    provider.setFault('ok');
    await expect(ask()).rejects.toMatchObject({ code: 'budget_exceeded' });
    await llm.complete({ prompt: 'Hello', maxOutputTokens: 60 });
    await llm.close();
  });

  it('begins anew', async () => {
    const options = { tokens: 100, everyMs: 60_000 };
    const llm = createTransport({ providers: [simulated({ words: 60 })], use: [tokenBudget(options)] });
    const ask = () => llm.complete({ prompt: 'Hello', maxOutputTokens: 80 });
    await ask();
    await expect(ask()).rejects.toMatchObject({ code: 'budget_exceeded' });
    await vi.advanceTimersByTimeAsync(60_000);
    await ask();
    await llm.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
