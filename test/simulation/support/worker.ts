/** A thread that runs one job after the other. */

import { parentPort, workerData } from 'node:worker_threads';
import { scenarioOf } from '../scenarios/index.ts';
import { ControlWitness } from './control-witness.ts';
import type { FromWorker, Job } from './jobs.ts';

const port = parentPort;
if (port === null) throw new Error('This is no command: npm run simulate');

// Of the many runs nobody reads stacks, and to write them is a fifth of the time. One that is run again alone has them.
if (workerData?.stacks !== true) Error.stackTraceLimit = 0;

const control = new ControlWitness();

port.on('message', (job: Job) => {
  const from = process.threadCpuUsage();
  control.begin();
  scenarioOf(job.scenario)
    .run(job.seed, job.client, control)
    .then(
      (shown) => {
        control.checkRest();
        const { user, system } = process.threadCpuUsage(from);
        const broken = [...new Set([...shown.broken, ...control.broken])];
        port.postMessage({
          result: { ...job, shown: { ...shown, broken }, cpuMs: (user + system) / 1_000 },
        } satisfies FromWorker);
      },
      (error) => port.postMessage({ job, error: String(error?.stack ?? error) } satisfies FromWorker),
    );
});
