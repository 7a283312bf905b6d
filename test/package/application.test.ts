import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries, installed, link, nodeTypes, type Project, tool } from './support.ts';

let app: Project;

beforeAll(async () => {
  app = await installed();
  await link(app.path, nodeTypes);
}, 60_000);
afterAll(() => app?.[Symbol.asyncDispose]());

/** Doors that are in the shape of another package's types: who has them has that package. */
const shaped: ReadonlySet<string> = new Set([
  'llm-transport/integrations/ai-sdk',
  'llm-transport/integrations/langchain',
]);
const alone = entries.filter((entry) => !shaped.has(entry));

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

describe('a TypeScript application', () => {
  it('has every other entry without another package', () => {
    expect(alone).toHaveLength(entries.length - shaped.size);
  });

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
});
