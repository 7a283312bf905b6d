/** `npm run bench:trouble`: the transport in trouble, over real sockets. `npm run bench:trouble -- --help` has the options. */

import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine } from '../page.ts';
import { textOf, times } from '../sheet.ts';
import { quantile } from '../statistics.ts';
import { middleOf } from './figures.ts';
import { help, type Options, readOptions } from './options.ts';
import { pageWith, sheetOf } from './page.ts';
import type { ClientResult, Results } from './run.ts';
import { type Trouble, troubleOf, troubles } from './trouble.ts';

/** Rows that run at the same time. They mostly wait; more would measure this machine. */
const atOnce = 3;

async function main({ rows, rounds, write }: Options): Promise<void> {
  const chosen = rows.length === 0 ? troubles : rows.map(troubleOf);
  const rounded = Array.from({ length: rounds }, (_, round) => chosen.map((trouble) => ({ trouble, seed: round + 1 })));
  // The longest first, so that none is left alone at the end.
  const jobs = rounded.flat().sort((one, other) => longestMs(other.trouble) - longestMs(one.trouble));
  const results = new Map<Trouble, Results[]>(chosen.map((trouble) => [trouble, []]));
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${next} of ${jobs.length}: ${job.trouble.name}`);
      results.get(job.trouble)?.push(await work(job.trouble.name, job.seed));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');

  const sheets = [...results].map(([trouble, all]) => sheetOf(trouble, middle(all)));
  const where = `${machine()}; ${stretchOf([...results.values()].flat())}`;
  console.log(`\n${where}\n`);
  for (const sheet of sheets) console.log(`${textOf(sheet).join('\n')}\n`);
  if (write) {
    const page = join(import.meta.dirname, '../../docs/trouble.md');
    writeFileSync(page, pageWith(readFileSync(page, 'utf8'), sheets, where));
    console.log('Wrote docs/trouble.md.');
  }
}

function longestMs({ spanMs, deadlineMs }: Trouble): number {
  return spanMs.healthy + spanMs.trouble + deadlineMs;
}

/** Of each client the figures in the middle of the rounds. */
function middle(rounds: readonly Results[]): ClientResult[] {
  return (rounds[0]?.clients ?? []).map(({ label }, index) => ({
    label,
    figures: middleOf(rounds.flatMap(({ clients }) => clients[index]?.figures ?? [])),
  }));
}

function stretchOf(all: readonly Results[]): string {
  const stretches = all.map(({ stretch }) => stretch);
  const [middle, most] = [0.5, 1].map((at) => times(quantile(stretches, at)));
  return `healthy first content took ${middle} of what the servers wait, ${most} in the worst row`;
}

function work(name: string, seed: number): Promise<Results> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), [name, String(seed)]);
  return new Promise((resolve, reject) => {
    worker.on('message', (results: Results) => resolve(results));
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`the worker for ${name} ended with ${code} and told nothing`)));
  });
}

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(help);
else await main(options);
