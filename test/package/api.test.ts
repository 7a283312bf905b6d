import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { codeOf, declarationsOf, entries, exportedNames, manifest, reachable, root } from './support.ts';

const mandated = /^(?:p-retry|p-queue|opossum|eventemitter3|zod)(?:\/|$)/;

describe('the public interface', () => {
  it('has an import path for every adapter', () => {
    const adapters = readdirSync(join(root, 'src', 'providers')).map((file) => file.replace(/\.ts$/, ''));
    expect(adapters.length).toBeGreaterThan(0);
    expect(entries.filter((entry) => entry.startsWith('llm-transport/providers/'))).toEqual(
      adapters.map((name) => `llm-transport/providers/${name}`).sort(),
    );
  });

  it('is what api.txt says: a change of it is a change of that file', async () => {
    let surface = '';
    for (const entry of entries) {
      const values = new Set(Object.keys(await import(pathToFileURL(codeOf(entry, root)).href)));
      surface += `${entry}\n`;
      for (const name of exportedNames(declarationsOf(entry, root)))
        surface += `  ${values.has(name) ? '' : 'type '}${name}\n`;
    }
    await expect(surface).toMatchFileSnapshot('api.txt');
  });

  it('declares everything that is exported', async () => {
    for (const entry of entries) {
      const declared = exportedNames(declarationsOf(entry, root));
      const values = Object.keys(await import(pathToFileURL(codeOf(entry, root)).href));
      expect(values.filter((name) => !declared.includes(name))).toEqual([]);
      // `export *` would publish by accident.
      expect(declared).not.toContain('*');
    }
  });

  it('shows no type of another package', () => {
    for (const entry of entries) {
      const { foreign } = reachable(declarationsOf(entry, root));
      // An adapter may show its own SDK's client, a door what its framework takes.
      if (/\/(?:providers|integrations)\//.test(entry))
        expect(foreign.filter((name) => mandated.test(name))).toEqual([]);
      else expect(foreign).toEqual([]);
    }
  });

  it('has no any', () => {
    for (const entry of entries)
      for (const [file, text] of reachable(declarationsOf(entry, root)).files)
        expect({ file, found: text.replace(/\/\*[\s\S]*?\*\//g, '').match(/\bany\b/g) }).toEqual({ file, found: null });
  });

  it('loads nothing but the five dependencies and what Node brings', () => {
    const allowed = /^(?:node:|p-retry$|p-queue$|opossum$|eventemitter3$|zod\/mini$)/;
    for (const file of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      const code = readFileSync(join(root, 'dist', file), 'utf8');
      // A class of a framework can only be made of its own classes.
      const framework = file === join('integrations', 'langchain.js') ? /^@langchain\/core\// : undefined;
      const names = [...code.matchAll(/^(?:import|export)\b[^;'"]*['"]([^'"]+)['"]/gm)].map(([, name]) => name ?? '');
      expect(names.filter((name) => !name.startsWith('.') && !allowed.test(name) && !framework?.test(name))).toEqual(
        [],
      );
    }
  });
});

describe('the manifest', () => {
  const { dependencies = {}, devDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest(root);

  it('makes every SDK an optional peer, and tests against each', () => {
    const optional = Object.keys(peerDependenciesMeta).filter((name) => peerDependenciesMeta[name]?.optional);
    expect(optional.sort()).toEqual(Object.keys(peerDependencies).sort());
    expect(Object.keys(devDependencies)).toEqual(expect.arrayContaining(optional));
    expect(Object.keys(dependencies).filter((name) => name in peerDependencies)).toEqual([]);
  });

  it('allows the versions of the SDKs that the tests run with', () => {
    for (const [name, range] of Object.entries(peerDependencies)) {
      const [, least, second = '0'] = /^>=(\d+)(?:\.(\d+))?$/.exec(range) ?? [];
      const [major, minor] = manifest(join(root, 'node_modules', name))
        .version.split('.')
        .map(Number) as number[];
      const allows = Number(least) < Number(major) || (Number(least) === major && Number(second) <= Number(minor));
      expect({ name, allows }).toEqual({ name, allows: true });
    }
  });

  it('depends on five packages: a sixth needs a decision', () => {
    expect(Object.keys(dependencies).sort()).toEqual(['eventemitter3', 'opossum', 'p-queue', 'p-retry', 'zod']);
  });
});

describe('the lock file', () => {
  it('names no download addresses', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"|\.tgz"/);
  });
});
