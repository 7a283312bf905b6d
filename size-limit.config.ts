import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What an application carries: bundled, minified and gzipped, with the five dependencies; SDKs are not counted. */
const measured = {
  gzip: true,
  modifyEsbuildConfig: <Options extends object>(options: Options) => ({ ...options, platform: 'node', format: 'esm' }),
};

const core = 'dist/index.js';
const exported: object = await import(`./${core}`);

/** What each adapter exports, by its file in the build: a new adapter is measured without a list. */
const adapters = await Promise.all(
  readdirSync(join(import.meta.dirname, 'dist', 'providers'))
    .filter((file) => file.endsWith('.js'))
    .map(async (file) => {
      const path = `dist/providers/${file}`;
      return { path, file: file.slice(0, -'.js'.length), names: Object.keys(await import(`./${path}`)).join(', ') };
    }),
);

/** What the core entry exports, but one. */
const allBut = (left: string): string =>
  Object.keys(exported)
    .filter((name) => name !== left)
    .join(', ');

export default [
  { ...measured, name: 'everything', path: core, limit: '72 kB' },
  { ...measured, name: 'everything but wrap', path: core, import: `{ ${allBut('wrap')} }`, limit: '54 kB' },
  { ...measured, name: 'createTransport', path: core, import: '{ createTransport }', limit: '53 kB' },
  { ...measured, name: 'TransportError', path: core, import: '{ TransportError }', limit: '5 kB' },
  ...adapters.map(({ path, file, names }) => ({
    ...measured,
    name: `createTransport, ${file}`,
    path: [core, path],
    import: { [core]: '{ createTransport }', [path]: `{ ${names} }` },
    limit: '71 kB',
  })),
];
