import { defineConfig } from 'tsup';

/** One entry per public import path; a new file in these folders is a new entry, with no list to keep. */
export default defineConfig({
  // The three in the middle are not public: apart from the rest, a bundler keeps those of them that an application uses.
  entry: [
    'src/index.ts',
    ...['src/core/errors.ts', 'src/transport.ts', 'src/wrap.ts'],
    'src/providers/*.ts',
    'src/integrations/*.ts',
    'src/testing/index.ts',
  ],
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
  plugins: [
    {
      name: 'no-bare-imports',
      // No module does anything when it is imported, and a bundler would warn of an import that imports nothing.
      renderChunk: (code) => ({ code: code.replace(/^import ["']\.{1,2}\/[^"']+["'];$/gm, '') }),
    },
  ],
});
