import { expect, it } from 'vitest';
import { wrap } from '../../src/wrap.ts';

const refusal = Object.assign(new Error('400 Your organization must be verified to stream this model.'), {
  status: 400,
  headers: {},
  error: { type: 'invalid_request_error', param: 'stream', code: 'unsupported_value' },
});
const answer = {
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
};
interface Params {
  readonly stream: boolean;
}

async function picky({ stream }: Params) {
  if (stream) throw refusal;
  return answer;
}

it('says unsupported when the provider of a wrapped function will not stream, and goes on serving other calls', async () => {
  const ask = wrap(picky);
  await expect(ask({ stream: true })).rejects.toMatchObject({ code: 'unsupported', retry: 'elsewhere', status: 400 });
  // It used to be remembered for the function as a whole, which then could not be called any more.
  expect(await ask({ stream: false })).toBe(answer);
  await expect(ask({ stream: true })).rejects.toMatchObject({ code: 'unsupported' });
  await ask.transport.close();
});

it('asks the next function when the provider of a wrapped one will not stream', async () => {
  const ask = wrap([
    { name: 'picky', call: picky },
    { name: 'other', call: async (_params: Params) => answer },
  ]);
  expect(await ask({ stream: true })).toBe(answer);
  await ask.transport.close();
});
