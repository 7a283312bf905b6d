import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorTable } from '../../src/core/error-table.ts';
import { isStreamingRefused, TransportError } from '../../src/core/errors.ts';
import { openai } from '../../src/providers/openai.ts';
import { faultCases, type SimulatedServer, simulatedServer } from '../../src/testing/index.ts';
import { contextFor, errorOf, hello, read } from './support.ts';

let server: SimulatedServer;
beforeAll(async () => {
  server = await simulatedServer();
});
afterAll(() => server.close());

/** A new one each time: providers remember what a server cannot do. */
const provider = () =>
  openai({
    client: new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test', logLevel: 'off' }),
    model: 'm',
    name: 'p',
  });
/** What the timeout layer does to an attempt that is silent. */
const impatient = () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new TransportError('timeout', 'silent')), 300);
  return contextFor(controller.signal);
};
/** The transport judges these two: an adapter hands them on. */
const judgedAbove = ['empty-answer', 'reasoning-only'];

describe.each(faultCases)('$name', ({ name, code }) => {
  const expected = judgedAbove.includes(name) ? undefined : code;

  test('in a stream ends as it should', async () => {
    await server.setFault(name);
    const { error, finish } = await read(provider(), hello, expected === 'timeout' ? impatient() : contextFor());
    if (name === 'streaming-refused') expect(isStreamingRefused(error)).toBe(true);
    else if (expected === undefined) expect([error, finish.length]).toEqual([undefined, 1]);
    else {
      expect(finish).toEqual([]);
      expectJudgedLike(error, expected);
    }
  });

  test('in an answer in one piece ends as it should', async () => {
    if (['missing-terminal-event', 'cut-end'].includes(name)) return;
    await server.setFault(name);
    const { context } = expected === 'timeout' ? impatient() : contextFor();
    const asking = provider().complete(hello, context);
    if (expected === undefined) await asking;
    else expectJudgedLike(await errorOf(asking), expected);
  });
});

function expectJudgedLike(error: TransportError | undefined, code: keyof typeof errorTable): void {
  expect(error).toBeInstanceOf(TransportError);
  expect(error?.provider ?? 'p').toBe('p');
  // Half an event and a lost connection, say, can look the same.
  if (error?.code !== code)
    expect([error?.code, error?.retry, error?.blame]).toEqual([
      expect.anything(),
      errorTable[code].retry,
      errorTable[code].blame,
    ]);
}
