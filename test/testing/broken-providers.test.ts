import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { providerContract, simulated } from '../../src/testing/index.ts';
import { flawed, flaws, key } from './flaws.ts';

describe('the contract suite', () => {
  it.each(flaws)('notices %s: %s', async (_what, rule, flaw, faults = []) => {
    const cases = providerContract({
      ...{ faults, patienceMs: 100, secrets: [key] },
      start: () => simulated(),
      make: (inner) => flawed(inner, typeof flaw === 'function' ? flaw() : flaw),
    }).filter(({ name }) => rule.test(name));
    expect(cases.length).toBeGreaterThan(0);
    for (const { run } of cases) await expect(run()).rejects.toThrow(AssertionError);
  });

  it('notices retries of its own', async () => {
    const cases = providerContract({
      faults: ['http-503'],
      start: () => simulated(),
      make: (inner) =>
        flawed(inner, {
          fields: { complete: (...asked) => inner.complete(...asked).catch(() => inner.complete(...asked)) },
        }),
    });
    const once = cases.find(({ name }) => name.startsWith('sends a request once'));
    await expect(once?.run()).rejects.toThrow('sent more than once');
  });

  it('takes a provider without a server, a stream or tools', async () => {
    const cases = providerContract({
      ...{ name: 'mine', faults: [], textOf: false, without: ['streaming', 'tools', 'usage'] },
      start: () => ({}),
      make: () => simulated({ streaming: false }),
    });
    expect(cases.map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "mine: has a name, a failure domain, a kind and a model",
        "mine: answers in text, the same both ways",
        "mine: says which model answered",
        "mine: leaves the request as it was",
        "mine: does not mix the answers of calls under way at once",
        "mine: says when the answer was cut at maxOutputTokens",
        "mine: answers in the shape of a schema",
        "mine: takes a picture",
        "mine: tells the request id and the headers as soon as they are there",
        "mine: rejects when the signal was aborted before it was asked",
      ]
    `);
    for (const { run } of cases) await run();
  });

  it('leaves out what does not happen on a wire', () => {
    const names = providerContract({ wire: 'google', make: () => simulated() }).map(({ name }) => name);
    expect(names.some((name) => name.startsWith('missing-done'))).toBe(false);
    expect(names.some((name) => name.startsWith('rate-limited,'))).toBe(true);
    expect(new Set(names).size).toBe(names.length);
  });
});
