import { defineConfig } from 'tsup';

/** One entry per public import path; a new file in these folders is a new entry, with no list to keep. */
export default defineConfig({
  entry: ['src/index.ts', 'src/providers/*.ts', 'src/testing/index.ts'],
  outDir: 'dist',
  format: 'esm',
  target: 'node22.12',
  platform: 'node',
  splitting: true,
  sourcemap: true,
  clean: true,
  removeNodeProtocol: false,
  // Declarations come from `tsc` (see tsconfig.build.json): tsup 9 has no compiler interface of TypeScript 7 to call.
  dts: false,
});
