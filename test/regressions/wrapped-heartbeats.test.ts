import { expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { wrap } from '../../src/wrap.ts';

const chunk = (delta: { readonly role?: string; readonly content?: string }, finishReason: string | null = null) => ({
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, finish_reason: finishReason }],
});
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('notices that a wrapped stream has stalled although empty deltas keep coming', async () => {
  let left = false;
  const ask = wrap(
    async (_input: string) =>
      (async function* () {
        try {
          yield chunk({ role: 'assistant', content: '' });
          yield chunk({ content: 'Hel' });
          for (;;) {
            await pause(5);
            yield chunk({});
          }
        } finally {
          left = true;
        }
      })(),
    { timeout: { idleMs: 80 } },
  );
  const texts: unknown[] = [];
  const reading = (async () => {
    for await (const item of await ask('Hello')) texts.push(item.choices[0]?.delta.content);
  })();
  const hung = pause(3_000).then(() => 'hung');
  const end = await Promise.race([hung, reading.catch((error: unknown) => error)]);
  await ask.transport.close({ timeoutMs: 0 });
  expect(end).toBeInstanceOf(TransportError);
  expect(end).toMatchObject({ code: 'stream_interrupted', partial: { text: 'Hel' } });
  expect((end as TransportError).cause).toMatchObject({ code: 'timeout' });
  expect(texts).toEqual(['', 'Hel']);
  await expect.poll(() => left).toBe(true);
});

it('hands out every item of a wrapped stream, in order, also those without content', async () => {
  const items = [
    chunk({ role: 'assistant', content: '' }),
    chunk({}),
    chunk({ content: 'Hel' }),
    chunk({}),
    chunk({}),
    chunk({ content: 'lo' }),
    chunk({}, 'stop'),
    { object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } },
  ];
  const ask = wrap(async (_input: string) =>
    (async function* () {
      yield* items;
    })(),
  );
  const got: unknown[] = [];
  for await (const item of await ask('Hello')) got.push(item);
  await ask.transport.close();
  expect(got).toHaveLength(items.length);
  for (const [index, item] of items.entries()) expect(got[index]).toBe(item);
});
