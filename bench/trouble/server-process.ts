/** The simulated servers of one row, in a process of their own: so many for each client, with the same troubles at the same time. */

import { logNormal } from '../../src/testing/distributions.ts';
import { type SimulatedServer, simulatedServer } from '../../src/testing/index.ts';
import type { FromServers, ToServers } from './servers.ts';
import type { ServerPlan, Trouble } from './trouble.ts';

/** How much first contents vary: the standard deviation of their logarithm. */
const sigma = 0.3;

let all: readonly (readonly SimulatedServer[])[] = [];

function start(plan: ServerPlan, { spanMs }: Trouble): Promise<SimulatedServer> {
  const { firstContentMs, tokenMs, words, places, bad } = plan;
  const [fromMs, toMs] = [spanMs.healthy, spanMs.healthy + spanMs.trouble];
  const from = Date.now();
  const slow = (): number => {
    const isBad = Date.now() - from >= fromMs && Date.now() - from < toMs;
    return isBad && bad !== undefined && 'slowness' in bad ? bad.slowness : 1;
  };
  return simulatedServer({
    words,
    firstTokenMs: (random) => slow() * logNormal(random, firstContentMs, sigma),
    tokenMs: () => slow() * tokenMs,
    ...(places !== undefined && { limits: { concurrency: places, headers: false } }),
    ...(bad !== undefined && 'fault' in bad && { schedule: [{ fromMs, toMs, fault: bad.fault }] }),
  });
}

const tell = (message: FromServers): void => void process.send?.(message);

process.on('message', async (message: ToServers) => {
  if ('trouble' in message) {
    const { trouble, clients } = message;
    const startedAt = Date.now();
    const one = () => Promise.all(trouble.servers.map((plan) => start(plan, trouble)));
    all = await Promise.all(Array.from({ length: clients }, one));
    tell({ startedAt, urls: all.map((own) => own.map(({ url }) => url)) });
  } else {
    const sightings = all.map((own) =>
      own.flatMap(({ requests }, server) =>
        requests.map(({ prompt, receivedAt, endedAt, status, whole }) => ({
          ...{ server, prompt, receivedAt, endedAt, status, whole },
        })),
      ),
    );
    tell({ sightings });
  }
});
process.on('disconnect', () => process.exit());
