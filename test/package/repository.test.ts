import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deadLinks, type Job, scriptsIn, steps, text, toolsIn, workflows, yaml } from './repository.ts';
import { manifest, root } from './support.ts';

const { scripts = {}, engines = {} } = manifest(root);
const known = (script: string) => script in scripts;
const jobs = workflows.flatMap(({ file, jobs }) =>
  Object.entries(jobs).map(([name, job]): [string, Job] => [`${file}, ${name}`, job]),
);

describe('the workflows', () => {
  it('call scripts and tools that exist', () => {
    expect(steps.flatMap(({ run = '' }) => scriptsIn(run)).filter((script) => !known(script))).toEqual([]);
    expect(
      steps.flatMap(({ with: { script } = {} }) => scriptsIn(String(script ?? ''))).filter((name) => !known(name)),
    ).toEqual([]);
    const missing = steps
      .flatMap(({ run = '' }) => toolsIn(run))
      .filter((tool) => !existsSync(join(root, 'node_modules', '.bin', tool)));
    expect(missing).toEqual([]);
    const files = steps.flatMap(({ run = '' }) => run.match(/\S*(?:\.ci|node_modules)\/\S+/g) ?? []);
    expect(files.length).toBeGreaterThan(1);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('give each job only the rights that it needs, and an end', () => {
    for (const { file, permissions } of workflows) expect({ file, permissions }).toEqual({ file, permissions: {} });
    for (const [name, job] of jobs) {
      expect(job.permissions, name).toBeDefined();
      expect(job['timeout-minutes'], name).toBeGreaterThan(0);
    }
    const writing = jobs.filter(([, { permissions = {} }]) => Object.values(permissions).includes('write'));
    expect(writing.map(([name]) => name).sort()).toEqual([
      'release.yml, publish',
      'release.yml, version',
      'security.yml, codeql',
    ]);
    // Only the job that publishes can prove who it is, and a person is asked before it begins.
    const proving = jobs.filter(([, { permissions = {} }]) => 'id-token' in permissions);
    expect(proving.map(([name, { environment }]) => [name, environment])).toEqual([['release.yml, publish', 'npm']]);
    for (const { uses = '', with: { 'persist-credentials': kept } = {}, where } of steps)
      if (uses.startsWith('actions/checkout@')) expect({ where, kept }).toEqual({ where, kept: false });
  });

  it('use actions by commit, each in one version', () => {
    const versions = new Map<string, Set<string>>();
    for (const { file, text } of workflows) {
      for (const [line, action = ''] of text.matchAll(/uses: ([^@\s]+)@.*/g)) {
        expect(line, file).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
        const owner = action.split('/').slice(0, 2).join('/');
        versions.set(owner, (versions.get(owner) ?? new Set()).add(line.slice(line.indexOf('@'))));
      }
    }
    expect(versions.size).toBeGreaterThan(3);
    expect([...versions].filter(([, pins]) => pins.size > 1)).toEqual([]);
  });

  it('run for what strangers send without secrets, and never twice at once', () => {
    for (const { file, text, on, concurrency } of workflows) {
      expect({ file, dangerous: 'pull_request_target' in on || 'workflow_run' in on }).toEqual({
        file,
        dangerous: false,
      });
      expect(text, file).not.toContain('secrets.');
      expect(concurrency?.group, file).toContain('${{ github.');
      // What strangers write, such as a title or a branch's name, is never put into a command.
      for (const { run = '' } of Object.values(workflows.find((other) => other.file === file)?.jobs ?? {}).flatMap(
        ({ steps }) => steps,
      ))
        expect(run, file).not.toMatch(/\$\{\{[^}]*(?:head_ref|title|body|message|label|inputs)/);
    }
  });

  it('test with the oldest Node that is supported', () => {
    const oldest = /^>=(\d+\.\d+)$/.exec(engines.node ?? '')?.[1];
    const { strategy } = workflows.find(({ file }) => file === 'ci.yml')?.jobs.node ?? {};
    expect(strategy?.matrix.node).toContain(`${oldest}.0`);
    expect(strategy?.matrix.node).toContain('latest');
  });
});

describe('the repository', () => {
  it('tests with the command of the README', () => {
    expect(text('README.md')).toContain('npm ci && npm test');
    expect(text('.ci/run').trim().split('\n').at(-1)).toBe('npm ci && npm test');
    expect(workflows.find(({ file }) => file === 'ci.yml')?.jobs.test?.steps.at(-1)?.run).toBe('bash .ci/run');
  });

  const pages = readdirSync(root).filter((file) => file.endsWith('.md'));
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file));

  it.each([...pages, ...docs, '.github/PULL_REQUEST_TEMPLATE.md'])('has no dead link in %s', (page) => {
    expect(deadLinks(page)).toEqual([]);
  });

  it.each(pages)('names no script that does not exist in %s', (page) => {
    expect(scriptsIn(text(page)).filter((script) => !known(script))).toEqual([]);
  });

  it('names no owner, as long as it has none', () => {
    for (const file of [...pages, ...readdirSync(join(root, '.github'), { recursive: true, encoding: 'utf8' })])
      if (/\.(?:md|yml)$/.test(file)) {
        const path = existsSync(join(root, file)) ? file : join('.github', file);
        expect(text(path), path).not.toMatch(/github\.com\/(?!\$\{\{)[\w-]+\/llm-transport/);
      }
  });

  it('has forms for issues that GitHub can show', () => {
    const forms = readdirSync(join(root, '.github/ISSUE_TEMPLATE')).filter((file) => file !== 'config.yml');
    expect(forms.length).toBeGreaterThan(1);
    for (const file of forms) {
      const form = yaml<Form>(join('.github/ISSUE_TEMPLATE', file));
      expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
      const fields = form.body.filter(({ type }) => type !== 'markdown');
      for (const { type, attributes } of fields) {
        expect(['textarea', 'input', 'dropdown', 'checkboxes']).toContain(type);
        expect(attributes.label, file).toEqual(expect.any(String));
      }
      expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length);
    }
  });

  it('asks for new versions of what it depends on: packages and actions', () => {
    const { version, updates } = yaml<{ version: number; updates: { 'package-ecosystem': string }[] }>(
      '.github/dependabot.yml',
    );
    expect(version).toBe(2);
    expect(updates.map((update) => update['package-ecosystem']).sort()).toEqual(['github-actions', 'npm']);
  });
});

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly {
    readonly type: string;
    readonly id?: string;
    readonly attributes: { readonly label?: string };
  }[];
}
