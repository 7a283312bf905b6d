import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const { peerDependencies }: { peerDependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'),
);

/** What an application carries: bundled, minified and gzipped, with the five dependencies; SDKs are not counted. */
const measured = {
  gzip: true,
  ignore: Object.keys(peerDependencies),
  modifyEsbuildConfig: <Options extends object>(options: Options) => ({ ...options, platform: 'node', format: 'esm' }),
};

const core = 'dist/index.js';
const exported: object = await import(`./${core}`);

/** What each file of a folder of the build exports: a new adapter or door is measured without a list. */
const exportsOf = (folder: string) =>
  Promise.all(
    readdirSync(join(import.meta.dirname, 'dist', folder))
      .filter((file) => file.endsWith('.js'))
      .map(async (file) => {
        const path = `dist/${folder}/${file}`;
        return { path, file: file.slice(0, -'.js'.length), names: Object.keys(await import(`./${path}`)).join(', ') };
      }),
  );

const adapters = await exportsOf('providers');
const doors = await exportsOf('integrations');

/** Of a door with the core: the fetch reads all wires by itself, the others need an adapter beside them. */
const doorLimits: Readonly<Record<string, string>> = { fetch: '92 kB' };

/** What the core entry exports, but one. */
const allBut = (left: string): string =>
  Object.keys(exported)
    .filter((name) => name !== left)
    .join(', ');

export default [
  { ...measured, name: 'everything', path: core, limit: '87 kB' },
  { ...measured, name: 'everything but wrap', path: core, import: `{ ${allBut('wrap')} }`, limit: '68 kB' },
  { ...measured, name: 'createTransport', path: core, import: '{ createTransport }', limit: '65 kB' },
  { ...measured, name: 'TransportError', path: core, import: '{ TransportError }', limit: '5 kB' },
  ...adapters.map(({ path, file, names }) => ({
    ...measured,
    name: `createTransport, ${file}`,
    path: [core, path],
    import: { [core]: '{ createTransport }', [path]: `{ ${names} }` },
    limit: '83 kB',
  })),
  ...doors.map(({ path, file, names }) => ({
    ...measured,
    name: `createTransport, ${file} as a door`,
    path: [core, path],
    import: { [core]: '{ createTransport }', [path]: `{ ${names} }` },
    limit: doorLimits[file] ?? '69 kB',
  })),
];
