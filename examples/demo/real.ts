/** The prompts, answered by a real model. */

import { type Attempt, createTransport, TransportError } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';
import { type Options, UsageError } from './options.ts';
import { paint, several } from './text.ts';

/** Prompts, unless the command line says otherwise: these cost money. */
const usualCount = 10;
const concurrency = 4;
/** Who has mistyped a URL should not have to wait for a minute to be told. */
const maxWaitMs = 10_000;

/** Returns true when at least one prompt was answered. */
export async function runReal(options: Options, prompts: readonly string[], from: string): Promise<boolean> {
  const { baseURL, model } = options;
  const apiKey = process.env.OPENAI_API_KEY;
  if (apiKey === undefined && baseURL === undefined) {
    throw new UsageError(
      '--real needs a key in OPENAI_API_KEY, or --base-url URL for a server that needs none (Ollama: http://localhost:11434/v1)',
    );
  }
  const client = new OpenAI({ ...(baseURL !== undefined && { baseURL }), apiKey: apiKey ?? 'none' });
  const transport = createTransport({
    providers: [openai({ client, model, limits: { concurrency } })],
    retry: { maxWaitMs },
  });

  const count = options.count ?? Math.min(prompts.length, usualCount);
  console.log(
    `\n  ${paint('bold', several(count, 'prompt'))} from ${from}, answered by ${model} at ${client.baseURL}\n`,
  );

  const attempts: Attempt[] = [];
  let answered = 0;
  let unknownModel = false;
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const prompt = prompts[index % prompts.length] ?? '';
      try {
        const completion = await transport.complete({ prompt });
        answered += 1;
        attempts.push(...completion.attempts);
        print(prompt, completion.text);
      } catch (error) {
        if (!TransportError.is(error)) throw error;
        unknownModel ||= error.code === 'unsupported';
        attempts.push(...error.attempts);
        print(prompt, paint('red', `${error.code}: ${error.message}`));
      }
    }),
  );

  await transport.close();

  const sum = (of: (attempt: Attempt) => number | undefined) =>
    attempts.reduce((total, attempt) => total + (of(attempt) ?? 0), 0);
  const tokens = `${sum(({ usage }) => usage?.inputTokens)} tokens in, ${sum(({ usage }) => usage?.outputTokens)} out`;
  const summary = paint('bold', `${answered} of ${several(count, 'prompt')} answered`);
  console.log(`  ${summary} with ${several(attempts.length, 'attempt')}: ${tokens}\n`);
  if (unknownModel) console.log('  Does the server know that model? --model NAME asks another one.\n');
  return answered > 0;
}

function print(prompt: string, answer: string): void {
  const indented = answer.trim().replaceAll('\n', '\n    ');
  console.log(`  ${paint('cyan', prompt)}\n    ${indented}\n`);
}
