import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Strategy } from '../../src/core/types.ts';
import { type StrategyContractOptions, strategyContract } from '../../src/testing/index.ts';

/** Strategies that do otherwise on purpose, or that are made of something. */
const special: Readonly<Record<string, Partial<StrategyContractOptions>>> = {
  'round-robin': { spreads: true },
  weighted: { spreads: true },
  'least-busy': { spreads: true },
  'lowest-latency': { spreads: true },
};

const folder = new URL('../../src/routing/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'router.ts');

/** The export that a file is named after. */
function nameOf(file: string): string {
  return file.replace(/\.ts$/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

for (const file of files) {
  const name = nameOf(file);
  const module = (await import(new URL(file, folder).href)) as Record<string, () => Strategy>;

  describe(name, () => {
    const make = module[name] as () => Strategy;
    for (const rule of strategyContract({ make, ...special[file.replace('.ts', '')] })) it(rule.name, rule.run);

    it('is called as it is imported', () => {
      expect(make().name).toBe(name);
    });
  });
}
