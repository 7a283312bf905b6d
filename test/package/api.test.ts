import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { declarationsOf, entries, exportedNames, reachable, root } from './support.ts';

const mandated = /^(?:p-retry|p-queue|opossum|eventemitter3|zod)(?:\/|$)/;

/** The file that an entry's code begins with. */
function codeOf(entry: string): string {
  return declarationsOf(entry, root).replace(/\.d\.ts$/, '.js');
}

describe('the public interface', () => {
  it('is what api.txt says: a change of it is a change of that file', async () => {
    let surface = '';
    for (const entry of entries) {
      const values = new Set(Object.keys(await import(pathToFileURL(codeOf(entry)).href)));
      surface += `${entry}\n`;
      for (const name of exportedNames(declarationsOf(entry, root)))
        surface += `  ${values.has(name) ? '' : 'type '}${name}\n`;
    }
    await expect(surface).toMatchFileSnapshot('api.txt');
  });

  it('declares everything that is exported', async () => {
    for (const entry of entries) {
      const declared = exportedNames(declarationsOf(entry, root));
      const values = Object.keys(await import(pathToFileURL(codeOf(entry)).href));
      expect(values.filter((name) => !declared.includes(name))).toEqual([]);
      // `export *` would publish by accident.
      expect(declared).not.toContain('*');
    }
  });

  it('shows no type of another package', () => {
    for (const entry of entries) {
      const { foreign } = reachable(declarationsOf(entry, root));
      // An adapter may show its own SDK's client.
      if (entry.includes('/providers/')) expect(foreign.filter((name) => mandated.test(name))).toEqual([]);
      else expect(foreign).toEqual([]);
    }
  });

  it('loads nothing but the five dependencies and what Node brings', () => {
    const allowed = /^(?:node:|p-retry$|p-queue$|opossum$|eventemitter3$|zod\/mini$)/;
    for (const file of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      const code = readFileSync(join(root, 'dist', file), 'utf8');
      const names = [...code.matchAll(/^(?:import|export)\b[^;'"]*['"]([^'"]+)['"]/gm)].map(([, name]) => name ?? '');
      expect(names.filter((name) => !name.startsWith('.') && !allowed.test(name))).toEqual([]);
    }
  });
});

describe('the lock file', () => {
  it('names no download addresses', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"|\.tgz"/);
  });
});
