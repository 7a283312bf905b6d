/** Packs the package and installs it, once for all the files that look at it so. */

import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { manifest, npm, type Ran, root } from './support.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `folder` has an `app` that has installed the package, and nothing else; `tarball` is what it installed. */
    readonly packed: { readonly folder: string; readonly tarball: string };
  }
}

/**
 * Packs the package as it would be published and installs it in an empty project, without a network: what it depends on is packed
 * from what is installed here, so the versions are those of the lock file.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'llm-transport-package-')));
  const path = join(folder, 'app');
  await mkdir(path);
  const modules = dependenciesOf(root);
  const quiet = ['--silent', '--no-audit', '--no-fund', '--ignore-scripts'];
  ok(await npm(['pack', ...quiet, '--pack-destination', folder, '.', ...modules], root));
  const tarballs = (await readdir(folder)).filter((file) => file.endsWith('.tgz')).map((file) => join(folder, file));
  await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  ok(await npm(['install', ...quiet, '--offline', '--cache', join(folder, 'cache'), ...tarballs], path));
  project.provide('packed', {
    folder,
    tarball: tarballs.find((file) => /[/\\]llm-transport-\d[^/\\]*$/.test(file)) ?? '',
  });
  return () => rm(folder, { recursive: true, force: true });
}

/** The folders of everything that a package needs at run time, itself not included. */
function dependenciesOf(path: string, found = new Set<string>()): ReadonlySet<string> {
  for (const name of Object.keys(manifest(path).dependencies ?? {})) {
    const folder = join(root, 'node_modules', name);
    if (found.has(folder)) continue;
    found.add(folder);
    dependenciesOf(folder, found);
  }
  return found;
}

function ok(ran: Ran): void {
  if (ran.code !== 0) throw new Error(`npm failed (${ran.code}): ${ran.stdout}${ran.stderr}`);
}
