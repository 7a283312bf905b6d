/** One part of the bench, in a process of its own: `node bench/worker.ts time|bytes|loopback full|quick`. Answers by IPC. */

import { bytesOf, timesOf } from './harness.ts';
import { loopback } from './loopback.ts';
import { effortOf } from './options.ts';
import type { FromWorker, Part } from './results.ts';
import { callsOf, tables } from './rows/tables.ts';

const [part, pace] = process.argv.slice(2) as [Part, 'full' | 'quick'];
const effort = effortOf(pace === 'quick');

/** Resolves when it has gone: a process that ends sooner takes it along. */
const tell = (message: FromWorker): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
const progress = (done: number, of: number): void => void tell({ progress: { part, done, of } });

if (part === 'time') await tell({ times: [...(await timesOf(callsOf(tables()), effort.time, progress))] });
else if (part === 'bytes') await tell({ bytes: [...(await bytesOf(callsOf(tables()), effort.bytes, progress))] });
else await tell({ loopback: await loopback(effort.loopback, progress) });
// Whatever keeps a timer or a socket has nothing more to do.
process.exit();
