/** The result: both sides beside each other, and what that says in words. */

import type { Score } from './score.ts';
import { type Row, tableLines } from './table.ts';
import { type Style, several, wrap } from './text.ts';
import type { Counts } from './watch.ts';

export interface Side {
  readonly name: string;
  readonly score: Score;
  /** Requests that came to its servers. */
  readonly requests: number;
}

export function printReport(bare: Side, ours: Side, counts: Counts): void {
  const sides = [bare, ours];
  const row = (label: string, cell: (side: Side) => string, style?: (side: Side) => Style): Row => ({
    label,
    cells: sides.map(cell),
    ...(style !== undefined && { styles: sides.map(style) }),
  });
  const share = (part: (score: Score) => number) => (side: Side) =>
    `${part(side.score)}${`${((100 * part(side.score)) / side.score.calls).toFixed(1)} %`.padStart(9)}`;
  const seconds = (quantile: number) => (side: Side) => `${(side.score.quantile(quantile) / 1_000).toFixed(2)} s`;

  const lines = tableLines(
    several(bare.score.calls, 'call'),
    sides.map(({ name }) => name),
    [
      row(
        'answered, every word right',
        share(({ answered }) => answered),
        () => 'green',
      ),
      row(
        'failed, with an error',
        share(({ failed }) => failed),
        ({ score }) => (score.failed > 0 ? 'yellow' : 'none'),
      ),
      ...details(sides, ({ errors }) => errors),
      row(
        'wrong, reported as a success',
        share(({ wrong }) => wrong),
        ({ score }) => (score.wrong > 0 ? 'red' : 'none'),
      ),
      ...details(sides, ({ flaws }) => flaws),
      'rule',
      row('requests per call, seen by the servers', ({ requests, score }) => (requests / score.calls).toFixed(2)),
      row('a call took, answered or failed: p50', seconds(0.5)),
      row('p99'.padStart(36), seconds(0.99)),
      row('slowest'.padStart(36), seconds(1)),
    ],
  );
  console.log(`\n${lines.join('\n')}\n`);
  for (const paragraph of reading(bare, ours, counts)) console.log(`${wrap(paragraph)}\n`);
}

/** One row for each kind of error, the most frequent first. */
function details(sides: readonly Side[], countsOf: (score: Score) => ReadonlyMap<string, number>): Row[] {
  const kinds = new Map<string, number[]>();
  for (const [index, { score }] of sides.entries()) {
    for (const [kind, count] of countsOf(score)) {
      const counts = kinds.get(kind) ?? sides.map(() => 0);
      counts[index] = count;
      kinds.set(kind, counts);
    }
  }
  return [...kinds]
    .sort(([, a], [, b]) => Math.max(...b) - Math.max(...a))
    .map(([label, counts]) => ({
      label,
      // As far to the left as the figures above, which have a share behind them.
      cells: counts.map((count) => `${count === 0 ? '·' : count}${' '.repeat(9)}`),
      detail: true,
    }));
}

/** The table in words. */
function reading(bare: Side, ours: Side, counts: Counts): string[] {
  return [
    `The bare SDK left ${bare.score.failed} of ${several(bare.score.calls, 'call')} without an answer, and handed out
    ${several(bare.score.wrong, 'broken answer')} as if nothing had happened. llm-transport: ${ours.score.failed} and
    ${ours.score.wrong}.${interrupted(ours.score)}`,
    `On the way it went to the other provider ${several(counts.failovers, 'time')} and asked the same one again
    ${several(counts.retries, 'time')}, opened a circuit ${several(counts.opened, 'time')} and closed it
    ${several(counts.closed, 'time')}, and left a throttled provider alone ${several(counts.parked, 'time')}.`,
  ];
}

function interrupted({ errors }: Score): string {
  const count = errors.get('stream_interrupted') ?? 0;
  if (count === 0) return '';
  return ` ${several(count, 'stream')} broke when the reader already had the beginning: what was read cannot be re-run
    unseen, so such a call ends in an error that carries what had arrived.`;
}
