import { describe, expect, it } from 'vitest';
import { contextKey } from '../../src/core/context.ts';
import type { TransactionStore } from '../../src/core/transaction-types.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

/** A store that gives one key's value for another: its keys are cut short, or its adapter is wrong. That failed calls, and crossed tenants. */

const tenant = contextKey('tenant', 'nobody');

/** Keeps one value, whatever the key. */
function mixingStore(): TransactionStore & { readonly kept: string[] } {
  const kept: string[] = [];
  return { kept, get: () => kept.at(-1), set: (_, value) => kept.push(value), delete: () => kept.pop() };
}

function setUp() {
  let answers = 0;
  const answer = (): string => {
    answers += 1;
    return `answer ${answers}`;
  };
  const store = mixingStore();
  const llm = createTransport({ providers: [simulated({ answer })], transaction: { store, by: tenant } });
  const problems: string[] = [];
  llm.on('transaction:store', ({ operation, problem }) => problems.push(`${operation}: ${problem}`));
  const ask = async (who: string, transactionId: string, prompt = 'Hello'): Promise<string> =>
    (await llm.complete({ prompt }, { transactionId, values: [tenant.of(who)] })).text;
  return { llm, store, problems, ask };
}

describe('a store that gives the answer of another call', () => {
  it('never gives one tenant what is the other’s', async () => {
    const { llm, problems, ask } = setUp();
    expect([await ask('one', 'order-1'), await ask('other', 'order-1')]).toEqual(['answer 1', 'answer 2']);
    expect(problems).toEqual(['get: unreadable']);
    await llm.close();
  });

  it('fails no call that asks something else under an id of its own', async () => {
    const { llm, problems, ask } = setUp();
    const texts = [await ask('one', 'order-1'), await ask('one', 'order-2', 'Goodbye')];
    expect([texts, problems]).toEqual([['answer 1', 'answer 2'], ['get: unreadable']]);
    await llm.close();
  });

  it('still replays what is the call’s own', async () => {
    const { llm, store, problems, ask } = setUp();
    expect([await ask('one', 'order-1'), await ask('one', 'order-1'), store.kept.length]).toEqual([
      ...['answer 1', 'answer 1', 1],
    ]);
    await expect(ask('one', 'order-1', 'Goodbye')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(problems).toEqual([]);
    await llm.close();
  });
});
