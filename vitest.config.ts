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

/** What looks at the package as it is installed: it is packed once for all of them, and only when one of them runs. */
const packed = ['test/package/{application,installed,readme}.test.ts'];

/** What measures, waits for real time or for other processes, or replaces a module: each in a process of its own. */
const alone = [
  'test/*.test.ts',
  'test/{integration,leaks,package,simulation}/**/*.test.ts',
  'test/integrations/clients-table.test.ts',
  'test/unit/control/queue-cost.test.ts',
];

/** Time is virtual there: a connection of another file's, whose timers are real, must not come into it. */
const virtual = ['test/{unit,property}/**/*.test.ts'];

/** Not `exclude`, in whose place `--exclude` could then add nothing. */
const without = (paths: readonly string[]): string[] => paths.map((path) => `!${path}`);

/** One process after another would load and compile the same modules two hundred times. */
const shared = { isolate: false, setupFiles: ['test/together.ts'] };

export default defineConfig({
  test: {
    // For what hangs, and not for what takes long on a machine that is busy with something else.
    testTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    tags: [{ name: 'load', description: 'Thousands of calls or of characters: not run once more for every mutant.' }],
    // One more than a small machine has cores: a third of the time of many files is waiting. vitest would leave a core idle.
    maxWorkers: 3,
    // The heap test measures after a collection; nothing else uses it.
    execArgv: ['--expose-gc'],
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: [...alone, ...without(packed)] } },
      { extends: true, test: { name: 'packed', include: packed, globalSetup: 'test/package/set-up.ts' } },
      { extends: true, test: { name: 'virtual', include: [...virtual, ...without(alone)], ...shared } },
      {
        extends: true,
        test: { name: 'together', include: ['test/**/*.test.ts', ...without([...alone, ...virtual])], ...shared },
      },
    ],
  },
});
