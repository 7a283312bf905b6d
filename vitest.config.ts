import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    tags: [{ name: 'load', description: 'Thousands of calls or of characters: not run once more for every mutant.' }],
    // Both cores of a small machine; vitest would leave one idle.
    maxWorkers: 2,
    // The heap test measures after a collection; nothing else uses it.
    execArgv: ['--expose-gc'],
  },
});
