/** The way to the process that the simulated servers are in. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Trouble } from './trouble.ts';

/** A request, as a server has seen it. */
export interface Sighting {
  /** Which of the row's servers. */
  readonly server: number;
  readonly prompt: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** Epoch milliseconds; `undefined` while it is still there. */
  readonly endedAt: number | undefined;
  readonly status: number | undefined;
  /** It was answered to the end. */
  readonly whole: boolean;
}

/** What the process is asked. */
export type ToServers = { readonly trouble: Trouble; readonly clients: number } | { readonly report: true };

/** What it answers; of each client. */
export type FromServers =
  | { readonly startedAt: number; readonly urls: readonly (readonly string[])[] }
  | { readonly sightings: readonly (readonly Sighting[])[] };

/** Running servers. */
export interface Servers {
  /** Epoch milliseconds from which the trouble's times count. */
  readonly startedAt: number;
  /** Of each client, in the order of the trouble's. */
  readonly urls: readonly (readonly string[])[];
  /** What each client's servers have seen so far. */
  report(): Promise<readonly (readonly Sighting[])[]>;
  stop(): void;
}

/** Starts what `trouble` needs, for so many clients. */
export async function startServers(trouble: Trouble, clients: number): Promise<Servers> {
  const child = fork(new URL('./server-process.ts', import.meta.url), { execArgv: [] });
  const ask = async <Answer extends FromServers>(message: ToServers): Promise<Answer> => {
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the servers' process ended with ${code}`);
    });
    ended.catch(() => undefined);
    child.send(message);
    const [answer] = await Promise.race([once(child, 'message'), ended]);
    return answer as Answer;
  };
  const { startedAt, urls } = await ask<Extract<FromServers, { urls: unknown }>>({ trouble, clients });
  return {
    startedAt,
    urls,
    report: async () => (await ask<Extract<FromServers, { sightings: unknown }>>({ report: true })).sightings,
    stop: () => child.disconnect(),
  };
}
