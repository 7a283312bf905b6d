/**
 * `node bench/against.ts ../another-checkout`: what a chunk costs here and there, in one run and by turns, so that a noisy minute is
 * everybody's. The other checkout's sources are loaded beside these.
 */

import { join, resolve } from 'node:path';
import { type Call, timesOf } from './harness.ts';
import { readOut } from './rows/row.ts';
import { quantile } from './statistics.ts';
import { streamRequest, stubProvider } from './stub-provider.ts';

const short = 1;
const long = 2_001;
const rounds = 61;

type Module = typeof import('../src/index.ts');
type Options = Partial<Parameters<Module['createTransport']>[0]>;

interface Way {
  readonly options?: Options;
  readonly reads?: 'text';
  /** Each call has an id of its own, and nobody joins it. */
  readonly isNamed?: boolean;
}

const ways: Readonly<Record<string, Way>> = {
  'nothing is resumed (the default), read as chunks': {},
  'nothing is resumed (the default), read as text': { reads: 'text' },
  'no resume layer at all': { options: { resume: false } },
  'an id that nobody joins': { isNamed: true },
};
let named = 0;

async function main(path: string | undefined): Promise<void> {
  if (path === undefined) throw new Error('expected the folder of another checkout: node bench/against.ts FOLDER');
  const calls = new Map<string, Call>();
  for (const [where, folder] of [
    ['here', join(import.meta.dirname, '..')],
    ['there', resolve(path)],
  ] as const) {
    const { createTransport } = (await import(join(folder, 'src/index.ts'))) as Module;
    for (const [way, { options, reads, isNamed }] of Object.entries(ways))
      for (const chunks of [short, long]) {
        const llm = createTransport({ ...options, providers: [stubProvider(chunks)] });
        calls.set(`${where}/${way}/${chunks}`, async () => {
          named += 1;
          const stream = await llm.complete(streamRequest, isNamed ? { transactionId: `id-${named}` } : {});
          return readOut(reads === 'text' ? stream.text : stream);
        });
      }
  }
  const times = await timesOf(calls, { rounds, batchMs: 15, warmUpMs: 250 });
  const costs = (where: string, way: string): number[] => {
    const of = (chunks: number): readonly number[] => times.get(`${where}/${way}/${chunks}`)?.cpuUs ?? [];
    return of(long).map((us, round) => ((us - (of(short)[round] ?? 0)) / (long - short)) * 1_000);
  };
  const told = (values: readonly number[]): string =>
    [0.25, 0.5, 0.75].map((share) => quantile([...values], share).toFixed(0)).join(' / ');
  console.log(`CPU of a chunk in nanoseconds, quartiles of ${rounds} rounds`);
  for (const way of Object.keys(ways)) {
    const [here, there] = [costs('here', way), costs('there', way)];
    const ratios = here.map((cost, round) => cost / (there[round] ?? cost));
    console.log(`${way}: here ${told(here)}, there ${told(there)}, ratio ${quantile(ratios, 0.5).toFixed(3)}`);
  }
}

await main(process.argv[2]);
