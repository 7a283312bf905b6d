import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, entries, root, tool } from './support.ts';

interface Measured {
  readonly name: string;
  readonly size: number;
  readonly sizeLimit: number;
  readonly passed: boolean;
}

async function measured(): Promise<readonly Measured[]> {
  const { code, stdout, stderr } = await tool('size-limit', ['--config', 'size-limit.config.ts', '--json']);
  if (!stdout.startsWith('[')) throw new Error(`size-limit failed (${code}): ${stdout}${stderr}`);
  return JSON.parse(stdout) as Measured[];
}

/** What a bundler makes of a program that uses the build. */
async function bundled(source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'llm-transport-bundle-'));
  try {
    const file = join(folder, 'program.mjs');
    await writeFile(file, source);
    const args = [file, '--bundle', '--platform=node', '--format=esm', '--minify', '--log-level=warning'];
    const { code, stdout, stderr } = await tool('esbuild', args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** size-limit reads its configuration as TypeScript, which Node 22.12 does not. */
const readsTypeScript = Boolean(process.features.typescript);

// Some twenty bundles, one after the other.
describe.skipIf(!readsTypeScript)(
  'the size of what an application carries (npm run size)',
  { timeout: 120_000 },
  () => {
    it('is within its limits: the core with its five dependencies, and with each adapter and door', async () => {
      const sizes = await measured();
      const tooLarge = sizes.filter(({ passed }) => !passed).map(({ name, size }) => `${name}: ${size} B gzipped`);
      expect(tooLarge).toEqual([]);
      // A limit that is far away watches nothing.
      const loose = sizes.filter(({ size, sizeLimit }) => size < sizeLimit * 0.8);
      expect(loose).toEqual([]);
      const nameOf: Readonly<Record<string, string>> = { providers: '', integrations: ' as a door' };
      const named = entries.flatMap((entry) => {
        const [, folder = '', file = ''] = entry.split('/');
        return folder in nameOf ? [`createTransport, ${file}${nameOf[folder]}`] : [];
      });
      expect(named.length).toBeGreaterThan(8);
      expect(sizes.map(({ name }) => name)).toEqual(expect.arrayContaining(named));
    });
  },
);

describe('a bundler', () => {
  const imports = entries.map((entry, index) => `import * as entry${index} from '${codeOf(entry, root)}';`).join('\n');

  it('drops what is not used: nothing happens on import', async () => {
    expect(await bundled(imports)).toBe('');
  });

  it('keeps little for an application that only looks at errors', async () => {
    const core = codeOf('llm-transport', root);
    const all = await bundled(`${imports}\nexport { entry0 };`);
    const error = await bundled(`export { OptionsError, TransportError } from '${core}';`);
    expect(error.length).toBeLessThan(all.length / 3);
  });
});
