import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries, installed, link, manifest, type Project, root, run, script, tool } from './support.ts';

/** Doors whose classes are made of their framework's: they are nothing without it. */
const doors: Readonly<Record<string, string>> = { 'llm-transport/integrations/langchain': '@langchain/core' };
const alone = entries.filter((entry) => !(entry in doors));

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
    const lines = alone.map((entry) => `console.log(Object.keys(await import('${entry}')).length > 0);`);
    const ran = await script(app.path, 'import.mjs', lines.join('\n'));
    expect(ran).toEqual({ code: 0, stdout: 'true\n'.repeat(alone.length), stderr: '' });
  });

  it('can be required, by every public path', async () => {
    const lines = alone.map((entry) => `console.log(Object.keys(require('${entry}')).length > 0);`);
    const ran = await script(app.path, 'require.cjs', lines.join('\n'));
    expect(ran).toEqual({ code: 0, stdout: 'true\n'.repeat(alone.length), stderr: '' });
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

  it('needs no SDK: none is installed, and calls are answered', async () => {
    const source = `
      import { createTransport, TransportError, wrap } from 'llm-transport';
      import { languageModel } from 'llm-transport/integrations/ai-sdk';
      import { createFetch } from 'llm-transport/integrations/fetch';
      import { callable } from 'llm-transport/providers/callable';
      import { answerTo, simulated, simulatedServer } from 'llm-transport/testing';
      const llm = createTransport({ providers: [
        simulated({ name: 'down', script: ['http-500'] }),
        callable({ name: 'mine', complete: ({ prompt }) => 'answer to ' + prompt }),
      ] });
      const { text, provider, attempts } = await llm.complete({ prompt: 'Hi' });
      const stream = await createTransport({ providers: [simulated()] }).complete({ prompt: 'Hi', stream: true });
      let streamed = '';
      for await (const piece of stream.text) streamed += piece;
      const ask = wrap(async (input) => ({ input }));
      const server = await simulatedServer({ script: ['http-503'] });
      const fetch = createFetch();
      const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
      const fetched = await (await fetch(server.baseURL + '/chat/completions', { method: 'POST', body })).json();
      await fetch.transport.close();
      await server.close();
      const prompt = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
      const { content } = await languageModel(llm).doGenerate({ prompt });
      const error = await llm.complete({}).catch((error) => error);
      console.log(JSON.stringify({ text, provider, attempts: attempts.length, whole: streamed === answerTo('Hi'),
        fetched: fetched.choices[0].message.content === answerTo('Hi'), modelled: content[0].text === answerTo('Hi'),
        wrapped: await ask(1), code: error instanceof TransportError && error.code }));
      await llm.close();
      await ask.transport.close();`;
    const ran = await script(app.path, 'calls.mjs', source);
    expect(ran.stderr).toBe('');
    expect(JSON.parse(ran.stdout)).toEqual({
      text: 'answer to Hi',
      provider: 'mine',
      attempts: 2,
      whole: true,
      fetched: true,
      modelled: true,
      wrapped: { input: 1 },
      code: 'invalid_request',
    });
  });

  const adapters = entries.filter((entry) => entry.includes('/providers/'));

  it.each(adapters)('says what is wrong with the client, in %s, when no SDK is installed', async (adapter) => {
    const peers = Object.keys(manifest(root).peerDependencies ?? {});
    const source = `
      import { OptionsError } from 'llm-transport';
      import * as adapter from '${adapter}';
      for (const name of ${JSON.stringify(peers)})
        await import(name).then(() => console.log(name, 'is installed'), (error) => {
          if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
        });
      for (const [name, make] of Object.entries(adapter))
        for (const options of [undefined, {}, { model: 'm', client: {} }, { model: 'm', client: undefined }])
          try { make(options); console.log(name, 'takes', options); } catch (error) {
            if (!(error instanceof OptionsError) || !error.path.startsWith(name)) throw error;
          }
      console.log(Object.keys(adapter).length > 0);`;
    expect(await script(app.path, 'no-sdk.mjs', source)).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
  });

  it.each(Object.entries(doors))('%s says that it needs %s, and works with it', async (door, peer) => {
    const { peerDependencies = {}, peerDependenciesMeta = {} } = manifest(root);
    expect(Object.keys(peerDependencies)).toContain(peer);
    expect(peerDependenciesMeta[peer]).toEqual({ optional: true });
    const source = `
      import('${door}').then((door) => console.log(Object.keys(door).length > 0), (error) => console.log(error.message));`;
    expect((await script(app.path, 'door.mjs', source)).stdout).toContain(`Cannot find package '${peer}'`);
    await link(app.path, [peer]);
    expect(await script(app.path, 'door.mjs', source)).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
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
    // One that a timer of ten minutes holds is killed.
    const ran = await script(app.path, 'exit.mjs', source);
    expect(ran).toEqual({ code: 0, stdout: 'true\n0\n', stderr: '' });
  });
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
