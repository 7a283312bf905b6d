/** For the files that share a process: each begins with real time and chance, and must leave them so. */

import { afterAll, vi } from 'vitest';

const names = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'] as const;
const real = Symbol.for('llm-transport: what is real');
type Real = Pick<typeof globalThis, (typeof names)[number] | 'Date'> & { readonly random: () => number };
const shared = globalThis as { [real]?: Real };

shared[real] ??= {
  ...(Object.fromEntries(names.map((name) => [name, globalThis[name]])) as Pick<Real, (typeof names)[number]>),
  Date,
  random: Math.random,
};
const { random, ...globals } = shared[real];
// Between two files Vitest undoes all spies, those on a fake timer too: the fake is there again then.
Object.assign(globalThis, globals);

afterAll(() => {
  const isFake = vi.isFakeTimers() || globalThis.setTimeout !== globals.setTimeout || globalThis.Date !== globals.Date;
  const isSeeded = Math.random !== random;
  vi.useRealTimers();
  Math.random = random;
  if (isFake || isSeeded) throw new Error('It leaves fake timers or a seeded Math.random to the files after it');
});
