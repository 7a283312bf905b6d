import { createTransport } from 'llm-transport';
import { answerTo, middlewareContract, simulated } from 'llm-transport/testing';
import { describe, expect, it } from 'vitest';
import { answerCache } from '../../examples/extending/answer-cache.ts';
import { withoutReasoning } from '../../examples/extending/without-reasoning.ts';

// #region contract
const contract = middlewareContract({ make: () => answerCache({ entries: 10 }), changes: ['asking'] });
for (const { name, run } of contract) it(name, run);

it('asks once, and gives the answer whole or as a stream', async () => {
  const provider = simulated();
  const llm = createTransport({ providers: [provider], use: [answerCache()] });
  const stream = await llm.complete({ prompt: 'Hello', stream: true });
  const { text } = await stream.completion;

  expect(await llm.complete({ prompt: 'Hello' })).toMatchObject({ text, attempts: [], cost: 0 });
  let read = '';
  for await (const piece of (await llm.complete({ prompt: 'Hello', stream: true })).text) read += piece;
  expect(read).toBe(text);
  expect(provider.requests).toHaveLength(1);
  await llm.close();
});
// #endregion

it('keeps no more than it may, those asked for last', async () => {
  const provider = simulated();
  const llm = createTransport({ providers: [provider], use: [answerCache({ entries: 2 })] });
  const hits: string[] = [];
  llm.on('*', ({ type, transactionId }) => type === ('cache:hit' as string) && hits.push(transactionId));
  const ask = (prompt: string, transactionId: string) => llm.complete({ prompt }, { transactionId });

  await ask('a', '1');
  await ask('b', '2');
  await ask('a', '3'); // kept
  await ask('c', '4'); // takes the place of b
  await ask('a', '5'); // kept
  await ask('b', '6');
  expect(hits).toEqual(['3', '5']);
  expect(provider.requests.map(({ prompt }) => prompt)).toEqual(['a', 'b', 'c', 'b']);
  await llm.close();
});

it('keeps no answer that failed, and none that depends on more than words', async () => {
  const provider = simulated({ script: ['http-500', 'ok'] });
  const llm = createTransport({ providers: [provider], use: [answerCache()], retry: false });
  await expect(llm.complete({ prompt: 'Hello' })).rejects.toMatchObject({ code: 'server_error' });
  expect((await llm.complete({ prompt: 'Hello' })).text).toBe(answerTo('Hello'));
  const schema = { jsonSchema: { type: 'object', properties: {} } };
  for (const _ of ['once', 'again']) await llm.complete({ prompt: 'Hello', schema });
  expect(provider.requests).toHaveLength(4);
  await llm.close();
});

describe('withoutReasoning', () => {
  const cases = middlewareContract({ make: withoutReasoning, place: 'attempt', changes: ['chunks'] });
  for (const { name, run } of cases) it(name, run);

  it('leaves out what a model says to itself, streamed and whole', async () => {
    const answer = { text: 'Forty-two.', reasoning: 'Six times seven.' };
    const llm = createTransport({ providers: [simulated({ answer: () => answer })], useEach: [withoutReasoning()] });
    expect(await llm.complete({ prompt: 'Well?' })).toMatchObject({ text: 'Forty-two.', reasoning: undefined });
    const types: string[] = [];
    for await (const { type } of await llm.complete({ prompt: 'Well?', stream: true })) types.push(type);
    expect(types).not.toContain('reasoning');
    await llm.close();
  });
});
