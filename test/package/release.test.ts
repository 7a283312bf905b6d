import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifest, root, run, tool } from './support.ts';

let copy: string;

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'llm-transport-release-'));
  for (const name of ['.changeset', 'CHANGELOG.md', 'package.json'])
    await cp(join(root, name), join(copy, name), { recursive: true });
  const commit = ['-c', 'user.name=a', '-c', 'user.email=a@localhost', 'commit', '-qm', 'a release'];
  for (const args of [['init', '-q', '-b', 'main'], ['add', '-A'], commit]) await run('git', args, { cwd: copy });
});
afterEach(() => rm(copy, { recursive: true, force: true }));

const changesets = async (folder: string) =>
  (await readdir(join(folder, '.changeset'))).filter((file) => file.endsWith('.md'));

describe('the next release', () => {
  it('makes its section of the changelog of every changeset, at the top, and uses them up', async () => {
    const waiting = await changesets(copy);
    const texts = await Promise.all(waiting.map((file) => readFile(join(copy, '.changeset', file), 'utf8')));
    const { code, stdout, stderr } = await tool('changeset', ['version'], copy);
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });

    const changelog = await readFile(join(copy, 'CHANGELOG.md'), 'utf8');
    const { version } = manifest(copy);
    expect(changelog.startsWith(`# llm-transport\n${version === '0.0.0' ? '' : `\n## ${version}\n`}`)).toBe(true);
    for (const text of texts) {
      const words = text.replace(/^---[\s\S]*?---\s*/, '').trim();
      expect(changelog.replace(/\s+/g, ' ')).toContain(words.replace(/\s+/g, ' '));
    }
    expect(await changesets(copy)).toEqual([]);
    if (texts.some((text) => /: (?:major|minor|patch)$/m.test(text))) expect(version).not.toBe(manifest(root).version);
    if (manifest(root).version === '0.0.0') expect(version).toBe('0.1.0');
    // What is not of a version would stay at the end for ever.
    expect(changelog.match(/^## .*$/gm)?.filter((heading) => !/^## \d+\.\d+\.\d+$/.test(heading)) ?? []).toEqual([]);
  });
});
