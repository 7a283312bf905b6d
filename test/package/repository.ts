import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { root } from './support.ts';

export interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly environment?: string;
  readonly needs?: string | readonly string[];
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly file: string;
  readonly text: string;
  readonly name: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: { readonly group?: string };
  readonly jobs: Readonly<Record<string, Job>>;
}

/** A file of the repository, as text. */
export function text(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** A YAML file of the repository. */
export function yaml<T>(file: string): T {
  return parse(text(file)) as T;
}

const folder = '.github/workflows';

export const workflows: readonly Workflow[] = readdirSync(join(root, folder)).map((file) => ({
  ...yaml<Omit<Workflow, 'file' | 'text'>>(join(folder, file)),
  file,
  text: text(join(folder, file)),
}));

/** Every step of every workflow, with the job that it is of. */
export const steps: readonly (Step & { readonly where: string })[] = workflows.flatMap(({ file, jobs }) =>
  Object.entries(jobs).flatMap(([job, { steps }]) => steps.map((step) => ({ ...step, where: `${file}, ${job}` }))),
);

/** The commands that a text calls: `npm run x` and `npm test` as `x` and `test`. */
export function scriptsIn(words: string): string[] {
  const run = [...words.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)].map(([, script = '']) => script);
  return /\bnpm (?:test|t)\b/.test(words) ? [...run, 'test'] : run;
}

/** Tools that a text calls with npx. */
export function toolsIn(words: string): string[] {
  return [...words.matchAll(/\bnpx ([\w-]+)/g)].map(([, tool = '']) => tool);
}

/** The links of a page that lead nowhere: to no file, or to no heading of one. */
export function deadLinks(page: string): string[] {
  const words = text(page).replace(/^```[\s\S]*?^```$/gm, '');
  return [...words.matchAll(/\]\((?![a-z]+:)([^)\s]*)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => {
      const [path = '', anchor] = target.replace(/^\.\.\/blob\/main\//, '/').split('#');
      const file = path === '' ? page : path.startsWith('/') ? path.slice(1) : join(dirname(page), path);
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(text(file)).includes(anchor);
    });
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}
