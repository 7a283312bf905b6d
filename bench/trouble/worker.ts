/** One row in a process of its own: `node bench/trouble/worker.ts NAME SEED`. Answers by IPC. */

import { run } from './run.ts';
import { troubleOf } from './trouble.ts';

const [name = '', seed = '1'] = process.argv.slice(2);
const results = await run(troubleOf(name), Number(seed));
await new Promise<void>((resolve, reject) => {
  process.send?.(results, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
});
// What the SDKs keep open has nothing more to do.
process.exit();
