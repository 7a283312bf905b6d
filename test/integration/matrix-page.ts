/** The page `docs/fault-matrix.md`, made of what the calls of the matrix came to. */

import type { FaultName } from '../../src/testing/index.ts';

export interface MatrixPage {
  readonly faults: readonly FaultName[];
  readonly wires: readonly string[];
  readonly modes: readonly string[];
  /** What a call came to; `undefined` where the fault does not happen on that wire. */
  readonly outcome: (fault: FaultName, wire: string, mode: string) => string | undefined;
  readonly scores: ReadonlyMap<string, Scores>;
}

/** How many faults of the field bench a wire meets, and of how many it comes out well. */
export interface Scores {
  readonly safe: number;
  readonly faults: number;
  readonly recovered: number;
  readonly recoverable: number;
}

export function matrixPage({ faults, wires, modes, outcome, scores }: MatrixPage): string {
  const rows = faults.flatMap((fault) => {
    // Wires on which a fault comes to the same share a row.
    const alike = new Map<string, { on: string[]; outcomes: string[] }>();
    for (const wire of wires) {
      const outcomes = modes.flatMap((mode) => outcome(fault, wire, mode) ?? []);
      const row = alike.get(outcomes.join()) ?? { on: [], outcomes };
      row.on.push(wire);
      if (outcomes.length > 0) alike.set(outcomes.join(), row);
    }
    return [...alike.values()].map(({ on, outcomes }) => [
      `\`${fault}\``,
      on.length === wires.length ? 'all' : on.join(', '),
      ...outcomes,
    ]);
  });
  const marks = wires.map((wire) => {
    const score = scores.get(wire);
    return [wire, `${score?.safe} of ${score?.faults}`, `${score?.recovered} of ${score?.recoverable}`];
  });
  return `# The fault matrix

What becomes of a call whose provider has the fault of the row, while a second provider on the same wire (${wires.join(', ')}) is
healthy: a call for a whole answer (unary), for one that is not streamed on the wire either (\`streaming: false\`: unary unstreamed), and
for a stream (streaming). Each outcome is that of a real call, through the adapter and the vendor's own SDK, over a socket, against
\`simulatedServer()\` of \`llm-transport/testing\`, which has the faults by these names; \`npm run docs:matrix\` writes this page, and the
tests fail when a call comes to something else. A row holds for the wires that it names (a fault does not happen on the others), and says:

- \`answered\`: the full, exact answer of the faulty provider itself, in brackets its finish reason where that is not \`stop\`;
- \`overloaded → backup\`: the attempt ended with \`overloaded\`, and the caller got the full, exact answer of the second provider;
- \`truncated → stream_interrupted\`: the stream broke as \`truncated\` when its beginning was delivered already, and the caller got an error
  with exactly that beginning in \`partial\`;
- \`invalid_request\`: the caller got this error, because nobody else is to be asked.

${table(['fault', 'wires', ...modes], rows)}

## The field bench

Sixteen faults that users of other systems suffer from, as far as a wire has them, in all three modes. Safe: no false success, no text
twice, no hang, no request before the time that the provider told, nobody else asked after a refusal. Recovered: the full, exact answer, or
the break of a stream told with exactly what had arrived; a refusal and a caller who leaves are nothing to recover from.

${table(['wire', 'safe', 'recovered'], marks)}
`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
