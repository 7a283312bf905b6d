/** `npm run demo`: what llm-transport is good for, shown in half a minute. `npm run demo -- --help` has the options. */

import { compare } from './compare.ts';
import { help, readOptions, UsageError } from './options.ts';
import { readPrompts } from './prompts.ts';
import { runReal } from './real.ts';

// Who reads through `head` has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(help);
  } else {
    const { prompts, from } = await readPrompts(options.prompts);
    const good = options.real ? await runReal(options, prompts, from) : await compare(options, prompts, from);
    if (!good) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\nnpm run demo -- --help tells what there is.`);
  process.exitCode = 2;
}
