import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimulatedServer, simulatedServer } from '../../src/testing/index.ts';
import { programsOf, snippetsOf } from './snippets.ts';
import { installed, link, manifest, nodeTypes, type Project, root, run as runFile, tool } from './support.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const snippets = snippetsOf(readme);

/** What a page leaves to its reader, who has it already; it is added only where a page does not show it. */
const readersOwn: Readonly<Record<string, string>> = {
  'own-provider': `
async function generate(messages: readonly Message[], signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  return \`You said: \${messages.at(-1)?.content}\`;
}
console.log((await llm.complete({ prompt: 'Hello' })).text);
`,
};

const programs = programsOf(snippets).map((program) => {
  const own = readersOwn[program.name] ?? '';
  const [, declared] = /function (\w+)/.exec(own) ?? [];
  const shown = declared !== undefined && program.code.includes(`function ${declared}`);
  return { ...program, code: shown ? program.code : program.code + own };
});

let app: Project;
let primary: SimulatedServer;
let backup: SimulatedServer;

beforeAll(async () => {
  app = await installed();
  await link(app.path, [...Object.keys(manifest(root).peerDependencies ?? {}), ...nodeTypes]);
  for (const { name, code } of programs) await writeFile(join(app.path, `${name}.ts`), code);
  const quick = { firstTokenMs: 5, tokenMs: 1 };
  primary = await simulatedServer(quick);
  backup = await simulatedServer(quick);
}, 60_000);
afterAll(async () => {
  await primary?.close();
  await backup?.close();
  await app?.[Symbol.asyncDispose]();
});

/** Compiles the programs as an application that was begun today would; what is wrong, a line each. */
async function compiled(...options: string[]): Promise<string[]> {
  const files = programs.map(({ name }) => `${name}.ts`);
  const strict = ['--strict', '--target', 'es2023', '--types', 'node', '--skipLibCheck', '--ignoreConfig'];
  const { stdout, stderr } = await tool('tsc', [...strict, ...options, ...files], app.path);
  return `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
}

describe("a stranger's path: the README's snippets, in their order, in an empty folder", () => {
  it('finds every block of TypeScript', () => {
    expect(snippets.length).toBe(readme.match(/^```ts$/gm)?.length);
    expect(snippets.length).toBeGreaterThan(10);
  });

  it('compiles, strictly, for a bundler', async () => {
    expect(await compiled('--noEmit', '--module', 'esnext', '--moduleResolution', 'bundler')).toEqual([]);
  });

  it('compiles, strictly, for Node', async () => {
    expect(await compiled('--module', 'nodenext')).toEqual([]);
  }, 30_000);

  const run = (name: string, server: SimulatedServer) => {
    const env = {
      OPENAI_BASE_URL: server.baseURL,
      OPENAI_API_KEY: 'sk-simulated',
      BACKUP_BASE_URL: backup.baseURL,
      BACKUP_API_KEY: 'sk-simulated',
    };
    return runFile(process.execPath, [`${name}.js`], { cwd: app.path, timeoutMs: 15_000, env });
  };

  it.each(programs.map(({ name, snippets }) => [name, snippets.join(', ')] as const))(
    'runs, prints what its comments say, and ends by itself: %s (%s)',
    async (name) => {
      const source = programs.find((program) => program.name === name)?.code ?? '';
      // Fail-over is shown by a first provider that is down; the others by one that is well.
      await primary.setFault(name === 'fail-over' ? 'http-503' : undefined);
      const { code, stdout, stderr } = await run(name, primary);
      expect({ code, stderr: stderr.replace(/^\s*cancelled\s*$/, '') }).toEqual({ code: 0, stderr: '' });
      if (/console\.log|stdout\.write/.test(source)) expect(stdout.trim()).not.toBe('');
      for (const [, words = ''] of source.matchAll(/console\.(?:log|error)\(.*\/\/ (\w+(?: \w+){0,2})$/gm))
        expect(`${stdout}${stderr}`).toContain(words);
      if (name === 'fail-over') expect(backup.requests.length).toBeGreaterThan(0);
    },
    20_000,
  );

  it('says that a stream broke, with what had come, as the page shows', async () => {
    const breaks = await simulatedServer({ firstTokenMs: 5, tokenMs: 1, script: ['ok', 'ok', 'cut-reset', 'ok'] });
    const { code, stderr } = await run('streaming', breaks);
    await breaks.close();
    expect(code).toBe(0);
    expect(stderr).toMatch(/The stream broke after [1-9]\d* characters: /);
  }, 20_000);
});
