import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { unhandledIn } from '../../src/testing/contract-traces.ts';
import { type MiddlewareContractOptions, middlewareContract } from '../../src/testing/index.ts';
import { middlewareFlaws } from './middleware-flaws.ts';

/** The rules that are broken, of all or of these. */
async function brokenRules(options: MiddlewareContractOptions, among?: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  // Some flaws leave rejections behind in every case.
  await unhandledIn(async () => {
    for (const { name, run } of middlewareContract(options)) {
      if (among?.includes(name) === false) continue;
      try {
        await run();
      } catch (error) {
        expect(error).toBeInstanceOf(AssertionError);
        broken.push(name);
      }
    }
  });
  return broken;
}

describe('the contract suite', () => {
  it.each(middlewareFlaws)(
    'notices $what, and nothing else',
    { timeout: 60_000 },
    async ({ what: _, rules, ...options }) => {
      const broken = await brokenRules({ patienceMs: 40, ...options });
      for (const rule of rules)
        expect(
          broken.filter((name) => rule.test(name)),
          String(rule),
        ).not.toEqual([]);
      const others = broken.filter((name) => !rules.some((rule) => rule.test(name)));
      if (others.length === 0) return;
      // The machine may have been busy for that long.
      expect(await brokenRules({ patienceMs: 2_000, ...options }, others)).toEqual([]);
    },
  );

  it('says of which middleware it speaks', () => {
    const make = middlewareFlaws[0]?.make as MiddlewareContractOptions['make'];
    for (const { name } of middlewareContract({ name: 'mine', make })) expect(name).toMatch(/^mine: /);
    const names = middlewareContract({ make }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
