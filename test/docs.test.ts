import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stalePages } from '../docs/generate.ts';

const examples = join(import.meta.dirname, '../examples');

describe('the documentation', () => {
  it('shows the examples and the error table as they are (npm run docs)', () => {
    expect([...stalePages().keys()]).toEqual([]);
  });

  const names = readdirSync(examples)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => file.slice(0, -'.ts'.length));

  it.each(names)('has an example %s that runs without a key and ends by itself', (name) => {
    const output = execFileSync(process.execPath, [join(examples, 'run.ts'), name], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect(output.trim()).not.toBe('');
  });
});
