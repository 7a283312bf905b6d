/** docs/simulation.md: the part that is simulated is written anew, the rest stays as people have written it. Pure. */

import type { Panel } from './figure.ts';
import type { Result } from './jobs.ts';
import type { ClientName, Scenario } from './scenario.ts';
import { markdownOf, type Section } from './table.ts';

const begin = '<!-- simulation: written by `npm run simulate -- --write` -->';
const end = '<!-- simulation: end -->';

const names: Readonly<Record<ClientName, string>> = {
  transport: 'transport',
  fixed: 'fixed',
  backoff: 'back-off',
  aimd: 'AIMD',
};

/** The page with the simulated part changed for `sections`. @throws Error when the page has no place for it. */
export function pageWith(page: string, sections: readonly Section[]): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the page has no '${begin}' … '${end}'`);
  const parts = ['![One run of each, over time](simulation.svg)', ...sections.map(markdownOf)];
  return `${page.slice(0, from)}${begin}\n\n${parts.join('\n\n')}\n\n${page.slice(to)}`;
}

/** What the figure shows: the first run of each client, of the scenarios that are drawn. */
export function panelsOf(scenarios: readonly Scenario[], results: readonly Result[]): Panel[] {
  return scenarios.flatMap(({ name, drawn, baselines }) => {
    if (drawn === undefined) return [];
    const clients: readonly ClientName[] = ['transport', ...baselines];
    const lines = clients.flatMap((client) => {
      const own = results.filter((result) => result.scenario === name && result.client === client);
      const { shown } = own.toSorted((one, other) => one.seed - other.seed)[0] ?? {};
      return shown?.series === undefined ? [] : [{ name: names[client], values: shown.series }];
    });
    return [{ ...drawn, lines }];
  });
}
