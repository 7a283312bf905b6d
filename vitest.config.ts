import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, longest first: begun last, it would leave the other core with nothing to do. */
const longest = [
  'leaks/leaks',
  'simulation/scenarios',
  'integration/resume-cuts',
  'integrations/clients-table',
  'integration/amplification',
  'integration/fault-matrix',
  'integration/wires',
  'bench',
  'integration/ledger',
  'docs',
];

/** The longest first, then the larger ones: on a machine that has never run them, nobody knows how long they take. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index < 0 ? longest.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** What measures, waits for real time or for other processes, or replaces a module: each in a process of its own. */
const alone = [
  'test/*.test.ts',
  'test/{integration,leaks,package,simulation}/**/*.test.ts',
  'test/integrations/clients-table.test.ts',
  'test/unit/control/queue-cost.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    tags: [{ name: 'load', description: 'Thousands of calls or of characters: not run once more for every mutant.' }],
    // Both cores of a small machine; vitest would leave one idle.
    maxWorkers: 2,
    // The heap test measures after a collection; nothing else uses it.
    execArgv: ['--expose-gc'],
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      {
        extends: true,
        test: {
          name: 'together',
          // Not `exclude`, in whose place `--exclude` could then add nothing.
          include: ['test/**/*.test.ts', ...alone.map((path) => `!${path}`)],
          // One process after another would load and compile the same modules two hundred times.
          isolate: false,
          setupFiles: ['test/together.ts'],
        },
      },
    ],
  },
});
