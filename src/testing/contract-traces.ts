/** What code under test has left behind: timers, rejections that nobody caught, and memory. */

import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Timers that `run` has made, and that have neither fired nor been cleared. Other code's, at the same time, do not count. */
export class Timers {
  readonly #inside = new AsyncLocalStorage<Timers>();
  readonly #alive = new Set<number>();
  readonly #hook = createHook({
    init: (id, type) => {
      if (type === 'Timeout' && this.#inside.getStore() === this) this.#alive.add(id);
    },
    destroy: (id) => {
      this.#alive.delete(id);
    },
  });

  async run(run: () => Promise<void>): Promise<void> {
    this.#hook.enable();
    try {
      await this.#inside.run(this, run);
    } finally {
      this.#hook.disable();
    }
  }

  /** How many there are. Node tells of the end of a timer a little later. */
  async count(): Promise<number> {
    await turns();
    return this.#alive.size;
  }
}

/** What nobody has caught while `run` went on. */
export async function unhandledIn(run: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => {
    unhandled.push(error);
  };
  // Whoever else listens would end the process, or fail another test, for what is found here.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  try {
    await run();
    await turns();
  } finally {
    process.off('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return unhandled;
}

/** Collects garbage, all of it. */
export async function collectGarbage(): Promise<void> {
  // What a `WeakRef` was last asked for lives to the end of its turn.
  await turns();
  collector ??= globalThis.gc ?? exposed();
  collector();
}
let collector: (() => unknown) | undefined;

/** Node has it without a flag on its command line, too. */
function exposed(): () => unknown {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => unknown;
}

/** Bytes in use. */
export async function heapUsed(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Node's own, whatever clock is put in its place later. */
const immediate = setImmediate;

/** One turn of Node's loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void immediate(resolve));
}

/** A few of them: everything that needs no time has happened. */
export async function turns(): Promise<void> {
  for (let count = 0; count < 4; count += 1) await turn();
}
