import { clients } from './clients.ts';
import { countedOf, type Figures, figuresOf, healthyMsOf } from './figures.ts';
import { callsOf, makeCalls } from './load.ts';
import { startServers } from './servers.ts';
import type { Trouble } from './trouble.ts';

/** What a row came to. */
export interface Results {
  /** First content before the trouble, as a multiple of what the servers wait: what this machine, and its other work, add. */
  readonly stretch: number;
  readonly clients: readonly ClientResult[];
}

/** What a client came to in a row. */
export interface ClientResult {
  readonly label: string;
  readonly figures: Figures;
}

/** Runs a row: all clients at the same time, in this process, each against servers of its own in another one. */
export async function run(trouble: Trouble, seed: number): Promise<Results> {
  const servers = await startServers(trouble, clients.length);
  const made = clients.map(({ at }, index) => {
    const places = trouble.servers.map(({ wire }, server) => ({ wire, url: servers.urls[index]?.[server] ?? '' }));
    return at(places, trouble);
  });
  try {
    const { startedAt } = servers;
    const [{ words, firstContentMs }] = trouble.servers;
    const { toMs } = countedOf(trouble);
    const endings = await makeCalls(callsOf(trouble, seed), made, { startedAt, toMs, words });
    const sightings = await servers.report();
    // The bare SDK's, for all: what an answer takes when nothing stands between.
    const healthyMs = healthyMsOf(endings[0] ?? [], trouble);
    return {
      stretch: healthyMs / firstContentMs,
      clients: clients.map(({ label }, index) => ({
        label,
        figures: figuresOf({ trouble, startedAt, healthyMs }, endings[index] ?? [], sightings[index] ?? []),
      })),
    };
  } finally {
    await Promise.all(made.map((client) => client.close()));
    servers.stop();
  }
}
