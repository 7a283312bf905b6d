import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stalePages } from '../docs/generate.ts';

const runner = join(import.meta.dirname, '../examples/run.ts');

describe('the documentation', () => {
  it('shows the examples, the options, the events and the errors as they are (npm run docs)', () => {
    expect([...stalePages().keys()]).toEqual([]);
  });

  const names = execFileSync(process.execPath, [runner, '--list'], { encoding: 'utf8' }).trim().split('\n');

  it('has many examples', () => {
    expect(names).toEqual(
      expect.arrayContaining(['first-call', 'guides/streaming', 'layers/retry', 'strategies/weighted']),
    );
  });

  it.concurrent.each(names)(
    'has an example %s that runs without a key and ends by itself',
    async (name) => {
      // One loads ten SDKs, and all run at once.
      const { stdout } = await promisify(execFile)(process.execPath, [runner, name], { timeout: 60_000 });
      expect(stdout.trim()).not.toBe('');
    },
    60_000,
  );
});
