import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // The heap test measures after a collection; nothing else uses it.
    execArgv: ['--expose-gc'],
  },
});
