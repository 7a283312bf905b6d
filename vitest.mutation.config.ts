import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Runs the mutated file's own tests first: most mutants are noticed there, and what is left is not run. */
class OwnTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const [mutated = ''] = this.ctx.config.related ?? [];
    const own = basename(mutated, '.ts');
    const rank = ({ moduleId }: TestSpecification): number => {
      if (own !== '' && basename(moduleId).startsWith(own)) return 0;
      return moduleId.includes('/unit/core/') || moduleId.includes('/unit/routing/') ? 1 : 2;
    };
    return files.toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** The tests that `npm run mutation` runs against every mutant: those that are near the code, and fast. */
export default defineConfig({
  test: {
    include: [
      'test/unit/{core,middleware,routing}/*.test.ts',
      'test/property/transport.test.ts',
      'test/regressions/{review,reused-tool-call-ids,wrapped-streaming-refused}.test.ts',
      'test/simulation/close.test.ts',
      'test/security/bad-input.test.ts',
    ],
    tags: [{ name: 'load' }],
    // An option of the command line: the types of a configuration file do not know it.
    ...({ tagsFilter: ['!load'] } as object),
    sequence: { sequencer: OwnTestsFirst },
    testTimeout: 6_000,
  },
});
