import { describe, expect, it } from 'vitest';
import { contextKey } from '../../src/core/context.ts';
import type { TransactionStore } from '../../src/core/transaction-types.ts';
import { digestOf } from '../../src/middleware/transaction/digest.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

const request = { prompt: 'Hello' };
const named = { transactionId: 'order-1' };
const throwing = (name: string): object =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new Error('in a getter');
    },
  });
const answer = {
  ...{ text: 'kept', toolCalls: [], finishReason: 'stop', provider: 'p', model: 'm', resumed: false },
};
const record = (more: object): object => ({
  ...{ version: 1, digest: digestOf(request).text, answer: { ...answer, ...more } },
});

describe('a store that is not what it should be', () => {
  it.each([
    { what: 'whose answers throw when they are waited for', kept: throwing('then') },
    { what: 'that gives values with getters that throw', kept: record({ object: throwing('deep') }) },
    {
      what: 'that gives numbers that no JSON has',
      kept: record({ usage: { inputTokens: Infinity, outputTokens: 1 } }),
    },
  ])('$what fails no call', async ({ kept }) => {
    const store: TransactionStore = { get: () => kept, set: () => kept, delete: () => kept };
    const llm = createTransport({ providers: [simulated({ answer: () => 'asked' })], transaction: { store } });
    const { text, attempts } = await llm.complete(request, named);
    expect({ text, attempts: attempts.length }).toEqual({ text: 'asked', attempts: 1 });
    await llm.close();
  });

  it('and keeps objects as they are is read as JSON would be', async () => {
    const kept = record({ object: { call: () => 'no JSON', fine: 1 } });
    const store: TransactionStore = { get: () => kept, set: () => {}, delete: () => {} };
    const llm = createTransport({ providers: [simulated()], transaction: { store } });
    expect(await llm.complete(request, named)).toMatchObject({ text: 'kept', object: { fine: 1 } });
    await llm.close();
  });
});

describe('tenants whose key holds no string', () => {
  it.each([
    [{ id: 1 }, { id: 2 }],
    [undefined, 'undefined'],
    [null, 'null'],
    [['a'], 'a'],
  ])('never share an answer: %j and %j', async (one, other) => {
    const tenant = contextKey<unknown>('tenant', 'nobody');
    let asked = 0;
    const answerNext = (): string => {
      asked += 1;
      return `answer ${asked}`;
    };
    const provider = simulated({ answer: answerNext });
    const llm = createTransport({ providers: [provider], transaction: { by: tenant as never } });
    const ask = (value: unknown) =>
      llm.complete(request, { ...named, values: [tenant.of(value)] }).then(
        ({ text }) => text,
        (error) => error.code,
      );
    expect(await ask(one)).toBe('invalid_request');
    expect(await ask(other)).toBe(typeof other === 'string' ? 'answer 1' : 'invalid_request');
    await llm.close();
  });
});
