import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Which tests a mutant of a folder is tried against: a survivor costs the time of all of them. */
const near: Readonly<Record<string, readonly string[]>> = {
  control: ['unit/control/', 'unit/middleware/resume', 'regressions/'],
  core: ['unit/core/', 'security/bad-input'],
  middleware: ['unit/middleware/', 'property/', 'regressions/', 'simulation/'],
  routing: ['unit/routing/'],
};

/** Runs what is near the mutated file, and that file's own tests first: most mutants are noticed there, and the rest is not run. */
class NearTests extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const [mutated = '', ...others] = this.ctx.config.related ?? [];
    const [, layer = '', part] = /\/src\/(\w+)\/(?:([\w-]+)\/)?[^/]+$/.exec(mutated) ?? [];
    const folder = near[layer];
    // The first run, without a mutant, is of all of them.
    if (folder === undefined || others.length > 0) return files;
    // Those of the file, then those of the folder that it is a part of.
    const own = [basename(mutated, '.ts'), part ?? ''];
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = own.findIndex((name) => name !== '' && basename(moduleId).startsWith(name));
      return index < 0 ? own.length : index;
    };
    return files
      .filter(({ moduleId }) => folder.some((path) => moduleId.includes(`/test/${path}`)))
      .toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** The tests that `npm run mutation` tries mutants against: those that are near the code, and fast. */
export default defineConfig({
  test: {
    include: [
      'test/unit/{control,core,middleware,routing}/*.test.ts',
      'test/property/transport.test.ts',
      'test/regressions/{foreign-done,hedging-review,review,reused-tool-call-ids,wrapped-streaming-refused}.test.ts',
      'test/regressions/{anchor-behind-signs,asked-again-for-text,endless-places,limit-within-the-anchor}.test.ts',
      'test/regressions/{changed-requests,evicted-while-entering,joined-deadlines,leaves-with-the-last-chunk}.test.ts',
      'test/regressions/{hostile-stores,stores-that-mix-up,unpriced-budget}.test.ts',
      'test/simulation/close.test.ts',
      'test/security/bad-input.test.ts',
    ],
    tags: [{ name: 'load' }],
    // An option of the command line: the types of a configuration file do not know it.
    ...({ tagsFilter: ['!load'] } as object),
    sequence: { sequencer: NearTests },
    testTimeout: 6_000,
  },
});
