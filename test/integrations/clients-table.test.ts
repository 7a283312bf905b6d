import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { pool } from '../integration/support.ts';
import { apiKey } from './client.ts';
import { type Cell, callUnder, type Job } from './client-faults.ts';
import { canBe, columns, faultRows, isLate, isSilent, modes, retries } from './client-rows.ts';
import { cellKey, clientsPage } from './clients-page.ts';
import { type ClientName, clientMakers } from './fetch-clients.ts';

/** Every client that takes a fetch under every fault, over real sockets: as it comes, and with `createFetch()` under it. */

const clients = Object.keys(clientMakers) as ClientName[];
const jobs: readonly Job[] = clients.flatMap((client) =>
  faultRows.flatMap((row) =>
    modes.flatMap((mode) => (canBe(client, row, mode) ? columns.map((column) => ({ client, row, mode, column })) : [])),
  ),
);
const under = jobs.filter(({ column }) => column === 'createFetch');
/** What goes wrong at all requests, and not only at the first; a stream that has begun is never asked for again. */
const lasting = under.filter(({ row, mode }) => row.strikes === 'once' && !(mode === 'stream' && isLate(row)));

const cells = new Map<string, Cell>();
const lastingCells = new Map<string, Cell>();
const cellOf = (job: Job): Cell => cells.get(cellKey(job)) as Cell;
const lastingOf = (job: Job): Cell => lastingCells.get(cellKey(job)) as Cell;

const run = async (job: Job) => cells.set(cellKey(job), await callUnder(job));
const runLasting = async (job: Job) => lastingCells.set(cellKey(job), await callUnder(job, 'always'));

/** True for a call that mostly waits: what becomes of it clocks decide, the client's or ours. */
const waits = ({ row }: Job): boolean => isSilent(row) || row.toldMs !== undefined || row.name === '503 for ever';

/** All of them at once would be late for reasons of their own: a few at a time, and beside them those that mostly wait. */
async function runAll(list: readonly Job[], waiting: number, run: (job: Job) => Promise<unknown>): Promise<void> {
  await Promise.all([
    pool(waiting, list.filter(waits), run),
    pool(
      12,
      list.filter((job) => !waits(job)),
      run,
    ),
  ]);
}

/** On a busy machine a time-out strikes who is not silent: these are called once more. A wrong answer stays one, and so does a hang. */
async function runTheLate(): Promise<void> {
  const isLate = (cell: Cell, expected: Pick<Cell, 'outcome' | 'requests'>): boolean =>
    ['right', 'error', 'open'].includes(cell.outcome) &&
    cell.isPrefix &&
    (cell.outcome !== expected.outcome || cell.requests !== expected.requests);
  await pool(
    2,
    under.filter((job) => isLate(cellOf(job), expectedOf(job))),
    run,
  );
  await pool(
    2,
    lasting.filter((job) => isLate(lastingOf(job), staysBroken)),
    runLasting,
  );
}

/** What a call comes to under a fault that stays. */
const staysBroken = { outcome: 'error', requests: 1 + retries } as const;

/** Without what clients print meanwhile. */
async function quietly(work: () => Promise<unknown>): Promise<void> {
  // What the AI SDK says of a model that it does not know, and Ollama of a broken line, is of no interest here.
  (globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;
  for (const level of ['log', 'warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {});
  try {
    await work();
  } finally {
    vi.restoreAllMocks();
  }
}

const patienceMs = 300_000;

beforeAll(() => quietly(runEverything), patienceMs);

async function runEverything(): Promise<void> {
  const busy = jobs.filter((job) => !needsQuiet(job));
  await Promise.all([
    runAll(
      busy.filter(({ column }) => column === 'plain'),
      100,
      run,
    ),
    runAll(
      busy.filter(({ column }) => column === 'createFetch'),
      25,
      run,
    ),
    runAll(lasting, 60, runLasting),
  ]);
  const quiet = jobs.filter(needsQuiet);
  globalThis.gc?.();
  await pool(
    4,
    quiet.filter(({ row }) => row.collects === undefined),
    run,
  );
  await pool(
    100,
    quiet.filter(({ row }) => row.collects),
    run,
  );
  await runTheLate();
}

/**
 * Who gives its signal in a `Request` only, of which it gives a copy away: Node forgets that they belong together when it collects
 * garbage (undici has known it for long), and nothing that gets the copy can notice.
 */
const losesItsSignal: readonly ClientName[] = ['@mistralai/mistralai', '@openrouter/sdk'];

/** Whether garbage is collected meanwhile must not be a matter of luck. */
function needsQuiet({ client, row }: Job): boolean {
  return row.collects === true || (row.leaves === 'abort' && losesItsSignal.includes(client));
}

/** What a call comes to with `createFetch()` under it, whichever the client. */
function expectedOf({ client, row, mode }: Job): Pick<Cell, 'outcome' | 'requests'> {
  if (row.leaves === 'break' && leavesTheBodyOpen.includes(client)) return { outcome: 'open', requests: 1 };
  if (row.collects && losesItsSignal.includes(client)) return { outcome: 'open', requests: 1 };
  if (row.leaves !== undefined) return { outcome: 'closed', requests: 1 };
  if (row.name === '400, content policy' && /google/.test(client)) return { outcome: 'refusal', requests: 1 };
  if (row.name === '503 for ever') return { outcome: 'error', requests: 1 + retries };
  if (row.strikes === 'always' || (mode === 'stream' && isLate(row))) return { outcome: 'error', requests: 1 };
  return { outcome: 'right', requests: 2 };
}

/** Who leaves a loop without letting go of the body: nothing under it can notice. */
const leavesTheBodyOpen: readonly ClientName[] = [
  '@google/genai',
  '@ai-sdk/openai',
  '@ai-sdk/anthropic',
  '@ai-sdk/google',
  'ollama',
];

const title = ({ client, row, mode }: Job): string => `${client}, ${row.name}, ${mode}`;

describe.each(clients)('%s, with createFetch() under it', (client) => {
  const own = under.filter((job) => job.client === client);
  const ownLasting = lasting.filter((job) => job.client === client);
  const all = (): (readonly [Job, Cell])[] => [
    ...own.map((job) => [job, cellOf(job)] as const),
    ...ownLasting.map((job) => [job, lastingOf(job)] as const),
  ];
  /** The calls that are not as they should be, by their names. */
  const bad = (isBad: (cell: Cell, job: Job) => boolean) =>
    all().flatMap(([job, cell]) => (isBad(cell, job) ? [`${title(job)}: ${cell.outcome} ×${cell.requests}`] : []));

  it('never hangs, and never reports as success what is not the whole answer', () => {
    expect(own.length).toBeGreaterThan(30);
    expect(bad(({ outcome }) => ['wrong', 'hangs', 'goes on'].includes(outcome))).toEqual([]);
    expect(bad(({ isPrefix }) => !isPrefix)).toEqual([]);
  });

  it.each(modes)('gets what can be had, and an error else: %s', (mode) => {
    for (const job of own.filter((one) => one.mode === mode)) {
      const { outcome, requests } = cellOf(job);
      expect({ call: title(job), outcome, requests }).toEqual({ call: title(job), ...expectedOf(job) });
    }
  });

  it('is told of a fault that stays', () => {
    for (const job of ownLasting) {
      const { outcome, requests } = lastingOf(job);
      expect({ call: title(job), outcome, requests }).toEqual({
        call: title(job),
        ...staysBroken,
      });
    }
  });

  it('is never asked again before the time that was told', () => {
    expect(bad(({ early }) => early > 0)).toEqual([]);
  });

  it('leaves it to the transport to ask again', () => {
    expect(bad(({ asked }) => asked !== 1)).toEqual([]);
  });

  it('closes the connection of a caller who aborts', () => {
    const aborted = own.filter(({ row }) => row.leaves === 'abort' && row.collects === undefined);
    expect(aborted.length).toBe(client === 'ollama' ? 1 : 2);
    expect(aborted.map((job) => cellOf(job).outcome)).toEqual(aborted.map(() => 'closed'));
  });

  it('tells nobody its key', () => {
    expect(
      bad(({ error }) => `${(error as Error | undefined)?.stack}${JSON.stringify(error)}`.includes(apiKey)),
    ).toEqual([]);
  });
});

it('is what docs/clients.md says', { timeout: patienceMs }, async () => {
  const file = join(import.meta.dirname, '../../docs/clients.md');
  const made = () => clientsPage({ clients, cellOf, lasting: [...lastingCells.values()] });
  if (process.env.UPDATE_MATRIX === '1') writeFileSync(file, made());
  const written = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const plain = jobs.filter((job) => job.column === 'plain' && waits(job));
  // The clients' own clocks, too, go by a machine that may be busy: the page may be right with nothing else beside these calls.
  if (written !== made()) await quietly(() => pool(30, plain, run));
  expect(written.split('\n'), 'run npm run docs:matrix').toEqual(made().split('\n'));
});
