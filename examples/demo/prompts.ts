/** Where the prompts come from: a file, a pipe, or the ones that come along. */

import { createReadStream, fstatSync } from 'node:fs';
import { UsageError } from './options.ts';

const builtIn = new URL('../prompts/everyday.txt', import.meta.url);
/** Who pipes nothing into us (a build server's idle pipe, say) is not waited for. */
const pipePatienceMs = 500;

/**
 * The prompts, one a line, and where they are from.
 *
 * @throws UsageError when there is none
 */
export async function readPrompts(file: string | undefined): Promise<{ prompts: string[]; from: string }> {
  if (file !== undefined && file !== '-') return { prompts: await linesOf(file), from: file };
  if (file === '-') return { prompts: some(await standardInput(), 'the standard input'), from: 'the standard input' };
  const piped = isPiped() ? linesIn(await standardInput(pipePatienceMs)) : [];
  if (piped.length > 0) return { prompts: piped, from: 'the standard input' };
  return { prompts: await linesOf(builtIn), from: 'examples/prompts/everyday.txt' };
}

async function linesOf(file: string | URL): Promise<string[]> {
  let text = '';
  try {
    for await (const part of createReadStream(file, 'utf8')) text += part;
  } catch (error) {
    throw new UsageError(`--prompts: cannot read '${file}' (${(error as NodeJS.ErrnoException).code})`);
  }
  return some(text, `'${file}'`);
}

function some(text: string, where: string): string[] {
  const lines = linesIn(text);
  if (lines.length === 0) throw new UsageError(`There is no prompt in ${where}: expected one a line`);
  return lines;
}

function linesIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function isPiped(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket() || input.isFile();
  } catch {
    return false;
  }
}

/** All of the standard input; nothing when the first of it does not come in time. */
function standardInput(patienceMs?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = patienceMs === undefined ? undefined : setTimeout(() => process.stdin.destroy(), patienceMs);
    process.stdin.setEncoding('utf8');
    process.stdin.on('data', (part) => {
      clearTimeout(timer);
      text += part;
    });
    process.stdin.on('error', reject);
    process.stdin.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
