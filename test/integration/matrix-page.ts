/** The page `docs/fault-matrix.md`, made of what the calls of the matrix came to. */

import type { FaultName } from '../../src/testing/index.ts';

export interface MatrixPage {
  readonly faults: readonly FaultName[];
  /** The columns: wires, each in all modes. */
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
  const columns = wires.flatMap((wire) => modes.map((mode) => ({ wire, mode })));
  const rows = faults.map((fault) => [
    `\`${fault}\``,
    ...columns.map(({ wire, mode }) => outcome(fault, wire, mode) ?? '–'),
  ]);
  const marks = wires.map((wire) => {
    const score = scores.get(wire);
    return [wire, `${score?.safe} of ${score?.faults}`, `${score?.recovered} of ${score?.recoverable}`];
  });
  return `# The fault matrix

Each cell is what became of one call whose first provider has the fault of its row, while a second provider on the same wire is healthy;
the columns are the three wires, each asked for a whole answer (unary), for a whole answer with \`streaming: false\` (unary
unstreamed) and for a stream (streaming). All of them were made by \`npm run docs:matrix\`, with the adapters and the vendors' own SDKs over
sockets of this machine against \`simulatedServer()\`, where the faults are described (\`faults\` in \`llm-transport/testing\`); the tests
make them again and fail when this page says otherwise. \`answered\` is the full, exact answer of the faulty provider itself (in brackets its
finish reason, where it is not \`stop\`), \`overloaded → backup\` an attempt that ended with \`overloaded\` and the full, exact answer of the
second provider, \`truncated → stream_interrupted\` a stream that broke as \`truncated\` after its beginning was delivered, which the caller was
told with exactly that beginning as \`partial\`, a lone code the error that the caller got because nobody else may be asked, and – a fault that
does not happen on that wire.

${table(['fault', ...columns.map(({ wire, mode }) => `${wire}, ${mode}`)], rows)}

## The field bench

Sixteen faults that users of existing systems suffer from, as far as each wire has them, in every mode. Safe: no false success, no text
twice, no hang, no request before the time that the provider told, no other vendor asked after a refusal. Recovered: the full, exact answer,
or a stream's break told with exactly what had arrived; a refusal and a caller who leaves are nothing to recover from.

${table(['wire', 'safe', 'recovered'], marks)}
`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
