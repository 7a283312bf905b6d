import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';

export const root = join(import.meta.dirname, '..', '..');

/** What `exports` says of a path; the names of files begin with `./`. */
interface Target {
  readonly types: string;
  readonly default: string;
}

/** Every import path that is public, by `exports` and the build: a new file there is a new path, with no list to keep. */
const targets: ReadonlyMap<string, Target> = new Map(
  Object.entries(manifest(root).exports ?? {})
    .flatMap(([path, target]) => (typeof target === 'string' ? [] : expand(`llm-transport${path.slice(1)}`, target)))
    .sort(([one], [other]) => (one < other ? -1 : 1)),
);

/** Every import path that is public. */
export const entries: readonly string[] = [...targets.keys()];

/** Where the code of an entry begins, in a folder that has the package's `dist`. */
export function codeOf(entry: string, folder: string): string {
  return join(folder, targetOf(entry).default);
}

/** Where the declarations of an entry begin, in a folder that has the package's `dist`. */
export function declarationsOf(entry: string, folder: string): string {
  return join(folder, targetOf(entry).types);
}

function targetOf(entry: string): Target {
  const target = targets.get(entry);
  if (target === undefined) throw new Error(`${entry} is not a public path`);
  return target;
}

/** The paths that a pattern stands for: one for each file that it fits. */
function expand(path: string, target: Target): [string, Target][] {
  const [before = '', after] = target.default.split('*');
  if (after === undefined) return [[path, target]];
  return readdirSync(join(root, before), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(after))
    .map((file) => file.slice(0, -after.length).replaceAll('\\', '/'))
    .map((name) => [
      path.replace('*', name),
      { types: target.types.replace('*', name), default: target.default.replace('*', name) },
    ]);
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Environment variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program; one that does not end within `timeoutMs` is killed, and its code is -1. */
export function run(
  command: string,
  args: readonly string[],
  { cwd = root, timeoutMs = 60_000, env = {} }: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd, timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024, env: { ...environment(), ...env } };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** The test runner's own options must not reach the processes that are tested. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, NODE_PATH: _path, ...rest } = process.env;
  return rest;
}

/** Runs npm: the one that runs this test, else the one that is found. */
export function npm(args: readonly string[], cwd: string): Promise<Ran> {
  const own = process.env.npm_execpath;
  return own?.endsWith('.js') ? run(process.execPath, [own, ...args], { cwd }) : run('npm', args, { cwd });
}

/** Runs a tool of this package's development. */
export function tool(name: string, args: readonly string[], cwd = root): Promise<Ran> {
  return run(join(root, 'node_modules', '.bin', name), args, { cwd });
}

/** A program, run by Node in a project. */
export async function script(cwd: string, name: string, source: string): Promise<Ran> {
  const file = join(cwd, name);
  await writeFile(file, source);
  // Node 22.12, the oldest that is supported, warns that `require()` of a module is new; later ones do not.
  return run(process.execPath, ['--disable-warning=ExperimentalWarning', file], { cwd, timeoutMs: 20_000 });
}

/** The fields of a package.json. */
export function manifest(path: string): {
  readonly name: string;
  readonly version: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly exports?: Readonly<Record<string, string | Target>>;
} {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
}

export interface Project extends AsyncDisposable {
  /** The folder of an application that has installed the package, and nothing else. */
  readonly path: string;
  readonly tarball: string;
}

/** An empty project of its own that has installed the package, as the set-up of these tests packed it. */
export async function installed(): Promise<Project> {
  const { folder, tarball } = inject('packed');
  const place = await realpath(await mkdtemp(join(tmpdir(), 'llm-transport-app-')));
  const path = join(place, 'app');
  await cp(join(folder, 'app'), path, { recursive: true, verbatimSymlinks: true });
  return { path, tarball, [Symbol.asyncDispose]: () => rm(place, { recursive: true, force: true }) };
}

/** Puts packages that are installed here into a project, as they are: what they need is found where they really are. */
export async function link(project: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const place = join(project, 'node_modules', name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(root, 'node_modules', name), place, 'junction');
  }
}

/** What an application installs to be compiled for Node. */
export const nodeTypes = ['@types/node', 'undici-types'];

/** The text of a declaration file and of all that it imports, by file; `foreign` is what is imported from other packages. */
export function reachable(file: string): { readonly files: ReadonlyMap<string, string>; readonly foreign: string[] } {
  const files = new Map<string, string>();
  const foreign = new Set<string>();
  const visit = (path: string): void => {
    if (files.has(path)) return;
    const text = readFileSync(path, 'utf8');
    files.set(path, text);
    for (const [, name = ''] of text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s*)['"]([^'"]+)['"]/gm)) {
      if (name.startsWith('.')) visit(join(dirname(path), name.replace(/(?:\.d)?\.[jt]s$/, '.d.ts')));
      else foreign.add(name);
    }
  };
  visit(file);
  return { files, foreign: [...foreign].sort() };
}

/** Every name that a declaration file exports, types included. */
export function exportedNames(file: string): string[] {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const names = new Set<string>();
  for (const [, list = ''] of text.matchAll(/\bexport\s+(?:type\s+)?\{([^}]*)\}/g)) {
    for (const part of list.split(',')) {
      const name = part
        .trim()
        .replace(/^type\s+/, '')
        .split(/\s+as\s+/)
        .at(-1);
      if (name !== undefined && name !== '') names.add(name);
    }
  }
  const declared =
    /\bexport\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|function|class|interface|type|enum)\s+([A-Za-z_$][\w$]*)/g;
  for (const [, name = ''] of text.matchAll(declared)) names.add(name);
  if (/\bexport\s+(?:\*|default)/.test(text)) names.add('*');
  return [...names].sort();
}
