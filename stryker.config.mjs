/**
 * Mutation testing: changes the code of the pipeline in thousands of small ways, and tells which changes no test has noticed.
 * `npm run mutation` for all of it, `npm run mutation -- -m src/core/pump.ts` for a file.
 *
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts' },
  mutate: ['src/core/**/*.ts', 'src/middleware/**/*.ts', 'src/routing/**/*.ts'],
  // The rest is not read by the tests that run here.
  ignorePatterns: ['bench', 'dist', 'docs', 'examples', 'coverage', 'reports', '.changeset', '.ci'],
  // Stryker would rewrite its relative paths by the compiler's API, which TypeScript 7 has none of; this one needs no rewriting.
  tsconfigFile: 'none',
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // A mutant that waits for ever is killed by the test's own time limit; this is for those that never give up the thread.
  timeoutMS: 10_000,
  reporters: ['progress', 'clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: 'reports/mutation/index.html' },
  jsonReporter: { fileName: 'reports/mutation/mutation.json' },
  incrementalFile: 'reports/mutation/incremental.json',
  thresholds: { high: 85, low: 80, break: 80 },
};
