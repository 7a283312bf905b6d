/** The page `docs/clients.md`, made of what the calls of the table came to. */

import { boundMs, type Cell, type Job } from './client-faults.ts';
import {
  type Column,
  canBe,
  columns,
  type FaultRow,
  faultRows,
  type Mode,
  modes,
  retries,
  words,
} from './client-rows.ts';
import type { ClientName } from './fetch-clients.ts';

export const cellKey = ({ client, row, mode, column }: Job): string => [client, row.name, mode, column].join();

interface Tables {
  readonly clients: readonly ClientName[];
  readonly cellOf: (job: Job) => Cell;
  /** What the calls came to whose fault is there at every request. */
  readonly lasting: readonly Cell[];
}

export function clientsPage({ clients, cellOf, lasting }: Tables): string {
  // Clients to which the same happens share a table.
  const alike = new Map<string, ClientName[]>();
  for (const client of clients) {
    const text = faultTable(client, cellOf);
    alike.set(text, [...(alike.get(text) ?? []), client]);
  }
  const tables = [...alike].map(([text, names]) => `### ${names.join('; ')}\n\n${text}`);
  const most = Math.max(...lasting.map(({ requests }) => requests));
  const told = lasting.filter(({ outcome }) => outcome === 'error').length;
  const once = lasting.filter(({ asked }) => asked === 1).length;
  return `# Clients under faults

What becomes of a call of each client that takes a \`fetch\`, under each of ${faultRows.length} faults: the client as it comes (plain), and with
[\`createFetch()\`](integrations/fetch.md) under it. Each outcome is that of a real call over a socket, for a whole answer and for a stream, against
\`simulatedServer()\` of \`llm-transport/testing\`; for Ollama and Cohere against a server with the same answers and faults on their own wires.
\`npm run docs:matrix\` writes this page, and the tests make all its calls, in both columns, and fail when one comes to something else.

The clients have their own retries as they come, also with \`createFetch()\`; LangChain alone is told \`maxRetries: 0\` there, because it asks again
whatever an error says. \`createFetch()\` has its defaults but for ${retries} rounds after the first, and short clocks where a server is silent. No
backup is there: with \`targets\` most of the errors would be answers too.

- \`right\`: the full, exact answer. \`error\`: the client throws; in a stream, what came before is the beginning of the answer, once.
- **wrong**: something else is reported as success, with the words of ${words} that came.
- \`refusal\`: what the model refuses comes as its provider says it, in a good answer.
- **hangs**: no end in ${boundMs / 1_000} s, with a request open. **goes on**: no end either, between two requests: it waits, or asks on.
- **early**: asked again before the time that was told, or when told not to.
- \`closed\`, **open**: the connection, 1.5 s after the caller has left.
- \`×3\`: requests, counted at the server, where it was not one.

Most faults strike the first request, and no other: who asks again is answered. Those that are there at every request: ${faultRows
    .filter(({ strikes, leaves }) => strikes === 'always' && leaves === undefined)
    .map(({ name }) => name)
    .join('; ')}.

## In short

The clients' numbers, plain → with \`createFetch()\`. Requests are counted in the calls that end in both columns: where they grow, they are asked
again for an answer that the client alone does not get.

${table(
  ['client', 'calls', 'right', 'wrong', 'no end', 'early', 'left open', 'requests'],
  [...clients.map((client) => summaryOf(client, [client], cellOf)), summaryOf('**all**', clients, cellOf)],
)}

The faults that strike once were also tried at every request, where they are asked again, under \`createFetch()\`: ${lasting.length} calls, of which ${told} end
in an error, ${lasting.filter(({ outcome }) => outcome === 'wrong').length} in a wrong answer, ${lasting.filter(hasNoEnd).length} not at all; with ${most} requests at most. In ${once} of them the client has called its \`fetch\` once:
nobody asks again but the transport.

Connections stay open under \`createFetch()\` in two ways, because nothing under these clients can notice that somebody has left. The AI SDK,
\`@google/genai\` and Ollama leave a loop without letting go of the body: a signal closes the connection. Mistral and OpenRouter give
their signal away in a copy of a \`Request\`, and Node forgets that the two belong together when it collects garbage: a signal of its own does
not get lost, with \`fetcher: (request) => fetch(request, { signal })\`.

## Each client

${tables.join('\n\n')}
`;
}

function faultTable(client: ClientName, cellOf: Tables['cellOf']): string {
  const rows = faultRows.map((row) => [
    row.name,
    ...columns.flatMap((column) => modes.map((mode) => textOf(client, row, mode, column, cellOf))),
  ]);
  const heads = columns.flatMap((column) => modes.map((mode) => `${column}, ${mode}`));
  return table(['fault', ...heads], rows);
}

function textOf(client: ClientName, row: FaultRow, mode: Mode, column: Column, cellOf: Tables['cellOf']): string {
  if (!canBe(client, row, mode)) return '';
  const { outcome, words: came, early, requests } = cellOf({ client, row, mode, column });
  const bad = early > 0 ? ', **early**' : '';
  if (outcome === 'wrong') return `**wrong: ${came}**${times(requests)}${bad}`;
  // How often it has asked by then is a matter of luck.
  if (outcome === 'hangs' || outcome === 'goes on') return `**${outcome}**${bad}`;
  return `${outcome === 'open' ? '**open**' : outcome}${times(requests)}${bad}`;
}

function times(requests: number): string {
  return requests === 1 ? '' : ` ×${requests}`;
}

/** The numbers of one client, or of all. */
function summaryOf(name: string, clients: readonly ClientName[], cellOf: Tables['cellOf']): string[] {
  const pairs = clients.flatMap((client) =>
    faultRows.flatMap((row) =>
      modes
        .filter((mode) => canBe(client, row, mode))
        .map((mode) => columns.map((column) => cellOf({ client, row, mode, column })) as [Cell, Cell]),
    ),
  );
  const bothEnd = pairs.filter((pair) => pair.every((cell) => !hasNoEnd(cell)));
  const count = (isSo: (cell: Cell) => boolean) =>
    columns.map((_, at) => pairs.filter((pair) => isSo(pair[at] as Cell)).length).join(' → ');
  return [
    name,
    String(pairs.length),
    count(({ outcome }) => outcome === 'right'),
    count(({ outcome }) => outcome === 'wrong'),
    count(hasNoEnd),
    count(({ early }) => early > 0),
    count(({ outcome }) => outcome === 'open'),
    columns.map((_, at) => bothEnd.reduce((sum, pair) => sum + (pair[at] as Cell).requests, 0)).join(' → '),
  ];
}

function hasNoEnd({ outcome }: Cell): boolean {
  return outcome === 'hangs' || outcome === 'goes on';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
