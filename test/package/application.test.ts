import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  declarationsOf,
  entries,
  installed,
  link,
  manifest,
  nodeTypes,
  type Project,
  reachable,
  root,
  tool,
} from './support.ts';

let app: Project;

beforeAll(async () => {
  app = await installed();
  await link(app.path, nodeTypes);
}, 60_000);
afterAll(() => app?.[Symbol.asyncDispose]());

/** The doors that show their framework's own types: without it there is nothing to compile. */
const framed = entries.filter((entry) => reachable(declarationsOf(entry, root)).foreign.length > 0);
const alone = entries.filter((entry) => !framed.includes(entry));

const consumer = `
import {
  type Completion, type CompletionStream, contextKey, createTransport, type Middleware, TransportError, type TransportEvent, wrap,
} from 'llm-transport';
import { callable } from 'llm-transport/providers/callable';
import { openai, type OpenAIClient } from 'llm-transport/providers/openai';
import { simulated, simulatedServer } from 'llm-transport/testing';
${alone.map((entry, index) => `import * as entry${index} from '${entry}';`).join('\n')}

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
export const all = [${alone.map((_, index) => `entry${index}`).join(', ')}];
`;

/** An application with every SDK and framework: nothing that it gets is an `any`. */
const everything = `
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { generateText, streamText } from 'ai';
import { createTransport, wrap } from 'llm-transport';
import { languageModel, languageModelProvider } from 'llm-transport/integrations/ai-sdk';
import { createFetch } from 'llm-transport/integrations/fetch';
import { chatModel } from 'llm-transport/integrations/langchain';
import { aiSdk } from 'llm-transport/providers/ai-sdk';
import { anthropic } from 'llm-transport/providers/anthropic';
import { google } from 'llm-transport/providers/google';
import { openai } from 'llm-transport/providers/openai';
import { openaiResponses } from 'llm-transport/providers/openai-responses';
import OpenAI, { AzureOpenAI } from 'openai';

type Known<T> = 0 extends 1 & T ? never : true;
/** Does not compile for an any. */
function known<T>(_value: T, ..._proof: Known<T> extends never ? [never] : []): void {}

const fetch = createFetch({ targets: [{ baseURL: 'https://api.openai.com/v1' }] });
const client = new OpenAI({ fetch, maxRetries: 0 });
const google1 = new GoogleGenAI({ httpOptions: { fetch } });
const llm = createTransport({
  providers: [
    openai({ client, model: 'm' }),
    openaiResponses({ client: new AzureOpenAI({ fetch }), model: 'm' }),
    anthropic({ client: new Anthropic({ fetch }), model: 'm' }),
    google({ client: google1, model: 'm' }),
  ],
});
const model = languageModel(llm);
createTransport({ providers: [aiSdk({ model })] });
known(fetch);
known(fetch.transport.health());
known(model);
known(model.doGenerate);
known(languageModelProvider(llm).languageModel('auto'));
known(streamText({ model, prompt: 'Hello' }).textStream);
const chat = chatModel(llm);
known(chat);
export async function main(): Promise<void> {
  known((await generateText({ model, prompt: 'Hello' })).text);
  const message = await chat.invoke('Hello');
  known(message);
  known(message.text);
  const ask = wrap(async (prompt: string, { signal }) =>
    client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: prompt }], stream: true }, { signal }),
  );
  for await (const chunk of await ask('Hello')) known(chunk.choices[0]?.delta.content);
  const { completion } = await llm.complete({ prompt: 'Hello', stream: true });
  known(await completion);
  // @ts-expect-error this is one
  known(JSON.parse('1'));
}
`;

describe('a TypeScript application', () => {
  const modes = [
    { name: 'nodenext', options: ['--module', 'nodenext', '--types', 'node'] },
    { name: 'bundler', options: ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node'] },
    // Nothing that the package declares needs Node's types.
    {
      name: 'bundler, without @types/node',
      options: ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'esnext,dom', '--types', ''],
    },
    // A CommonJS file: \`require()\` of a module, typed.
    { name: 'nodenext, CommonJS', options: ['--module', 'nodenext', '--types', 'node'], file: 'consumer.cts' },
  ];

  for (const { name, options, file = 'consumer.ts' } of modes) {
    it(`compiles strictly, declarations of the package included, with no SDK installed (${name})`, async () => {
      await writeFile(join(app.path, file), consumer);
      const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
      const checked = ['--target', 'es2023', '--skipLibCheck', 'false', '--ignoreConfig', '--preserveSymlinks'];
      const { code, stdout } = await tool('tsc', [...strict, ...checked, ...options, file], app.path);
      // Node's own declarations are not ours to check.
      const ours = stdout.split('\n').filter((line) => line !== '' && !/@types[/\\]node|undici-types/.test(line));
      expect(ours).toEqual([]);
      expect(code === 0 || stdout !== '').toBe(true);
    });
  }

  it('is told by the types of a model which package is missing, and given no any', async () => {
    await writeFile(
      join(app.path, 'without-peer.ts'),
      `
import type { Transport } from 'llm-transport';
import { languageModel, languageModelProvider } from 'llm-transport/integrations/ai-sdk';
declare const llm: Transport;
// @ts-expect-error it would be let pass if it were an any
export const model: number = languageModel(llm);
// @ts-expect-error nor is this one an any
export const named: number = languageModelProvider(llm).languageModel('auto');
export const text: string = languageModel(llm);
`,
    );
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2023',
      '--skipLibCheck',
      '--ignoreConfig',
      '--preserveSymlinks',
    ];
    const module = ['--module', 'nodenext', '--types', 'node'];
    const { code, stdout } = await tool('tsc', [...options, ...module, 'without-peer.ts'], app.path);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  it('is given no any, by any door or adapter, where SDKs and frameworks are installed', async () => {
    expect(framed).toEqual(['llm-transport/integrations/ai-sdk', 'llm-transport/integrations/langchain']);
    await link(app.path, Object.keys(manifest(root).peerDependencies ?? {}));
    await writeFile(join(app.path, 'everything.ts'), everything);
    const strict = [
      '--noEmit',
      '--strict',
      '--target',
      'es2023',
      '--skipLibCheck',
      '--ignoreConfig',
      '--types',
      'node',
    ];
    const { code, stdout } = await tool('tsc', [...strict, '--module', 'nodenext', 'everything.ts'], app.path);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });
});
