/** `npm run simulate`: the transport in trouble, in virtual time. `npm run simulate -- --help` has the options. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extra, scenarioOf, scenarios } from './scenarios/index.ts';
import { type Job, type Result, Threads } from './support/jobs.ts';
import { help, type Options, readOptions } from './support/options.ts';
import { pageWith, panelsOf } from './support/page.ts';
import type { Scenario } from './support/scenario.ts';
import { sectionOf, textOf } from './support/table.ts';

/** Runs of each baseline: they are there for comparison, and hardly differ. */
const baselineSeeds = 1;

async function main(options: Options): Promise<void> {
  const from = performance.now();
  const usual = options.write ? [...scenarios, ...extra] : scenarios;
  const chosen = options.scenarios.length === 0 ? usual : options.scenarios.map(scenarioOf);
  const isTimed = ({ timedMinutes }: Scenario): boolean => timedMinutes !== undefined;
  const wallMs = new Map<Scenario, number>();
  const threads = new Threads({ stacks: options.seed !== undefined && chosen.length === 1 });
  const results = await runAll(
    chosen.filter((one) => !isTimed(one)),
    options,
    threads,
  );
  for (const scenario of chosen.filter(isTimed)) {
    const begunAt = performance.now();
    results.push(...(await runAll([scenario], options, threads)));
    wallMs.set(scenario, performance.now() - begunAt);
  }
  await threads.close();
  const sections = chosen.map((scenario) => sectionOf(scenario, results, wallMs.get(scenario)));
  for (const section of sections) console.log(`${textOf(section)}\n`);
  if (options.seed !== undefined)
    for (const { scenario, client, shown } of results)
      if (client === 'transport') console.log(`${scenario}: log ${shown.log}`);
  if (options.write) {
    const docs = join(import.meta.dirname, '../../docs');
    const page = join(docs, 'simulation.md');
    writeFileSync(page, pageWith(readFileSync(page, 'utf8'), sections));
    // Here, because to load what draws takes longer than some scenarios.
    const { svgOf } = await import('./support/figure.ts');
    writeFileSync(join(docs, 'simulation.svg'), svgOf(panelsOf(chosen, results)));
    console.log('Wrote docs/simulation.md and docs/simulation.svg.');
  }
  const rows = sections.flatMap((section) => section.rows);
  const unmet = rows.filter(({ met }) => met === false).length;
  const broken = sections.reduce((sum, section) => sum + section.broken.length, 0);
  const cpuMs = results.reduce((sum, result) => sum + result.cpuMs, 0);
  const took = `${results.length} runs in ${((performance.now() - from) / 1_000).toFixed(1)} s (${(cpuMs / 1_000).toFixed(1)} s of CPU)`;
  console.log(
    `${took}: ${rows.filter(({ met }) => met).length} figures as they must be, ${unmet} not; ${broken} invariants broken.`,
  );
  process.exitCode = unmet + broken > 0 ? 1 : 0;
}

/** Runs of the transport, and of what it is compared with. */
async function runAll(chosen: readonly Scenario[], options: Options, threads: Threads): Promise<Result[]> {
  const jobs = chosen.flatMap((scenario): Job[] => {
    const seeds = seedsOf(options, scenario.seeds);
    const baselines = options.baselines ? scenario.baselines : [];
    return [
      ...seeds.map((seed): Job => ({ scenario: scenario.name, seed, client: 'transport' })),
      ...baselines.flatMap((client) =>
        seeds.slice(0, baselineSeeds).map((seed): Job => ({ scenario: scenario.name, seed, client })),
      ),
    ];
  });
  let done = 0;
  return threads.run(jobs, () => {
    done += 1;
    if (process.stderr.isTTY)
      process.stderr.write(`\r\u001b[K${done === jobs.length ? '' : `run ${done} of ${jobs.length}`}`);
  });
}

function seedsOf({ seed, seeds }: Options, usual: number): number[] {
  return seed !== undefined ? [seed] : Array.from({ length: seeds ?? usual }, (_, index) => index + 1);
}

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(help);
else await main(options);
