import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries, installed, type Project, root, run, script, tool } from './support.ts';

let app: Project;

beforeAll(async () => {
  app = await installed();
}, 60_000);
afterAll(() => app?.[Symbol.asyncDispose]());

describe('the packed package, installed in an empty project', () => {
  it('contains what is published and nothing else', async () => {
    const { stdout } = await run('tar', ['-tzf', app.tarball]);
    const files = stdout.trim().split('\n').sort();
    const outside = files.filter((file) => !/^package\/dist\/.+\.(?:js|d\.ts|js\.map)$/.test(file));
    expect(outside).toEqual(
      expect.arrayContaining(['package/CHANGELOG.md', 'package/LICENSE', 'package/README.md', 'package/package.json']),
    );
    expect(outside).toHaveLength(4);
    expect(files.filter((file) => /test\.|\.test|support|examples|node_modules/.test(file))).toEqual([]);
  });

  it('has source maps that carry their sources and name no path of the machine that built it', async () => {
    const map = JSON.parse(
      await readFile(join(app.path, 'node_modules', 'llm-transport', 'dist', 'index.js.map'), 'utf8'),
    ) as { sources: string[]; sourcesContent: string[] };
    expect(map.sourcesContent).toHaveLength(map.sources.length);
    expect(map.sources.filter((source) => !/^(?:\.\.\/)+src\//.test(source))).toEqual([]);
  });

  it('can be imported, by every public path', async () => {
    const lines = entries.map((entry) => `console.log(Object.keys(await import('${entry}')).length > 0);`);
    const ran = await script(app.path, 'import.mjs', lines.join('\n'));
    expect(ran).toEqual({ code: 0, stdout: 'true\n'.repeat(entries.length), stderr: '' });
  });

  it('can be required, by every public path', async () => {
    const lines = entries.map((entry) => `console.log(Object.keys(require('${entry}')).length > 0);`);
    const ran = await script(app.path, 'require.cjs', lines.join('\n'));
    expect(ran).toEqual({ code: 0, stdout: 'true\n'.repeat(entries.length), stderr: '' });
  });

  it('is the same library for import and require: an error of one is known to the other', async () => {
    const source = `
      const { TransportError } = require('llm-transport');
      import('llm-transport').then((imported) => console.log(imported.TransportError === TransportError));`;
    expect((await script(app.path, 'same.cjs', source)).stdout).toBe('true\n');
  });

  it('keeps what is not public out of reach', async () => {
    const source = `
      for (const path of ['llm-transport/dist/index.js', 'llm-transport/core/errors', 'llm-transport/providers/nothing'])
        await import(path).then(() => console.log('reached', path), (error) => console.log(error.code));`;
    const ran = await script(app.path, 'private.mjs', source);
    expect(ran.stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\nERR_PACKAGE_PATH_NOT_EXPORTED\nERR_MODULE_NOT_FOUND\n');
  });

  it('needs no SDK: openai is not installed, and calls are answered', async () => {
    const source = `
      import { createTransport, TransportError, wrap } from 'llm-transport';
      import { callable } from 'llm-transport/providers/callable';
      import { openai } from 'llm-transport/providers/openai';
      import { answerTo, simulated } from 'llm-transport/testing';
      const missing = await import('openai').then(() => 'there', (error) => error.code);
      const llm = createTransport({ providers: [
        simulated({ name: 'down', script: ['http-500'] }),
        callable({ name: 'mine', complete: ({ prompt }) => 'answer to ' + prompt }),
      ] });
      const { text, provider, attempts } = await llm.complete({ prompt: 'Hi' });
      const stream = await createTransport({ providers: [simulated()] }).complete({ prompt: 'Hi', stream: true });
      let streamed = '';
      for await (const piece of stream.text) streamed += piece;
      const ask = wrap(async (input) => ({ input }));
      let refused;
      try { openai({ client: {}, model: 'm' }); } catch (error) { refused = error.path; }
      const error = await llm.complete({}).catch((error) => error);
      console.log(JSON.stringify({ missing, text, provider, attempts: attempts.length, whole: streamed === answerTo('Hi'),
        wrapped: await ask(1), refused, code: error instanceof TransportError && error.code }));
      await llm.close();
      await ask.transport.close();`;
    const ran = await script(app.path, 'calls.mjs', source);
    expect(ran.stderr).toBe('');
    expect(JSON.parse(ran.stdout)).toEqual({
      missing: 'ERR_MODULE_NOT_FOUND',
      text: 'answer to Hi',
      provider: 'mine',
      attempts: 2,
      whole: true,
      wrapped: { input: 1 },
      refused: 'openai.client',
      code: 'invalid_request',
    });
  });

  it('lets the process exit by itself after close(), whatever was left under way', async () => {
    const source = `
      import { createTransport } from 'llm-transport';
      import { simulated, simulatedServer } from 'llm-transport/testing';
      const server = await simulatedServer();
      const limits = { requestsPerMinute: 1 };
      const llm = createTransport({ providers: [
        simulated({ name: 'silent', script: [{ kind: 'silence', at: 'beforeHeaders' }], limits }),
        simulated({ name: 'parked', script: ['rate-limited-600s', 'http-500', 'http-500', 'http-500'] }),
        simulated({ name: 'broken', script: ['unauthorized'] }),
      ] });
      const codes = [];
      const calls = Array.from({ length: 5 }, (_, index) =>
        llm.complete({ prompt: 'Hi', stream: index === 3 }, { timeoutMs: 600_000 }).catch((error) => codes.push(error.code)));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await llm.close({ timeoutMs: 20 });
      await Promise.all(calls);
      await llm.complete({ prompt: 'Hi' }).catch((error) => codes.push(error.code));
      await server.close();
      console.log(new Set(codes).has('closed'));
      process.on('exit', () => console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length));`;
    const started = Date.now();
    const ran = await script(app.path, 'exit.mjs', source);
    expect(ran).toEqual({ code: 0, stdout: 'true\n0\n', stderr: '' });
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  it('does nothing on import: a bundler drops what is not used', async () => {
    const bundled = async (name: string, source: string): Promise<string> => {
      await writeFile(join(app.path, name), source);
      const args = [name, '--bundle', '--platform=node', '--format=esm', '--minify', '--log-level=warning'];
      const { code, stdout, stderr } = await tool('esbuild', args, app.path);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout.trim();
    };
    const imports = entries.map((entry, index) => `import * as entry${index} from '${entry}';`).join('\n');
    expect(await bundled('nothing.mjs', imports)).toBe('');
    const all = await bundled('all.mjs', `${imports}\nexport { entry0 };`);
    const error = await bundled('error.mjs', `export { OptionsError } from 'llm-transport';`);
    expect(error.length).toBeLessThan(all.length / 2);
  });
});

const consumer = `
import {
  type Completion, type CompletionStream, contextKey, createTransport, type Middleware, TransportError, type TransportEvent, wrap,
} from 'llm-transport';
import { callable } from 'llm-transport/providers/callable';
import { openai, type OpenAIClient } from 'llm-transport/providers/openai';
import { simulated, simulatedServer } from 'llm-transport/testing';

declare const client: OpenAIClient;
const llm = createTransport({
  providers: [openai({ client, model: 'm' }), callable({ name: 'mine', complete: () => 'x' }), simulated()],
  retry: { retries: 1 },
});
export async function main(): Promise<string> {
  const completion: Completion = await llm.complete({ prompt: 'Hi' });
  const stream: CompletionStream = await llm.complete({ prompt: 'Hi', stream: true });
  for await (const chunk of stream) if (chunk.type === 'text') chunk.text.toUpperCase();
  llm.on('retry', (event) => event.waitMs.toFixed());
  llm.on('*', (event: TransportEvent) => event.type);
  // @ts-expect-error a prompt is a string
  await llm.complete({ prompt: 1 });
  const tenant = contextKey('tenant', 'anonymous');
  const log: Middleware = (next) => async (request, context) => (context.get(tenant), next(request, context));
  const ask = wrap(async (input: { question: string }) => ({ answer: input.question.length }), { use: [log] });
  const { answer } = await ask({ question: 'x' });
  const server = await simulatedServer({ script: ['http-500'] });
  try {
    return completion.text + answer.toFixed() + server.baseURL;
  } catch (error) {
    if (TransportError.is(error)) return error.code;
    throw error;
  }
}
`;

describe('a TypeScript application', () => {
  const modes = [
    { name: 'nodenext', options: ['--module', 'nodenext', '--types', 'node'] },
    { name: 'bundler', options: ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node'] },
    // Nothing that the package declares needs Node's types.
    {
      name: 'bundler, without @types/node',
      options: ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'esnext,dom'],
    },
    // A CommonJS file: \`require()\` of a module, typed.
    { name: 'nodenext, CommonJS', options: ['--module', 'nodenext', '--types', 'node'], file: 'consumer.cts' },
  ];

  beforeAll(async () => {
    await mkdir(join(app.path, 'node_modules', '@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types'])
      await symlink(join(root, 'node_modules', name), join(app.path, 'node_modules', name)).catch(() => {});
  });

  for (const { name, options, file = 'consumer.ts' } of modes) {
    it(`compiles strictly, declarations of the package included (${name})`, async () => {
      await writeFile(join(app.path, file), consumer);
      const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
      const checked = ['--target', 'es2023', '--skipLibCheck', 'false', '--ignoreConfig', '--preserveSymlinks'];
      const { stdout } = await tool('tsc', [...strict, ...checked, ...options, file], app.path);
      // Node's own declarations are not ours to check.
      const ours = stdout.split('\n').filter((line) => line !== '' && !/@types[/\\]node|undici-types/.test(line));
      expect(ours).toEqual([]);
    });
  }
});

describe('the tools that judge packages', () => {
  it('publint finds nothing', async () => {
    const { code, stdout, stderr } = await tool('publint', ['--strict', app.tarball]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('All good!');
  });

  it('are-the-types-wrong finds nothing (ESM only)', async () => {
    // A wildcard is not looked into unless it is told what to find there.
    const providers = entries.map((entry) => entry.slice('llm-transport/'.length)).filter((path) => path.includes('/'));
    const args = [
      '--profile',
      'esm-only',
      '--format',
      'json',
      '--include-entrypoints',
      ...providers,
      '--',
      app.tarball,
    ];
    const { code, stdout } = await tool('attw', args);
    expect(code).toBe(0);
    const { analysis } = JSON.parse(stdout) as { analysis: { entrypoints: Readonly<Record<string, unknown>> } };
    expect(Object.keys(analysis.entrypoints)).toEqual(
      expect.arrayContaining(['.', './testing', ...providers.map((path) => `./${path}`)]),
    );
  });
});
