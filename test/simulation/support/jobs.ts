/** The runs of scenarios, each in a thread that has its own globals, as many threads at once as there are cores. */

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ClientName, Shown } from './scenario.ts';

/** One run. */
export interface Job {
  readonly scenario: string;
  readonly seed: number;
  readonly client: ClientName;
}

/** What became of it. */
export interface Result extends Job {
  readonly shown: Shown;
  /** Milliseconds of CPU. */
  readonly cpuMs: number;
}

/** What a worker tells. */
export type FromWorker = { readonly result: Result } | { readonly job: Job; readonly error: string };

/** Threads that run jobs. They are kept from one list of jobs to the next: a new one is slow until its code is compiled. */
export class Threads {
  readonly #most: number;
  readonly #all: Worker[] = [];
  /** `stacks`: errors have them, which takes long. */
  readonly #stacks: boolean;

  constructor({ most = availableParallelism(), stacks = false } = {}) {
    this.#most = most;
    this.#stacks = stacks;
  }

  /** Runs all of them, one after the other in each thread. `told` is called after each. Rejects with the first that throws. */
  async run(jobs: readonly Job[], told: (result: Result) => void = () => {}): Promise<Result[]> {
    const results: Result[] = [];
    const left = jobs.values();
    const work = async (worker: Worker): Promise<void> => {
      for (const job of left) {
        const result = await runIn(worker, job);
        results.push(result);
        told(result);
      }
    };
    while (this.#all.length < Math.min(this.#most, jobs.length)) this.#all.push(this.#start());
    await Promise.all(this.#all.map(work));
    return results;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.splice(0).map((worker) => worker.terminate()));
  }

  #start(): Worker {
    return new Worker(join(import.meta.dirname, 'worker.ts'), { workerData: { stacks: this.#stacks } });
  }
}

/** Runs all of them in threads of their own. */
export async function runJobs(jobs: readonly Job[], told?: (result: Result) => void): Promise<Result[]> {
  const threads = new Threads({ stacks: jobs.length === 1 });
  try {
    return await threads.run(jobs, told);
  } finally {
    await threads.close();
  }
}

function runIn(worker: Worker, job: Job): Promise<Result> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      worker.off('message', tell);
      worker.off('error', fail);
      worker.off('exit', leave);
      settle();
    };
    const tell = (message: FromWorker): void =>
      end(() => ('error' in message ? reject(new Error(`${textOf(job)}: ${message.error}`)) : resolve(message.result)));
    const fail = (error: unknown): void => end(() => reject(error));
    const leave = (code: number): void => fail(new Error(`${textOf(job)}: its thread ended with ${code}`));
    worker.on('message', tell);
    worker.on('error', fail);
    worker.on('exit', leave);
    worker.postMessage(job);
  });
}

const textOf = ({ scenario, seed, client }: Job): string => `${scenario}, seed ${seed}, ${client}`;
