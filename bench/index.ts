/** `npm run bench`: what a call costs. `npm run bench -- --help` has the options. */

import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svgOf } from './figure.ts';
import { help, type Options, readOptions } from './options.ts';
import { machine, pageWith } from './page.ts';
import { panelsOf } from './panels.ts';
import { type FromWorker, type Part, parts, type Results } from './results.ts';
import { tables } from './rows/tables.ts';
import { textOf } from './sheet.ts';
import { figuresOf, layersSheet, librariesSheet, loopbackSheet } from './sheets.ts';

/** Nothing is collected while bytes are counted. */
const bytesFlags = ['--expose-gc', '--max-semi-space-size=256', '--min-semi-space-size=256'];

async function main({ quick, write }: Options): Promise<void> {
  const results = await measure(quick);
  const all = tables();
  const [layers, functions, sdks] = all.map((table, index) => ({ table, figures: figuresOf(table, index, results) }));
  if (layers === undefined || functions === undefined || sdks === undefined) throw new Error('a table is missing');
  const sheets = [
    layersSheet(layers.table, layers.figures),
    layersSheet(functions.table, functions.figures),
    librariesSheet(sdks.table, sdks.figures),
    loopbackSheet(results.loopback),
  ];
  console.log(`\n${machine()}${quick ? ' (--quick: figures mean little)' : ''}\n`);
  for (const sheet of sheets) console.log(`${textOf(sheet).join('\n')}\n`);
  if (write) {
    const docs = join(import.meta.dirname, '../docs');
    const page = join(docs, 'bench.md');
    writeFileSync(page, pageWith(readFileSync(page, 'utf8'), sheets, machine()));
    writeFileSync(join(docs, 'bench.svg'), svgOf(panelsOf(layers.figures, sdks.figures, results.loopback)));
    console.log('Wrote docs/bench.md and docs/bench.svg.');
  }
}

/** Each part in a process of its own, one after the other: in `--quick`, where it does not matter, all at once. */
async function measure(quick: boolean): Promise<Results> {
  const told: FromWorker[] = [];
  if (quick) told.push(...(await Promise.all(parts.map((part) => work(part, quick)))));
  else for (const part of parts) told.push(await work(part, quick));
  const find = <Key extends 'times' | 'bytes' | 'loopback'>(key: Key) => {
    const found = told.find((message) => key in message);
    if (found === undefined) throw new Error(`nothing was told of ${key}`);
    return (found as Extract<FromWorker, { readonly [K in Key]: unknown }>)[key];
  };
  return { times: new Map(find('times')), bytes: new Map(find('bytes')), loopback: find('loopback') };
}

function work(part: Part, quick: boolean): Promise<FromWorker> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), [part, quick ? 'quick' : 'full'], {
    execArgv: part === 'bytes' ? bytesFlags : [],
  });
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      if ('progress' in message) show(message.progress);
      else resolve(message);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`the worker for ${part} ended with ${code} and told nothing`)));
  });
}

function show({ part, done, of }: { readonly part: Part; readonly done: number; readonly of: number }): void {
  if (!process.stderr.isTTY) return;
  const last = done + 1 === of;
  process.stderr.write(`\r\u001b[K${last ? '' : `measuring ${part}: round ${done + 1} of ${of}`}`);
}

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(help);
else await main(options);
